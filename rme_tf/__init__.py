"""Recursive mixture estimation for VAEs: posteriors that are mixtures, in one feed-forward pass."""

from rme_tf.algorithms import ELBO, RecursiveMixture
from rme_tf.compare import compare
from rme_tf.evaluation import bounds, log_likelihood
from rme_tf.export import export_saved_model
from rme_tf.models import VAE
from rme_tf.recipe import Recipe, parse
from rme_tf.registry import lookup
from rme_tf.runner import Run, run
from rme_tf.study import run_study
from rme_tf.version import __version__

__all__ = [
    "ELBO",
    "Recipe",
    "RecursiveMixture",
    "Run",
    "VAE",
    "__version__",
    "bounds",
    "compare",
    "export_saved_model",
    "log_likelihood",
    "lookup",
    "parse",
    "run",
    "run_study",
]

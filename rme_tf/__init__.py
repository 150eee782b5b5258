"""Recursive mixture estimation: VAEs with mixture posteriors, in one feed-forward pass."""

from rme_tf import experiments
from rme_tf.algorithms import (
    ELBO,
    Aggressive,
    Boosted,
    CyclicalAnnealing,
    FreeBits,
    ImportanceWeighted,
    LinearAnnealing,
    RecursiveMixture,
    Renyi,
    SigmoidAnnealing,
    StopAggressive,
    SubsetELBO,
)
from rme_tf.callbacks import CollapseMonitor, HalveOnPlateau, ResetDecoder, ResumableCheckpoint
from rme_tf.core.registry import lookup
from rme_tf.data.missing import hide
from rme_tf.evaluation import (
    CollapseReport,
    bounds,
    collapse_report,
    imputation_scores,
    impute,
    impute_mean,
    log_likelihood,
)
from rme_tf.generation import Generation, generate, interpolate, nearest_neighbors, nearest_neighbours
from rme_tf.models import VAE
from rme_tf.serving import export_saved_model
from rme_tf.version import __version__

__all__ = [
    "Aggressive",
    "Boosted",
    "CollapseMonitor",
    "CollapseReport",
    "CyclicalAnnealing",
    "ELBO",
    "FreeBits",
    "Generation",
    "HalveOnPlateau",
    "ImportanceWeighted",
    "LinearAnnealing",
    "RecursiveMixture",
    "Renyi",
    "ResetDecoder",
    "ResumableCheckpoint",
    "SigmoidAnnealing",
    "StopAggressive",
    "SubsetELBO",
    "VAE",
    "__version__",
    "bounds",
    "collapse_report",
    "experiments",
    "export_saved_model",
    "generate",
    "hide",
    "imputation_scores",
    "impute",
    "impute_mean",
    "interpolate",
    "log_likelihood",
    "lookup",
    "nearest_neighbors",
    "nearest_neighbours",
]

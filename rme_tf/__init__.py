"""Recursive mixture estimation for VAEs: posteriors that are mixtures, in one feed-forward pass."""

from rme_tf.algorithms import (
    ELBO,
    Aggressive,
    Boosted,
    ImportanceWeighted,
    RecursiveMixture,
    StopAggressive,
    SubsetELBO,
)
from rme_tf.annealing import CyclicalAnnealing, LinearAnnealing, SigmoidAnnealing
from rme_tf.callbacks import ResetDecoder
from rme_tf.collapse import CollapseReport, collapse_report
from rme_tf.evaluation import bounds, log_likelihood
from rme_tf.experiments import (
    HE_2019,
    HE_2019_DOCUMENTS,
    ImageRecipe,
    Recipe,
    Run,
    TextRecipe,
    compare,
    deadline_in,
    load_records,
    load_study,
    main,
    method_recipes,
    parse,
    run,
    run_comparison,
    run_study,
    setting_name,
    show_study,
    write_comparison,
)
from rme_tf.export import export_saved_model
from rme_tf.free_bits import FreeBits
from rme_tf.generation import Generation, generate, interpolate, nearest_neighbours
from rme_tf.models import VAE
from rme_tf.monitor import CollapseMonitor
from rme_tf.registry import lookup
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
    "HE_2019",
    "HE_2019_DOCUMENTS",
    "ImageRecipe",
    "ImportanceWeighted",
    "LinearAnnealing",
    "Recipe",
    "RecursiveMixture",
    "ResetDecoder",
    "Run",
    "SigmoidAnnealing",
    "StopAggressive",
    "SubsetELBO",
    "TextRecipe",
    "VAE",
    "__version__",
    "bounds",
    "collapse_report",
    "compare",
    "deadline_in",
    "export_saved_model",
    "generate",
    "interpolate",
    "load_records",
    "load_study",
    "log_likelihood",
    "lookup",
    "main",
    "method_recipes",
    "nearest_neighbours",
    "parse",
    "run",
    "run_comparison",
    "run_study",
    "setting_name",
    "show_study",
    "write_comparison",
]

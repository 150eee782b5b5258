"""Evaluation of trained models: bounds on log p(x), collapse diagnostics."""

from rme_tf.evaluation.collapse import CollapseReport, collapse_report
from rme_tf.evaluation.likelihood_bounds import (
    Bounds,
    Estimate,
    bits_per_dimension,
    bounds,
    inference_milliseconds,
    log_likelihood,
    perplexity,
    summarize,
)

__all__ = [
    "Bounds",
    "CollapseReport",
    "Estimate",
    "bits_per_dimension",
    "bounds",
    "collapse_report",
    "inference_milliseconds",
    "log_likelihood",
    "perplexity",
    "summarize",
]

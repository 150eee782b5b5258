"""Evaluation of trained models: bounds on log p(x), collapse diagnostics."""

from rme_tf.evaluation.collapse import CollapseReport, collapse_report
from rme_tf.evaluation.imputation import ImputationScores, imputation_scores, impute, impute_mean
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
from rme_tf.evaluation.linear_probe import Probe, linear_probe

__all__ = [
    "Bounds",
    "CollapseReport",
    "Estimate",
    "ImputationScores",
    "Probe",
    "bits_per_dimension",
    "bounds",
    "collapse_report",
    "imputation_scores",
    "impute",
    "impute_mean",
    "inference_milliseconds",
    "linear_probe",
    "log_likelihood",
    "perplexity",
    "summarize",
]

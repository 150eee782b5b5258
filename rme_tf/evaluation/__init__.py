"""Evaluation of trained models: bounds on log p(x), diagnostics of each part."""

from rme_tf.evaluation.annealing import (
    AnnealedImportance,
    BidirectionalBounds,
    annealed_importance,
    bidirectional_bounds,
)
from rme_tf.evaluation.collapse import CollapseReport, collapse_report
from rme_tf.evaluation.components import component_distances
from rme_tf.evaluation.decoders import DecoderReport, decoder_report
from rme_tf.evaluation.gaps import InferenceGaps, LocalSearch, gap_table, inference_gaps
from rme_tf.evaluation.imputation import ImputationScores, imputation_scores, impute, impute_mean
from rme_tf.evaluation.likelihood_bounds import (
    Bounds,
    Estimate,
    bounds,
    inference_milliseconds,
    log_likelihood,
    summarize,
)
from rme_tf.evaluation.linear_probe import Probe, linear_probe
from rme_tf.evaluation.modes import (
    FoundModes,
    PosteriorShape,
    SampledModes,
    find_modes,
    posterior_shape,
    sampled_modes,
)
from rme_tf.evaluation.proposal import ProposalQuality, pareto_k, proposal_quality
from rme_tf.evaluation.units import bits_per_dimension, perplexity

__all__ = [
    "AnnealedImportance",
    "BidirectionalBounds",
    "Bounds",
    "CollapseReport",
    "DecoderReport",
    "Estimate",
    "FoundModes",
    "ImputationScores",
    "InferenceGaps",
    "LocalSearch",
    "PosteriorShape",
    "Probe",
    "ProposalQuality",
    "SampledModes",
    "annealed_importance",
    "bidirectional_bounds",
    "bits_per_dimension",
    "bounds",
    "collapse_report",
    "component_distances",
    "decoder_report",
    "find_modes",
    "gap_table",
    "imputation_scores",
    "impute",
    "impute_mean",
    "inference_gaps",
    "inference_milliseconds",
    "linear_probe",
    "log_likelihood",
    "pareto_k",
    "perplexity",
    "posterior_shape",
    "proposal_quality",
    "sampled_modes",
    "summarize",
]

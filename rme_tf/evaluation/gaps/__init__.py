"""Parts of the inference gap: approximation and amortization."""

from rme_tf.evaluation.gaps.decomposition import InferenceGaps, inference_gaps
from rme_tf.evaluation.gaps.local_search import LocalSearch
from rme_tf.evaluation.gaps.summary import gap_table

__all__ = ["InferenceGaps", "LocalSearch", "gap_table", "inference_gaps"]

"""Shape letters of the library, and records passed between its layers.

    S  samples of a latent code          D  latent dimensions
    B  batch                             P  params: unconstrained network outputs of one component
    M  components of the mixture         K  components in use, K <= M (the first K of them)
    T  tokens of a sequence              V  entries of the vocabulary

A tensor is written with its letters, such as [S, B, M, D], in TFP's order: sample, batch, event.
Every log-probability is in nats and float32.
"""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

PAD, BOS, EOS, UNK = range(4)  # special ids without text, in every vocabulary

Tensor = Any  # a tf.Tensor; TensorFlow ships no usable static types


class Encoding(NamedTuple):
    """Outputs of the encoders and the mixing network for one batch."""

    params: Tensor  # [B, K, P]
    log_alpha: Tensor  # [B, K], sums to one in probability


class PosteriorView(NamedTuple):
    """Read access to a model's posterior, for priors built from it (VampPrior)."""

    posterior: Callable  # inputs [N, *input_shape], their lengths [N] or None, held -> Q(z|x), batch [N], event [D]
    inputs_of: Callable  # observations [N, *event_shape] -> inputs, and their lengths [N] or None
    input_shape: tuple  # event_shape; (None, E) for token ids, which are embedded
    interval: tuple[float, float] | None  # range of the entries of an input; None if unbounded
    masked: bool  # whether inputs have lengths
    owns_weights: bool = False  # whether the posterior family has weights, as a flow may
    check: Callable = lambda x: None  # observations -> None; raises ValueError for invalid ones
    replacing: Callable = contextlib.nullcontext  # () -> context in which trained weights of the model are replaced


class LogProbs(NamedTuple):
    """Log-probabilities, in nats, of S samples drawn from each of K components."""

    log_lik: Tensor  # log p(x | z)  [S, B, K]
    log_prior: Tensor  # log p(z)      [S, B, K]
    log_q_all: Tensor  # log q_j(z_m)  [S, B, K, K], where component m drew z_m
    log_alpha: Tensor  # [B, K]


class DrawnLogProbs(NamedTuple):
    """Log-probabilities, in nats, from K components drawn for each observation."""

    log_lik: Tensor  # log p(x | z)  [S, B, K]
    log_prior: Tensor  # log p(z)      [S, B, K]
    log_q_all: Tensor  # log q_j(z_m)  [S, B, K, M], where component m drew z_m
    log_alpha: Tensor  # [B, M]
    drawn: Tensor  # indices of the components  [B, K]

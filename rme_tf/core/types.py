"""The shape letters of the library and the records that flow between its layers.

    S  samples of a latent code          D  latent dimensions
    B  batch                             P  params: unconstrained network outputs of one component
    M  components of the mixture         K  components in use, K <= M (the first K of them)
    T  tokens of a sequence              V  entries of the vocabulary

A tensor is written with its letters, [S, B, M, D] for instance, in TFP's own order: sample, batch, event.
Every log-probability is in nats and float32.
"""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

PAD, BOS, EOS, UNK = range(4)  # ids of the tokens that are no words, in every vocabulary

Tensor = Any  # a tf.Tensor; TensorFlow ships no usable static types


class Encoding(NamedTuple):
    """What the encoders and the mixing network say of a batch."""

    params: Tensor  # [B, K, P]
    log_alpha: Tensor  # [B, K], sums to one in probability


class Inference(NamedTuple):
    """What a prior may be made of: a model's posterior, and what the networks behind it read."""

    posterior: Callable  # inputs [N, *input_shape], their lengths [N] or None, held -> Q(z|x), batch [N], event [D]
    inputs_of: Callable  # observations [N, *event_shape] -> inputs, and their lengths [N] or None
    input_shape: tuple  # event_shape; of token ids (None, E), embeddings
    interval: tuple[float, float] | None  # of the entries of an input; None if they have no bounds
    masked: bool  # whether inputs have lengths
    check: Callable = lambda x: None  # observations -> None; a ValueError for those that are none
    replacing: Callable = contextlib.nullcontext  # () -> context in which weights that the model trains are replaced


class LogProbs(NamedTuple):
    """Log-probabilities, in nats, of S samples drawn from each of K components."""

    log_lik: Tensor  # log p(x | z)  [S, B, K]
    log_prior: Tensor  # log p(z)      [S, B, K]
    log_q_all: Tensor  # log q_j(z_m)  [S, B, K, K]: component m drew the sample, j is the density
    log_alpha: Tensor  # [B, K]

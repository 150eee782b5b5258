"""Exact draws of codes and observations from p(z) p(x|z).

Letters: N draws, D latent dimensions, T tokens, V entries of the vocabulary.
"""

import numpy as np
import tensorflow as tf

from rme_tf.core.compiled import compiled
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.types import BOS, PAD
from rme_tf.generation import generate

LOGITS_AT_ONCE = 2**24  # logits of generated sentences in memory
MOST_ATTEMPTS = 100  # of drawing sentences that the likelihood accepts


def check_can_be_drawn(model) -> None:
    """Checks that observations can be drawn from p(x|z).

    Raises:
        ValueError: if p(x|z) depends on x, or the decoder reads x and has no steps.
    """
    kind = type(model.likelihood).__name__
    if getattr(model.likelihood.complete(), "size_factor", "none") != "none":
        raise ValueError(
            "Draws from p(x|z) need a likelihood without a size factor: with one, p(x|z, l) takes l from the row that "
            f"it is a density of. Received: {kind} with the size factor {model.likelihood.complete().size_factor!r}."
        )
    in_steps = hasattr(model.decoder, "step")
    if (model.autoregressive or model.likelihood.parts == "tokens") and not in_steps:
        raise ValueError(
            "Draws from p(x|z) of tokens, or by a decoder that reads x, need a decoder with `initial_state` and "
            f"`step`. Received: {type(model.decoder).__name__} with {kind}."
        )


def joint_draws(model, num_draws: int, seed, *, max_length: int) -> tuple:
    """Returns codes z [N, D] and observations x [N, *event_shape] from p(z) p(x|z).

    Sentences are drawn from p(z) p(x|z) given that they end within `max_length` tokens and have no padding or begin
    inside. That is a condition on x alone, so z is an exact draw from p(z|x) for them, too.

    Args:
        model: `VAE` that `check_can_be_drawn` accepts.
        num_draws: number of draws N.
        seed: stateless seed. Shape [2].
        max_length: largest number of tokens T of a sentence, EOS included.

    Raises:
        ValueError: if too few sentences end within `max_length` tokens.
    """
    with InnerCalls():
        if model.likelihood.parts == "tokens":
            return _sentences(model, num_draws, seed, model.likelihood.event_shape[0] or max_length)
        z = _codes(model, num_draws, seed)
        seed = tf.random.fold_in(seed, 1)
        if model.autoregressive:
            return z, generate(model, z, seed=seed)
        return z, compiled(_observations, model)(z, seed)


def _codes(model, num_draws: int, seed):
    return model.prior.distribution().sample(num_draws, seed=seed)


def _observations(model, z, seed):
    return model.likelihood.cast(model.decode(z).sample(seed=seed))


def _sentences(model, num_draws: int, seed, length: int) -> tuple:
    """Returns codes and token ids [N, T] by rejection.

    Generated tokens are neither PAD nor BOS, so the generator has p(x|z) / prod_t a_t for a_t the probability of the
    others: a sentence is accepted with probability prod_t a_t.
    """
    sentences: list[tuple] = []
    for attempt in range(MOST_ATTEMPTS):
        of_codes, of_tokens, of_choice = (tf.random.fold_in(tf.random.fold_in(seed, attempt), key) for key in range(3))
        z = _codes(model, num_draws, of_codes)
        x = generate(model, z, seed=of_tokens, strategy="sample", max_length=length)
        uniform = tf.random.stateless_uniform([num_draws], of_choice)
        accepted = (np.log(uniform) < _log_shares(model, z, x)) & (np.asarray(x)[:, -1] == PAD)
        sentences += [(z[row], x[row]) for row in np.flatnonzero(accepted)]
        if len(sentences) >= num_draws:
            z, x = zip(*sentences[:num_draws], strict=True)
            return tf.stack(z), tf.stack(x)
    raise ValueError(
        f"Expected sentences that end before {length} tokens, in {MOST_ATTEMPTS} draws of {num_draws} sentences from "
        f"the model. Received: {len(sentences)}. Increase `max_length`."
    )


def _log_shares(model, z, x) -> np.ndarray:
    """Returns sum_t log a_t of token ids x [N, T], the probabilities of being neither PAD nor BOS. Shape [N]."""
    rows = max(1, LOGITS_AT_ONCE // (x.shape[1] * model.likelihood.vocabulary_size))
    parts = [
        compiled(_log_shares_of, model)(z[first : first + rows], x[first : first + rows]).numpy()
        for first in range(0, len(z), rows)
    ]
    return np.concatenate(parts)


def _log_shares_of(model, z, x):
    logits = model.likelihood.logits(model.likelihood_params(z, x))  # [N, T, V]
    never = tf.reduce_sum(tf.one_hot([PAD, BOS], logits.shape[-1]), axis=0)
    log_never = tf.reduce_logsumexp(tf.where(never > 0.0, tf.nn.log_softmax(logits), logits.dtype.min), axis=-1)
    log_share = tf.math.log1p(-tf.exp(log_never))
    return tf.reduce_sum(tf.where(tf.equal(x, PAD), 0.0, log_share), axis=-1)  # tokens

"""Bounds on log p(x) over a data set, with many samples in constant memory.

Letters: N observations, B batch, M components, S draws from each component.
"""

import math
import time
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rme_tf import objectives
from rme_tf.core.compiled import compiled
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.evaluation import chunking, diagnostics
from rme_tf.likelihoods.input_checks import batches, checked_whole, data_errors_as_value_errors


class Bounds(NamedTuple):
    """Estimates for each observation, in nats but `alpha`."""

    log_likelihood: np.ndarray  # importance-weighted bound on log p(x)  [N]
    elbo: np.ndarray  # ELBO(Q)  [N]
    reconstruction: np.ndarray  # E_Q[log p(x|z)]  [N]
    kl: np.ndarray  # E_Q[log Q(z|x) - log p(z)]  [N]
    component_elbo: np.ndarray  # ELBO(q_m)  [N, M]
    alpha: np.ndarray  # [N, M]


class Estimate(NamedTuple):
    """A mean over observations and its standard error, in nats."""

    mean: float
    standard_error: float


def estimate(values) -> Estimate:
    """Returns the mean of values [N] and the standard error of that mean; NaN for a single value."""
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return Estimate(float(values.mean()), math.nan)
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def bounds_of_batch(model, x, num_draws, seed, chunk: int, block: int | None = None, encoding=None) -> Bounds:
    """Returns `Bounds` of a batch as tensors, from S draws of each component; graph code, any S.

    Args:
        model: a `VAE`.
        x: Shape [B, *event_shape].
        num_draws: S, a Python integer or an int32 scalar.
        seed: stateless seed. Shape [2].
        chunk: how many of the S draws are decoded at once.
        block: how many components draw at once, a divisor of M; all of them unless given.
        encoding: `model.encode(x)`, if it is known.
    """
    encoding = model.encode(x) if encoding is None else encoding
    size = encoding.log_alpha.shape[-1]
    if block in (None, size):
        log_total, *sums = _sums_of_block(model, x, encoding, num_draws, seed, chunk, 0, size)
    else:
        starts, spec = tf.range(0, size, block), tf.TensorSpec([None, block], tf.float32)
        log_totals, *blocks = tf.map_fn(
            lambda first: _sums_of_block(model, x, encoding, num_draws, seed, chunk, first, block),
            starts,
            parallel_iterations=1,  # for the memory's sake
            fn_output_signature=(tf.TensorSpec([None], tf.float32), spec, spec, spec),
        )
        log_total = tf.reduce_logsumexp(log_totals, axis=0)  # blocks
        sums = [tf.reshape(tf.transpose(each, [1, 0, 2]), [-1, size]) for each in blocks]  # [B, M]
    count = tf.cast(num_draws, tf.float32)
    alpha = tf.exp(encoding.log_alpha)
    log_lik, mixture, own = (each / count for each in sums)
    reconstruction = tf.reduce_sum(alpha * log_lik, axis=-1)
    bound = tf.reduce_sum(alpha * mixture, axis=-1)
    return Bounds(log_total - tf.math.log(count), bound, reconstruction, reconstruction - bound, own, alpha)


def _sums_of_block(model, x, encoding, num_draws, seed, chunk: int, first, size: int) -> tuple:
    """Returns sums over the draws of K components, the first of which is `first`.

    Those of alpha w in logs [B], and of log p(x|z), of log p(x, z) / Q(z|x) and of log p(x, z) / q_m(z|x) [B, K].
    """
    q, log_alpha = model.posterior_of(encoding), encoding.log_alpha
    of_block = tf.gather(log_alpha, first + tf.range(size), axis=1)  # [B, K]
    zeros = tf.zeros_like(of_block)
    state = (tf.constant(0), zeros[:, 0] + objectives.LOG_ZERO, zeros, zeros, zeros)

    def body(done, log_total, *sums):
        """Adds up the next `chunk` draws."""
        noise = tf.random.fold_in(seed, done)
        z, log_q_all = q.sample_with_log_probs(chunk, noise, first=first, count=size)
        log_lik, log_prior = model.log_joint(x, z)
        log_ratio = log_lik + log_prior - objectives.log_mixture(log_alpha[:, tf.newaxis], log_q_all)
        own = objectives.diagonal(log_q_all[..., first : first + size])
        used = (done + tf.range(chunk) < num_draws)[:, tf.newaxis, tf.newaxis]  # the last chunk is partial
        log_weights = tf.where(used, log_ratio + of_block, objectives.LOG_ZERO)
        chunk_total = tf.reduce_logsumexp(log_weights, axis=[0, 2])  # samples, components

        def added(total, values):
            total += tf.reduce_sum(tf.where(used, values, 0.0), axis=0)  # samples
            return tf.ensure_shape(total, of_block.shape)  # the loop wants K static

        values = (log_lik, log_ratio, log_lik + log_prior - own)
        log_total = tf.reduce_logsumexp(tf.stack([log_total, chunk_total]), axis=0)
        return done + chunk, log_total, *map(added, sums, values)

    _, *totals = tf.while_loop(lambda done, *_: done < num_draws, body, state, parallel_iterations=1)
    return tuple(totals)


def _bounds_in_chunks(model, x, seed, num_draws: int, chunk: int, block) -> Bounds:
    """`bounds_of_batch`, what it is given of tensors first."""
    return bounds_of_batch(model, x, num_draws, seed, chunk, block)


def draws_per_component(num_samples, num_components: int):
    """Returns the least S such that S M is at least `num_samples`, an integer or a scalar tensor."""
    return -(-num_samples // num_components)


def bounds(model, x, *, num_samples=5000, seed=0, batch_size=128, progress=True) -> Bounds:
    """Returns `Bounds` of each observation as NumPy arrays.

    Args:
        model: a `VAE`.
        x: array [N, *event_shape], or a `tf.data.Dataset` of batches that are no larger than `batch_size`, of
            sentences of like length for instance, which must end; checked against the likelihood's support.
        num_samples: S M, the samples for one observation over all components, rounded up.
        seed: integer.
        batch_size: B.
        progress: whether to show a progress bar.

    Raises:
        ValueError: for data outside the likelihood's support, empty or endless, or a number less than 1.
    """
    x = checked_whole(x, model.likelihood)
    for name, value in (("num_samples", num_samples), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {value}.")
    num_draws = draws_per_component(num_samples, model.num_components)
    rows, block, chunk = chunking.chunks(
        model, batch_size if isinstance(x, tf.data.Dataset) else min(batch_size, len(x)), num_draws
    )

    signature = (model.likelihood.spec(), tf.TensorSpec([2], tf.int32))
    evaluate = compiled(_bounds_in_chunks, model, num_draws, chunk, block, signature=signature)

    parts, start = [], 0
    with InnerCalls(), data_errors_as_value_errors():
        for batch in tqdm(batches(x, batch_size), desc=f"{num_samples} samples", disable=not progress, leave=False):
            for index in range(0, len(batch), rows):
                part = model.likelihood.cast(batch[index : index + rows])
                batch_seed = tf.constant([seed, start + index], tf.int32)
                parts.append([value.numpy() for value in evaluate(part, batch_seed)])
            start += len(batch)
    return Bounds(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def log_likelihood(model, x, *, num_samples=5000, seed=0, batch_size=128, progress=True) -> Estimate:
    """Returns the mean importance-weighted bound on log p(x), in nats, with its standard error over x.

    The bound is stratified over components: log sum_m alpha_m mean_s p(x, z_ms) / Q(z_ms|x).

    Args:
        model: a `VAE`.
        x: array [N, *event_shape], or a `tf.data.Dataset`: see `bounds`.
        num_samples: samples for one observation, over all components.
        seed: integer.
        batch_size: B.
        progress: whether to show a progress bar.

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
    """
    options = {"num_samples": num_samples, "seed": seed, "batch_size": batch_size, "progress": progress}
    return estimate(bounds(model, x, **options).log_likelihood)


def bits_per_dimension(nats: float, likelihood) -> float:
    """Returns -nats / (D_x ln 2), plus 8 where the likelihood is a density of 8-bit pixels scaled to [0, 1].

    Of a density these are bits of the data if the pixels were dequantised, (pixel + u) / 256, alone: on a grid of
    levels a density may be as high as it likes. NaN for sequences, which have no one number of dimensions: see
    `perplexity`.
    """
    if None in likelihood.event_shape:
        return math.nan
    return -nats / (math.prod(likelihood.event_shape) * math.log(2.0)) + likelihood.bits_offset


def perplexity(log_likelihood, num_tokens: int) -> float:
    """Returns exp(-sum log p(x) / targets), for log-likelihoods or bounds in nats, [N].

    Args:
        log_likelihood: of each sequence; of the ELBO or of the importance-weighted bound: say which.
        num_tokens: the targets of all N sequences: tokens, or words, with one EOS each and no BOS.
    """
    return float(math.exp(-np.sum(log_likelihood, dtype=np.float64) / num_tokens))


def summarize(model, x, values: Bounds) -> dict[str, float]:
    """Returns the numbers of a report for observations x and their `Bounds`, in nats unless said.

    `active_units` and `bits_per_dimension` have their own units; `alpha_m` is the mean weight of component m.
    """
    log_lik, elbo = estimate(values.log_likelihood), estimate(values.elbo)
    inferred = _moments(model, x)
    summary = {
        "log_likelihood": log_lik.mean,
        "log_likelihood_standard_error": log_lik.standard_error,
        "bits_per_dimension": bits_per_dimension(log_lik.mean, model.likelihood),
        "elbo": elbo.mean,
        "elbo_standard_error": elbo.standard_error,
        "reconstruction": float(values.reconstruction.mean()),
        "kl": float(values.kl.mean()),
        "active_units": diagnostics.active_units(*inferred),
        "mixing_entropy": diagnostics.mixing_entropy(values.alpha),
        "component_information": diagnostics.component_information(values.elbo, values.component_elbo, values.alpha),
    }
    for m in range(model.num_components):
        summary[f"elbo_{m}"] = float(values.component_elbo[:, m].mean())
        summary[f"alpha_{m}"] = float(values.alpha[:, m].mean())
    return summary


def _encode(model, x):
    return model.encode(x)


def _compiled_encode(model):
    """Returns `model.encode` of batches of any size."""
    return compiled(_encode, model, signature=(model.likelihood.spec(),))


def _moments(model, x):
    """Returns the weights [N, M] and the means [N, M, D] of the components."""
    infer, x = _compiled_encode(model), checked_whole(x, model.likelihood)
    parts = []
    with InnerCalls(), data_errors_as_value_errors():
        for batch in batches(x, 256):
            moments = model.posterior_of(infer(model.likelihood.cast(batch))).moments()
            parts.append((moments["weights"].numpy(), moments["means"].numpy()))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def inference_milliseconds(model, x, *, batch_size=128, repeats=20) -> float:
    """Returns the median time of inferring Q(z|x) for one batch, in milliseconds, compiled and warm."""
    x = np.asarray(model.likelihood.observations(x))
    batch = model.likelihood.cast(np.resize(x, (batch_size, *x.shape[1:])))
    infer = _compiled_encode(model)
    times = []
    for _ in range(repeats + 3):
        with InnerCalls():
            start = time.perf_counter()
            keras.tree.map_structure(lambda tensor: tensor.numpy(), tuple(infer(batch)))
            times.append(time.perf_counter() - start)
    return 1000.0 * float(np.median(times[3:]))

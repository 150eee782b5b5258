"""Bounds on log p(x) of a data set, in constant memory.

Letters: N observations, B batch, M components, S draws from each component.
"""

import functools
import math
import time
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core import replicas
from rme_tf.core.argument_checks import check_model
from rme_tf.core.compiled import compiled
from rme_tf.core.estimates import with_error
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.validation import check_count, check_counts, check_flag, check_instance
from rme_tf.evaluation import chunking, diagnostics, sums
from rme_tf.evaluation.bound_progress import BoundProgress
from rme_tf.evaluation.units import bits_per_dimension
from rme_tf.likelihoods.input_checks import batches, checked_whole, data_errors_as_value_errors


class Bounds(NamedTuple):
    """Estimates for each observation, in nats except `alpha`."""

    log_likelihood: np.ndarray  # importance-weighted bound on log p(x)  [N]
    elbo: np.ndarray  # ELBO(Q)  [N]
    reconstruction: np.ndarray  # E_Q[log p(x|z)]  [N]
    kl: np.ndarray  # E_Q[log Q(z|x) - log p(z)]  [N]
    component_elbo: np.ndarray  # ELBO(q_m)  [N, M]
    alpha: np.ndarray  # [N, M]


class Estimate(NamedTuple):
    """A mean over observations and its standard error, in nats.

    The standard error is the spread over observations: it has neither the bias of a bound nor the noise of its samples.
    Two models are compared on one test set by the differences of each observation, see docs/diagnostics.md. It prints
    as "-23.62 ± 0.24 nats"; the fields have all digits.
    """

    mean: float
    standard_error: float

    def __str__(self):
        known = "" if math.isfinite(self.standard_error) else " (standard error unknown)"
        return f"{with_error(self.mean, self.standard_error)} nats{known}"

    def __repr__(self):
        return f"Estimate({self})"


def estimate(values) -> Estimate:
    """Returns the mean of values [N] and its standard error.

    The standard error of a single value is NaN.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return Estimate(float(values.mean()), math.nan)
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def bounds_of_batch(
    model, x, num_draws, seed, chunk: int, block: int | None = None, encoding=None, *, fused=False, progress=False
) -> Bounds:
    """Returns `Bounds` of a batch from S draws of each component.

    This is graph code, for any S.

    Args:
        model: `VAE` to evaluate.
        x: observations. Shape [B, *event_shape].
        num_draws: number of draws S from each component, a Python integer or an int32 scalar.
        seed: stateless seed of the draws. Shape [2].
        chunk: number of draws decoded at a time.
        block: number of components that draw at a time, a divisor of M; None is M.
        encoding: result of `model.encode(x)`; None computes it.
        fused: whether XLA compiles all but the networks.
        progress: whether each chunk of draws moves a progress bar, see `bound_progress`.
    """
    encoding = model.encode(x) if encoding is None else encoding
    log_joint, size = sums.LogJoint(model, x, encoding, fused=fused), encoding.log_alpha.shape[-1]
    if block in (None, size):
        log_total, totals = sums.of_block(log_joint, num_draws, seed, chunk, 0, size, progress=progress)
    else:
        specs = tf.TensorSpec([None], tf.float32), tf.TensorSpec([3, None, block], tf.float32)
        log_totals, blocks = tf.map_fn(
            lambda first: sums.of_block(log_joint, num_draws, seed, chunk, first, block, progress=progress),
            tf.range(0, size, block),
            parallel_iterations=1,  # bounds the memory
            fn_output_signature=specs,
        )
        log_total = tf.reduce_logsumexp(log_totals, axis=0)  # blocks
        totals = tf.reshape(tf.transpose(blocks, [1, 2, 0, 3]), [3, -1, size])
    count = tf.cast(num_draws, tf.float32)
    alpha = tf.exp(encoding.log_alpha)
    log_lik, mixture, component = tf.unstack(totals / count)  # [B, M]
    reconstruction = tf.reduce_sum(alpha * log_lik, axis=-1)
    bound = tf.reduce_sum(alpha * mixture, axis=-1)
    return Bounds(log_total - tf.math.log(count), bound, reconstruction, reconstruction - bound, component, alpha)


def _bounds_in_chunks(model, x, seed, num_draws: int, chunk: int, block, fused: bool, progress: bool) -> Bounds:
    """`bounds_of_batch` with tensor arguments first, as `compiled` requires."""
    return bounds_of_batch(model, x, num_draws, seed, chunk, block, fused=fused, progress=progress)


def draws_per_component(num_samples, num_components: int):
    """Returns the smallest S such that S M is at least `num_samples`.

    Args:
        num_samples: number of samples, an integer or a scalar tensor.
        num_components: number of components M.
    """
    return -(-num_samples // num_components)


def bounds(model, x, *, num_samples=5000, seed=0, batch_size=128, progress=True, jit_compile=None) -> Bounds:
    """Returns `Bounds` of each observation as NumPy arrays.

    The workers of a `tf.distribute` strategy divide the observations; each has all results.

    Args:
        model: `VAE` to evaluate.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches of at most `batch_size` rows, such as
            batches of sentences of similar length; checked against the likelihood's support.
        num_samples: number of samples S M for one observation, over all components, rounded up.
        seed: integer seed of the draws.
        batch_size: number of observations B in a batch.
        progress: whether to show a progress bar, which moves with each chunk of draws.
        jit_compile: whether XLA compiles all but the networks, which takes seconds for each size of a batch; None is
            True where it saves more, see `chunking.pays_to_compile`. The results differ by rounding.

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, or a number is less than 1.
    """
    check_model(model)
    x = checked_whole(x, model.likelihood)
    check_counts(num_samples=num_samples, batch_size=batch_size)
    check_flag("progress", progress)
    num_draws = draws_per_component(num_samples, model.num_components)
    is_array = not isinstance(x, tf.data.Dataset)
    rows, block, chunk = chunking.chunks(model, min(batch_size, len(x)) if is_array else batch_size, num_draws)
    total = len(x) if is_array else max(0, int(x.cardinality())) * batch_size

    def evaluate(part, batch_seed):
        """Returns the bounds of a part of a batch, compiled by XLA if that pays for parts of this size."""
        codes = num_draws * model.num_components * (total if len(part) == rows else len(part))
        fused = chunking.pays_to_compile(model, codes) if jit_compile is None else jit_compile
        options = (num_draws, chunk, block, fused, progress)
        function = compiled(_bounds_in_chunks, model, *options, signature=signature)
        return function(part, tf.constant(batch_seed, tf.int32))

    signature = (model.likelihood.spec(), tf.TensorSpec([2], tf.int32))
    check_count("seed", seed, -(2**31), most=2**31 - 1)
    divided = replicas.DividedWork(model.distribute_strategy)
    shown = BoundProgress(batches(x, batch_size), f"log p(x) by {num_samples} samples", progress=progress)
    with InnerCalls(), data_errors_as_value_errors(), shown:
        for first, part in chunking.parts_of(shown, model.likelihood, rows):
            divided.add(len(part), functools.partial(evaluate, shown.of_part(part), [seed, first]))
    return Bounds(*divided.results())


def log_likelihood(model, x, *, num_samples=5000, seed=0, batch_size=128, progress=True, jit_compile=None) -> Estimate:
    """Returns the mean importance-weighted bound on log p(x), in nats.

    The bound is stratified over components: log sum_m alpha_m mean_s p(x, z_ms) / Q(z_ms|x). The standard error is
    the spread over observations x. It contains neither the bias of the bound, which is below log p(x) on average, nor
    the noise that another seed of the S samples has for the same observations.

    Args:
        model: `VAE` to evaluate.
        x: array [N, *event_shape], or a `tf.data.Dataset`, see `bounds`.
        num_samples: number of samples for one observation, over all components.
        seed: integer seed of the draws.
        batch_size: number of observations B in a batch.
        progress: whether to show a progress bar.
        jit_compile: whether XLA compiles all but the networks, see `bounds`.

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
    """
    check_model(model)
    check_flag("progress", progress)
    options = {"num_samples": num_samples, "seed": seed, "batch_size": batch_size, "progress": progress}
    return estimate(bounds(model, x, **options, jit_compile=jit_compile).log_likelihood)


def summarize(model, x, values: Bounds) -> dict[str, float]:
    """Returns a dict of summary statistics of bounds.

    The values are in nats, except `active_units`, `bits_per_dimension` and `alpha_m`, the mean weight of component m.

    Args:
        model: `VAE` that was evaluated.
        x: observations, see `bounds`.
        values: `Bounds` of the observations.
    """
    check_model(model)
    check_instance("values", values, Bounds, "the `Bounds` of the observations")
    log_lik, elbo = estimate(values.log_likelihood), estimate(values.elbo)
    inferred = posterior_moments(model, x)
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


def compiled_encode(model):
    """Returns a compiled `model.encode` for batches of any size.

    Args:
        model: `VAE` with the encoders.
    """
    return compiled(_encode, model, signature=(model.likelihood.spec(),))


def posterior_moments(model, x):
    """Returns the weights [N, M] and the means [N, M, D] of the components.

    Args:
        model: `VAE` with the posterior.
        x: observations, see `bounds`.
    """
    check_model(model)
    infer, x = compiled_encode(model), checked_whole(x, model.likelihood)
    parts = []
    with InnerCalls(), data_errors_as_value_errors():
        for batch in batches(x, 256):
            moments = model.posterior_of(infer(model.likelihood.cast(batch))).moments()
            parts.append((moments["weights"].numpy(), moments["means"].numpy()))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def inference_milliseconds(model, x, *, batch_size=128, repeats=20) -> float:
    """Returns the median time to infer Q(z|x), in milliseconds.

    The function is compiled and called before the timing.

    Args:
        model: `VAE` to time.
        x: observations to repeat in a batch. Shape [N, *event_shape].
        batch_size: number of observations B in the batch.
        repeats: number of timings.
    """
    check_model(model)
    check_counts(batch_size=batch_size, repeats=repeats)
    x = np.asarray(model.likelihood.observations(x))
    batch = model.likelihood.cast(np.resize(x, (batch_size, *x.shape[1:])))
    infer = compiled_encode(model)
    times = []
    for _ in range(repeats + 3):
        with InnerCalls():
            start = time.perf_counter()
            keras.tree.map_structure(lambda tensor: tensor.numpy(), tuple(infer(batch)))
            times.append(time.perf_counter() - start)
    return 1000.0 * float(np.median(times[3:]))

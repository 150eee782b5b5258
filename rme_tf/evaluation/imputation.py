"""Imputation of missing entries: draws, means and log-probabilities given the seen entries.

Letters: N observations, B batch, M components, S draws, K draws from each component.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf import objectives
from rme_tf.core.argument_checks import check_model
from rme_tf.core.compiled import compiled
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.seeds import as_seed
from rme_tf.core.validation import check_count, check_counts, optional, require
from rme_tf.evaluation import chunking
from rme_tf.evaluation.likelihood_bounds import draws_per_component
from rme_tf.likelihoods.input_checks import batches, checked_whole, data_errors_as_value_errors

OF_PIXELS, OF_CHOICE = 1, 2  # folded into a seed; components fold in their number


class ImputationScores(NamedTuple):
    """Log-probabilities of hidden entries given the seen ones, in nats."""

    drawn: np.ndarray  # log E_Q[p(x_hidden|z)], of imputations drawn from Q(z|x_seen)  [N]
    weighted: np.ndarray  # log p(x_hidden|x_seen), by importance weights  [N]


class WeightedDraws(NamedTuple):
    """K draws from each component, with log-probabilities in nats."""

    z: tf.Tensor  # [K, B, M, D]
    log_weights: tf.Tensor  # log alpha p(x_seen, z) / Q(z|x_seen)  [K, B, M]
    log_hidden: tf.Tensor  # log p(x_hidden|z)  [K, B, M]
    log_alpha: tf.Tensor  # [B, M]


def impute(model, x, num_samples=1, *, importance_samples=None, seed=0, batch_size=128) -> np.ndarray:
    """Returns draws of the missing entries given the seen ones.

    By default z is a draw from Q(z|x_seen). With importance samples, it is one of that many draws, chosen with
    probability proportional to p(x_seen, z) / Q(z|x_seen): for more of them, the imputations tend to draws from
    p(x_missing|x_seen). The missing entries are drawn from p(x|z). Seen entries keep their values, and observations
    without missing entries are repeated.

    Args:
        model: `VAE` of data with missing entries.
        x: array of observations, NaN where an entry is missing, or a finite `tf.data.Dataset` of batches. Shape
            [N, *event_shape].
        num_samples: number of draws S for each observation.
        importance_samples: number of draws from Q, over all components, to choose from; None for draws from Q.
        seed: seed of the draws: an integer, of shape [2], or None for other draws at each call.
        batch_size: largest number of observations B in a batch.

    Returns:
        imputed: float32. Shape [S, N, *event_shape].

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, or a number is less than 1.

    References:
        Rezende, Mohamed and Wierstra (2014), https://arxiv.org/abs/1401.4082
        Mattei and Frellsen (2019), https://arxiv.org/abs/1812.02633
    """
    check_model(model)
    x = checked_whole(x, model.likelihood)
    check_counts(num_samples=num_samples, batch_size=batch_size)
    optional(check_count, "importance_samples", importance_samples)
    if not model.likelihood.missing:
        return np.stack([_whole(model, x, batch_size)] * num_samples)
    rows = max(1, min(batch_size, chunking.codes_at_once(model) // num_samples))
    if importance_samples is None:
        return _in_batches(model, x, rows, seed, _imputed, num_samples, axis=1)
    rows, count, chunk = _sizes(model, rows, importance_samples)
    return _in_batches(model, x, rows, seed, _resampled, num_samples, count, chunk, axis=1)


def impute_mean(model, x, *, importance_samples=1000, seed=0, batch_size=128) -> np.ndarray:
    """Returns x with the conditional mean of each missing entry.

        sum_k w_k E[x|z_k],   w_k proportional to p(x_seen, z_k) / Q(z_k|x_seen)

    If the missing entries have several likely values, their mean may be an unlikely one: see `impute`.

    Args:
        model: `VAE` of data with missing entries.
        x: array of observations, NaN where an entry is missing, or a finite `tf.data.Dataset` of batches. Shape
            [N, *event_shape].
        importance_samples: number of draws from Q for each observation, over all components, rounded up.
        seed: seed of the draws: an integer, of shape [2], or None for other draws at each call.
        batch_size: largest number of observations B in a batch.

    Returns:
        imputed: float32. Shape [N, *event_shape].

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, or a number is less than 1.

    References:
        Mattei and Frellsen (2019), https://arxiv.org/abs/1812.02633
    """
    check_model(model)
    x = checked_whole(x, model.likelihood)
    check_counts(importance_samples=importance_samples, batch_size=batch_size)
    if not model.likelihood.missing:
        return _whole(model, x, batch_size)
    rows, *counts = _sizes(model, batch_size, importance_samples)
    return _in_batches(model, x, rows, seed, _mean, *counts)


def imputation_scores(model, x, complete, *, importance_samples=1000, seed=0, batch_size=128) -> ImputationScores:
    """Returns `ImputationScores` of hidden entries whose values are known.

    A posterior with one mode, where the seen entries leave several, gives the true values a low density: `drawn`
    compares posteriors. `weighted` corrects for Q and compares the models p(x); it needs more samples.

        drawn     log sum_k v_k p(x_hidden|z_k),  v_k = alpha_m / number of draws from component m
        weighted  log sum_k w_k p(x_hidden|z_k),  w_k proportional to alpha_m p(x_seen, z_k) / Q(z_k|x_seen)

    Args:
        model: `VAE` of data with missing entries.
        x: array of observations, NaN where an entry is missing. Shape [N, *event_shape].
        complete: array of the same observations with the values of the hidden entries. Entries that are NaN in both
            are left out. Shape [N, *event_shape].
        importance_samples: number of draws from Q for each observation, over all components, rounded up.
        seed: seed of the draws: an integer, of shape [2], or None for other draws at each call.
        batch_size: largest number of observations B in a batch.

    Raises:
        ValueError: if the arrays do not fit each other or the likelihood, or a number is less than 1.
    """
    check_model(model)
    likelihood = model.likelihood
    x, complete = (
        np.asarray(likelihood.observations(value, name)) for name, value in (("x", x), ("complete", complete))
    )
    check_counts(importance_samples=importance_samples, batch_size=batch_size)
    require(likelihood.missing, "model", "take missing entries, `missing=True`", "one of complete observations")
    require(x.shape == complete.shape, "complete", f"have the shape {x.shape} of `x`", complete.shape)
    seen = ~np.isnan(x)
    agree = np.array_equal(x[seen], complete[seen])
    require(agree, "complete", "equal `x` in the seen entries", "other values")
    both = np.stack([x, np.where(seen, np.nan, complete)], axis=1).astype(np.float32)  # [N, 2, *event_shape]
    rows, *counts = _sizes(model, batch_size, importance_samples)
    return ImputationScores(*_in_batches(model, both, rows, seed, _scores, *counts, axis=1))


def completed(model, x, z, seed):
    """Returns x with missing entries drawn from p(x|z), in graph code.

    Args:
        model: `VAE` of data with missing entries.
        x: observations. Shape [B, *event_shape].
        z: latent codes. Shape [S, B, D].
        seed: stateless seed of the draws from Q(z|x), of which the seed of these draws is made. Shape [2].

    Returns:
        imputed: Shape [S, B, *event_shape].
    """
    draws = model.decode(z).sample(seed=tf.random.fold_in(seed, OF_PIXELS))
    return tf.where(tf.math.is_nan(x), tf.cast(draws, x.dtype), x)


# Graph code.


def weighted_draws(model, x, seed, num_draws: int, chunk: int, hidden=None) -> WeightedDraws:
    """Returns `WeightedDraws` for observations with missing entries.

    Args:
        model: `VAE` of data with missing entries.
        x: observations. Shape [B, *event_shape].
        seed: stateless seed of the draws. Shape [2].
        num_draws: number of draws K from each component, a multiple of `chunk`.
        chunk: number of draws from each component decoded at a time.
        hidden: values of the entries that are missing in x, NaN in the others; None for none. Shape [B, *event_shape].
    """
    encoding = model.encode(x)
    q, prior, log_alpha = model.posterior_of(encoding), model.prior.distribution(), encoding.log_alpha
    log_prob = model.likelihood.log_prob

    def body(index):
        """Returns the next `chunk` draws from each component."""
        z, log_q_all = q.sample_with_log_probs(chunk, tf.random.fold_in(seed, index))
        params = model.likelihood_params(z)
        log_mixture = objectives.log_mixture(log_alpha[:, tf.newaxis], log_q_all)
        log_ratio = log_prob(params, x[:, tf.newaxis]) + prior.log_prob(z) - log_mixture
        log_hidden = tf.zeros_like(log_ratio) if hidden is None else log_prob(params, hidden[:, tf.newaxis])
        return z, log_ratio + log_alpha, log_hidden

    shape = [chunk, None, model.num_components]
    of_log_prob = tf.TensorSpec(shape, tf.float32)
    parts = tf.map_fn(
        body,
        tf.range(num_draws // chunk),
        parallel_iterations=1,  # bounds the memory
        fn_output_signature=(tf.TensorSpec([*shape, model.latent_dim], tf.float32), of_log_prob, of_log_prob),
    )
    z, log_weights, log_hidden = (
        tf.reshape(part, tf.concat([[num_draws], tf.shape(part)[2:]], axis=0)) for part in parts
    )
    return WeightedDraws(z, log_weights, log_hidden, log_alpha)


def _imputed(model, x, seed, num_samples: int):
    return completed(model, x, model.infer(x).sample(num_samples, seed), seed)


def _resampled(model, x, seed, num_samples: int, num_draws: int, chunk: int):
    draws = weighted_draws(model, x, seed, num_draws, chunk)
    logits = tf.reshape(tf.transpose(draws.log_weights, [1, 0, 2]), [-1, num_draws * model.num_components])
    chosen = tf.random.stateless_categorical(logits, num_samples, tf.random.fold_in(seed, OF_CHOICE))  # [B, S]
    codes = tf.transpose(draws.z, [1, 0, 2, 3])  # [B, K, M, D]
    codes = tf.reshape(codes, [-1, num_draws * model.num_components, model.latent_dim])
    return completed(model, x, tf.transpose(tf.gather(codes, chosen, batch_dims=1), [1, 0, 2]), seed)


def _mean(model, x, seed, num_draws: int, chunk: int):
    draws = weighted_draws(model, x, seed, num_draws, chunk)
    total = tf.reduce_logsumexp(draws.log_weights, axis=[0, 2], keepdims=True)  # draws, components
    weights = tf.exp(draws.log_weights - total)

    def add(start, mean):
        """Adds the next draws."""
        means = model.decode(draws.z[start : start + chunk]).mean()
        mean += tf.einsum("kbm,kbm...->b...", weights[start : start + chunk], means)
        return start + chunk, tf.ensure_shape(mean, x.shape)  # `tf.while_loop` requires one shape

    state = (tf.constant(0), tf.zeros_like(x))
    _, mean = tf.while_loop(lambda start, _: start < num_draws, add, state, parallel_iterations=1)
    return tf.where(tf.math.is_nan(x), mean, x)


def _scores(model, both, seed, num_draws: int, chunk: int):
    x, hidden = tf.unstack(both, axis=1)
    draws = weighted_draws(model, x, seed, num_draws, chunk, hidden)
    axes = [0, 2]  # draws, components
    total = tf.reduce_logsumexp(draws.log_weights, axis=axes)
    weighted = tf.reduce_logsumexp(draws.log_weights + draws.log_hidden, axis=axes) - total
    drawn = tf.reduce_logsumexp(draws.log_alpha + draws.log_hidden, axis=axes) - math.log(num_draws)
    return tf.stack([drawn, weighted])


# Batches.


def _sizes(model, batch_size: int, importance_samples: int) -> tuple[int, int, int]:
    """Returns the observations in a batch, the draws K from each component, and the draws that are decoded at a time.

    K is rounded up to a multiple of the latter.
    """
    codes, size = chunking.codes_at_once(model), model.num_components
    rows = max(1, min(batch_size, codes // size))
    num_draws = draws_per_component(importance_samples, size)
    passes = math.ceil(num_draws / max(1, codes // (rows * size)))
    chunk = math.ceil(num_draws / passes)
    return rows, passes * chunk, chunk


def _in_batches(model, x, batch_size: int, seed, function, *options, axis: int = 0) -> np.ndarray:
    """Returns the results of a graph function (model, x, seed, *options) for batches, joined along an axis."""
    seed, call = as_seed(seed), compiled(function, model, *options)
    with InnerCalls(), data_errors_as_value_errors():
        parts = [
            call(part, seed + tf.constant([0, first], seed.dtype)).numpy()
            for first, part in chunking.parts_of(batches(x, batch_size), model.likelihood, batch_size)
        ]
    return np.concatenate(parts, axis=axis)


def _whole(model, x, batch_size: int) -> np.ndarray:
    """Returns all observations of the data."""
    with data_errors_as_value_errors():
        return np.concatenate([np.asarray(model.likelihood.cast(batch)) for batch in batches(x, batch_size)])

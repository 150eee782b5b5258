"""Reports on posterior collapse and component collapse of a model.

Letters: N observations, B minibatch, S draws from each component, M components, D latent dimensions, C codes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf import priors
from rme_tf.core.argument_checks import check_model
from rme_tf.core.compiled import compiled
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.validation import check_count, check_counts
from rme_tf.evaluation import densities, diagnostics
from rme_tf.evaluation.collapse_advice import advice_for
from rme_tf.evaluation.collapse_values import CollapseReport
from rme_tf.likelihoods.input_checks import batches, checked_whole, data_errors_as_value_errors
from rme_tf.posteriors import MixturePosterior

CHUNK = 2**21  # values in a table of the densities of components, which bounds the memory


class Draws(NamedTuple):
    """Draws from each component for B observations, with log-probabilities in nats."""

    params: np.ndarray  # [B, M, P]
    log_alpha: np.ndarray  # [B, M]
    z: np.ndarray  # [B, M, D]
    log_q_all: np.ndarray  # log q_j(z_m)  [B, M, M]
    log_prior: np.ndarray  # log p(z)  [B, M]
    log_lik: np.ndarray  # log p(x|z)  [B, M]
    prior_log_lik: np.ndarray  # log p(x|z), z from the prior  [B]
    shuffled_log_lik: np.ndarray  # E[log p(x|z)] under the Q of the row before  [B]; NaN if B is 1


def collapse_report(model, data, *, num_samples=1, max_observations=1000, batch_size=64, seed=0) -> CollapseReport:
    """Returns a `CollapseReport` of the first N observations.

    The time grows with S N^2 M^2 D, for the aggregate posterior, and with S N M decoded codes; the memory grows with
    S N M (M + D). Inactive components, during a warm start, have weight zero.

    Args:
        model: `VAE`, or an object with its `infer`, `log_joint`, `prior`, `posterior_family`, `num_components` and
            `latent_dim`; a `likelihood` checks the data.
        data: array [N, ...], or a finite or infinite `tf.data.Dataset` of batches [B, ...] or of tuples that begin
            with a batch. Consecutive rows should be unrelated, or `reliance` is underestimated.
        num_samples: number of draws S from each component.
        max_observations: largest number of observations N.
        batch_size: minibatch size B of `mutual_information_batch`, and of the batches of an array.
        seed: integer seed of the draws.

    Raises:
        ValueError: if a number is less than 1, there are fewer than two observations, or the data do not fit the
            likelihood.
    """
    check_model(model, "infer")
    check_counts(num_samples=num_samples, max_observations=max_observations, batch_size=batch_size)
    check_count("seed", seed, -(2**31), most=2**31 - 1)
    data = checked_first(model, data, max_observations)
    with InnerCalls(), data_errors_as_value_errors():
        draws = _draw_all(model, _first_batches(model, data, batch_size, max_observations), num_samples, seed)
    return CollapseReport(
        num_observations=len(draws.log_alpha),
        batch_size=batch_size,
        **_information(model, draws, batch_size),
        **_codes(model, draws),
        **_mixture(draws),
        **_decoder(draws),
        of_probabilities=getattr(getattr(model, "likelihood", None), "bits_offset", None) == 0.0,
        advice=advice_for(model),
    )


def checked_first(model, data, max_observations: int):
    """Returns checked data, with an array cut to its first observations.

    Args:
        model: object whose `likelihood`, if there is one, checks the data.
        data: array [N, ...], or a `tf.data.Dataset`.
        max_observations: largest number of observations.

    Raises:
        ValueError: if the data are empty, have a wrong shape, or have values outside of the support.
    """
    likelihood = getattr(model, "likelihood", None)
    if likelihood is not None:
        return checked_whole(data, likelihood, "data", first=max_observations)
    return data if isinstance(data, tf.data.Dataset | list | tuple) else data[:max_observations]


# Graph code, traced once for a model and used by all reports.


def _draw(model, x, seed) -> Draws:
    q = model.infer(x)
    count, num_rows = model.num_components, tf.shape(q.log_alpha)[0]
    drawn = q.draw(1, seed)
    z = drawn.z  # [1, B, M, D]
    prior_seed = tf.random.fold_in(seed, count)  # the components fold in 0 ... M-1
    prior_z = model.prior.distribution().sample([1, num_rows, 1], seed=prior_seed)
    codes = tf.concat([z, tf.roll(z, 1, axis=1), prior_z], axis=2)  # decoded at once
    log_lik, log_prior = model.log_joint(x, codes)
    log_lik, rolled_log_lik, prior_log_lik = tf.split(log_lik, [count, count, 1], axis=2)
    rolled_alpha = tf.roll(q.weights, 1, axis=0)
    shuffled = tf.reduce_sum(rolled_alpha * rolled_log_lik[0], axis=-1)  # components
    return Draws(
        q.params,
        q.log_alpha,
        z[0],
        q.log_probs_of(drawn)[0],
        log_prior[0, :, :count],
        log_lik[0],
        prior_log_lik[0, :, 0],
        shuffled,
    )


def _log_densities(model, params, log_alpha, codes):
    return densities.table(MixturePosterior(model.posterior_family, params, log_alpha), codes)


# The arrays of these `Draws` have a leading axis S, except params and log_alpha.


def _first_batches(model, data, batch_size: int, max_observations: int) -> Iterator:
    """Yields batches of at most `max_observations` observations in total."""
    left, likelihood = max_observations, getattr(model, "likelihood", None)
    for batch in batches(data, batch_size):
        x = tf.convert_to_tensor(batch)[:left]
        x = tf.cast(x, tf.float32) if x.dtype.is_floating else x
        yield x if likelihood is None else likelihood.cast(x)
        left -= len(x)
        if left == 0:
            return


def _draw_all(model, batches, num_samples: int, seed: int) -> Draws:
    draw = compiled(_draw, model)
    parts = []
    for index, x in enumerate(batches):
        seeds = (tf.constant([seed, index * num_samples + s], tf.int32) for s in range(num_samples))
        samples = [[part.numpy() for part in draw(x, draw_seed)] for draw_seed in seeds]
        if len(x) == 1:  # no other row has a code
            samples = [[*parts_of[:-1], np.full_like(parts_of[-1], np.nan)] for parts_of in samples]
        params, log_alpha = samples[0][:2]
        parts.append([params, log_alpha, *(np.stack(column) for column in list(zip(*samples, strict=True))[2:])])
    if sum(len(part[0]) for part in parts) < 2:
        raise ValueError("`data` must hold at least two observations. Received fewer.")
    columns = zip(*parts, strict=True)
    return Draws(*(np.concatenate(column, axis=0 if i < 2 else 1) for i, column in enumerate(columns)))


def _of_each(draws: Draws, values):
    """Returns sum_m alpha_nm mean_s of values [S, N, M], for each observation [N]."""
    return np.sum(np.exp(draws.log_alpha) * values.mean(axis=0, dtype=np.float64), axis=-1)


# The parts of a report.


def _information(model, draws: Draws, batch_size: int) -> dict:
    log_q, aggregate, minibatch = _mixture_densities(model, draws, batch_size)  # [S, N, M]
    num_samples, num_observations = log_q.shape[:2]

    def rows(values):
        return np.moveaxis(values, 0, -1).reshape(num_observations, -1)  # [N, M*S]

    weights = np.repeat(np.exp(draws.log_alpha) / num_samples, num_samples, axis=-1)  # [N, M*S]
    kl = _of_each(draws, log_q - draws.log_prior)
    return {
        "kl": float(kl.mean()),
        "kl_standard_error": diagnostics.standard_error(kl),
        "kl_aggregate": float(_of_each(draws, aggregate - draws.log_prior).mean()),
        "mutual_information": diagnostics.mutual_information(rows(log_q), rows(aggregate), weights),
        "mutual_information_standard_error": diagnostics.standard_error(_of_each(draws, log_q - aggregate)),
        "mutual_information_batch": diagnostics.mutual_information(rows(log_q), rows(minibatch), weights),
    }


def _mixture_densities(model, draws: Draws, batch_size: int):
    """Returns log Q(z|x), log 1/N sum_n Q(z|x_n), and the latter within minibatches, each [S, N, M].

    Minibatches are consecutive blocks of B observations; the last block may be smaller.
    """
    num_samples, num_observations, num_components, latent_dim = draws.z.shape
    results = np.empty([3, num_samples, num_observations, num_components])
    for start in range(0, num_observations, batch_size):
        block = slice(start, min(start + batch_size, num_observations))
        for s in range(num_samples):
            codes = draws.z[s, block].reshape(-1, latent_dim)  # [B*M, D]
            table = _table(model, draws, codes)  # [N, B*M]
            log_q = table[np.repeat(np.arange(block.start, block.stop), num_components), np.arange(len(codes))]
            aggregates = [diagnostics.aggregate_log_density(part) for part in (table, table[block])]
            results[:, s, block] = np.reshape([log_q, *aggregates], [3, -1, num_components])
    return results


def _table(model, draws: Draws, codes):
    """Returns log Q(z_c|x_n) [N, C], computed for a few observations at a time."""
    log_densities = compiled(_log_densities, model)
    values = len(codes) if model.posterior_family.diagonal_gaussian else codes.size  # a product has no axis D
    step = max(1, CHUNK // (values * draws.params.shape[1]))
    starts = range(0, len(draws.params), step)
    parts = [
        log_densities(draws.params[start : start + step], draws.log_alpha[start : start + step], codes)
        for start in starts
    ]
    return np.concatenate(parts, axis=0)


def _codes(model, draws: Draws) -> dict:
    means, stddevs = (moment.numpy() for moment in model.posterior_family.moments(draws.params))
    log_q = np.diagonal(draws.log_q_all, axis1=-2, axis2=-1)  # log q_m(z_m)
    per_dimension = None
    if model.posterior_family.diagonal_gaussian and isinstance(model.prior, priors.StandardNormal):
        per_dimension = diagnostics.kl_per_dimension(means, stddevs)
    variance = diagnostics.code_variance(np.exp(draws.log_alpha), means)
    return {
        "active_units": int(np.sum(variance > diagnostics.ACTIVE_VARIANCE)),
        "code_variance": variance,
        "kl_per_component": np.mean(log_q - draws.log_prior, axis=(0, 1), dtype=np.float64),
        "kl_per_dimension": per_dimension,
    }


def _mixture(draws: Draws) -> dict:
    alpha = np.exp(draws.log_alpha.astype(np.float64))
    usage = diagnostics.component_usage(alpha)
    return {
        "mixing_entropy": diagnostics.mixing_entropy(alpha),
        "usage_entropy": diagnostics.mixing_entropy(usage.mean[np.newaxis]),
        "usage": usage.mean,
        "usage_standard_error": diagnostics.standard_error(alpha),
        "largest_share": usage.largest,
        "component_kl": diagnostics.component_kl(draws.log_q_all),
        "component_kl_standard_error": diagnostics.component_kl_standard_error(draws.log_q_all),
        "component_information": diagnostics.component_divergence(draws.log_q_all, alpha),
    }


def _decoder(draws: Draws) -> dict:
    reconstruction = np.sum(np.exp(draws.log_alpha) * draws.log_lik, axis=-1)  # [S, N]
    loss = reconstruction - draws.shuffled_log_lik
    paired = loss[np.isfinite(loss)]  # rows with the code of another row
    of_each = loss.mean(axis=0, dtype=np.float64)  # samples
    return {
        "reconstruction": float(reconstruction.mean(dtype=np.float64)),
        "prior_log_likelihood": float(draws.prior_log_lik.mean(dtype=np.float64)),
        "reliance": float(paired.mean(dtype=np.float64)) if paired.size else float("nan"),
        "reliance_standard_error": diagnostics.standard_error(of_each[np.isfinite(of_each)]),
    }

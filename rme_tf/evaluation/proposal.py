"""Quality of Q(z|x) as a proposal of importance sampling.

Letters: N observations, B batch, M components, D latent dimensions, S draws from Q.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from rme_tf import objectives
from rme_tf.core.argument_checks import check_model
from rme_tf.core.arrays import as_numbers
from rme_tf.core.estimates import percent, short, with_error
from rme_tf.core.validation import check_count, check_counts, check_flag
from rme_tf.evaluation import chunking, densities
from rme_tf.evaluation.batchwise import batchwise
from rme_tf.evaluation.diagnostics import standard_error
from rme_tf.likelihoods.input_checks import checked_whole

FINITE_VARIANCE = 0.5  # Pareto k below which the weights have a finite variance
MOST_USABLE = 0.7  # Pareto k above which no practical number of draws is enough
LEAST_DRAWS = 25  # the tail has a fifth of few draws, and its fit needs five
ROUNDING = 1e-3  # nats: log weights with smaller differences are equal, up to the rounding of float32
UNDERFLOW = 700.0  # nats between float64 weights of which the smaller one is next to zero


class ProposalQuality(NamedTuple):
    """Statistics of the importance weights p(x, z) / Q(z|x) at draws from Q."""

    effective_sample_size: np.ndarray  # (sum w)^2 / sum w^2, from 1 to S  [N]
    pareto_k: np.ndarray  # k-hat of the largest weights  [N]
    num_samples: int  # S

    @property
    def most_usable(self) -> float:
        """Largest k-hat at which S draws give usable estimates."""
        return min(1.0 - 1.0 / math.log10(self.num_samples), MOST_USABLE)

    @property
    def share_unreliable(self) -> float:
        """Share of the observations whose k-hat is not below 0.7."""
        return float(np.mean(~(self.pareto_k < MOST_USABLE)))

    def summary(self) -> str:
        """Returns the statistics in words, several lines."""
        k, sizes, total = self.pareto_k, self.effective_sample_size, len(self.pareto_k)
        good = int(np.sum(k < FINITE_VARIANCE))
        usable = int(np.sum(k < MOST_USABLE)) - good
        mean = with_error(float(sizes.mean()), standard_error(sizes))
        lines = [
            f"{total} observations, {self.num_samples} draws from Q for each; ± is one standard error.",
            f"Effective sample size: {mean} draws, {percent(sizes.mean() / self.num_samples)} of the draws; the "
            f"smallest is {short(float(sizes.min()))}.",
            f"Pareto k-hat: below {FINITE_VARIANCE} for {good} observations (good: weights of finite variance), below "
            f"{MOST_USABLE} for {usable} more (usable), and above for {total - good - usable}, "
            f"{percent(self.share_unreliable)} of them.",
        ]
        if self.share_unreliable > 0.0:
            lines.append("Importance-weighted estimates of observations above are not to be trusted.")
        if self.most_usable < MOST_USABLE:
            lines.append(f"With {self.num_samples} draws, estimates need a k-hat below {self.most_usable:.2f}.")
        return "\n".join(lines)


def proposal_quality(model, x, *, num_samples=5000, seed=0, batch_size=128, progress=True) -> ProposalQuality:
    """Returns the `ProposalQuality` of Q(z|x) for each observation.

    The draws are independent draws from Q, a component chosen for each: the tail of the weights at draws from each
    component in turn, as `bounds` has them, is of another distribution where mixing weights differ.

    Args:
        model: `VAE` to evaluate.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches; checked against the likelihood's support.
        num_samples: number of draws S from Q for each observation, at least 25. With more of them k-hat is more
            certain: its standard error is about (1 + k) / sqrt(3 sqrt(S)).
        seed: integer seed of the draws.
        batch_size: largest number of observations B in a batch.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, or a number is too small.

    References:
        Vehtari et al. (2024), https://arxiv.org/abs/1507.02646
    """
    check_model(model)
    check_flag("progress", progress)
    x = checked_whole(x, model.likelihood)
    check_count("num_samples", num_samples, LEAST_DRAWS)
    check_counts(batch_size=batch_size)
    log_weights = draw_log_weights(model, x, num_samples, seed, batch_size, progress)
    return ProposalQuality(effective_sample_size(log_weights), pareto_k(log_weights), num_samples)


def draw_log_weights(model, x, num_samples: int, seed, batch_size: int, progress: bool = False) -> np.ndarray:
    """Returns log p(x, z) - log Q(z|x) at draws from Q. Shape [N, S].

    In nats; the draws are independent.

    Args:
        model: `VAE` to evaluate.
        x: result of `checked_whole`.
        num_samples: number of draws S for each observation.
        seed: integer seed of the draws.
        batch_size: largest number of observations B in a batch.
        progress: whether to show a progress bar.
    """
    size = 1 if model.posterior_family.diagonal_gaussian else model.num_components  # draws from all components for one
    codes = chunking.codes_at_once(model)
    rows = max(1, min(batch_size, codes // size, len(x) if hasattr(x, "shape") else batch_size))
    passes = math.ceil(num_samples / max(1, codes // (rows * size)))
    chunk = math.ceil(num_samples / passes)
    text = f"{num_samples} draws" if progress else None
    (log_weights,) = batchwise(_log_weights, model, x, passes, chunk, rows=rows, seed=seed, progress=text)
    return log_weights[:, :num_samples].astype(np.float64)


def effective_sample_size(log_weights) -> np.ndarray:
    """Returns the effective sample size of importance weights.

        (sum_s w_s)^2 / sum_s w_s^2

    Args:
        log_weights: log w_s, up to a constant. Shape [N, S].

    Returns:
        size: from 1, for one weight that is far above all others, to S, for equal weights. Shape [N].

    References:
        Kong (1992), A note on importance sampling using standardized weights.
    """
    log_weights = np.asarray(log_weights, np.float64)
    return np.exp(2.0 * logsumexp(log_weights, axis=-1) - logsumexp(2.0 * log_weights, axis=-1))


def pareto_k(log_weights) -> np.ndarray:
    """Returns the Pareto k-hat of importance weights.

    A generalized Pareto distribution is fitted to the largest 3 sqrt(S) weights, or to a fifth of few. Moments of the
    weights of order below 1/k are finite.

    Args:
        log_weights: log w_s at independent draws from the proposal, up to a constant. Shape [N, S].

    Returns:
        k: -inf for equal weights; inf if a few draws have all the weight, where no tail can be fitted. Shape [N].

    Raises:
        ValueError: if there are fewer than 25 weights.

    References:
        Vehtari et al. (2024), https://arxiv.org/abs/1507.02646
    """
    from arviz_stats.base import array_stats  # imported here: it takes a moment

    rows = np.sort(as_numbers(log_weights, "log_weights", rank=2), axis=-1)
    num_samples = check_count("number of log_weights", rows.shape[-1], LEAST_DRAWS)
    tail = num_samples // 5 if num_samples <= 225 else math.floor(3.0 * math.sqrt(num_samples))  # of arviz_stats
    result = np.full(len(rows), -np.inf)
    result[rows[:, -1] - rows[:, -tail] > UNDERFLOW] = np.inf
    fits = (np.ptp(rows, axis=-1) > ROUNDING) & np.isneginf(result)
    if fits.any():
        _, fitted = array_stats.psislw(-rows[fits], axis=-1)  # it takes log-likelihoods, minus log weights
        result[fits] = np.where(np.isnan(fitted), np.inf, fitted)
    return result


# Graph code.


def _log_weights(model, x, seed, passes: int, chunk: int) -> tuple:
    """Returns the log weights [B, S], S = passes * chunk, as a tuple."""
    encoding = model.encode(x)
    q, x = model.posterior_of(encoding), model.likelihood.cast(x)[:, tf.newaxis]  # against [S, B, 1]
    log_lik, log_prior = model.likelihood.log_prob_of(x), densities.log_prob_of(model.prior.distribution())
    component_log_probs = densities.component_log_probs_of(q)

    def body(index):
        """Returns the log weights [chunk, B] of the next draws."""
        z, log_q = _drawn(q, component_log_probs, chunk, tf.random.fold_in(seed, index))
        params = model.likelihood_params(z[:, :, tf.newaxis], x)
        return log_lik(params)[:, :, 0] + log_prior(z) - log_q

    parts = tf.map_fn(
        body,
        tf.range(passes),
        parallel_iterations=1,  # bounds the memory
        fn_output_signature=tf.TensorSpec([chunk, None], tf.float32),
    )
    return (tf.transpose(tf.reshape(parts, [passes * chunk, -1])),)


def _drawn(q, component_log_probs, count: int, seed) -> tuple:
    """Returns draws z [S, B, D] from Q(z|x), and log Q(z|x) there [S, B]."""
    if component_log_probs is not None:
        z = q.sample(count, seed)
        log_q = component_log_probs(z[:, :, tf.newaxis])[:, :, 0]  # [S, B, M]
    else:  # a flow has densities at its own draws without an inversion
        all_z, log_q_all = q.sample_with_log_probs(count, seed)
        seed = tf.random.fold_in(seed, q.num_components)  # the components fold in 0 ... M-1
        chosen = tf.transpose(tf.random.stateless_categorical(q.log_alpha, count, seed))  # [S, B]
        z, log_q = (tf.gather(values, chosen, axis=2, batch_dims=2) for values in (all_z, log_q_all))
    return z, objectives.log_mixture(q.log_alpha, log_q)

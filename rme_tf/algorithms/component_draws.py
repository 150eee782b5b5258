"""Components drawn for each observation of a batch, and estimates from them.

A step that decodes K of the M components for each observation costs about K / M of a step that decodes all. Averages
over the drawn components, with weights M / K, are unbiased for sums over all of them.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from rme_tf import objectives
from rme_tf.core import replicas
from rme_tf.core.types import DrawnLogProbs, Encoding, LogProbs, Tensor

DRAW_FOLD = 0xC0DE5  # makes the draw of the components independent of the draw of z


class ComponentDraws(NamedTuple):
    """K different components of M for each observation of a batch.

    Each subset of K has the same probability for each observation. Within the rows of even number, and within the rows
    of odd number, the components are drawn equally often, up to one; the draws of one half of the batch are independent
    of the draws of the other half.
    """

    indices: Tensor  # indices of the components  [B, K]
    num_components: int  # M

    @property
    def num_drawn(self) -> int:
        """K, the number of components drawn for each observation."""
        return self.indices.shape[-1]

    def take(self, values):
        """Returns values [B, K, ...] of the drawn components of [B, M, ...]."""
        return tf.gather(values, self.indices, axis=1, batch_dims=1)

    def of(self, encoding) -> Encoding:
        """Returns the `Encoding` of the drawn components, of an encoding or posterior."""
        return Encoding(self.take(encoding.params), self.take(encoding.log_alpha))

    def diagonal(self, log_q_all):
        """Returns log q_m(z_m) [S, B, K] for `log_q_all` [S, B, K, M]."""
        return tf.reduce_sum(tf.where(self.one_hot(), log_q_all, 0.0), axis=-1)

    def log_probs(self, log_probs: LogProbs) -> DrawnLogProbs:
        """Returns the log-probabilities of the drawn components, with their indices."""
        return DrawnLogProbs(*log_probs, self.indices)

    def one_hot(self):
        """Returns whether a component is the one drawn. Shape [B, K, M]."""
        return tf.equal(self.indices[..., tf.newaxis], tf.range(self.num_components))

    def log_weights(self, log_alpha):
        """Returns log(M / K alpha_m) of the drawn components. Shape [B, K].

        The sum over the drawn components, with these weights, is unbiased for sum_m alpha_m v_m.
        """
        return self.take(log_alpha) + math.log(self.num_components / self.num_drawn)

    def means_over_batch(self, values):
        """Returns means over the observations that drew the same component.

        Args:
            values: Shape [B, K, ...].

        Returns:
            Shape [B, K, ...].
        """
        drew = tf.cast(self.one_hot(), values.dtype)  # [B, K, M]
        totals = replicas.total(tf.tensordot(drew, values, [[0, 1], [0, 1]]))  # [M, ...]
        counts = replicas.total(tf.reduce_sum(drew, axis=[0, 1]))
        means = tf.math.divide_no_nan(totals, tf.reshape(counts, [-1, *[1] * (len(values.shape) - 2)]))
        return tf.gather(means, self.indices)

    def baseline(self, values):
        """Returns means over the other half of the batch, without gradient.

        They are independent of the observation's own draw, and zero if the batch has one observation.

        Args:
            values: Shape [B, K, ...].

        Returns:
            Shape [B, 1, ...].
        """
        values = tf.stop_gradient(tf.reduce_mean(values, axis=1, keepdims=True))
        rows = _global_rows(tf.shape(values)[0]) % 2
        is_even = tf.reshape(tf.equal(rows, 0), [-1, *[1] * (len(values.shape) - 1)])
        even, odd = _means_of_halves(values, is_even)
        return tf.where(is_even, odd, even)

    def weighted_sum(self, weights, values):
        """Returns an unbiased estimate of sum_m w_m v_m, with unbiased gradients.

        The derivatives of all M weights must sum to zero, as they do for mixing weights. So a constant may be
        subtracted from the values in the gradient of the weights: with several drawn components their mean, else a
        `baseline`. The noise of what the values have in common, which is most of them, then does not reach the weights.

        Args:
            weights: w_m of the drawn components. Shape [B, K, ...].
            values: v_m of the drawn components. Shape [B, K, ...].

        Returns:
            Shape [B, ...].
        """
        every, some = self.num_components, self.num_drawn
        held = tf.stop_gradient(values)
        if some > 1:
            centered = (every - 1) / (some - 1) * (held - tf.reduce_mean(held, axis=1, keepdims=True))
        else:
            centered = every * (held - self.baseline(values))
        total = every / some * tf.stop_gradient(weights) * values
        return tf.reduce_sum(total + (weights - tf.stop_gradient(weights)) * centered, axis=1)


def draw_components(num_observations, num_components: int, count: int, seed) -> ComponentDraws:
    """Returns components drawn uniformly without replacement for each observation.

    Row b of a half of the batch takes K successive entries of a random permutation, from the entry b K on.

    Args:
        num_observations: number of observations B.
        num_components: number of components M.
        count: number of drawn components K, at most M.
        seed: stateless seed. Shape [2].
    """
    seed = tf.random.fold_in(seed, DRAW_FOLD)
    keys = tf.random.stateless_uniform([2, num_components], seed, None, None, tf.int32)
    permutations = tf.argsort(keys, direction="DESCENDING")  # of the even and of the odd rows
    rows = _global_rows(num_observations)[:, tf.newaxis]
    columns = (rows // 2 * count + tf.range(count)) % num_components
    return ComponentDraws(
        tf.gather(tf.reshape(permutations, [-1]), rows % 2 * num_components + columns), num_components
    )


def epoch_terms(log_probs: LogProbs | DrawnLogProbs, *, learned: bool = True) -> dict:
    """Returns the terms of `objectives.mixture_terms` for a step.

    From drawn components, elbo, reconstruction and kl are unbiased estimates, component_elbo is zero for the other
    components, and there is a term `known`, whether a component was drawn, shape [B, M].

    Args:
        log_probs: log-probabilities of the step.
        learned: whether the mixing weights may differ. The noise of the estimates is then reduced by a `baseline`.
    """
    if isinstance(log_probs, LogProbs):
        return objectives.mixture_terms(log_probs)
    log_alpha = log_probs.log_alpha
    drawn = ComponentDraws(log_probs.drawn, log_alpha.shape[-1])
    weights = tf.exp(drawn.log_weights(log_alpha))

    def mean(values):
        """Returns an unbiased estimate [B] of sum_m alpha_m v_m, for v [B, K]."""
        if not learned:
            return tf.reduce_sum(weights * values, axis=1)
        common = drawn.baseline(values)
        return tf.reduce_sum(weights * (values - common), axis=1) + common[:, 0]

    log_joint = log_probs.log_lik + log_probs.log_prior
    log_density = objectives.log_mixture(log_alpha[:, tf.newaxis], log_probs.log_q_all)
    bound = mean(objectives.elbo(log_joint, log_density))
    reconstruction = mean(tf.reduce_mean(log_probs.log_lik, axis=0))  # samples
    of_each = objectives.elbo(log_joint, drawn.diagonal(log_probs.log_q_all))
    drew = drawn.one_hot()
    return {
        "elbo": bound,
        "reconstruction": reconstruction,
        "kl": reconstruction - bound,
        "component_elbo": tf.reduce_sum(tf.where(drew, of_each[..., tf.newaxis], 0.0), axis=1),
        "alpha": tf.exp(log_alpha),
        "known": tf.reduce_any(drew, axis=1),
    }


def _global_rows(num_observations):
    """Returns the numbers of the rows in the global batch."""
    place = replicas.rows()
    return tf.range(num_observations) + (0 if place is None else place.first)


def _means_of_halves(values, is_even):
    """Returns the means over the rows of even and of odd number, zero without such rows."""
    if replicas.rows() is None:
        return [_mean_of_rows(values[first::2]) for first in range(2)]
    halves = [tf.cast(half, values.dtype) for half in (is_even, ~is_even)]
    sums = [replicas.total(tf.reduce_sum(half * values, axis=0)) for half in halves]
    counts = [replicas.total(tf.reduce_sum(half)) for half in halves]
    return [tf.math.divide_no_nan(*pair) for pair in zip(sums, counts, strict=True)]


def _mean_of_rows(values):
    """Returns the mean over the first axis, zero if it is empty."""
    count = tf.cast(tf.shape(values)[0], values.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(values, axis=0), count)

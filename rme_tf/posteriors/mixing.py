"""Mixing weights: log_alpha [B, M] from the mixing network's logits [B, M-1].

Every mode obeys the recursion Q_m = (1 - eps_m) Q_{m-1} + eps_m q_m, so the weights of the first K
components, renormalized, are the weights of Q_{K-1}; the recursive algorithms rely on it.

Which one to choose: learned weights and the decoder feed each other, so a component that gets ahead early
takes all the weight and the mixture collapses to one Gaussian. `UniformMixing` cannot collapse and is
the default. `RecursiveMixing` is the paper's; bound it (`eps_min`) or pull it (`uniform_pull`)
and start the components alike (`warm_start_epochs` of the algorithm) if you learn the weights.
"""

import math

import keras
import tensorflow as tf

from rme_tf.core.validation import check_number

LEAST_SHARE = 1e-6  # distance of a sigmoid from 0 and 1 at which float32 still has its logit


class Mixing(keras.layers.Layer):
    """A map from the logits of the mixing network to mixing weights.

    To be implemented by subclasses:
        * `learned`: whether a mixing network learns the weights.
        * `log_alpha(logits)`: logits [B, M-1] -> log weights [B, M].
        * `penalty(log_alpha)`: [B, M] -> [B], in nats, subtracted from the objective of the weights in training. Zero
          by default.

    May be overridden:
        * `logits(log_alpha)`, the inverse of `log_alpha`, if the weights are learned: a search for the best posterior
          of an observation (`rme_tf.evaluation.inference_gaps`) needs it.
    """

    learned = False

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.built = True

    def log_alpha(self, logits):
        """Returns the log mixing weights [B, M] for logits [B, M-1]."""
        raise NotImplementedError

    def logits(self, log_alpha):
        """Returns logits [B, M-1] with the log weights [B, M]."""
        raise NotImplementedError

    def penalty(self, log_alpha):
        """Returns the penalty on the mixing weights, in nats. Shape [B]."""
        return tf.zeros_like(log_alpha[:, 0])


@keras.saving.register_keras_serializable("rme_tf")
class UniformMixing(Mixing):
    """Uniform weights: alpha_m = 1 / M, eps_m = 1/(m + 1)."""

    def log_alpha(self, logits):
        """Returns -log M, shape [B, M]; the logits' values do not matter."""
        zeros = tf.pad(tf.zeros_like(logits), [[0, 0], [1, 0]])
        return zeros - math.log(logits.shape[-1] + 1)


@keras.saving.register_keras_serializable("rme_tf")
class RecursiveMixing(Mixing):
    """The paper's amortized weights.

        alpha_m = eps_m prod_{j>m} (1 - eps_j),   eps_0 = 1
        eps_m(x) = eps_min + (1 - 2 eps_min) sigmoid(logit_m(x) - log m)

    Logits of zero are uniform weights if eps_min = 0.

    Args:
        eps_min: lower bound on eps_m and on 1 - eps_m. In [0, 0.5).
        uniform_pull: weight of the penalty KL(uniform || alpha(x)), not negative. Its gradient with respect to the
            logits does not vanish when a weight does.

    Raises:
        ValueError: if `eps_min` or `uniform_pull` is outside its range.
    """

    learned = True

    def __init__(self, eps_min: float = 0.0, uniform_pull: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.eps_min = check_number("eps_min", eps_min, least=0.0, below=0.5)
        self.uniform_pull = check_number("uniform_pull", uniform_pull, least=0.0)

    def _log_bounded_sigmoid(self, logits):
        if self.eps_min == 0.0:
            return tf.math.log_sigmoid(logits)
        return tf.math.log(self.eps_min + (1.0 - 2.0 * self.eps_min) * tf.math.sigmoid(logits))

    def log_alpha(self, logits):
        """Returns log alpha, shape [B, M], for logits of shape [B, M-1]."""
        order = tf.range(1, logits.shape[-1] + 1, dtype=logits.dtype)
        logits = logits - tf.math.log(order)
        log_eps = self._log_bounded_sigmoid(logits)
        log_rest = self._log_bounded_sigmoid(-logits)  # log(1 - eps)
        log_eps = tf.pad(log_eps, [[0, 0], [1, 0]])  # eps_0 = 1
        later = tf.cumsum(log_rest, axis=-1, reverse=True)  # sum over j >= m of log(1 - eps_j)
        return log_eps + tf.pad(later, [[0, 0], [0, 1]])

    def logits(self, log_alpha):
        """Returns the logits [B, M-1] of log weights [B, M], without a gradient.

        Weights at the bounds get the logits of weights just inside of them.
        """
        log_before = tf.math.cumulative_logsumexp(log_alpha, axis=-1)[:, :-1]
        logits = log_alpha[:, 1:] - log_before  # log(eps / (1 - eps))
        if self.eps_min > 0.0:
            share = (tf.math.sigmoid(logits) - self.eps_min) / (1.0 - 2.0 * self.eps_min)
            share = tf.clip_by_value(share, LEAST_SHARE, 1.0 - LEAST_SHARE)
            logits = tf.math.log(share) - tf.math.log1p(-share)
        order = tf.range(1, log_alpha.shape[-1], dtype=log_alpha.dtype)
        return tf.stop_gradient(logits + tf.math.log(order))

    def penalty(self, log_alpha):
        """Returns uniform_pull * KL(uniform || alpha), shape [B]."""
        num_components = log_alpha.shape[-1]
        kl = -math.log(num_components) - tf.reduce_mean(log_alpha, axis=-1)  # components
        return self.uniform_pull * kl

    def get_config(self):
        """Returns the arguments of the constructor."""
        config = {"eps_min": self.eps_min, "uniform_pull": self.uniform_pull}
        return {**super().get_config(), **config}

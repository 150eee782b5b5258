"""Base class and functions of likelihoods of pixels with 256 levels."""

import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.validation import check_number
from rme_tf.likelihoods.base import Likelihood

LEVELS = 256
HALF_BIN = 1.0 / 255.0  # half the width of a level, for pixels scaled to [-1, 1]
MIN_LOG_SCALE = -7.0  # as in PixelCNN++; the scale is then a ninth of a level
LEAST_LOG_SCALE = -20.0  # lowest possible floor: one level has all the mass at much larger scales
FAR = 1e28  # where a logistic has no mass; finite over every scale, and from every mean
MAX_LOG_SCALE = 40.0  # keeps 1 / the mass of a level finite in the gradient, even with a scaled loss


class Levels(Likelihood):
    """Base class of likelihoods of pixels k / 255, k = 0 ... 255.

    The binarization "none" gives such pixels. Each level has a probability; there is no density.
    """

    support = "the 256 levels k / 255 of 8-bit pixels"
    interval = (0.0, 1.0)

    def widened(self, count: int) -> tuple[int, ...]:
        """Returns `event_shape` with the last axis multiplied by `count`.

        Raises:
            ValueError: if `event_shape` has no axis.
        """
        if not self.event_shape:
            raise ValueError(f"{type(self).__name__} needs observations with an axis. Received: `event_shape` ().")
        return (*self.event_shape[:-1], count * self.event_shape[-1])

    def in_support(self, x):
        """Returns whether each entry is one of the levels, up to rounding."""
        x = tf.cast(x, tf.float32) * 255.0
        return tf.logical_and(tf.abs(x - tf.round(x)) < 1e-3, tf.logical_and(x > -0.5, x < 255.5))


def to_unit(pixels):
    """Returns pixels in [-1, 1] as levels k / 255."""
    return tf.round(tf.clip_by_value((pixels + 1.0) * 0.5, 0.0, 1.0) * 255.0) / 255.0


def from_unit(x):
    """Returns levels k / 255 as pixels in [-1, 1]."""
    return 2.0 * x - 1.0


def check_log_scale(min_log_scale: float) -> float:
    """Returns the checked floor of log-scales.

    Args:
        min_log_scale: floor of log-scales.

    Raises:
        ValueError: if the floor is out of range.
    """
    return check_number("min_log_scale", min_log_scale, least=LEAST_LOG_SCALE, below=MAX_LOG_SCALE)


def bounded(log_scale, least: float):
    """Returns the log-scale clipped between its floor and `MAX_LOG_SCALE`.

    The gradient of a clipped log-scale is zero.
    """
    return tf.clip_by_value(log_scale, least, MAX_LOG_SCALE)


def logistic_level_log_prob(pixels, mean, log_scale):
    """Returns the log-probability of a level's bin under a logistic, in nats.

    With a and b the ends of the bin in units of the scale, sigma(a) - sigma(b) = sigma(a) sigma(-b) (1 - e^(b - a)),
    whose logarithm is exact at any distance of the bin from the mean. The first and the last bin extend to infinity.

    Args:
        pixels: levels scaled to [-1, 1].
        mean: mean of the logistic on the scale of `pixels`; broadcasts.
        log_scale: log-scale of the logistic, after `bounded`; broadcasts.
    """
    precision = tf.exp(-log_scale)
    centered = pixels - mean
    upper, lower = precision * (centered + HALF_BIN), precision * (centered - HALF_BIN)
    below, above = tf.math.log_sigmoid(upper), tf.math.log_sigmoid(-lower)
    inside = below + above + tf.math.log(-tf.math.expm1(-2.0 * HALF_BIN * precision))
    log_prob = tf.where(pixels > 1.0 - HALF_BIN, above, inside)
    return tf.where(pixels < HALF_BIN - 1.0, below, log_prob)


def logistic_level_log_prob_of(pixels):
    """Returns `logistic_level_log_prob` of fixed levels, as a function.

    Ends far away of the first and the last bin replace the choice between three formulas.

    Args:
        pixels: levels scaled to [-1, 1].

    Returns:
        log_prob: function, (mean, log_scale) -> log-probabilities.
    """
    is_first, is_last = pixels < HALF_BIN - 1.0, pixels > 1.0 - HALF_BIN
    to_upper, to_lower = tf.where(is_last, FAR, HALF_BIN), tf.where(is_first, FAR, HALF_BIN)
    is_inside = tf.where(is_first | is_last, 0.0, 1.0)

    def log_prob(mean, log_scale):
        """Returns the log-probability of each bin."""
        precision = tf.exp(-log_scale)
        centered = mean - pixels
        above = tf.math.softplus(precision * (centered - to_upper))
        below = tf.math.softplus(precision * (-centered - to_lower))
        return is_inside * tf.math.log(-tf.math.expm1(-2.0 * HALF_BIN * precision)) - (above + below)

    return log_prob


def logistic_level_mean(mean, log_scale):
    """Returns the mean level of a discretized logistic, in [0, 1].

    The mean level equals the mean over the edges of the bins of the mass above an edge.

    Args:
        mean: mean of the logistic on [-1, 1].
        log_scale: log-scale of the logistic, after `bounded`; broadcasts against the mean.
    """
    precision = tf.exp(-log_scale)

    def body(k, total):
        edge = (2.0 * tf.cast(k, tf.float32) + 1.0) * HALF_BIN - 1.0
        return k + 1, total + tf.math.sigmoid(precision * (mean - edge))

    total = tf.zeros_like(mean + precision)
    _, total = tf.while_loop(lambda k, _: k < LEVELS - 1, body, (tf.constant(0), total), maximum_iterations=LEVELS - 1)
    return total / (LEVELS - 1)


def sample_logistic(mean, log_scale, shape, seed):
    """Returns draws of a logistic, before rounding to levels.

    Args:
        mean: mean of the logistic.
        log_scale: log-scale of the logistic.
        shape: shape of the draws.
        seed: stateless seed. Shape [2].
    """
    uniform = tf.random.stateless_uniform(shape, seed, minval=1e-6, maxval=1.0 - 1e-6)
    return mean + tf.exp(log_scale) * (tf.math.log(uniform) - tf.math.log1p(-uniform))


def log_softmax(logits):
    """Returns log-probabilities [..., K].

    TensorFlow's kernel accepts at most five axes on some processors.
    """
    return logits - tf.reduce_logsumexp(logits, axis=-1, keepdims=True)


class LevelDistribution(tfp.distributions.Distribution):
    """A distribution over the levels of an observation, defined by functions.

    Args:
        params: params of the distribution. Shape [*batch, *params_shape].
        event_shape: shape of one observation.
        num_params_axes: length of `params_shape`.
        log_prob: function (params, x) -> log-probabilities [...].
        draw: function (params with a leading axis of draws, seed) -> x.
        mean: function params -> mean of x.
        name: name of the distribution.
    """

    def __init__(self, params, *, event_shape, num_params_axes, log_prob, draw, mean, name="LevelDistribution"):
        parameters = dict(locals())
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfp.distributions.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )
        self._params, self._event, self._axes = params, tuple(event_shape), num_params_axes
        self._functions = log_prob, draw, mean

    def _batch_shape(self):
        return self._params.shape[: self._params.shape.rank - self._axes]

    def _batch_shape_tensor(self, **kwargs):
        return tf.shape(self._params)[: self._params.shape.rank - self._axes]

    def _event_shape(self):
        return tf.TensorShape(self._event)

    def _event_shape_tensor(self, **kwargs):
        return tf.constant(self._event, tf.int32)

    def _log_prob(self, value):
        return self._functions[0](self._params, tf.cast(value, tf.float32))

    def _sample_n(self, n, seed=None):
        seed = tfp.random.sanitize_seed(seed)
        shape = tf.concat([[n], tf.shape(self._params)], axis=0)
        return self._functions[1](tf.broadcast_to(self._params, shape), seed)

    def _mean(self):
        return self._functions[2](self._params)

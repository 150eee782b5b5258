"""Discretized logistic likelihoods of pixels with 256 levels."""

import functools

import keras
import tensorflow as tf

from rme_tf.core.validation import check_count
from rme_tf.likelihoods.levels import (
    MIN_LOG_SCALE,
    LevelDistribution,
    Levels,
    bounded,
    check_log_scale,
    from_unit,
    log_softmax,
    logistic_level_log_prob,
    logistic_level_log_prob_of,
    logistic_level_mean,
    sample_logistic,
    to_unit,
)


@keras.saving.register_keras_serializable("rme_tf")
class DiscretizedLogistic(Levels):
    """Independent discretized logistic pixels.

    The probability of a level is the mass of its bin under a logistic on [-1, 1], whose mean and log-scale are the
    params.

    Args:
        event_shape: shape of one observation.
        min_log_scale: floor of the log-scale; the gradient of a log-scale below it is zero.

    Raises:
        ValueError: if `min_log_scale` is below -20 or at least 40.

    References:
        Kingma et al. (2016), https://arxiv.org/abs/1606.04934
    """

    unconstrained = "means and log-scales"

    def __init__(self, event_shape, min_log_scale: float = MIN_LOG_SCALE, **kwargs):
        super().__init__(event_shape, **kwargs)
        self.min_log_scale = check_log_scale(min_log_scale)

    @property
    def params_shape(self):
        """Means and log-scales, two numbers for each entry of x."""
        return self.widened(2)

    def distribution(self, params):
        """Returns the distribution over levels, batch [...], event `event_shape`."""
        return LevelDistribution(
            params,
            event_shape=self.event_shape,
            num_params_axes=len(self.params_shape),
            log_prob=self._log_prob_of_pixels,
            draw=self._draw,
            mean=lambda params: logistic_level_mean(*self._split(params)),
        )

    def _split(self, params):
        """Returns means and log-scales [..., *event_shape]."""
        mean, log_scale = tf.split(params, 2, axis=-1)
        return mean, bounded(log_scale, self.min_log_scale)

    def _log_prob_of_pixels(self, params, x):
        return tf.reduce_sum(self.entry_log_prob(params, x), axis=self.event_axes)

    def entry_log_prob(self, params, x):
        """Returns log p(x_i|z) of each entry. See `Likelihood`."""
        return logistic_level_log_prob(from_unit(tf.cast(x, tf.float32)), *self._split(params))

    def prepared(self, x, totals):
        """Returns log p(x|z) of fixed x as a function of the params."""
        log_prob = logistic_level_log_prob_of(from_unit(tf.cast(x, tf.float32)))
        return lambda params: totals.sum(log_prob(*self._split(params)))

    def _draw(self, params, seed):
        mean, log_scale = self._split(params)
        return to_unit(sample_logistic(mean, log_scale, tf.shape(mean), seed))

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "min_log_scale": self.min_log_scale}


@keras.saving.register_keras_serializable("rme_tf")
class DiscretizedLogisticMixture(Levels):
    """A mixture of K discretized logistics for each pixel.

    The mean of green depends linearly on red, and the mean of blue on red and green. The params of a pixel are K logits
    and, for each channel, K means, K log-scales and, with three channels, K coefficients before a tanh: 10 K numbers
    with three channels, 3 K with one.

    Args:
        event_shape: (H, W, C) with C = 1 or 3, or any shape of pixels with one channel.
        num_mixtures: number of logistics K.
        min_log_scale: floor of the log-scales; the gradient of a log-scale below it is zero.

    Raises:
        ValueError: if there are neither one nor three channels, K is below 1, or `min_log_scale` is below -20 or at
            least 40.

    References:
        Salimans et al. (2017), https://arxiv.org/abs/1701.05517
    """

    unconstrained = "logits, means, log-scales and coefficients"

    def __init__(self, event_shape, num_mixtures: int = 10, min_log_scale: float = MIN_LOG_SCALE, **kwargs):
        super().__init__(event_shape, **kwargs)
        self.num_mixtures = check_count("num_mixtures", num_mixtures)
        self.min_log_scale = check_log_scale(min_log_scale)
        self.has_channels = len(self.event_shape) == 3
        self.channels = self.event_shape[-1] if self.has_channels else 1
        if self.channels not in (1, 3):
            raise ValueError(f"Expected images with 1 or 3 channels. Received: `event_shape` {self.event_shape}.")

    @property
    def params_shape(self):
        """10 K (RGB) or 3 K (gray) params for each pixel."""
        per_component = 10 if self.channels == 3 else 3
        pixels = self.event_shape[:-1] if self.has_channels else self.event_shape
        return (*pixels, per_component * self.num_mixtures)

    def distribution(self, params):
        """Returns the distribution over levels, batch [...], event `event_shape`.

        Its mean is computed channel by channel: for green and blue, given the means of the earlier channels.
        """
        return LevelDistribution(
            params,
            event_shape=self.event_shape,
            num_params_axes=len(self.params_shape),
            log_prob=self._log_prob_of_pixels,
            draw=self._draw,
            mean=self._mean,
        )

    def _split(self, params):
        """Returns logits [..., K], and means, log-scales and coefficients [..., C, K] (the last None if C = 1)."""
        logits, others = params[..., : self.num_mixtures], params[..., self.num_mixtures :]
        parts = 3 if self.channels == 3 else 2
        shape = tf.concat([tf.shape(others)[:-1], [parts, self.channels, self.num_mixtures]], axis=0)
        others = tf.unstack(tf.reshape(others, shape), axis=-3, num=parts)
        log_scales = bounded(others[1], self.min_log_scale)
        return logits, others[0], log_scales, tf.tanh(others[2]) if parts == 3 else None

    def _with_channels(self, x):
        return x if self.has_channels else x[..., tf.newaxis]

    def _log_prob_of_pixels(self, params, x):
        return self._total(self._by_pixel(params, x))

    def entry_log_prob(self, params, x):
        """Returns log p(x_i|z) of each entry of gray images. See `Likelihood`."""
        if self.channels > 1:
            return super().entry_log_prob(params, x)
        log_prob = self._by_pixel(params, tf.cast(x, tf.float32))
        return log_prob[..., tf.newaxis] if self.has_channels else log_prob

    def _by_pixel(self, params, x):
        """Returns the log-probability of each pixel, its channels together."""
        pixels = from_unit(self._with_channels(x))[..., tf.newaxis]  # [..., C, 1]
        return self._log_prob_by(functools.partial(logistic_level_log_prob, pixels), params, pixels)

    def prepared(self, x, totals):
        """Returns log p(x|z) of fixed x as a function of the params."""
        del totals  # the sum over pixels follows one over components
        pixels = from_unit(self._with_channels(tf.cast(x, tf.float32)))[..., tf.newaxis]  # [..., C, 1]
        log_prob = logistic_level_log_prob_of(pixels)
        return lambda params: self._total(self._log_prob_by(log_prob, params, pixels))

    def _log_prob_by(self, level_log_prob, params, pixels):
        """Returns log p of each pixel for a function (means, log_scales) -> log-probabilities of the levels."""
        logits, means, log_scales, coefficients = self._split(params)
        if coefficients is not None:
            means = _conditioned(means, coefficients, pixels)
        log_prob = tf.reduce_sum(level_log_prob(means, log_scales), axis=-2)  # channels
        return tf.reduce_logsumexp(log_softmax(logits) + log_prob, axis=-1)  # components

    def _total(self, log_prob):
        """Returns the sum over pixels."""
        return tf.reduce_sum(log_prob, axis=list(range(1 - len(self.params_shape), 0)))

    def _draw(self, params, seed):
        logits, means, log_scales, coefficients = self._split(params)
        which, noise = tf.random.fold_in(seed, 0), tf.random.fold_in(seed, 1)
        flat = tf.random.stateless_categorical(tf.reshape(logits, [-1, self.num_mixtures]), 1, which)
        chosen = tf.one_hot(tf.reshape(flat, tf.shape(logits)[:-1]), self.num_mixtures)[..., tf.newaxis, :]
        picked = [None if part is None else tf.reduce_sum(chosen * part, axis=-1) for part in (means, log_scales)]
        draws = sample_logistic(tf.zeros([]), picked[1], tf.shape(picked[1]), noise)  # about zero  [..., C]
        if coefficients is None:
            return to_unit(draws + picked[0]) if self.has_channels else to_unit(draws + picked[0])[..., 0]
        return _channel_after_channel(picked[0], draws, tf.reduce_sum(chosen * coefficients, axis=-1))

    def _mean(self, params):
        logits, means, log_scales, coefficients = self._split(params)
        weights = tf.exp(log_softmax(logits))[..., tf.newaxis, :]
        if coefficients is not None:
            pixels = tf.zeros_like(means[..., :1])
            for _ in range(2):  # the first iteration completes red, the second one green
                moved = _conditioned(means, coefficients, pixels)
                pixels = tf.reduce_sum(weights * tf.clip_by_value(moved, -1.0, 1.0), axis=-1, keepdims=True)
            means = _conditioned(means, coefficients, pixels)
        level = tf.reduce_sum(weights * logistic_level_mean(means, log_scales), axis=-1)
        return level if self.has_channels else level[..., 0]

    def get_config(self):
        """Returns the arguments of the constructor."""
        options = {"num_mixtures": self.num_mixtures, "min_log_scale": self.min_log_scale}
        return {**super().get_config(), **options}


def _conditioned(means, coefficients, pixels):
    """Returns the means [..., 3, K] of red, of green given red, and of blue given both, for pixels [..., 3, 1 or K]."""
    red, green = pixels[..., 0, :], pixels[..., 1, :]
    of_green = coefficients[..., 0, :] * red
    of_blue = coefficients[..., 1, :] * red + coefficients[..., 2, :] * green
    return means + tf.stack([tf.zeros_like(of_green), of_green, of_blue], axis=-2)


def _channel_after_channel(means, noise, coefficients):
    """Returns levels [..., 3], where each channel is drawn given the levels of the earlier channels."""
    red = to_unit(means[..., 0] + noise[..., 0])
    green = to_unit(means[..., 1] + coefficients[..., 0] * from_unit(red) + noise[..., 1])
    blue = means[..., 2] + coefficients[..., 1] * from_unit(red) + coefficients[..., 2] * from_unit(green)
    return tf.stack([red, green, to_unit(blue + noise[..., 2])], axis=-1)

"""Gaussian likelihood of real observations in [0, 1]."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import LOG_2_PI
from rme_tf.core.validation import check_choice, check_number
from rme_tf.likelihoods.base import Likelihood

SCALES = ("decoded", "fixed", "per_image", "per_pixel", "shared")


@keras.saving.register_keras_serializable("rme_tf")
class Normal(Likelihood):
    """Independent Gaussian pixels, with means as params.

    Args:
        event_shape: shape of one observation.
        initial_scale: scale before training, positive.
        min_scale: floor of the scale, positive, which keeps the densities of constant pixels finite.
        scale: "shared" (one learned scale), "per_pixel" (a learned scale for each pixel), "fixed" (no learned scale),
            "decoded" (the decoder returns a raw scale for each pixel after the means) or "per_image" (the mean of the
            decoded raw scales of an image gives one scale).

    Raises:
        ValueError: if a scale is not positive, or `scale` is unknown.
    """

    support = "real values in [0, 1]"
    interval = (0.0, 1.0)
    bits_offset = 8.0  # a density on pixels / 256

    def __init__(
        self, event_shape, initial_scale: float = 0.2, min_scale: float = 0.01, scale: str = "shared", **kwargs
    ):
        super().__init__(event_shape, **kwargs)
        self.min_scale = check_number("min_scale", min_scale, above=0.0)
        remedy = "The scale starts above its minimum, `min_scale`."
        self.initial_scale = check_number("initial_scale", initial_scale, above=self.min_scale, remedy=remedy)
        check_choice("scale", scale, SCALES)
        self.scale_kind = scale
        self.unconstrained = "means and raw scales" if scale in ("decoded", "per_image") else None
        self._raw_initial = math.log(math.expm1(initial_scale - min_scale))
        if scale in ("shared", "per_pixel", "fixed"):
            self.raw_scale = self.add_weight(
                name="raw_scale",
                shape=self.event_shape if scale == "per_pixel" else (),
                initializer=keras.initializers.Constant(self._raw_initial),
                trainable=scale != "fixed",
            )

    @property
    def scale(self):
        """Standard deviation of all images, [] or `event_shape`; None if decoded."""
        return self._positive(tf.convert_to_tensor(self.raw_scale)) if hasattr(self, "raw_scale") else None

    def _positive(self, raw):
        return tf.math.softplus(raw) + self.min_scale

    @property
    def params_shape(self):
        """A mean for each entry of x, and a decoded raw scale."""
        if self.scale is not None:
            return self.event_shape
        return (*self.event_shape[:-1], 2 * self.event_shape[-1])

    def distribution(self, params):
        """Returns independent Gaussians, batch [...], event `event_shape`."""
        mean, scale = params, self.scale
        if scale is None:
            mean, raw = self._split(params)
            raw += tf.zeros_like(mean) if self.scale_kind == "per_image" else 0.0
            scale = self._positive(raw + self._raw_initial)
        return tfp.distributions.Independent(
            tfp.distributions.Normal(mean, scale), reinterpreted_batch_ndims=len(self.event_shape)
        )

    def _split(self, params):
        """Returns means [..., *event_shape], and decoded raw scales that broadcast against them."""
        mean, raw = tf.split(params, 2, axis=-1)
        if self.scale_kind == "per_image":
            raw = tf.reduce_mean(raw, axis=self.event_axes, keepdims=True)
        return mean, raw

    def prepared(self, x, totals):
        """Returns log p(x|z) of fixed x as a function of the params."""
        x, known, size = tf.cast(x, tf.float32), self.scale, math.prod(self.event_shape)

        def log_prob(params):
            """Returns log p(x|z) [...]."""
            mean, scale = params, known
            if scale is None:
                mean, raw = self._split(params)
                scale = self._positive(raw + self._raw_initial)
            if self.scale_kind in ("decoded", "per_pixel"):
                terms = 0.5 * tf.square((x - mean) / scale) + tf.math.log(scale)
                return -totals.sum(terms) - 0.5 * size * LOG_2_PI
            if self.scale_kind == "per_image":
                scale = tf.squeeze(scale, axis=totals.axes)
            distance = totals.sum(tf.math.squared_difference(x, mean)) / scale / scale
            return -0.5 * distance - size * (tf.math.log(scale) + 0.5 * LOG_2_PI)

        return log_prob

    def of_pixel(self):
        """Returns the likelihood itself, if one pixel determines its scale."""
        if self.scale_kind in ("per_image", "per_pixel"):
            raise ValueError(
                "Pixel by pixel, `scale` must be 'decoded', 'fixed' or 'shared': of one pixel nothing else is known. "
                f"Received: {self.scale_kind!r}."
            )
        return self

    def in_support(self, x):
        """Returns whether each entry is in [0, 1]; false for NaN."""
        x = tf.cast(x, tf.float32)
        return tf.logical_and(x >= 0.0, x <= 1.0)

    def get_config(self):
        """Returns the arguments of the constructor."""
        config = {"initial_scale": self.initial_scale, "min_scale": self.min_scale, "scale": self.scale_kind}
        return {**super().get_config(), **config}

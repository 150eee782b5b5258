"""Base class of likelihoods with locations and scales."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from rme_tf.core.softplus import softplus_inverse
from rme_tf.core.validation import check_choice, check_number, is_number, require
from rme_tf.likelihoods.base import Likelihood
from rme_tf.likelihoods.support import LARGEST

SCALES = ("decoded", "fixed", "per_image", "per_pixel", "shared")


class LocationScale(Likelihood):
    """Base class of densities with decoded locations.

    Args:
        event_shape: shape of one observation.
        initial_scale: scale before training, positive.
        min_scale: floor of the scale, positive, which keeps the densities of constant pixels finite.
        scale: "shared" (one learned scale), "per_pixel" (a learned scale for each pixel), "fixed" (no learned scale),
            "decoded" (the decoder returns a raw scale for each pixel after the means) or "per_image" (the mean of the
            decoded raw scales of an image gives one scale).
        interval: (low, high), the values that observations may have; None for all real values. Bits per dimension are
            of 8-bit pixels scaled to the interval, and NaN without an interval.

    Raises:
        ValueError: if a scale is not positive, `scale` is unknown, or `interval` is not two increasing numbers.

    To be implemented by subclasses:
        * `distribution(params)`: see `Likelihood`; `moments` has the locations and scales.
    """

    def __init__(
        self,
        event_shape,
        initial_scale: float = 0.2,
        min_scale: float = 0.01,
        scale: str = "shared",
        interval: tuple[float, ...] | None = (0.0, 1.0),
        **kwargs,
    ):
        super().__init__(event_shape, **kwargs)
        self.min_scale = check_number("min_scale", min_scale, above=0.0)
        remedy = "The scale starts above its minimum, `min_scale`."
        self.initial_scale = check_number("initial_scale", initial_scale, above=self.min_scale, remedy=remedy)
        check_choice("scale", scale, SCALES)
        self.interval = check_interval(interval)
        self.support, self.values, self.bits_offset = _described(self.interval)
        self.scale_kind = scale
        self.unconstrained = self._unconstrained()
        self._raw_initial = softplus_inverse(initial_scale - min_scale)
        if scale in ("shared", "per_pixel", "fixed"):
            self.raw_scale = self.add_weight(
                name="raw_scale",
                shape=self.event_shape if scale == "per_pixel" else (),
                initializer=keras.initializers.Constant(self._raw_initial),
                trainable=scale != "fixed",
            )

    def _unconstrained(self) -> str | None:
        """Returns the text on params that may be any real numbers."""
        if self.scale_kind in ("decoded", "per_image"):
            return "means and raw scales"
        return "means of real values" if self.interval is None else None

    @property
    def scale(self):
        """Scale of all images, [] or `event_shape`; None if decoded."""
        return self._positive(tf.convert_to_tensor(self.raw_scale)) if hasattr(self, "raw_scale") else None

    def _positive(self, raw):
        return tf.math.softplus(raw) + self.min_scale

    @property
    def params_shape(self):
        """A location for each entry of x, and a decoded raw scale."""
        if self.scale is not None:
            return self.event_shape
        return (*self.event_shape[:-1], 2 * self.event_shape[-1])

    def moments(self, params, scale=None, *, spread: bool = False):
        """Returns locations [..., *event_shape], and scales that broadcast against them.

        A decoded scale of the whole observation has axes of size 1.

        Args:
            params: decoder outputs. Shape [..., *params_shape].
            scale: value of the property `scale`, if it was computed before.
            spread: whether all scales have the shape of the locations if they are decoded.
        """
        scale = self.scale if scale is None else scale
        if scale is not None:
            return params, scale
        mean, raw = tf.split(params, 2, axis=-1)
        if self.scale_kind == "per_image":
            raw = tf.reduce_mean(raw, axis=self.event_axes, keepdims=True)
            raw = raw + tf.zeros_like(mean) if spread else raw
        return mean, self._positive(raw + self._raw_initial)

    def of_pixel(self):
        """Returns the likelihood itself, if one pixel determines its scale."""
        if self.scale_kind in ("per_image", "per_pixel"):
            raise ValueError(
                "Pixel by pixel, `scale` must be 'decoded', 'fixed' or 'shared': of one pixel nothing else is known. "
                f"Received: {self.scale_kind!r}."
            )
        return self

    def in_support(self, x):
        """Returns whether each entry is in the interval; false for NaN."""
        x = tf.cast(x, tf.float32)
        if self.interval is None:
            return tf.abs(x) < LARGEST
        low, high = self.interval
        return tf.logical_and(x >= low, x <= high)

    def get_config(self):
        """Returns the arguments of the constructor."""
        config = {"initial_scale": self.initial_scale, "min_scale": self.min_scale, "scale": self.scale_kind}
        return {**super().get_config(), **config, "interval": self.interval}


def check_interval(interval) -> tuple[float, float] | None:
    """Returns a checked interval, (low, high), or None.

    Args:
        interval: two increasing numbers, or None.

    Raises:
        ValueError: for another value.
    """
    if interval is None:
        return None
    finite = isinstance(interval, Sequence) and all(is_number(end) and math.isfinite(end) for end in interval)
    fits = finite and len(interval) == 2 and interval[0] < interval[1]
    require(fits, "interval", "be two finite numbers, the lower one first, or None for the reals", repr(interval))
    return float(interval[0]), float(interval[1])


def _described(interval) -> tuple[str, str, float]:
    """Returns the support in words, the kind of its values, and the offset of bits per dimension."""
    if interval is None:
        return "finite real values", "real", math.nan
    low, high = interval
    return f"real values in [{low:g}, {high:g}]", "bounded", 8.0 - math.log2(high - low)

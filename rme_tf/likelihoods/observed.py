"""The likelihood of the seen entries of data with missing values."""

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core.validation import check_flag, require
from rme_tf.likelihoods.base import Likelihood


@keras.saving.register_keras_serializable("rme_tf")
class Observed(Likelihood):
    """A likelihood of the entries of x that are not NaN.

        log p(x_seen|z) = sum over the seen entries of log p(x_i|z)

    The entries are independent given z, so a missing one integrates to 1. This is the likelihood of data whose entries
    are missing at random: whether one is missing depends on the seen entries alone. `distribution` is of all entries.

    The encoders read x with the missing entries filled and, on the last axis after it, a mask: 1 where an entry is
    seen. The fill does not enter the likelihood.

    Args:
        likelihood: `Likelihood` with entries that are independent given z.
        fill: finite value of missing entries for the encoders: a number, or an array of the shape of an observation,
            `np.nanmean(x, axis=0)` for instance.
        mask: whether the encoders read the mask too.

    Raises:
        ValueError: if the entries depend on each other given z, cannot be NaN, or the fill has another shape.

    References:
        Mattei and Frellsen (2019), https://arxiv.org/abs/1812.02633
        Nazabal et al. (2020), https://arxiv.org/abs/1807.03653
    """

    missing = True

    def __init__(self, likelihood, fill=0.0, mask: bool = True, **kwargs):
        _check(likelihood)
        super().__init__(likelihood.event_shape, **kwargs)
        self.likelihood = likelihood
        self.fill, self.mask = _as_fill(fill, self.event_shape), check_flag("mask", mask)
        self.support = f"{likelihood.support}, or NaN for a missing entry"
        self.interval, self.unconstrained = likelihood.interval, likelihood.unconstrained
        self.bits_offset, self.values = likelihood.bits_offset, likelihood.values

    def complete(self):
        """Returns the likelihood of observations without missing entries."""
        return self.likelihood

    @property
    def params_shape(self):
        """Shape of the params of the complete likelihood."""
        return self.likelihood.params_shape

    @property
    def network_options(self):
        """Arguments for the builders of networks."""
        return self.likelihood.network_options

    @property
    def encoder_shape(self):
        """Shape of the encoders' input: x and, if chosen, the mask."""
        shape = self.likelihood.encoder_shape
        return (*shape[:-1], shape[-1] + self.event_shape[-1]) if self.mask else shape

    def encoder_input(self, x):
        """Returns x filled, and the mask on the last axis. Shape [B, *encoder_shape]."""
        inputs = self.likelihood.encoder_input(self.filled(x))
        return tf.concat([inputs, 1.0 - tf.cast(tf.math.is_nan(x), inputs.dtype)], axis=-1) if self.mask else inputs

    def filled(self, x):
        """Returns x with `fill` in the missing entries."""
        # In this order: tf2onnx writes `tf.where(~missing, x, fill)` as a sum of products, and 0 * NaN is NaN.
        return tf.where(tf.math.is_nan(x), tf.constant(self.fill, x.dtype), x)

    def bind(self, decoder):
        """Shares weights of the complete likelihood with the decoder."""
        self.likelihood.bind(decoder)

    def distribution(self, params):
        """Returns p(x|z) of all entries, batch [...], event `event_shape`."""
        return self.likelihood.distribution(params)

    def log_prob(self, params, x):
        """Returns log p(x_seen|z) [...], in nats; 0 if all entries are missing."""
        return tf.reduce_sum(self.entry_log_prob(params, x), axis=self.event_axes)

    def entry_log_prob(self, params, x):
        """Returns log p(x_i|z) of each entry, in nats; 0 if missing."""
        return self._by_entry(x)(params)

    def prepared(self, x, totals):
        """Returns log p(x_seen|z) of fixed x as a function of the params."""
        by_entry = self._by_entry(x)
        return lambda params: totals.sum(by_entry(params))

    @property
    def is_prepared(self) -> bool:
        """Whether the complete likelihood has a form for fixed observations."""
        return self.likelihood.is_prepared

    def _by_entry(self, x):
        """Returns the function from params to the log-probability of each entry."""
        missing, likely = self._split(tf.cast(x, tf.float32))

        def log_prob(params):
            """Returns log p(x_i|z) [..., *event_shape]; the gradient of a missing entry is exactly 0."""
            values = self.likelihood.entry_log_prob(params, likely)
            return tf.where(missing, tf.zeros_like(values), values)

        return log_prob

    def _split(self, x):
        """Returns which entries are missing, and x with values of the support there.

        An invalid value would have the gradient 0 * NaN.
        """
        missing = tf.math.is_nan(x)
        return missing, tf.where(missing, tf.cast(self.likelihood.example()[0], x.dtype), x)

    def example(self, batch_size: int = 1):
        """Returns a complete batch in the support, [batch_size, *event_shape]."""
        return self.likelihood.example(batch_size)

    def in_support(self, x):
        """Returns whether each entry is missing or in the support."""
        x = tf.convert_to_tensor(x)
        if not x.dtype.is_floating:
            return self.likelihood.in_support(x)
        missing, likely = self._split(x)
        return tf.logical_or(missing, self.likelihood.in_support(likely))

    def of_pixel(self):
        """Raises ValueError: pixels drawn one by one cannot be missing."""
        raise ValueError("Missing entries need a decoder that computes all pixels at once. Received: pixel by pixel.")

    def get_config(self):
        """Returns the arguments of the constructor."""
        config = {name: value for name, value in super().get_config().items() if name != "event_shape"}
        parts = {"likelihood": keras.saving.serialize_keras_object(self.likelihood), "mask": self.mask}
        return {**config, **parts, "fill": np.asarray(self.fill).tolist()}

    @classmethod
    def from_config(cls, config):
        """Returns a likelihood with the arguments in `config` and new weights."""
        likelihood = keras.saving.deserialize_keras_object(config["likelihood"])
        return super().from_config({**config, "likelihood": likelihood})


def _check(likelihood) -> None:
    """Raises ValueError for a likelihood without independent entries."""
    received = f"{likelihood!r}" if not isinstance(likelihood, Likelihood) else type(likelihood).__name__
    ready = isinstance(likelihood, Likelihood) and not likelihood.missing
    require(ready, "likelihood", "be a `Likelihood` of complete observations", received)
    if not likelihood.observation_dtype.is_floating or not likelihood.event_shape:
        raise ValueError(
            "Missing entries are NaN, for observations of real numbers with at least one axis. "
            f"Received: {received} of {likelihood.observation_dtype.name} {likelihood.event_shape}."
        )
    params, x = tf.zeros([1, *likelihood.params_shape]), likelihood.example()
    total, entries = likelihood.log_prob(params, x), likelihood.entry_log_prob(params, x)
    same = tuple(entries.shape) == (1, *likelihood.event_shape)
    if not same or not np.allclose(tf.reduce_sum(entries, likelihood.event_axes), total, rtol=1e-3, atol=1e-3):
        raise ValueError(
            f"Missing entries need an `entry_log_prob` [..., *{likelihood.event_shape}] whose sum is `log_prob`. "
            f"Received: {received}, with [..., *{tuple(entries.shape[1:])}] or another sum."
        )


def _as_fill(fill, shape):
    """Returns a checked fill, a number or an array of the shape of an observation."""
    try:
        values = np.asarray(fill, np.float32)
    except (TypeError, ValueError):
        values = np.asarray(np.nan)
    fits = values.shape in ((), shape) and bool(np.isfinite(values).all())
    expected = f"be a finite number, or finite numbers of shape {shape}, the shape of an observation"
    require(fits, "fill", expected, f"{fill!r}" if values.size < 2 else f"shape {values.shape}")
    return float(values) if values.shape == () else values

"""Base class of likelihoods."""

import math

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.arrays import as_array, is_symbolic
from rme_tf.core.outer_calls import is_outer_call
from rme_tf.core.validation import as_shape
from rme_tf.likelihoods.support import check_support, guarded
from rme_tf.likelihoods.totals import SlicedTotals, Totals

DENSITIES = ("distribution", "log_prob", "prepared")  # methods of one density


class Likelihood(keras.layers.Layer):
    """A likelihood p(x|z) with decoder outputs as params.

    It is a Keras layer so that it may have weights, and is never called.

    Args:
        event_shape: shape of one observation x, without the batch.

    Raises:
        ValueError: if no observation can have the shape.

    To be implemented by subclasses:
        * `params_shape`: shape of the decoder's output for one observation.
        * `distribution(params)`: params [..., *params_shape] -> `tfd.Distribution`, batch [...],
          event `event_shape`.
        * `support` and `in_support(x)`: the values that x may take, as text and as a test.
        * `bits_offset`: number to add to -nats / (D_x ln 2) for bits per dimension of 8-bit data; NaN for other data.

    May be overridden:
        * `observation_dtype`: dtype of x, by default float32.
        * `example`: observations in the support, by default zeros.
        * `any_length`: whether an axis of x may have any length, None in `event_shape`.
        * `missing`: whether NaN in x is a missing entry, by default an error.
        * `encoder_shape` and `encoder_input`: input of the encoders, by default x.
        * `values`: kind of the entries of x, a key of `support.REMEDIES`, for the advice on data outside the support.
        * `interval`: (low, high), if the entries of x are between two numbers; `high` may be infinite.
        * `log_prob`: log p(x|z), by default of the distribution.
        * `entry_log_prob`: log p(x_i|z) of each entry, by default of a `tfd.Independent`.
        * `prepared`: log p(x|z) of fixed x as a function of the params, if it is cheaper than `log_prob`.
        * `network_options`, `bind`: arguments for the builders of networks, and weights shared with the decoder.
        * `unconstrained`: text on the params if they may be any real numbers, such as "logits". A warning is then given
          for a decoder that ends in a sigmoid or a similar activation.
        * `parts`: "pixels" or "tokens", the unit of autoregressive decoding.
        * `of_pixel`: likelihood of one pixel, for autoregressive decoding.
        * `as_observed`: means on the scale of observations, where p(x|z) depends on x, as with a size factor.
    """

    parts = "pixels"
    values = "pixels"
    support = ""
    bits_offset = 0.0
    any_length = False
    missing = False
    unconstrained: str | None = None
    interval: tuple[float, float] | None = None
    observation_dtype = tf.float32

    def __init__(self, event_shape, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.event_shape = as_shape(event_shape, type(self).__name__, any_length=self.any_length)
        self.built = True

    @property
    def params_shape(self) -> tuple[int, ...]:
        """Shape of the decoder's output for one observation."""
        raise NotImplementedError

    def distribution(self, params):
        """Returns p(x|z), batch shape [...], for params of shape [..., *params_shape]."""
        raise NotImplementedError

    def log_prob(self, params, x):
        """Returns log p(x|z) [...], in nats.

        Args:
            params: decoder outputs. Shape [..., *params_shape].
            x: observations that broadcast against the params. Shape [..., *event_shape].
        """
        return self.distribution(params).log_prob(x)

    def entry_log_prob(self, params, x):
        """Returns log p(x_i|z) of each entry, in nats.

        `log_prob` is their sum, up to rounding.

        Args:
            params: decoder outputs. Shape [..., *params_shape].
            x: observations that broadcast against the params. Shape [..., *event_shape].

        Returns:
            log_prob: Shape [..., *event_shape].

        Raises:
            ValueError: if the entries depend on each other given z.
        """
        joint = self.distribution(params)
        if isinstance(joint, tfp.distributions.Independent) and joint.distribution.event_shape.rank == 0:
            return joint.distribution.log_prob(x)
        raise ValueError(
            "Log-probabilities of single entries need a likelihood whose entries are independent given z, such as "
            f"'bernoulli'. Received: {type(self).__name__}({self.event_shape})."
        )

    def log_prob_of(self, x, *, sliced: bool = False):
        """Returns log p(x|z) of fixed observations, as a function of the params.

        The values equal `log_prob` up to rounding. An evaluation, which decodes many codes for one x, computes the
        terms of x alone once.

        Args:
            x: observations that broadcast against the params. Shape [..., *event_shape].
            sliced: whether sums are taken in slices, which is faster if XLA compiles the function.

        Returns:
            log_prob: function, params [..., *params_shape] -> log p(x|z) [...], in nats.
        """
        totals = (SlicedTotals if sliced else Totals)(self.event_shape)
        return self.prepared(x, totals) if self.is_prepared else Likelihood.prepared(self, x, totals)

    @property
    def is_prepared(self) -> bool:
        """Whether `prepared` is overridden, and no subclass has another density."""
        owners = type(self).__mro__
        first = {name: next(i for i, owner in enumerate(owners) if name in vars(owner)) for name in DENSITIES}
        return first["prepared"] <= min(first.values()) and owners[first["prepared"]] is not Likelihood

    def prepared(self, x, totals):
        """Returns the function of `log_prob_of`, which calls `log_prob`.

        Args:
            x: observations that broadcast against the params. Shape [..., *event_shape].
            totals: `Totals` over the axes of an observation.
        """
        del totals
        return lambda params: self.log_prob(params, x)

    @property
    def event_axes(self) -> list[int]:
        """Axes of an observation, counted from the end."""
        return list(range(-len(self.event_shape), 0))

    def complete(self):
        """Returns the likelihood of observations without missing entries."""
        return self

    @property
    def encoder_shape(self) -> tuple:
        """Shape of the encoders' input for one observation."""
        return self.event_shape

    def encoder_input(self, x):
        """Returns the encoders' input for observations x [B, *event_shape]."""
        return x

    def filled(self, x):
        """Returns x with numbers in the missing entries."""
        return x

    @property
    def network_options(self) -> dict:
        """Arguments for the builders of networks."""
        return {}

    def bind(self, decoder) -> None:
        """Shares weights with the decoder; called once, by the model."""
        del decoder

    def of_pixel(self):
        """Returns the likelihood of a single pixel, for autoregressive decoders.

        Its params have the shape of the params of an image with height and width 1.

        Raises:
            ValueError: if the likelihood differs between pixels, or the pixels depend on each other given the params.
        """
        if self.weights:
            raise ValueError(f"{type(self).__name__} has weights: pixel by pixel it needs an `of_pixel` of its own.")
        shape: list = [1] * len(self.event_shape)
        if len(shape) == 3:
            shape[-1] = self.event_shape[-1]
        return type(self).from_config({**self.get_config(), "event_shape": shape})

    def as_observed(self, mean, x):
        """Returns means of reconstructions on the scale of the observations.

        Args:
            mean: means of p(x|z), or draws from it. Shape [B, *event_shape].
            x: observations. Shape [B, *event_shape].
        """
        del x
        return mean

    def cast(self, x):
        """Returns x as a tensor of `observation_dtype`."""
        return tf.cast(x, self.observation_dtype)

    def spec(self, name: str | None = None):
        """Returns the `tf.TensorSpec` of a batch of any size, [None, *event_shape]."""
        return tf.TensorSpec([None, *self.event_shape], self.observation_dtype, name=name)

    def example(self, batch_size: int = 1):
        """Returns a batch in the support, [batch_size, *event_shape]."""
        return tf.zeros([batch_size, *self.event_shape], self.observation_dtype)

    def in_support(self, x):
        """Returns whether each entry of x has a finite log-likelihood."""
        raise NotImplementedError

    @tf.autograph.experimental.do_not_convert
    def check(self, x, name: str = "x") -> None:
        """Checks a whole array of observations, chunk by chunk.

        Args:
            x: array, or any object with `__array__`. Shape [N, *event_shape].
            name: name of the argument, for messages.

        Raises:
            ValueError: if the array has no real numbers, is empty, has another shape, or is outside of the support.
        """
        x = as_array(x, name, f"an array of observations {self.event_shape}")
        self.check_shape(x.shape, name)
        if math.prod(x.shape) == 0:
            raise ValueError(f"`{name}` is empty. Expected at least one observation.")
        with tf.init_scope():  # the values are known, even inside of a traced function
            check_support(self, x, name)

    def observations(self, x, name: str = "x", *, lead: bool = False):
        """Returns checked observations as a tensor of `observation_dtype`.

        Values are checked only in the outermost call (see `rme_tf.core.outer_calls`); for a tensor in a graph, only the
        shape is checked.

        Args:
            x: array, tensor, or any object with `__array__`. Shape [B, *event_shape].
            name: name of the argument, for messages.
            lead: whether x may have any leading axes instead of B.

        Raises:
            ValueError: if `check` refuses the values or the shape.
        """
        x = as_array(x, name, f"an array of observations {self.event_shape}")
        if is_outer_call():
            self._check_known(x, name, lead)
        if isinstance(x, keras.KerasTensor):
            return x
        return self.cast(x if isinstance(x, tf.Tensor) else np.asarray(x))

    def _check_known(self, x, name: str, lead: bool) -> None:
        if isinstance(x, tf.Tensor) and x.shape.rank is None:
            return
        sizes, rank = tuple(x.shape), len(self.event_shape)
        batch = (None, *sizes[len(sizes) - rank :]) if lead and len(sizes) >= rank else sizes
        self.check_shape(batch if self.fits(batch) else sizes, name)
        if not is_symbolic(x):
            self.check(np.reshape(x, (-1, *batch[1:])) if lead else x, name)

    def check_shape(self, shape, name: str = "x") -> None:
        """Checks the static shape [N, *event_shape] of a batch.

        Args:
            shape: static shape, with None for an unknown size.
            name: name of the argument, for messages.

        Raises:
            ValueError: if the shape differs.
        """
        if not self.fits(shape):
            raise ValueError(f"`{name}` must have shape {(None, *self.event_shape)}. Received: {tuple(shape)}.")

    def fits(self, shape) -> bool:
        """Returns whether a static shape fits a batch, [N, *event_shape]."""
        expected = (None, *self.event_shape)
        return len(shape) == len(expected) and all(
            a is None or b is None or a == b for a, b in zip(shape, expected, strict=True)
        )

    def guard(self, x, name: str = "x"):
        """Returns a checked batch of a `tf.data` pipeline, in graph mode.

        Args:
            x: batch of observations. Shape [B, *event_shape].
            name: name of the argument, for messages.
        """
        self.check_shape(x.shape, name)
        return guarded(self, x, name)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "event_shape": self.event_shape}

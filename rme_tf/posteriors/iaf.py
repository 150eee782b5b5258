"""Inverse autoregressive flow: affine steps from masked networks."""

import functools

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.validation import check_count, check_sizes
from rme_tf.posteriors.flow import FlowFamily
from rme_tf.posteriors.made import Made

tfb = tfp.bijectors


@keras.saving.register_keras_serializable("rme_tf")
class IAF(FlowFamily):
    """Inverse autoregressive flow.

        z <- (z - shift(z, h)) exp(-log_scale(z, h)),   entry i by the entries before it

    The context h follows mean and raw scale in the params, so P = 2 D + C. The order of the entries is reversed from
    step to step. The networks (`Made`) are weights of the family, shared by all components and trained with the
    inference networks. Initially the flow is the identity, and q a diagonal Gaussian.

    A draw and its density take one pass through each network. The density at any other z, which a mixture needs
    of each component, takes D of them, one after another. With `shared` the densities of all components at a draw take
    one pass, too.

    Args:
        latent_dim: D, number of latent dimensions.
        num_steps: t, at least 1.
        context_size: C, at least 1.
        units: sizes of the hidden layers of each network.
        shared: whether the components of a mixture share context and flow, see `TransformedFamily`.
        initial_scale: standard deviation of z_0 at params of zero, see `PosteriorFamily`.

    Raises:
        ValueError: if a number is out of range.

    References:
        Kingma et al. (2016), https://arxiv.org/abs/1606.04934
    """

    def __init__(self, latent_dim: int, num_steps: int = 2, context_size: int = 32, units=(128,), **kwargs):
        super().__init__(latent_dim, num_steps, **kwargs)
        self.context_size = check_count("context_size", context_size)
        self.units = check_sizes("units", units, empty=False)
        self.networks = [
            Made(self.latent_dim, self.context_size, self.units, backwards=k % 2 == 1, name=f"made_{k}")
            for k in range(self.num_steps)
        ]

    @property
    def num_flow_params(self) -> int:
        """P - 2 D = C."""
        return self.context_size

    def bijector(self, flow_params):
        """Returns z_0 -> z for a context [..., C]."""

        def step(network):
            # Unrolled: XLA has no gradient of the loop, if the batch is of any size.
            read_off = functools.partial(network.shift_and_log_scale, context=flow_params)
            return tfb.Invert(tfb.MaskedAutoregressiveFlow(read_off, unroll_loop=True))

        return tfb.Chain([step(network) for network in reversed(self.networks)])  # which applies its last first

    def transform(self, flow_params, z_0):
        """Returns z and log|det dz/dz_0|, by one pass through each network."""
        z, log_det = z_0, tf.zeros_like(z_0[..., 0])
        for network in self.networks:
            shift, log_scale = network.shift_and_log_scale(z, flow_params)
            z = (z - shift) * tf.exp(-log_scale)
            log_det -= tf.reduce_sum(log_scale, axis=-1)
        return z, log_det

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "context_size": self.context_size, "units": list(self.units)}

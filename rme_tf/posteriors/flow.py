"""Normalizing flows: invertible transforms of a diagonal Gaussian."""

from typing import ClassVar

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import DiagonalNormal
from rme_tf.core.validation import check_count
from rme_tf.posteriors.base import PosteriorFamily

MIN_MOMENT_PAIRS = 64  # pairs of a draw and its mirror image, from which mean and standard deviation are estimated


class Flow(tfp.distributions.TransformedDistribution):
    """A `TransformedDistribution` with estimated moments and a density that broadcasts.

    Mean and standard deviation have no closed form. They are estimates from fixed noise: at least 128 draws, symmetric
    and white, so that they are exact where the flow is affine.
    """

    def _log_prob(self, y, **kwargs):
        # Bijectors of TFP loop over the event with z's own shape.
        shape = tf.concat([self.batch_shape_tensor(), self.event_shape_tensor()], axis=0)
        static = self.batch_shape.concatenate(self.event_shape)
        if not (static.is_fully_defined() and y.shape.rank is not None and y.shape[-static.rank :] == static):
            y = tf.broadcast_to(y, tf.broadcast_dynamic_shape(tf.shape(y), shape))
        return super()._log_prob(y, **kwargs)  # the same tensor where it can be: the bijector knows its draws

    def _sample_and_log_prob(self, sample_shape, seed, **kwargs):
        x = self.distribution.sample(sample_shape, seed=seed)  # the noise of `sample`
        log_det = self.bijector.forward_log_det_jacobian(x, event_ndims=1)
        return self.bijector.forward(x), self.distribution.log_prob(x) - log_det

    def _mean(self, **kwargs):
        return tf.reduce_mean(self._fixed_draws(), axis=0)

    def _variance(self, **kwargs):
        return tf.math.reduce_variance(self._fixed_draws(), axis=0)

    def _stddev(self, **kwargs):
        return tf.math.reduce_std(self._fixed_draws(), axis=0)

    def _fixed_draws(self):
        """Returns [2 N, ..., D]."""
        noise = white_noise(self.event_shape[0])
        noise = tf.constant(noise.reshape(len(noise), *[1] * self.batch_shape.rank, -1))
        return self.bijector.forward(self.distribution.mean() + self.distribution.stddev() * noise)


def white_noise(latent_dim: int):
    """Returns fixed Gaussian numbers [2 N, D] of mean zero and identity covariance."""
    num_pairs = max(MIN_MOMENT_PAIRS, latent_dim)
    half, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(num_pairs, latent_dim)))
    half *= np.sqrt(num_pairs)
    return np.concatenate([half, -half]).astype(np.float32)


class FlowFamily(PosteriorFamily):
    """Transforms z = f_t ... f_1 z_0 of z_0 ~ N(mean, diag(scale^2)).

    Params are the mean, the raw scale, and the params of the flow.

    Args:
        latent_dim: D, number of latent dimensions.
        num_steps: t, at least 1.
        initial_scale: standard deviation of z_0 at params of zero, see `PosteriorFamily`.

    Raises:
        ValueError: if a number is out of range.

    To be implemented by subclasses:
        * `num_flow_params`: number of params that follow mean and raw scale.
        * `bijector(flow_params)`: flow_params [..., P - 2 D] -> `tfb.Bijector` of event [D], z_0 -> z.
    """

    depth_argument: ClassVar[str | None] = "num_steps"

    def __init__(self, latent_dim: int, num_steps: int = 2, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.num_steps = check_count("num_steps", num_steps)

    @property
    def num_flow_params(self) -> int:
        """P - 2 D."""
        raise NotImplementedError

    def bijector(self, flow_params):
        """Returns z_0 -> z for flow_params [..., P - 2 D]."""
        raise NotImplementedError

    @property
    def num_params(self) -> int:
        """P = 2 D + `num_flow_params`."""
        return 2 * self.latent_dim + self.num_flow_params

    def distribution(self, params):
        """Returns a `Flow`, batch [...], event [D], for params [..., P].

        Its density at arbitrary z inverts the flow; `mean` and `stddev` are estimates from fixed noise.
        """
        sizes = [self.latent_dim, self.latent_dim, self.num_flow_params]
        mean, raw_scale, flow_params = tf.split(params, sizes, axis=-1)
        base = DiagonalNormal(mean, scale_diag=self.positive(raw_scale))
        return Flow(base, self.bijector(flow_params))

    def sample_and_log_prob(self, params, num_samples: int, seed):
        """Returns draws and densities without an inverse. See `PosteriorFamily`."""
        return self.distribution(params).experimental_sample_and_log_prob(num_samples, seed=seed)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_steps": self.num_steps}

"""Transforms of diagonal Gaussians, of each component or shared by a mixture."""

import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import DiagonalNormal, diagonal_log_prob, noise_like_tfp
from rme_tf.core.validation import check_flag
from rme_tf.posteriors.base import PosteriorFamily
from rme_tf.posteriors.draws import Draws
from rme_tf.posteriors.noise import white_noise

tfd = tfp.distributions


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
        return self.bijector.forward(self.distribution.mean() + self.distribution.stddev() * self._fixed_noise())

    def _fixed_noise(self):
        """Returns [2 N, 1, ..., D]."""
        noise = white_noise(self.event_shape[0])
        return tf.constant(noise.reshape(len(noise), *[1] * self.batch_shape.rank, -1))


class FlowMixture(Flow):
    """A flow of a mixture of Gaussians, a `MixtureSameFamily` of `DiagonalNormal`."""

    def _mean(self, **kwargs):
        weights, draws = self._weights(), self._fixed_draws()
        return tf.reduce_sum(weights * tf.reduce_mean(draws, axis=1), axis=0)  # components

    def _variance(self, **kwargs):
        weights, apart = self._weights(), self._fixed_draws() - self._mean()
        return tf.reduce_sum(weights * tf.reduce_mean(apart**2, axis=1), axis=0)

    def _stddev(self, **kwargs):
        return tf.sqrt(self._variance())

    def _weights(self):
        """Returns [M, ..., 1]."""
        return _first(self.distribution.mixture_distribution.probs_parameter(), -1)[..., tf.newaxis]

    def _fixed_draws(self):
        """Returns [M, 2 N, ..., D]."""
        normals = self.distribution.components_distribution
        mean, stddev = (_first(part, -2)[:, tf.newaxis] for part in (normals.mean(), normals.stddev()))
        return self.bijector.forward(mean + stddev * self._fixed_noise())


def _first(values, axis: int):
    """Returns values with a negative axis moved to the front."""
    rank = values.shape.rank
    others = [i for i in range(rank) if i != rank + axis]
    return tf.transpose(values, [rank + axis, *others])


class TransformedFamily(PosteriorFamily):
    """Transforms z = f(z_0) of z_0 ~ N(mean, diag(scale^2)).

    Params are the mean, the raw scale, and the params of f. With `shared`, the components of a mixture have one f for
    each observation, whose params and weights they share as they share a trunk: the mixture is the transform of a
    mixture of Gaussians,

        log q_j(f(z_0)) = log N_j(z_0) - log|det df/dz_0|

    so the densities of all components at a draw need one pass through f and no inverse, and at any other z one inverse.
    The KL between components is the one between the Gaussians.

    Args:
        latent_dim: D, number of latent dimensions.
        shared: whether the components of a mixture share f.
        initial_scale: standard deviation of z_0 at params of zero, see `PosteriorFamily`.

    Raises:
        ValueError: if an argument is out of range.

    To be implemented by subclasses:
        * `num_flow_params`: number of params that follow mean and raw scale.
        * `bijector(flow_params)`: flow_params [..., P - 2 D] -> `tfb.Bijector` of event [D], z_0 -> z.

    May be overridden:
        * `transform(flow_params, z_0)`: z [..., D] and log|det dz/dz_0| [...], if it is cheaper without the bijector.
    """

    def __init__(self, latent_dim: int, *, shared: bool = False, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.shared = check_flag("shared", shared)

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

    @property
    def num_shared(self) -> int:
        """F = `num_flow_params` if the components share the transform, else 0."""
        return self.num_flow_params if self.shared else 0

    def transform(self, flow_params, z_0):
        """Returns z [..., D] and log|det dz/dz_0| [...], in nats.

        Args:
            flow_params: Shape [..., P - 2 D].
            z_0: codes of the base, which have the shape of z. Shape [..., D].
        """
        bijector = self.bijector(flow_params)
        log_det = bijector.forward_log_det_jacobian(z_0, event_ndims=1)
        return bijector.forward(z_0), log_det + tf.zeros_like(z_0[..., 0])  # a constant one has no axes of z_0

    def base_and_flow_params(self, params):
        """Returns mean [..., D], standard deviation [..., D] and flow_params [..., P - 2 D]."""
        sizes = [self.latent_dim, self.latent_dim, self.num_flow_params]
        mean, raw_scale, flow_params = tf.split(params, sizes, axis=-1)
        return mean, self.positive(raw_scale), flow_params

    def mixture(self, log_alpha, params):
        """Returns the mixture, or the shared transform of one. See `PosteriorFamily`."""
        if not self.shared:
            return super().mixture(log_alpha, params)
        mean, scale, flow_params = self.base_and_flow_params(params)
        base = tfd.MixtureSameFamily(tfd.Categorical(logits=log_alpha), DiagonalNormal(mean, scale_diag=scale))
        return FlowMixture(base, self.bijector(flow_params[..., 0, :]))

    def component_log_probs(self, params, z):
        """Returns log q_m(z), by one inverse of a shared transform. See `PosteriorFamily`."""
        if not self.shared:
            return super().component_log_probs(params, z)
        mean, scale, flow_params = self.base_and_flow_params(params)
        z = z + tf.zeros_like(mean[..., 0, :])  # an inverse loops over the event with z's own shape
        bijector = self.bijector(flow_params[..., 0, :])
        z_0, log_det = bijector.inverse(z), bijector.inverse_log_det_jacobian(z, event_ndims=1)
        return diagonal_log_prob(z_0[..., tf.newaxis, :], mean, scale) + log_det[..., tf.newaxis]

    def sample_components(self, params, num_samples: int, seeds):
        """Returns draws from each component. See `PosteriorFamily`."""
        if not self.shared:
            return super().sample_components(params, num_samples, seeds)
        return self.draw_components(params, num_samples, seeds).z

    def draw_components(self, params, num_samples: int, seeds) -> Draws:
        """Returns draws, by one pass through a shared transform. See `PosteriorFamily`."""
        if not self.shared:
            return super().draw_components(params, num_samples, seeds)
        mean, scale, flow_params = self.base_and_flow_params(params)
        shape = tf.stack([tf.shape(mean)[0], self.latent_dim])
        noise = [noise_like_tfp([num_samples], shape, seed) for seed in seeds]
        z_0 = mean + scale * tf.stack(noise, axis=2)
        z, log_det = self.transform(flow_params[:, :1], z_0)
        return Draws(z, z_0, log_det)

    def log_prob_of_draws(self, params, draws: Draws):
        """Returns log q at draws, without an inverse of a shared transform."""
        if draws.base is None:
            return super().log_prob_of_draws(params, draws)
        mean, scale, _ = self.base_and_flow_params(params)
        return diagonal_log_prob(draws.base, mean, scale) - draws.log_det

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "shared": self.shared}

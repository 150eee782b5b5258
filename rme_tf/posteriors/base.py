"""The contract of a posterior family."""

import math
from typing import ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core import replicas
from rme_tf.core.softplus import softplus_inverse
from rme_tf.core.validation import check_count, check_number
from rme_tf.posteriors.draws import Draws
from rme_tf.posteriors.noise import pushed_forward

MIN_SCALE = 1e-5  # keeps log q finite in float32 where q shrinks to a point mass


class PosteriorFamily(keras.layers.Layer):
    """A parametric family q(z; params) of distributions over latent codes.

    Params are the unconstrained output of an encoder. A family is a Keras layer so that it may own weights; it is never
    called as one, because a TFP distribution cannot be the output of a layer.

    Args:
        latent_dim: D, at least 1.
        initial_scale: standard deviation of q in each dimension where all params are zero, as an encoder's nearly are
            at its start. A value below the prior's own speeds up early training.

    Raises:
        ValueError: if `latent_dim` is not a positive integer, or `initial_scale` not positive and finite.

    To be implemented by subclasses:
        * `num_params`: P, the number of params of one component.
        * `distribution(params)`: params [..., P] -> `tfd.Distribution`, batch [...], event [D], reparameterized, with a
          finite `mean()` and `stddev()`. Params of zero have mean zero, and `initial_scale` as the standard deviation:
          `positive(raw)` is that value where raw is zero.

    May be overridden:
        * `gaussian`, True if q is a Gaussian for all params.
        * `marginals(params)`, if the latent dimensions are independent under q.
        * `moments(params)`, if they are cheaper without a distribution.
        * `from_noise(params, noise)`, if q is not TFP's transformation of standard normal noise. A family without
          either has no refinements.
        * `num_means`, if the params do not begin with D means.
        * `sample_components(params, num_samples, seeds)` and `log_prob(params, z)`, if they are cheaper without a
          distribution.
        * `sample_and_log_prob(params, num_samples, seed)`, if the density is cheaper at draws than elsewhere.
        * `sample_rows(params, num_samples, seed)`, if its noise is of `noise_like_tfp`: on several replicas the default
          draws for the whole global batch.
        * `depth_argument`, the name of the constructor's argument that counts the transforms.
        * `num_shared`, if the components of a mixture share the last params of an observation, and then
          `draw_components`, `log_prob_of_draws`, `component_log_probs` and `mixture`: see `TransformedFamily`.
    """

    gaussian: ClassVar[bool] = False
    depth_argument: ClassVar[str | None] = None

    def __init__(self, latent_dim: int, initial_scale: float = math.log(2.0), **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.latent_dim = check_count("latent_dim", latent_dim)
        self.initial_scale = check_number("initial_scale", initial_scale, above=0.0)
        self.built = True

    @property
    def num_params(self) -> int:
        """P, the number of params of one component."""
        raise NotImplementedError

    @property
    def num_means(self) -> int:
        """Number of location params, which come first: D by default.

        They place z, or the base distribution of a flow; the others shape q. A refinement clips the gradients of the
        two groups separately.
        """
        return self.latent_dim

    @property
    def num_shared(self) -> int:
        """Number of params that the components of a mixture share.

        They come last, and are equal for all components of an observation. If there are any, weights of the family are
        a part of every component as well, like a trunk. 0 by default.
        """
        return 0

    @property
    def diagonal_gaussian(self) -> bool:
        """Whether means and standard deviations determine q, a diagonal Gaussian."""
        return self.gaussian and self.marginals(tf.zeros([self.num_params])) is not None

    def distribution(self, params):
        """Returns q, with batch shape [...] and event shape [D].

        Args:
            params: unconstrained network outputs. Shape [..., P].
        """
        raise NotImplementedError

    def marginals(self, params):
        """Returns the distributions of independent latent dimensions.

        Args:
            params: Shape [..., P].

        Returns:
            A distribution with batch [..., D] and event [], or None if the dimensions are dependent.
        """
        del params

    def moments(self, params):
        """Returns the mean and the standard deviation of q.

        Args:
            params: Shape [..., P].

        Returns:
            mean, stddev: Shape [..., D] each.
        """
        q = self.distribution(params)
        return q.mean(), q.stddev()

    def from_noise(self, params, noise):
        """Returns a draw from q as a function of standard normal noise.

        It is one to one in the noise, and differentiable in noise and params: refinements take the gradient of the ELBO
        through it.

        Args:
            params: Shape [..., P].
            noise: standard normal numbers that broadcast against the params. Shape [..., D].

        Returns:
            z: Shape [..., D].

        Raises:
            ValueError: if q is no transformation of standard normal noise.
        """
        return pushed_forward(self.distribution(params), noise)

    def sample_components(self, params, num_samples: int, seeds):
        """Returns reparameterized draws from each component. Shape [S, B, K, D].

        They equal `distribution(params[:, k]).sample(num_samples, seeds[k])`.

        Args:
            params: Shape [B, K, P].
            num_samples: S, number of draws.
            seeds: list of K stateless seeds, shape [2].
        """
        draws = [self.sample_rows(params[:, k], num_samples, seed) for k, seed in enumerate(seeds)]
        return tf.stack(draws, axis=2)

    def sample_rows(self, params, num_samples: int, seed):
        """Returns `distribution(params).sample(num_samples, seed)`, [S, B, D], for the rows of a batch.

        In a step of several replicas, params [B, P] are the rows of a replica in a global batch, and have their noise.
        """
        return replicas.drawn_for_all(lambda rows: self.distribution(rows).sample(num_samples, seed=seed), params)

    def log_prob(self, params, z):
        """Returns log q(z), in nats. Shape [...].

        Args:
            params: Shape [..., P].
            z: codes that broadcast against the params. Shape [..., D].
        """
        return self.distribution(params).log_prob(z)

    def sample_and_log_prob(self, params, num_samples: int, seed):
        """Returns reparameterized draws and their log-densities, in nats.

        The draws equal `distribution(params).sample(num_samples, seed)`.

        Args:
            params: Shape [..., P].
            num_samples: S, number of draws.
            seed: stateless seed. Shape [2].

        Returns:
            z: Shape [S, ..., D].
            log_q: log q(z). Shape [S, ...].
        """

        def draw(rows):
            q = self.distribution(rows)
            z = q.sample(num_samples, seed=seed)
            return z, q.log_prob(z)

        return replicas.drawn_for_all(draw, params)

    # Of the components of a mixture.

    def mixture(self, log_alpha, params):
        """Returns sum_m alpha_m q_m as a `tfd.Distribution`, batch [...], event [D].

        Args:
            log_alpha: log mixing weights. Shape [..., M].
            params: Shape [..., M, P].
        """
        categorical = tfp.distributions.Categorical(logits=log_alpha)
        return tfp.distributions.MixtureSameFamily(categorical, self.distribution(params))

    def component_log_probs(self, params, z):
        """Returns log q_m(z) of every component, in nats. Shape [..., M].

        Args:
            params: Shape [..., M, P].
            z: codes that broadcast against the leading axes. Shape [..., D].
        """
        return self.log_prob(params, z[..., tf.newaxis, :])

    def draw_components(self, params, num_samples: int, seeds) -> Draws:
        """Returns the draws of `sample_components`, from which `log_prob_of_draws` has densities.

        Args:
            params: params of the components that draw. Shape [B, K, P].
            num_samples: S, number of draws.
            seeds: list of K stateless seeds, shape [2].
        """
        return Draws(self.sample_components(params, num_samples, seeds))

    def log_prob_of_draws(self, params, draws: Draws):
        """Returns log q at draws, in nats. Shape [...].

        Gradients pass to the params and along the draws. A transform that the components share is differentiated as
        the draws have it, also if the params are held fixed.

        Args:
            params: params that broadcast against the draws. Shape [..., P].
            draws: `Draws` from components of the same observations. Shape [..., D].
        """
        return self.log_prob(params, draws.z)

    def positive(self, raw):
        """Returns positive numbers above `MIN_SCALE`: `initial_scale` where `raw` is zero."""
        return tf.math.softplus(raw + softplus_inverse(self.initial_scale)) + MIN_SCALE

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "latent_dim": self.latent_dim, "initial_scale": self.initial_scale}

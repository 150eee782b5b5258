"""Normalizing flows: invertible transforms of a diagonal Gaussian."""

from typing import ClassVar

from rme_tf.core.gaussian import DiagonalNormal
from rme_tf.core.validation import check_count
from rme_tf.posteriors.transformed import Flow, TransformedFamily


class FlowFamily(TransformedFamily):
    """Transforms z = f_t ... f_1 z_0 of z_0 ~ N(mean, diag(scale^2)).

    Params are the mean, the raw scale, and the params of the flow.

    Args:
        latent_dim: D, number of latent dimensions.
        num_steps: t, at least 1.
        shared: whether the components of a mixture share the flow, see `TransformedFamily`.
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

    def distribution(self, params):
        """Returns a `Flow`, batch [...], event [D], for params [..., P].

        Its density at arbitrary z inverts the flow; `mean` and `stddev` are estimates from fixed noise.
        """
        mean, scale, flow_params = self.base_and_flow_params(params)
        return Flow(DiagonalNormal(mean, scale_diag=scale), self.bijector(flow_params))

    def sample_rows(self, params, num_samples: int, seed):
        """Returns draws, with the noise of the rows. See `PosteriorFamily`."""
        return self.distribution(params).sample(num_samples, seed=seed)

    def sample_and_log_prob(self, params, num_samples: int, seed):
        """Returns draws and densities without an inverse. See `PosteriorFamily`."""
        return self.distribution(params).experimental_sample_and_log_prob(num_samples, seed=seed)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_steps": self.num_steps}

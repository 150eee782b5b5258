"""The contract of a prior."""

import keras

from rme_tf.core.types import PosteriorView
from rme_tf.core.validation import check_count


class Prior(keras.layers.Layer):
    """A distribution p(z) over latent codes.

    It is a Keras layer so that it may own weights; it is never called as one. Its trainable weights are a part of
    theta, the parameters of p(x, z), and ascend the objective of the decoder.

    Args:
        latent_dim: D, number of latent dimensions.

    To be implemented by subclasses:
        * `distribution()`: `tfd.Distribution`, batch [], event [D].

    May be overridden:
        * `marginals()`, if the latent dimensions are independent.
        * `bind(inference)`, if the prior is built from the model's posterior; then `uses_posterior` is True and
          `held()` and `scaled(share)` are overridden, too.
        * `initialize(x, seed)`, if its weights can start from observations.
    """

    uses_posterior = False

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.latent_dim = check_count("latent_dim", latent_dim)
        self.built = True

    def distribution(self):
        """Returns p(z), batch [], event [D]."""
        raise NotImplementedError

    def held(self):
        """Returns p(z) without a gradient to the inference networks.

        For objectives that move the posterior and hold p fixed, where the gradient reaches z alone. The prior's own
        weights may get a gradient; the inference networks that a prior may be built from do not.
        """
        return self.distribution()

    def scaled(self, share: float):
        """Returns p(z), through which the inference networks get `share` of their gradient.

        For objectives that move the posterior by as much. `distribution()` for priors without inference networks; the
        prior's own weights and z get all of their gradient.

        Args:
            share: factor of the gradient in the inference networks that a prior may be built from.
        """
        del share
        return self.distribution()

    def marginals(self):
        """Returns the distributions of independent latent dimensions, batch [D], event [].

        None if the dimensions are dependent.
        """
        return

    def bind(self, inference: PosteriorView) -> None:
        """Connects the prior to the posterior of a model.

        Called once, by the model, if `uses_posterior`.
        """
        del inference

    def initialize(self, x, seed: int = 0) -> None:
        """Initializes the weights from observations [N, *event_shape], if any can be."""
        del x, seed

    def initialise(self, x, seed: int = 0) -> None:
        """Alias of `initialize`."""
        self.initialize(x, seed)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "latent_dim": self.latent_dim}

"""The contract of a prior."""

import keras


class Prior(keras.layers.Layer):
    """A distribution over latent codes; a Keras layer so that it may own weights, never called as one.

    Args:
        latent_dim: D.

    To be implemented by subclasses:
        * `distribution()`: `tfd.Distribution`, batch [], event [D].

    May be overridden:
        * `marginals()`, if the latent dimensions are independent.
    """

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.latent_dim = int(latent_dim)
        self.built = True

    def distribution(self):
        """Returns p(z): batch shape [], event shape [D]."""
        raise NotImplementedError

    def marginals(self):
        """Returns the distribution of each latent dimension, batch [D], event []; None if they are dependent."""
        return

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "latent_dim": self.latent_dim}

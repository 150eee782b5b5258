"""The contract of a prior."""

import keras


class Prior(keras.layers.Layer):
    """A distribution over latent codes; a Keras layer so that it may own weights, never called as one.

    Args:
        latent_dim: D.

    To be implemented by subclasses:
        * `distribution()`: `tfd.Distribution`, batch [], event [D].
    """

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.latent_dim = int(latent_dim)
        self.built = True

    def distribution(self):
        """Returns p(z): batch shape [], event shape [D]."""
        raise NotImplementedError

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "latent_dim": self.latent_dim}

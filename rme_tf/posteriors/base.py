"""The contract of a posterior family."""

import keras


class PosteriorFamily(keras.layers.Layer):
    """Turns params, the unconstrained output of an encoder, into a distribution over latent codes.

    It is a Keras layer so that a family may own weights; it is never called as one, because a
    TFP distribution cannot be the output of a layer.

    Args:
        latent_dim: D, at least 1.

    Raises:
        ValueError: if `latent_dim` is not a positive integer.

    To be implemented by subclasses:
        * `num_params`: P, how many params an encoder must give for one component.
        * `distribution(params)`: params [..., P] -> `tfd.Distribution`, batch [...], event [D],
          reparameterised.
    """

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if latent_dim < 1 or latent_dim != int(latent_dim):
            raise ValueError(f"`latent_dim` must be an integer of at least 1. Received: {latent_dim}.")
        self.latent_dim = int(latent_dim)
        self.built = True

    @property
    def num_params(self) -> int:
        """P, the number of params of one component."""
        raise NotImplementedError

    def distribution(self, params):
        """Returns the distribution with batch shape [...] and event shape [D].

        Args:
            params: unconstrained. Shape [..., P].
        """
        raise NotImplementedError

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "latent_dim": self.latent_dim}

"""The contract of a prior."""

import numbers

import keras

from rme_tf.core.types import Inference


class Prior(keras.layers.Layer):
    """A distribution over latent codes; a Keras layer so that it may own weights, never called as one.

    Its trainable weights are a part of theta, the parameters of p(x, z), and ascend what the decoder ascends.

    Args:
        latent_dim: D.

    To be implemented by subclasses:
        * `distribution()`: `tfd.Distribution`, batch [], event [D].

    May be overridden:
        * `marginals()`, if the latent dimensions are independent.
        * `bind(inference)`, if the prior is made of the model's posterior; then `uses_posterior` is True and
          `held()` is overridden, too.
        * `initialise(x, seed)`, if its weights can start from observations.
    """

    uses_posterior = False

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.latent_dim = int(latent_dim)
        self.built = True

    def distribution(self):
        """Returns p(z): batch shape [], event shape [D]."""
        raise NotImplementedError

    def held(self):
        """Returns p(z) for an objective that moves the posterior and holds p fixed: the gradient is that of z alone.

        The prior's own weights may get one; those of the inference networks, of which it may be made, do not.
        """
        return self.distribution()

    def marginals(self):
        """Returns the distribution of each latent dimension, batch [D], event []; None if they are dependent."""
        return

    def bind(self, inference: Inference) -> None:
        """Takes from the model what a prior may be made of; called once, by the model, if `uses_posterior`."""
        del inference

    def initialise(self, x, seed: int = 0) -> None:
        """Lets the weights start from observations [N, *event_shape]; does nothing where none can."""
        del x, seed

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "latent_dim": self.latent_dim}


def check_count(name: str, value) -> int:
    """Returns a number of components or the like; raises ValueError unless it is an integer of at least 1."""
    if not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"`{name}` must be an integer of at least 1. Received: {value!r}.")
    return int(value)

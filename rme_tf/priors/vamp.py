"""The VampPrior: the posterior averaged over learned inputs."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.scaled_gradient import scale_gradient
from rme_tf.core.types import PosteriorView
from rme_tf.core.validation import check_count
from rme_tf.priors.base import Prior

EDGE = 0.02  # least distance of initial pseudo-inputs from the ends of their interval, where a sigmoid has no gradient


class HeldMixture(tfp.distributions.MixtureSameFamily):
    """A mixture that passes a part of the gradient of its density.

    The codes get all of it. All weights that the components are made of get a share, their own weights included.

    Args:
        mixture_distribution, components_distribution: see `MixtureSameFamily`.
        share: factor of the gradient in the weights; 0 holds them fixed.
    """

    def __init__(self, mixture_distribution, components_distribution, share: float):
        super().__init__(mixture_distribution, components_distribution)
        self._share = share

    def _log_prob(self, x):
        if self._share > 0.0:
            return scale_gradient(super()._log_prob(scale_gradient(x, 1.0 / self._share)), self._share)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            log_prob = super()._log_prob(x)
        along_x = tf.stop_gradient(tape.gradient(log_prob, x)) * (x - tf.stop_gradient(x))  # zeros, with that gradient
        return tf.stop_gradient(log_prob) + tf.reduce_sum(along_x, axis=-1)


@keras.saving.register_keras_serializable("rme_tf")
class Vamp(Prior):
    """The variational mixture of posteriors, at K learned pseudo-inputs u_k.

        p(z) = 1/K sum_k Q(z|u_k)

    Q is the whole posterior of the model, mixing weights included, so that p(z) is a mixture of K M components. During
    a warm start Q, and with it p, is q_0 alone. Networks read pseudo-inputs as they do at inference: without dropout
    and with the moving statistics of a batch normalization, so p(z) is one density.

    A pseudo-input is an input of the encoders. Where the likelihood bounds the entries of x, a sigmoid keeps it in the
    same interval, and a softplus above a lower bound alone. For token ids it is a sequence of `length` embeddings, in
    the space of the first encoder (or of the trunk), which all encoders read instead of their own: they are alike after
    a warm start.

    The pseudo-inputs are generative parameters: they move with the decoder. The encoders are not, but get the gradient
    of log p(z) too, as in the paper. In the recursion it is the gradient of theta's objective, E_Q[log p(x, z)] with Q
    held fixed, in addition to the gradient of each component's own objective, in which p is held fixed: one component
    alone is then trained as the ELBO trains it.

    Each use of p costs an encoding of K inputs. The paper has K = 500 for 28 x 28 images.

    Args:
        latent_dim: D, number of latent dimensions.
        num_components: K, at least 1.
        length: T of the pseudo-inputs of token ids, at least 1. Others have the shape of x.

    Raises:
        ValueError: if a number is not a positive integer.

    References:
        Tomczak and Welling (2018), https://arxiv.org/abs/1705.07120
    """

    uses_posterior = True

    def __init__(self, latent_dim: int, num_components: int = 100, length: int = 30, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.num_components = check_count("num_components", num_components)
        self.length = check_count("length", length)
        self._inference: Callable[[], PosteriorView] | None = None

    def bind(self, inference: PosteriorView) -> None:
        """Connects the prior to a model's posterior, and creates the pseudo-inputs.

        Raises:
            ValueError: if the prior belongs to another model already.
        """
        if self._inference is not None:
            raise ValueError("A Vamp prior is made of one model's encoders. Received: one that belongs to a model.")
        shape = tuple(self.length if size is None else size for size in inference.input_shape)
        initializer = keras.initializers.RandomNormal(0.0, 1.0)
        self.raw_inputs = self.add_weight(
            name="pseudo_inputs", shape=(self.num_components, *shape), initializer=initializer
        )
        if inference.masked:
            # Number of tokens of each pseudo-input.
            self.lengths = self.add_weight(
                name="lengths",
                shape=(self.num_components,),
                initializer=keras.initializers.Constant(self.length),
                trainable=False,
            )
        self._inference = lambda: inference  # a function: Keras would track the weights of the model a second time

    def pseudo_inputs(self):
        """Returns the pseudo-inputs [K, *event_shape], or embeddings [K, T, E]."""
        raw, interval = self.raw_inputs.value, self._bound().interval
        if interval is None:
            return tf.convert_to_tensor(raw)
        low, high = interval
        if math.isinf(high):
            return low + tf.math.softplus(raw)
        return low + (high - low) * tf.math.sigmoid(raw)

    def distribution(self):
        """Returns `MixtureSameFamily` of K posteriors, batch [], event [D].

        Raises:
            ValueError: unless the prior belongs to a model.
        """
        return self._averaged()

    def held(self):
        """Returns `distribution()`, through which no gradient reaches the encoders or the pseudo-inputs."""
        return self._averaged(held=True)

    def scaled(self, share: float):
        """Returns `distribution()`, with the gradient of the encoders multiplied by `share`."""
        return self._averaged(share=share)

    def initialize(self, x, seed: int = 0) -> None:
        """Sets the pseudo-inputs to observations, drawn without replacement.

        Entries that the likelihood bounds start no nearer to an end than a fiftieth of their interval, or of 1; rows of
        token ids become their current embeddings, and are cut after `length`.

        Args:
            x: array of observations. Shape [N, *event_shape], N at least K.
            seed: seed of the draw.

        Raises:
            ValueError: unless the prior belongs to a model, or if there are less than K observations, of another
                shape, or outside the likelihood's support.
        """
        inference = self._bound()
        inference.check(x)
        x = np.asarray(x)
        if len(x) < self.num_components:
            raise ValueError(f"`x` must hold at least {self.num_components} observations. Received: {len(x)}.")
        chosen = np.random.default_rng(seed).permutation(len(x))[: self.num_components]
        inputs, lengths = inference.inputs_of(x[chosen])
        inputs = np.asarray(inputs, np.float32)
        if inference.interval is not None:
            inputs = _inverse(inputs, *inference.interval)
        if inference.masked:
            inputs = inputs[:, : self.length]
            inputs = np.pad(inputs, [(0, 0), (0, self.length - inputs.shape[1]), (0, 0)])
            self.lengths.assign(np.minimum(lengths, self.length))
        with inference.replacing():
            self.raw_inputs.assign(inputs)

    def _averaged(self, held: bool = False, share: float = 1.0):
        inference = self._bound()
        lengths = self.lengths.value if inference.masked else None
        inputs, scaled = self.pseudo_inputs(), share != 1.0
        if scaled:  # the gradient of the networks, not of the inputs before them
            inputs = scale_gradient(inputs, 1.0 / share)
        posterior = inference.posterior(inputs, lengths, held)
        categorical = tfp.distributions.Categorical(logits=tf.zeros([self.num_components]))
        if scaled or (held and inference.owns_weights):  # the encoding alone is held already
            return HeldMixture(categorical, posterior, 0.0 if held else share)
        return tfp.distributions.MixtureSameFamily(categorical, posterior)

    def _bound(self) -> PosteriorView:
        if self._inference is None:
            raise ValueError("A Vamp prior needs a model's encoders. Received: one that belongs to no `VAE` yet.")
        return self._inference()

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_components": self.num_components, "length": self.length}


def _inverse(inputs, low: float, high: float):
    """Returns the raw pseudo-inputs of observations between two bounds."""
    if math.isinf(high):
        excess = np.maximum(inputs - low, EDGE)
        return excess + np.log(-np.expm1(-excess))
    share = np.clip((inputs - low) / (high - low), EDGE, 1.0 - EDGE)
    return np.log(share) - np.log1p(-share)

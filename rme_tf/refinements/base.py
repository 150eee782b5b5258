"""The contract of a refinement."""

import keras
import tensorflow as tf

from rme_tf.core.seeds import as_seed
from rme_tf.core.types import Encoding
from rme_tf.core.validation import check_count
from rme_tf.posteriors import check_noise

EVALUATION_SEED = (0x5EED, 0x0F5A)  # of the noise of the steps outside training: the posterior is a function of x
TRAINING_FOLD = 0x5A5A5A  # makes the noise of the steps independent of the draw after them


class Refinement(keras.layers.Layer):
    """Steps from the encoders' output to params of a larger ELBO.

    A part of a `rme_tf.VAE`, whose `encode` it ends. It is a Keras layer so that it may own weights; it is never
    called as one. The decoder is not in training mode during the steps: no dropout, no batch statistics.

    Args:
        steps: T, number of steps; with 0 the model is the plain VAE.
        num_samples: S, number of draws from each component for the gradient of one step.

    Raises:
        ValueError: if a number is out of range.

    To be implemented by subclasses:
        * `path(model, x, encoding, seed, kl_weight)`: T + 1 `Encoding`s, from the encoders' to the refined one.
        * `objective(model, bound, path)`: the objective of training, [B] in nats, and the result of `bound` for the
          refined encoding. `bound(encoding)` -> (bound [B] of the algorithm, result).

    May be overridden:
        * `build(shape)`, if it owns weights; shape is the params' one, (None, None, P).
        * `check(family)`, if it does not climb along draws from noise.
    """

    def __init__(self, steps, num_samples=1, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.steps = check_count("steps", steps, 0)
        self.num_samples = check_count("num_samples", num_samples)

    def check(self, family) -> None:
        """Raises ValueError for a posterior family without draws from noise."""
        if self.steps > 0:
            check_noise(family)

    def path(self, model, x, encoding: Encoding, seed, kl_weight=1.0) -> list[Encoding]:
        """Returns the encodings from the given to the refined one.

        Args:
            model: a `VAE`.
            x: Shape [B, *event_shape].
            encoding: params [B, K, P] and log_alpha [B, K].
            seed: stateless seed, shape [2]: each step folds its number in.
            kl_weight: weight of the KL term in the ELBO that is ascended.
        """
        raise NotImplementedError

    def objective(self, model, bound, path: list[Encoding]):
        """Returns the objective of training [B] and the result of `bound`."""
        raise NotImplementedError

    def refine(self, model, x, encoding: Encoding, seed=None) -> Encoding:
        """Returns the refined `Encoding`; without a seed, a function of x."""
        return self.path(model, x, encoding, EVALUATION_SEED if seed is None else as_seed(seed))[-1]

    def training_path(self, model, x, encoding: Encoding, seed, kl_weight=1.0) -> list[Encoding]:
        """Returns `path` with noise independent of a draw by the same seed."""
        return self.path(model, x, encoding, tf.random.fold_in(seed, TRAINING_FOLD), kl_weight)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "steps": self.steps, "num_samples": self.num_samples}


def stopped(encoding: Encoding) -> Encoding:
    """Returns the encoding, through which no gradient passes."""
    return Encoding(*map(tf.stop_gradient, encoding))


def for_inference_alone(bound, encoding: Encoding):
    """Returns zeros [B] with the gradient of `bound` in inference networks only.

    They are the bound's gradient in params and log_alpha, a constant, times these, which the networks compute. The
    gradient in the weights of the decoder is 0.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(encoding)
        value, _ = bound(encoding)
    gradients = tape.gradient(value, encoding, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    zeros = tf.zeros_like(value)
    for part, gradient in zip(encoding, gradients, strict=True):
        moves = tf.stop_gradient(gradient) * (part - tf.stop_gradient(part))
        zeros += tf.reduce_sum(tf.reshape(moves, [tf.shape(value)[0], -1]), axis=-1)
    return zeros

"""Stochastic variational inference from the encoder's output, whose steps are not differentiated."""

import keras

from rme_tf.refinements.base import for_inference_alone, stopped
from rme_tf.refinements.gradient import GradientSteps


@keras.saving.register_keras_serializable("rme_tf")
class DSVI(GradientSteps):
    """Stochastic variational inference from the encoder's output (`dsvi`).

    The decoder ascends the ELBO at the refined params, the encoders ascend it at their output.

    The inference networks, mixing weights included, get the gradient of the plain VAE. All networks move at once,
    where the paper lets the encoder see the decoder that has just moved.

    Args:
        steps, learning_rate, momentum, clip_norm, num_samples: see `GradientSteps`.

    References:
        Krishnan, Liang and Hoffman (2018), https://arxiv.org/abs/1710.06085
    """

    def objective(self, model, bound, path):
        """Returns the bound at the refined params, and the result of `bound`.

        The gradient of the decoder is taken there, the gradient of the encoders at their output.
        """
        inference = for_inference_alone(bound, path[0])
        value, result = bound(stopped(path[-1]))
        return value + inference, result

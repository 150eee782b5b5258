"""Semi-amortized inference: gradient steps from the encoder's output, trained through the steps."""

import keras
import tensorflow as tf

from rme_tf.refinements.gradient import GradientSteps


@keras.saving.register_keras_serializable("rme_tf")
class SemiAmortised(GradientSteps):
    """Semi-amortized variational inference (`sa`).

    Every network ascends the ELBO at the refined params, and is differentiated through all steps.

    So the encoder learns to start where the steps lead far. The products of second derivatives and vectors come from
    nested tapes and are exact, where the authors take finite differences; the scaling by `clip_norm` is differentiated
    too, where they take it for a constant and clip the products. Training keeps the activations of all T steps.

    Args:
        steps, learning_rate, momentum, clip_norm, num_samples: see `GradientSteps`.

    References:
        Kim, Wiseman, Miller, Sontag and Rush (2018), https://arxiv.org/abs/1802.02550
    """

    def objective(self, model, bound, path):
        """Returns the bound at the refined params, through all steps."""
        if self.steps > 0:
            check_second_derivatives(model.decoder)
        return bound(path[-1])


def check_second_derivatives(decoder) -> None:
    """Raises ValueError for a decoder with recurrent layers that cuDNN would run.

    cuDNN has no second derivatives.
    """
    if not tf.config.list_physical_devices("GPU"):
        return
    for layer in getattr(decoder, "layers", []):
        check_second_derivatives(layer)
        if isinstance(layer, keras.layers.LSTM | keras.layers.GRU) and layer.use_cudnn is not False:
            raise ValueError(
                "On a GPU, cuDNN's recurrent layers have no second derivative, which the refinement 'sa' needs. Build "
                "the decoder with `use_cudnn=False`, or refine by 'dsvi' or 'iai'. "
                f"Received: {type(layer).__name__} with use_cudnn={layer.use_cudnn!r}."
            )

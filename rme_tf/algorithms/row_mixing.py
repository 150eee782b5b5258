"""Decoders that mix the rows of their batch in training."""

import numpy as np

from rme_tf.networks.row_layers import known_apart
from rme_tf.networks.training_mode import ROWS, mixes_rows, mixing_layers


def decoder_mixes_rows(model) -> bool:
    """Returns whether the decoder mixes the rows of its batch in training.

    That is, whether its output for one code depends on the other codes of the batch.
    """
    if known_apart(model.decoder):
        return False  # without a look at its gradients, which takes longer
    z = np.random.default_rng(0).normal(size=(ROWS, model.latent_dim)).astype("float32")
    others = [model.likelihood.example(ROWS)] if model.autoregressive else []
    return mixes_rows(model.decoder, z, *others)


def mixed_rows_message(algorithm, model, remedy: dict) -> str:
    """Returns the message for an algorithm whose gradients would be wrong.

    Args:
        algorithm: an `Algorithm`.
        model: a `VAE` whose decoder mixes rows.
        remedy: arguments of the algorithm with which its gradients are exact.
    """
    name = type(algorithm).__name__
    instead = ", ".join(f"{argument}={value!r}" for argument, value in remedy.items())
    chosen = ", ".join(f"{argument}={getattr(algorithm, argument)!r}" for argument in remedy)
    layers = ", ".join(mixing_layers(model.decoder)) or "a layer that is no BatchNormalization"
    return (
        f"{name} with {chosen} needs a decoder that treats the rows of its batch independently in training: it "
        "rescales the gradient at each code, which must be that of its own row. "
        f"Expected: {instead}, or LayerNormalization or GroupNormalization in the decoder. "
        f"Received: a decoder that mixes rows, by {layers}."
    )

"""Checks that the networks of a `VAE` fit data with missing entries."""

import keras

from rme_tf.models.compatibility import input_shapes, is_autoregressive
from rme_tf.models.pseudo_inputs import readers_of

MASK = " and, on the last axis after it, a mask, 1 where an entry is seen"
REMEDY = " Widen it, or leave out the mask: `missing_options={'mask': False}`."


def check_missing(model) -> None:
    """Checks that the networks of a `VAE` fit data with missing entries.

    Raises:
        ValueError: if the decoder reads x, or the encoders have an input of another shape.
    """
    if not model.likelihood.missing:
        return
    if is_autoregressive(model.decoder):
        raise ValueError(
            "Missing entries need a decoder of z alone; an autoregressive one reads the entries that are missing. "
            f"Received: {type(model.decoder).__name__}."
        )
    expected = model.likelihood.encoder_shape
    for name, network in readers_of(model).items():
        received = input_shapes(network) if isinstance(network, keras.Layer) else []
        if any(None not in shape and shape != expected for shape in received):
            raise ValueError(
                f"With missing entries, the {name} reads x with these filled{MASK if model.likelihood.mask else ''}: "
                f"expected inputs of shape {expected}. Received: {received[0]}."
                f"{REMEDY if model.likelihood.mask else ''}"
            )

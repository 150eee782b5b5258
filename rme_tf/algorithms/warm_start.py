"""The end of a warm start: noisy copies of the first component."""

import numpy as np

from rme_tf.networks.copies import copy_vocabularies, refresh


def copy_first_encoder(encoders, *, noise: float, seed: int) -> bool:
    """Copies the weights of encoder 0 into the others, with noise.

    The noise is added to trainable weights. An encoder with weights of other shapes keeps its initial weights. The
    state that layers have in addition to weights, such as `Normalization` and vocabularies, is also copied.

    Args:
        encoders: list of M Keras models.
        noise: standard deviation of the Gaussian noise.
        seed: seed of the noise.

    Returns:
        Whether a copied encoder has state in addition to its weights: functions traced before hold its old value.
    """
    generator = np.random.default_rng(seed)
    changed = False
    shapes = [[tuple(weight.shape) for weight in encoder.weights] for encoder in encoders]
    for encoder, of_encoder in zip(encoders[1:], shapes[1:], strict=True):
        if of_encoder != shapes[0]:
            continue
        for source, target in zip(encoders[0].weights, encoder.weights, strict=True):
            value = source.numpy()
            if target.trainable:
                value = value + generator.normal(scale=noise, size=value.shape).astype(value.dtype)
            target.assign(value)
        changed |= copy_vocabularies(encoders[0], encoder)
        changed |= refresh(encoder)
    return changed

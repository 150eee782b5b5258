"""The end of a warm start: noisy copies of the first component."""

import itertools

import numpy as np

from rme_tf.networks.copies import copy_vocabularies, refresh


def copy_first_encoder(encoders, *, noise: float, seed: int, num_shared: int = 0) -> bool:
    """Copies the weights of encoder 0 into the others, with noise.

    The noise is added to trainable weights. An encoder with weights of other shapes keeps its initial weights; the last
    outputs of encoder 0, which all components share, may be missing in it. The state that layers have in addition to
    weights, such as `Normalization` and vocabularies, is also copied.

    Args:
        encoders: list of M Keras models.
        noise: standard deviation of the Gaussian noise.
        seed: seed of the noise.
        num_shared: number of outputs of encoder 0 that all components share, the last ones.

    Returns:
        Whether a copied encoder has state in addition to its weights: functions traced before hold its old value.
    """
    generator = np.random.default_rng(seed)
    changed = False
    for encoder in encoders[1:]:
        pairs = list(itertools.zip_longest(encoders[0].weights, encoder.weights))
        if not all(_fits(source, target, num_shared) for source, target in pairs):
            continue
        for source, target in pairs:
            value = source.numpy()
            if value.shape != target.shape:
                value = value[..., : target.shape[-1]]  # of the outputs that the two have in common
            if target.trainable:
                value = value + generator.normal(scale=noise, size=value.shape).astype(value.dtype)
            target.assign(value)
        changed |= copy_vocabularies(encoders[0], encoder)
        changed |= refresh(encoder)
    return changed


def _fits(source, target, num_shared: int) -> bool:
    """Returns whether a weight has the shape of another, or lacks the outputs that components share."""
    if source is None or target is None:
        return False
    shape, of_target = tuple(source.shape), tuple(target.shape)
    lacking = num_shared > 0 and len(shape) == len(of_target) > 0
    return shape == of_target or (lacking and shape == (*of_target[:-1], of_target[-1] + num_shared))

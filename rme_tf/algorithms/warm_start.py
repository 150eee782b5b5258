"""How a mixture begins: its components, after a warm start, as noisy copies of the first; its weights equal."""

import numpy as np

from rme_tf.networks.copies import copy_vocabularies, refresh


def copy_first_encoder(encoders, *, noise: float, seed: int) -> bool:
    """Copies the weights of encoder 0 into the others, adding noise to the trainable ones.

    All of them or none: an encoder that has not the same number of weights, of the same shapes, stays as it is, which
    in a model's life is as it was initialised. Of a network of another size, some weights would mean nothing.
    What layers keep beside their weights, `Normalization` and vocabularies, is copied with them.

    Args:
        encoders: list of M Keras models.
        noise: standard deviation of the Gaussian noise.
        seed: of the noise.

    Returns:
        Whether an encoder keeps something beside its weights, which functions traced before then hold as it was.
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


def begin_with_equal_weights(model) -> None:
    """Sets the last layer of the mixing network to zero, whose logits of zero mean equal weights.

    Raises:
        ValueError: if its output is not zero then.
    """
    layer = model.mixing_network
    while getattr(layer, "layers", None):
        layer = layer.layers[-1]
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape))
    log_alpha = model.encode(model.likelihood.example(), num_components=model.num_components).log_alpha.numpy()
    equal = model.mixing.log_alpha(np.zeros([1, model.num_components - 1], np.float32)).numpy()
    if not np.array_equal(log_alpha, equal):
        raise ValueError(
            "Mixing weights that wait for the polish need a mixing network whose last layer is a linear one. "
            f"Received: {type(layer).__name__}, with which log alpha is {log_alpha[0]} where {equal[0]} was expected."
        )

"""How a mixture begins: its components, after a warm start, as noisy copies of the first; its weights equal."""

import numpy as np


def check_copyable(encoders) -> None:
    """Raises ValueError unless all encoders have weights of the same shapes."""
    shapes = [[tuple(weight.shape) for weight in encoder.weights] for encoder in encoders]
    for m, other in enumerate(shapes):
        if other != shapes[0]:
            raise ValueError(
                "A warm start copies encoder 0 into the others, so all must have weights of the same shapes. "
                f"Expected {shapes[0]}. Received, for encoder {m}: {other}. Pass `warm_start_epochs=0`."
            )


def copy_first_encoder(encoders, *, noise: float, seed: int) -> None:
    """Copies the weights of encoder 0 into the others, adding noise to the trainable ones.

    Args:
        encoders: list of M Keras models whose weights have the same shapes.
        noise: standard deviation of the Gaussian noise.
        seed: of the noise.
    """
    generator = np.random.default_rng(seed)
    for encoder in encoders[1:]:
        for source, target in zip(encoders[0].weights, encoder.weights, strict=True):
            value = source.numpy()
            if target.trainable:
                value = value + generator.normal(scale=noise, size=value.shape).astype(value.dtype)
            target.assign(value)


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

"""The warm start: the components of a mixture begin as noisy copies of the first."""

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

"""Small strided convolutional networks for images of any height, width and number of channels."""

import math

import keras


def _check_image_shape(shape, network: str) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ValueError(
            f"The {network} network needs images of shape (height, width, channels). Received: {tuple(shape)}. "
            "Add a channel axis, or choose the 'mlp' networks."
        )
    height, width, channels = shape
    return height, width, channels


def conv_encoder(input_shape, output_size: int | None, filters=(32, 64), hidden: int = 256, name=None):
    """Returns a Keras model [N, H, W, C] -> [N, output_size]; of None, the features [N, hidden] before that.

    Each entry of `filters` is a 4x4 convolution of stride 2 with ReLU; a hidden dense layer follows.

    Raises:
        ValueError: if `input_shape` is not (height, width, channels).
    """
    _check_image_shape(input_shape, "conv")
    layers = [keras.layers.Input(tuple(input_shape))]
    layers += [keras.layers.Conv2D(size, 4, strides=2, padding="same", activation="relu") for size in filters]
    layers += [keras.layers.Flatten(), keras.layers.Dense(hidden, activation="relu")]
    last = [] if output_size is None else [keras.layers.Dense(output_size)]
    return keras.Sequential([*layers, *last], name=name)


def conv_decoder(latent_dim: int, output_shape, filters=(32, 64), hidden: int = 256, name=None):
    """Returns a Keras model [N, latent_dim] -> [N, H, W, C], the mirror image of `conv_encoder`.

    Sizes that the strides do not divide are decoded a little larger and cropped.

    Raises:
        ValueError: if `output_shape` is not (height, width, channels).
    """
    height, width, channels = _check_image_shape(output_shape, "conv")
    stride = 2 ** len(filters)
    rows, columns = math.ceil(height / stride), math.ceil(width / stride)
    layers = [
        keras.layers.Input((latent_dim,)),
        keras.layers.Dense(hidden, activation="relu"),
        keras.layers.Dense(rows * columns * filters[-1], activation="relu"),
        keras.layers.Reshape((rows, columns, filters[-1])),
    ]
    layers += [
        keras.layers.Conv2DTranspose(size, 4, strides=2, padding="same", activation="relu")
        for size in reversed(filters[:-1])
    ]
    layers += [keras.layers.Conv2DTranspose(channels, 4, strides=2, padding="same")]
    crop = ((0, rows * stride - height), (0, columns * stride - width))
    if any(after for _, after in crop):
        layers += [keras.layers.Cropping2D(crop)]
    return keras.Sequential(layers, name=name)

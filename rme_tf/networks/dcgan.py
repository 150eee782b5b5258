"""Deep strided convolutional networks for colour images of 32x32 and 64x64, after DCGAN."""

import keras

from rme_tf.networks.images import PARAMS_DTYPE, check_image_shape, cropped, small_map

SMALLEST = 4  # pixels of the smallest map's longer side, at most


def dcgan_encoder(input_shape, output_size: int | None, filters: int = 64, name=None):
    """Returns a Keras model [N, H, W, C] -> [N, output_size]; of None, the features [N, F] before that.

    4x4 convolutions of stride 2 with leaky ReLU halve the image, and double the filters, until no side is longer than
    4: three for 32x32, four for 64x64. Each is normalised over the image, not over the batch: rows must not depend on
    each other.

    Raises:
        ValueError: if `input_shape` is not (height, width, channels).

    References:
        Radford et al. (2016), https://arxiv.org/abs/1511.06434
    """
    check_image_shape(input_shape, "dcgan")
    inputs = keras.layers.Input(tuple(input_shape))
    outputs = inputs
    for index in range(_depth(input_shape)):
        outputs = keras.layers.Conv2D(filters * 2**index, 4, strides=2, padding="same")(outputs)
        outputs = _activated(outputs, normalized=index > 0)
    outputs = keras.layers.Flatten()(outputs)
    if output_size is not None:
        outputs = keras.layers.Dense(output_size)(outputs)
    return keras.Model(inputs, outputs, name=name)


def dcgan_decoder(latent_dim: int, output_shape, filters: int = 64, name=None):
    """Returns a Keras model [N, latent_dim] -> [N, H, W, C], the mirror image of `dcgan_encoder`.

    Raises:
        ValueError: if `output_shape` is not (height, width, channels).
    """
    channels = check_image_shape(output_shape, "dcgan")[-1]
    depth = _depth(output_shape)
    inputs = keras.layers.Input((latent_dim,))
    outputs = small_map(inputs, output_shape, 2**depth, filters * 2 ** max(0, depth - 1), activation=None)
    outputs = _activated(outputs)
    for index in reversed(range(depth)):
        outputs = keras.layers.Conv2DTranspose(filters * 2 ** max(0, index - 1), 4, strides=2, padding="same")(outputs)
        outputs = _activated(outputs)
    outputs = keras.layers.Conv2D(channels, 3, padding="same", dtype=PARAMS_DTYPE)(outputs)
    return keras.Model(inputs, cropped(outputs, output_shape), name=name)


def _depth(image_shape) -> int:
    """Returns how often the image is halved."""
    depth = 0
    while max(image_shape[:2]) > SMALLEST * 2**depth:
        depth += 1
    return depth


def _activated(inputs, *, normalized=True):
    """Returns the leaky ReLU of a map, normalised over each image unless said."""
    outputs = keras.layers.GroupNormalization(groups=1)(inputs) if normalized else inputs
    return keras.layers.LeakyReLU(negative_slope=0.2)(outputs)

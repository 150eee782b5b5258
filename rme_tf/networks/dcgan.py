"""Deep strided convolutional networks for images of 32x32 and 64x64, after DCGAN."""

import itertools
import math

import keras

from rme_tf.core.validation import check_count, check_counts
from rme_tf.networks.images import PARAMS_DTYPE, check_image_shape, check_weights, cropped, last_layers, small_map

KERNEL_SIZE = 4
SMALLEST = 4  # largest number of pixels on the longer side of the smallest map


def dcgan_encoder(input_shape, output_size: int | None, filters: int = 64, name=None):
    """Returns a DCGAN encoder [N, H, W, C] -> [N, output_size].

    4x4 convolutions of stride 2 with leaky ReLU halve the image and double the filters until no side is longer than 4:
    three convolutions for 32x32, four for 64x64. If a side is one pixel already, only the other side is halved and
    filters do not double, so an elongated image needs about as many weights as a square image of its area. Convolutions
    are normalized over the image, not over the batch, so that rows of a batch stay independent.

    Args:
        input_shape: (H, W, C).
        output_size: size of the output; None leaves out the last layer, and the output is features [N, F].
        filters: number of filters of the first convolution.
        name: name of the model.

    Raises:
        ValueError: if `input_shape` is not (height, width, channels), or takes more than `images.MAX_WEIGHTS`.

    References:
        Radford et al. (2016), https://arxiv.org/abs/1511.06434
    """
    check_count("filters", filters)
    check_image_shape(input_shape, "dcgan")
    inputs = keras.layers.Input(tuple(input_shape))
    outputs = inputs
    for index, size in enumerate(_checked_widths(input_shape, filters)):
        outputs = keras.layers.Conv2D(size, KERNEL_SIZE, strides=2, padding="same")(outputs)
        outputs = _activated(outputs, normalized=index > 0)
    outputs = keras.layers.Flatten()(outputs)
    for layer in last_layers(output_size):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=name)


def dcgan_decoder(latent_dim: int, output_shape, filters: int = 64, name=None):
    """Returns a decoder [N, latent_dim] -> [N, H, W, C] that mirrors `dcgan_encoder`.

    Args:
        latent_dim: number of latent dimensions D.
        output_shape: (H, W, C).
        filters: number of filters of the last hidden convolution.
        name: name of the model.

    Raises:
        ValueError: if `output_shape` is not (height, width, channels), or takes more than `images.MAX_WEIGHTS`.
    """
    check_counts(latent_dim=latent_dim, filters=filters)
    channels = check_image_shape(output_shape, "dcgan")[-1]
    sizes = [filters, *_checked_widths(output_shape, filters)]
    inputs = keras.layers.Input((latent_dim,))
    outputs = small_map(inputs, output_shape, 2 ** (len(sizes) - 1), sizes[-1], activation=None)
    outputs = _activated(outputs)
    for size in reversed(sizes[:-1]):
        outputs = keras.layers.Conv2DTranspose(size, KERNEL_SIZE, strides=2, padding="same")(outputs)
        outputs = _activated(outputs)
    outputs = keras.layers.Conv2D(channels, 3, padding="same", dtype=PARAMS_DTYPE)(outputs)
    return keras.Model(inputs, cropped(outputs, output_shape), name=name)


def _checked_widths(image_shape, filters: int) -> list[int]:
    """Returns the number of filters of each convolution; raises ValueError if there are too many weights."""
    sizes = _widths(image_shape, filters)
    count = sum(KERNEL_SIZE**2 * before * after for before, after in itertools.pairwise(sizes))
    check_weights(count, image_shape, "dcgan", "Take fewer `filters`, or the 'conv' networks with a halving for each")
    return sizes


def _widths(image_shape, filters: int) -> list[int]:
    shorter, longer = sorted(image_shape[:2])
    sizes: list[int] = []
    while longer > SMALLEST:
        sizes.append(filters)
        shorter, longer = math.ceil(shorter / 2), math.ceil(longer / 2)
        filters *= 2 if shorter > 1 else 1
    return sizes


def _activated(inputs, *, normalized=True):
    """Returns the leaky ReLU of a map, by default normalized over each image."""
    outputs = keras.layers.GroupNormalization(groups=1)(inputs) if normalized else inputs
    return keras.layers.LeakyReLU(negative_slope=0.2)(outputs)

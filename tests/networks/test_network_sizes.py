"""Weights of the networks for images: in proportion to the image, as published, or refused before there are any."""

import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.networks import DECODERS, ENCODERS, images
from test_networks import ELSEWHERE, SMALL

HUGE = (4096, 4096, 3)
SIDES = {"pixelcnn": {"num_layers": 1, "filters": 2}, **SMALL}
BUILDERS = {
    **{f"{name} encoder": (name, ENCODERS[name]) for name in sorted(set(ENCODERS) - ELSEWHERE)},
    **{f"{name} decoder": (name, DECODERS[name]) for name in sorted(set(DECODERS) - {"conv1d", "lstm"})},
}
# Of default encoders of 40 params and decoders of 20 codes, at 28x28x1, 32x32x3 and 64x64x3, as results were recorded.
PUBLISHED = {
    "conv": [(846728, 844641), (1093512, 1092387), (4239240, 4250403)],
    "dcgan": [(821480, 808769), (823528, 809923), (3086056, 2994371)],
    "gated_conv": [(2181736, 680737), (2676456, 700963), (8967912, 959011)],
    "mlp": [(277032, 272656), (862760, 860672), (3222056, 3229184)],
    "resnet": [(933768, 959361), (1180104, 1206659), (4325832, 4364675)],
}

CONV_BACK = keras.layers.Conv2DTranspose

every_builder = pytest.mark.parametrize("kind", sorted(BUILDERS))


def built(kind, shape, size=3, **options):
    name, build = BUILDERS[kind]
    first, second = (shape, size) if "encoder" in kind else (size, shape)
    return build(first, second, **(options or SIDES.get(name, {})))


def count(kind, shape, size=3, **options):
    network = built(kind, shape, size, **options)
    if getattr(network, "autoregressive", False):
        network([tf.zeros([1, size]), tf.zeros([1, *shape])])
    return network.count_params()


@every_builder
@pytest.mark.parametrize("sides", [(3, 300), (300, 3), (1, 100), (9, 150), (1, 1), (2, 2), (31, 33)], ids=str)
def test_weights_are_in_proportion_to_the_area(kind, sides):
    """A square of the same area has a quarter at least: it can be halved along both sides, twice in these networks."""
    side = math.ceil(math.sqrt(math.prod(sides)))
    assert count(kind, (*sides, 1)) <= 4.0 * count(kind, (side, side, 1))


@every_builder
def test_what_is_far_too_large_is_refused_before_there_are_weights(kind):
    with pytest.raises(ValueError, match=r"would have [\d,]+ weights. Expected at most 536,870,912. .* of your own"):
        built(kind, HUGE, 64, name="of_default_options")


@every_builder
def test_the_number_that_is_refused_is_that_of_the_weights(kind, monkeypatch):
    shape, options = (128, 96, 3), {"filters": 16} if "dcgan" in kind else {}
    actual = count(kind, shape, 50, **options)
    monkeypatch.setattr(images, "MAX_WEIGHTS", 0)
    with pytest.raises(ValueError, match="would have") as refusal:
        built(kind, shape, 50, **options)
    named = int(re.search(r"would have ([\d,]+) weights", str(refusal.value))[1].replace(",", ""))
    assert 0.5 * actual < named <= actual


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_networks_of_square_images_are_those_of_the_recorded_results(name):
    for (side, channels), expected in zip(((28, 1), (32, 3), (64, 3)), PUBLISHED[name], strict=True):
        shape = (side, side, channels)
        assert (ENCODERS[name](shape, 40).count_params(), DECODERS[name](20, shape).count_params()) == expected


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3), (28, 20, 1), (16, 64, 1), (5, 7, 2)], ids=str)
def test_dcgan_doubles_its_filters_with_each_halving_of_both_sides(shape):
    halvings = math.ceil(math.log2(max(shape[:2]) / 4))
    kernels = [
        layer.kernel.shape for layer in ENCODERS["dcgan"](shape, 2, filters=2).layers if hasattr(layer, "kernel")
    ]
    assert [kernel[-1] for kernel in kernels[:-1]] == [2 * 2**index for index in range(halvings)]
    layers = [layer for layer in DECODERS["dcgan"](2, shape, filters=2).layers if layer.__class__ is CONV_BACK]
    assert [layer.filters for layer in layers] == [2 * 2 ** max(0, index - 1) for index in reversed(range(halvings))]


def test_dcgan_keeps_its_filters_where_one_side_is_left_to_halve():
    network = ENCODERS["dcgan"]((3, 300, 1), 2, filters=2)
    assert [layer.filters for layer in network.layers if hasattr(layer, "filters")] == [2, 4, 4, 4, 4, 4, 4]
    decoder = DECODERS["dcgan"](3, (3, 300, 1), filters=2)
    assert [layer.filters for layer in decoder.layers if layer.__class__ is CONV_BACK] == [4, 4, 4, 4, 4, 2, 2]
    assert np.isfinite(decoder(tf.ones([2, 3]))).all()

"""Arguments of functions and classes, through the keywords that they pass on."""

import keras
import pytest

from rme_tf import algorithms, likelihoods, networks, posteriors, priors, refinements
from rme_tf.core.arguments import REQUIRED, arguments_of
from rme_tf.core.registry import argument_names
from rme_tf.experiments.parts.options import options_of

TABLES = {
    "algorithm": algorithms.ALGORITHMS,
    "decoder": networks.DECODERS,
    "encoder": networks.ENCODERS,
    "likelihood": likelihoods.LIKELIHOODS,
    "mixing": posteriors.MIXINGS,
    "optimizer": {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD},
    "posterior": posteriors.POSTERIORS,
    "prior": priors.PRIORS,
    "refinement": refinements.REFINEMENTS,
    "trunk": networks.COMPONENT_NETWORKS,
}


class Base:
    def __init__(self, width, height=2, **kwargs):
        pass


class Closed(Base):
    def __init__(self, width, depth: int = 3):
        super().__init__(width)


class Open(Closed, Base):
    def __init__(self, extent, *, name=None, **kwargs):
        pass


class OfKeras(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)


def made(size, **options) -> Base:
    pass


def anything(size, **options):
    pass


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (Base, ["width", "height"]),
        (Closed, ["width", "depth"]),
        (Open, ["extent", "width", "depth"]),  # up to the base that takes no further keywords
        (OfKeras, ["units"]),
        (made, ["size", "height"]),  # `size` is the first argument of what it makes
        (anything, None),
        (object, []),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_arguments_are_found_behind_keywords(build, names):
    assert argument_names(build) == names


def test_an_argument_has_the_default_of_the_class_that_declares_it():
    named = arguments_of(Open).named
    assert named["depth"] == (3, Closed)
    assert named["extent"] == (REQUIRED, Open)


@pytest.mark.parametrize("kind", TABLES)
def test_options_and_checked_names_are_the_same_arguments(kind):
    for build in TABLES[kind].values():
        assert argument_names(build) in (None, list(options_of(build)))


def test_an_option_of_a_function_has_the_text_of_the_class_that_it_makes():
    options = options_of(networks.DECODERS["lstm"])
    assert options["word_dropout"].text.startswith("rate at which")
    assert "features" not in options  # `output_shape` sets it

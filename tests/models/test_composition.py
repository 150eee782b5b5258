"""The classes that a VAE is composed of: each declares what it uses, and old spellings are aliases."""

import ast
import inspect
import textwrap

import numpy as np
import pytest

from rme_tf import VAE

OWN = [kind for kind in VAE.__mro__ if kind.__module__.startswith("rme_tf.")]


def attributes_of_self(kind, context):
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, context)]
    return {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "self"}


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_a_class_uses_attributes_that_it_sets_or_declares(kind):
    declared = set()
    for base in kind.__mro__:
        declared |= {*vars(base), *getattr(base, "__annotations__", {})}
        if base in OWN:
            declared |= attributes_of_self(base, ast.Store)
    assert not attributes_of_self(kind, ast.Load) - declared


def test_the_model_is_composed_in_one_class():
    assert [base.__name__ for base in VAE.__bases__] == ["StoredModel", "ArtifactModel", "TrainableModel"]


def test_amortised_is_amortized(tiny_model, binary_data):
    model, x = tiny_model(2), binary_data()
    assert VAE.amortised is VAE.amortized
    for one, other in zip(model.amortised(x), model.amortized(x), strict=True):
        np.testing.assert_array_equal(one, other)

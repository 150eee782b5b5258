"""Adam's updates by fused kernels have the bits of Keras's."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.algorithms import base
from rme_tf.core.fused_adam import fused_updates

FUSED = "ResourceApplyAdagradV2"
SHAPES = ((300, 7), (5,), ())
DECAY = keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.7)
ADAMS = {
    "plain": lambda: keras.optimizers.Adam(0.01),
    "other rates": lambda: keras.optimizers.Adam(0.3, beta_1=0.5, beta_2=0.97, epsilon=1e-3),
    "schedule": lambda: keras.optimizers.Adam(DECAY),
    "weight decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "clipped": lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.5),
    "averages": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
}
OTHERS = {
    "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "Nadam": lambda: keras.optimizers.Nadam(0.01),
    "SGD": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
}


def updates(make, fused, *, exact=True, gradients=None, dtype="float32"):
    """The weights and the optimizer's state after four updates, and the operations of one."""
    generator = np.random.default_rng(0)
    weights = [keras.Variable(generator.normal(size=shape), dtype=dtype) for shape in SHAPES]
    optimizer = make()
    optimizer.build(weights)

    def update(*values):
        if not fused:
            optimizer.apply(values, weights)
            return
        with fused_updates(optimizer, exact=exact):
            optimizer.apply(values, weights)

    update = tf.function(update, autograph=False)
    for scale in (1.0, 1e-3, 1e-6, 30.0):
        drawn = [tf.constant(scale * generator.normal(size=shape), dtype) for shape in SHAPES]
        arguments = drawn if gradients is None else gradients(drawn)
        update(*arguments)
    assert "update_step" not in vars(optimizer)
    graph = update.get_concrete_function(*arguments).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return [np.asarray(variable) for variable in [*weights, *optimizer.variables]], {node.op for node in nodes}


def check_equal(one, other):
    for value, expected in zip(one, other, strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("name", [*ADAMS, *OTHERS])
def test_weights_and_state_have_the_bits_of_keras(name):
    make = {**ADAMS, **OTHERS}[name]
    expected, by_keras = updates(make, fused=False)
    received, operations = updates(make, fused=True)
    check_equal(received, expected)
    assert FUSED not in by_keras
    assert (FUSED in operations) == (name in ADAMS)


@pytest.mark.parametrize("name", ADAMS)
def test_a_single_kernel_is_keras_s_update_but_for_rounding(name):
    expected, _ = updates(ADAMS[name], fused=False)
    received, operations = updates(ADAMS[name], fused=True, exact=False)
    assert "ResourceApplyAdam" in operations
    assert FUSED not in operations
    for value, expected_value in zip(received, expected, strict=True):  # 1 - 0.999 has 14 bits less than 0.001
        np.testing.assert_allclose(value, expected_value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("drawn", [None, 1])
def test_only_steps_that_draw_components_take_the_single_kernel(drawn, tiny_model, binary_data, monkeypatch):
    fused = []

    def noted(optimizer, exact):
        fused.append(exact)
        return contextlib.nullcontext()

    monkeypatch.setattr(base, "fused_updates", noted)
    model = tiny_model(3)
    model.compile("adam", rme_tf.RecursiveMixture(components_per_step=drawn, warm_start_epochs=1))
    for count, exact in ((1, True), (3, drawn is None)):
        model.active_components = count
        model.algorithm.step(model, tf.constant(binary_data()), (0, 1))
        assert fused.pop() == exact


@pytest.mark.parametrize("jit_compile", [True, False])
def test_xla_compiles_keras_s_updates(jit_compile, tiny_model, binary_data, monkeypatch):
    fused = []

    def noted(optimizer, exact):
        fused.append((optimizer, exact))
        return contextlib.nullcontext()

    monkeypatch.setattr(base, "fused_updates", noted)
    model = tiny_model()
    model.compile("adam", "elbo", jit_compile=jit_compile)
    model.algorithm.step(model, tf.constant(binary_data()), (0, 1))
    assert fused == ([] if jit_compile else [(model.optimizer, True)])


def sparse(gradients):
    first, *others = gradients
    return [tf.IndexedSlices(first[:2], tf.constant([4, 1]), tf.constant(SHAPES[0])), *others]


@pytest.mark.parametrize("case", [{"gradients": sparse}, {"dtype": "float16"}], ids=["sparse", "float16"])
def test_other_gradients_and_weights_are_keras_s(case):
    expected, _ = updates(ADAMS["plain"], fused=False, **case)
    received, operations = updates(ADAMS["plain"], fused=True, **case)
    check_equal(received, expected)
    assert (FUSED in operations) == ("gradients" in case)  # for the other weights


def test_an_error_leaves_the_optimizer_as_it_was():
    optimizer = keras.optimizers.Adam()
    with pytest.raises(KeyError), fused_updates(optimizer):
        assert "update_step" in vars(optimizer)
        raise KeyError
    assert "update_step" not in vars(optimizer)

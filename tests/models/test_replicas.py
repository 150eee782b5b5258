"""Trainings on several replicas: equal to one device, with noise, or refused."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.algorithms.component_draws import draw_components
from rme_tf.core import replicas
from rme_tf.core.gaussian import noise_like_tfp
from rme_tf.posteriors import POSTERIORS

SHARE = replicas.Rows(2, 3, 7)


@pytest.mark.parametrize("name", sorted(POSTERIORS))
@pytest.mark.parametrize("single", [False, True], ids=["components", "with densities"])
def test_each_row_has_the_noise_that_it_has_on_one_device(name, single, rng):
    family = POSTERIORS[name](3)
    params = tf.constant(rng.normal(scale=0.3, size=(7, 2, family.num_params)), tf.float32)

    def draw(params):
        if single:
            return family.sample_and_log_prob(params[:, 0], 4, [1, 2])[0]
        return family.draw_components(params, 4, [[1, 2], [3, 4]]).z

    expected = draw(params)[:, 2:5]
    with replicas.as_rows(SHARE):
        np.testing.assert_allclose(draw(params[2:5]), expected, rtol=1e-5, atol=1e-6)  # another size of the products


def test_a_replica_without_rows_draws_nothing():
    with replicas.as_rows(replicas.Rows(7, 0, 7)):
        assert noise_like_tfp([4], [0, 3], [1, 2]).shape == (4, 0, 3)


def test_each_row_draws_the_components_that_it_draws_on_one_device():
    expected = draw_components(7, 5, 2, [1, 2]).indices[2:5]
    with replicas.as_rows(SHARE):
        np.testing.assert_array_equal(draw_components(3, 5, 2, [1, 2]).indices, expected)


def test_a_mean_has_the_weight_of_a_replica_in_it():
    with replicas.as_rows(replicas.Rows(0, 2, 8)):
        assert float(replicas.part_of_mean(tf.constant([3.0, 5.0]))) == 1.0
    assert float(replicas.part_of_mean(tf.constant([3.0, 5.0]))) == 4.0


@pytest.mark.parametrize(
    ("optimizer", "options", "named"),
    [
        (lambda: keras.optimizers.Adam(gradient_accumulation_steps=2), {}, "gradient_accumulation_steps"),
        (lambda: keras.optimizers.Adam(use_ema=True, ema_overwrite_frequency=3), {}, "ema_overwrite_frequency"),
        (keras.optimizers.Adam, {"jit_compile": True}, "jit_compile"),
        (lambda: keras.optimizers.Adam(use_ema=True), {"algorithm": "sequential"}, "sequential"),
    ],
)
def test_replicas_refuse_what_they_cannot_do(tiny_model, monkeypatch, optimizer, options, named):
    model = tiny_model(2)
    if "algorithm" in options:
        options = {"algorithm": rme_tf.RecursiveMixture(update=options["algorithm"])}
    model.compile(optimizer(), **options)  # on one device
    strategy = type("Strategy", (), {"num_replicas_in_sync": 2})()
    monkeypatch.setattr(type(model), "distribute_strategy", strategy)
    with pytest.raises(ValueError, match=f"2 replicas.*without .*{named}"):
        model.compile(optimizer(), **options)


def test_optimizers_take_sums_over_the_replicas(tiny_model, monkeypatch):
    """Keras clips the gradients of each replica before it sums them."""
    model = tiny_model(2)
    assert "_all_reduce_sum_gradients" in inspect.getsource(keras.optimizers.Adam._backend_update_step)
    strategy = type("Strategy", (), {"num_replicas_in_sync": 2})()
    monkeypatch.setattr(type(model), "distribute_strategy", strategy)
    model.compile("adam")
    pairs = [(tf.constant(1.0), tf.Variable(2.0))]
    assert model.optimizer._all_reduce_sum_gradients(iter(pairs)) == pairs

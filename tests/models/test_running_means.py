"""The means of the epoch's log, in one vector."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.models.running_means import RunningMeans


def test_means_are_those_of_all_observations_in_batches_of_any_size(rng):
    means = RunningMeans(["loss", "elbo"])
    batches = [rng.normal(size=(size, 2)).astype("float32") for size in (4, 4, 1)]
    for batch in batches:
        means.update_state(batch)
    assert list(means.result()) == ["loss", "elbo"]
    np.testing.assert_allclose(list(means.result().values()), np.concatenate(batches).mean(axis=0), rtol=1e-5)
    assert float(means.observations) == 9.0
    means.reset_state()
    assert [float(value) for value in means.result().values()] == [0.0, 0.0]


def test_a_value_that_is_unknown_spoils_no_other():
    means = RunningMeans(["elbo_0", "elbo_1"])
    means.update_state(np.array([[1.0, 0.0], [3.0, 0.0]], "float32"), known=[True, False])
    assert float(means.result()["elbo_0"]) == 2.0
    assert np.isnan(means.result()["elbo_1"])
    assert not isinstance(means.result()["elbo_1"], tf.Tensor)
    means.update_state(np.array([[5.0, 7.0]], "float32"))
    assert [float(value) for value in means.result().values()] == [3.0, 7.0]
    compiled = tf.function(lambda: means.result())()
    assert [float(value) for value in compiled.values()] == [3.0, 7.0]


@pytest.mark.usefixtures("eagerly")
def test_a_model_evaluates_in_the_order_of_its_names(tiny_model, binary_data):
    """As Keras has it: the loss comes first."""
    model, x = tiny_model(2), binary_data(batch=5)
    model.compile("sgd")
    named = model.evaluate(x, batch_size=2, verbose=0, return_dict=True)
    assert model.metrics_names == ["loss", "elbo", "reconstruction", "kl", "elbo_0", "elbo_1", "alpha_0", "alpha_1"]
    assert model.evaluate(x, batch_size=2, verbose=0) == [named[name] for name in model.metrics_names]
    model.reset_metrics()
    named = model.test_on_batch(x, return_dict=True)
    model.reset_metrics()
    assert model.test_on_batch(x) == [named[name] for name in model.metrics_names]
    assert [metric.name for metric in model.metrics] == ["running_means"]

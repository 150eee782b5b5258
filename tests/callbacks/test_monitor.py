"""The callback that watches for collapse: what it logs, when it warns, when it is silent."""

import csv
import dataclasses
import math
import warnings

import keras
import numpy as np
import pytest

from rme_tf import ELBO, RecursiveMixture
from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.callbacks.collapse_monitor import CollapseMonitor, scalar_names, signs_of_collapse
from rme_tf.evaluation.collapse import collapse_report


def dense(inputs, outputs, kernel=0.0, bias=0.0):
    """A linear network with known weights."""
    network = keras.Sequential([keras.layers.Input((inputs,)), keras.layers.Dense(outputs)])
    network.set_weights([np.broadcast_to(kernel, (inputs, outputs)), np.broadcast_to(bias, (outputs,))])
    return network


def built(tiny_model, *, slope=3.0, weight=2.0, offset=0.3, num_components=2):
    """An autoencoder: z = slope (x - 1/2) +- offset, logits = weight z; training does not move it."""
    kernel = np.hstack([slope * np.eye(5), np.zeros((5, 5))])
    encoders = []
    for m in range(num_components):
        shift = (2 * m - num_components + 1) * offset - slope / 2
        encoders.append(dense(5, 10, kernel, [shift] * 5 + [-1.0] * 5))
    decoder = dense(5, 5, weight * np.eye(5))
    model = tiny_model(num_components, encoder=encoders, decoder=decoder, latent_dim=5, spread=0.0)
    model.compile(keras.optimizers.SGD(0.0), ELBO(), run_eagerly=True)
    return model


def warnings_of(model, x, monitor, epochs=1):
    """The messages of a training's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(x, epochs=epochs, batch_size=16, verbose=0, callbacks=[monitor])
    return [str(warning.message) for warning in caught if "epoch " in str(warning.message)]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_healthy_model_gets_no_warning(tiny_model, binary_data):
    model, x = built(tiny_model), binary_data(32)
    monitor = CollapseMonitor(x)
    assert warnings_of(model, x, monitor, epochs=2) == []
    assert monitor.history["epoch"] == [1.0, 2.0]
    assert monitor.history["active_units"] == [5.0, 5.0]
    assert monitor.history["reliance"][0] > 1.0


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_collapsed_model_gets_one_warning_with_its_numbers(tiny_model, binary_data):
    model, x = built(tiny_model, slope=0.0, offset=0.0, num_components=1), binary_data(32)
    messages = warnings_of(model, x, CollapseMonitor(x), epochs=3)
    assert len(messages) == 1
    for part in ("Posterior collapse (epoch 1)", "0 latent dimensions are active", "32 observations", "free bits"):
        assert part in messages[0]
    assert "within minibatches of 64" in messages[0]


@pytest.mark.usefixtures("eagerly")
def test_a_posterior_away_from_the_prior_that_does_not_look_at_x_has_collapsed(tiny_model, binary_data):
    model = built(tiny_model, slope=0.0, offset=1.0)
    report = collapse_report(model, binary_data(32))
    assert report.kl > 1.0
    assert "Posterior collapse" in signs_of_collapse(report)


@pytest.mark.usefixtures("eagerly")
def test_a_decoder_that_ignores_its_codes_is_told(tiny_model, binary_data):
    model, x = built(tiny_model, weight=0.0), binary_data(32)
    (message,) = warnings_of(model, x, CollapseMonitor(x))
    assert message.startswith("The decoder ignores z (epoch 1)")
    assert "loses 0 nats" in message
    assert "word dropout" in message


@pytest.mark.usefixtures("eagerly")
def test_identical_components_are_told_but_not_in_a_warm_start(tiny_model, binary_data):
    model, x = built(tiny_model, offset=0.0), binary_data(32)
    report = collapse_report(model, x)
    signs = signs_of_collapse(report)
    assert set(signs) == {"Identical components"}
    assert "components 0 and 1 is 0 nats" in signs["Identical components"]
    assert "kl_bound" in signs["Identical components"]
    assert signs_of_collapse(report, warming=True) == {}


@pytest.mark.usefixtures("eagerly")
def test_components_that_are_all_the_prior_are_no_second_warning(tiny_model, binary_data):
    """That they are alike follows from the collapse of the posterior, and has its remedies."""
    report = collapse_report(built(tiny_model, slope=0.0, offset=0.0), binary_data(32))
    assert set(signs_of_collapse(report)) == {"Posterior collapse"}


@pytest.mark.usefixtures("eagerly")
def test_a_component_without_weight_is_told(tiny_model, binary_data):
    healthy = collapse_report(built(tiny_model), binary_data(32))
    assert signs_of_collapse(healthy) == {}
    signs = signs_of_collapse(dataclasses.replace(healthy, usage=np.array([0.985, 0.015])))
    assert set(signs) == {"Component collapse"}
    assert "0.015 of component 1" in signs["Component collapse"]
    assert "uniform weights" in signs["Component collapse"]


@pytest.mark.usefixtures("eagerly")
def test_many_components_of_equal_weight_have_not_collapsed(tiny_model, binary_data):
    healthy = collapse_report(built(tiny_model), binary_data(32))
    kl = np.full((64, 64), 5.0)
    assert signs_of_collapse(dataclasses.replace(healthy, usage=np.full(64, 1 / 64), component_kl=kl)) == {}


@pytest.mark.usefixtures("eagerly")
def test_means_that_cancel_are_no_collapse(tiny_model, binary_data):
    healthy = collapse_report(built(tiny_model), binary_data(32))
    assert signs_of_collapse(dataclasses.replace(healthy, active_units=0)) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_warm_start_is_silent_about_components_and_its_end_is_not(tiny_model, binary_data):
    model, x = built(tiny_model), binary_data(32)
    algorithm = RecursiveMixture(warm_start_epochs=2, warm_start_noise=0.0)
    model.compile(keras.optimizers.SGD(0.0), algorithm, run_eagerly=True)
    monitor = CollapseMonitor(x)
    messages = warnings_of(model, x, monitor, epochs=4)
    assert [message.split(":")[0] for message in messages] == ["Identical components (epoch 3)"]
    assert monitor.history["usage_min"] == pytest.approx([0.0, 0.0, 0.5, 0.5])


@pytest.mark.usefixtures("eagerly")
def test_warnings_can_be_switched_off(tiny_model, binary_data):
    model, x = built(tiny_model, slope=0.0, offset=0.0), binary_data(32)
    assert warnings_of(model, x, CollapseMonitor(x, warn=False)) == []


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_callbacks_after_it_see_its_numbers(tiny_model, binary_data, tmp_path):
    model, x = built(tiny_model), binary_data(32)
    monitor, checkpoint = CollapseMonitor(x), ResumableCheckpoint(model, tmp_path / "checkpoint")
    callbacks = [monitor, keras.callbacks.CSVLogger(tmp_path / "log.csv"), checkpoint]
    history = model.fit(x, validation_data=x, epochs=2, verbose=0, callbacks=callbacks).history
    with open(tmp_path / "log.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name in scalar_names(2):
        expected = monitor.history[name]
        assert history[name] == checkpoint.history[name] == expected
        assert [float(row[name]) for row in rows] == pytest.approx(expected)
    assert {"mi", "active_units", "reliance", "kl_total", "usage_entropy"} <= set(history)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_epochs_without_a_report_keep_the_columns(tiny_model, binary_data, tmp_path):
    model, x = built(tiny_model), binary_data(32)
    monitor = CollapseMonitor(x, every=2)
    callbacks = [monitor, keras.callbacks.CSVLogger(tmp_path / "log.csv")]
    history = model.fit(x, epochs=5, verbose=0, callbacks=callbacks).history
    assert monitor.history["epoch"] == [2.0, 4.0]
    assert [math.isnan(value) for value in history["mi"]] == [True, False, True, False, True]
    with open(tmp_path / "log.csv", newline="", encoding="utf-8") as file:
        assert [row["mi"] != "nan" for row in csv.DictReader(file)] == [False, True, False, True, False]


@pytest.mark.slow
def test_it_measures_what_a_report_does_with_its_options(tiny_model, binary_data):
    model, x = built(tiny_model), binary_data(32)
    monitor = CollapseMonitor(x, max_observations=20, num_samples=2, batch_size=5, seed=3)
    model.fit(x, verbose=0, callbacks=[monitor])
    expected = collapse_report(model, x, max_observations=20, num_samples=2, batch_size=5, seed=3)
    assert monitor.report.as_dict() == expected.as_dict()
    assert monitor.history["mi_batch"] == [expected.mutual_information_batch]


@pytest.mark.usefixtures("eagerly")
def test_one_component_has_no_numbers_of_a_mixture(tiny_model, binary_data):
    model, x = built(tiny_model, num_components=1), binary_data(32)
    monitor = CollapseMonitor(x)
    model.fit(x, verbose=0, callbacks=[monitor])
    assert set(monitor.history) == {"epoch", *scalar_names(1)}
    assert "usage_entropy" not in monitor.history


@pytest.mark.usefixtures("eagerly")
def test_the_log_has_lines_for_each_component_and_if_wanted_for_each_dimension(tiny_model, binary_data):
    model, x = built(tiny_model), binary_data(16)
    monitor = CollapseMonitor(x, per_dimension=True, warn=False)
    history = model.fit(x, epochs=2, verbose=0, callbacks=[monitor]).history
    report = monitor.report
    expected = {f"usage_{m}": report.usage[m] for m in range(2)}
    expected |= {f"kl_per_component_{m}": report.kl_per_component[m] for m in range(2)}
    expected |= {f"kl_per_dimension_{m}_{d}": report.kl_per_dimension[m, d] for m in range(2) for d in range(5)}
    expected |= {"posterior_log_lik": report.reconstruction, "mixing_entropy": report.mixing_entropy}
    for name, value in expected.items():
        assert history[name][-1] == pytest.approx(value), name
    assert set(monitor.history) == {"epoch", *scalar_names(2, 5)}
    assert not {name for name in scalar_names(2) if "dimension" in name}


def test_many_components_have_no_lines_of_their_own():
    names = scalar_names(17, 3)
    assert not [name for name in names if name[-1].isdigit()]
    assert "usage_1" not in scalar_names(1)


@pytest.mark.usefixtures("eagerly")
def test_dimensions_that_have_no_kl_of_their_own_are_nan(tiny_model, binary_data):
    model, x = tiny_model(1, posterior="full_normal"), binary_data(8)
    model.compile("sgd", ELBO())
    monitor = CollapseMonitor(x, per_dimension=True, warn=False)
    model.fit(x, verbose=0, callbacks=[monitor])
    assert math.isnan(monitor.history["kl_per_dimension_0_1"][0])


@pytest.mark.usefixtures("eagerly")
def test_data_of_another_kind_are_refused_before_the_first_step(tiny_model, binary_data):
    model, x = built(tiny_model), binary_data(8)
    with pytest.raises(ValueError, match="Bernoulli expects binary values"):
        model.fit(x, verbose=0, callbacks=[CollapseMonitor(x / 2)])
    assert int(model.optimizer.iterations) == 0


@pytest.mark.slow
def test_it_follows_the_weights_and_moves_none(tiny_model, binary_data):
    """The graph is traced once; the numbers are of the weights as they are."""
    x = binary_data(32)
    trained = []
    for callbacks in ([CollapseMonitor(x)], []):
        model = built(tiny_model)
        model.compile(keras.optimizers.SGD(0.01), ELBO(), run_eagerly=True)
        model.fit(x, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        trained.append(model.get_weights())
        if callbacks:
            assert callbacks[0].history["kl_total"][0] != callbacks[0].history["kl_total"][1]
            assert callbacks[0].report.as_dict() == collapse_report(model, x, max_observations=500).as_dict()
    for with_monitor, without in zip(*trained, strict=True):
        np.testing.assert_array_equal(with_monitor, without)


def test_every_must_be_positive(binary_data):
    with pytest.raises(ValueError, match="`every` must be an integer of at least 1. Received: 0"):
        CollapseMonitor(binary_data(4), every=0)

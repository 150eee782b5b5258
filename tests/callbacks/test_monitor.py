"""The callback that watches for collapse: what it logs, when it warns, when it is silent."""

import csv
import dataclasses
import math
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, LinearAnnealing, RecursiveMixture
from rme_tf.callbacks import ResumableCheckpoint, collapse_monitor
from rme_tf.callbacks.collapse_monitor import CollapseMonitor, scalar_names
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
    messages = warnings_of(model, x, CollapseMonitor(x), epochs=4)
    assert len(messages) == 1
    for part in ("Posterior collapse (epoch 3)", "I(x; z) is", "32 observations", "threshold of 0.1", "free bits"):
        assert part in messages[0]


@pytest.mark.usefixtures("eagerly")
def test_a_decoder_that_ignores_its_codes_is_told(tiny_model, binary_data):
    model, x = built(tiny_model, weight=0.0), binary_data(32)
    (message,) = warnings_of(model, x, CollapseMonitor(x, patience=1))
    assert message.startswith("The decoder ignores z (epoch 1)")
    assert "with the code of another observation is 0.00 ± 0 nats" in message
    assert "word dropout" not in message  # a decoder of pixels has none


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("algorithm", "first"),
    [
        (RecursiveMixture(warm_start_epochs=2, warm_start_noise=0.0), 4),
        # 2 steps an epoch: at its end after the second epoch.
        (RecursiveMixture(warm_start_epochs=0, kl_weight=LinearAnnealing(steps=4)), 3),
        (RecursiveMixture(warm_start_epochs=0), 2),
    ],
    ids=["warm start", "rising KL weight", "neither"],
)
def test_a_warning_waits_for_the_warm_start_the_kl_weight_and_some_epochs(tiny_model, binary_data, algorithm, first):
    """Of equal components, as they are from the first epoch on, with a patience of two epochs."""
    model, x = built(tiny_model, offset=0.0), binary_data(32)
    model.compile(keras.optimizers.SGD(0.0), algorithm, run_eagerly=True)
    monitor = CollapseMonitor(x, patience=2)
    messages = warnings_of(model, x, monitor, epochs=5)
    assert [message.split(":")[0] for message in messages] == [f"Identical components (epoch {first})"]
    alone = [0.0] * algorithm.warm_start_epochs
    assert monitor.history["usage_min"] == pytest.approx([*alone, *[0.5] * (5 - len(alone))])


@pytest.mark.usefixtures("eagerly")
def test_a_value_within_its_error_of_the_threshold_is_no_warning(tiny_model, binary_data, monkeypatch):
    model, x = built(tiny_model, weight=0.0), binary_data(32)
    certain = collapse_report(model, x)
    for error, count in ((0.01, 1), (0.06, 0)):
        report = dataclasses.replace(certain, reliance_standard_error=error)
        monkeypatch.setattr(collapse_monitor, "collapse_report", lambda *args, report=report, **options: report)
        assert len(warnings_of(model, x, CollapseMonitor(x, patience=1))) == count


@pytest.mark.usefixtures("eagerly")
def test_warnings_can_be_switched_off(tiny_model, binary_data):
    model, x = built(tiny_model, slope=0.0, offset=0.0), binary_data(32)
    assert warnings_of(model, x, CollapseMonitor(x, warn=False, patience=1)) == []


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
        assert [row["mi"] != "NA" for row in csv.DictReader(file)] == [False, True, False, True, False]


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
def test_what_a_report_lacks_is_not_logged(tiny_model, binary_data):
    """Dimensions without a KL in closed form, and the loss with another code where every batch is one row."""
    model, x = tiny_model(1, posterior="full_normal"), binary_data(8)
    model.compile("sgd", ELBO())
    monitor = CollapseMonitor(tf.data.Dataset.from_tensor_slices(x).batch(1), per_dimension=True, warn=False)
    seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logged.update(logs))
    logged = {}
    history = model.fit(x, verbose=0, callbacks=[monitor, seen]).history
    assert "mi" in logged
    assert not {"kl_per_dimension_0_1", "reliance"} & {*logged, *monitor.history}
    assert math.isnan(history["reliance"][0])


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


@pytest.mark.parametrize("name", ["every", "patience"])
def test_numbers_of_epochs_must_be_positive(binary_data, name):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1. Received: 0"):
        CollapseMonitor(binary_data(4), **{name: 0})

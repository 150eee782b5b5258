"""The polish: recursion first, then everything ascends the mixture's ELBO; what is traced, saved and resumed."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from definition import SEED, UPDATES, algorithm, assert_same_gradients, recorded_gradients
from rme_tf import ELBO, Boosted, FreeBits, RecursiveMixture
from rme_tf.algorithms.kl_annealing import LinearAnnealing
from rme_tf.callbacks import ResumableCheckpoint


def polished(**choices):
    return RecursiveMixture(**{"warm_start_epochs": 0, "polish_epoch": 1, **choices})


@pytest.mark.slow
@pytest.mark.parametrize("update", UPDATES)
def test_a_polishing_step_has_the_gradients_of_the_elbo(tiny_model, binary_data, update):
    """With the same samples, KL weight and free bits: of components, decoder and weights alike."""
    model, x = tiny_model(3, mixing="learned"), binary_data()
    shared = {"num_samples": 2, "kl_weight": LinearAnnealing(steps=4, start=0.5), "free_bits": FreeBits(nats=0.2)}
    before = recorded_gradients(model, polished(update=update, **shared), x)
    assert_same_gradients(before, recorded_gradients(model, algorithm(kl_bound=3.0, **shared), x), tolerance=1e-5)
    model.phase = 1
    after = recorded_gradients(model, polished(update=update, **shared), x)
    expected = recorded_gradients(model, ELBO(**shared), x)
    assert_same_gradients(after, expected, tolerance=1e-6)
    later = model.encoders[2].trainable_variables[0].path  # which the recursion rewards for being apart
    assert np.abs(before[later] - expected[later]).max() > 1e-3


def test_boosting_is_polished_too(tiny_model, binary_data):
    model, x = tiny_model(2), binary_data()
    model.phase = 1
    found = recorded_gradients(model, Boosted(warm_start_epochs=0, polish_epoch=1), x)
    assert_same_gradients(found, recorded_gradients(model, ELBO(), x), tolerance=1e-6)


def weights_after(model, x, epochs, **options):
    model.fit(x, epochs=epochs, batch_size=4, shuffle=False, verbose=0, **options)
    return model.get_weights()


@pytest.mark.slow
def test_a_compiled_step_changes_when_the_polish_begins(tiny_model, binary_data):
    """So two epochs are one of the recursion and one of the ELBO."""
    x, ends = binary_data(4), {}
    for way in ("polished", "by hand", "recursion alone"):
        model = tiny_model(2, mixing="learned")
        rule = polished() if way == "polished" else RecursiveMixture(warm_start_epochs=0)
        model.compile(keras.optimizers.SGD(0.1), rule, run_eagerly=way != "polished")
        weights_after(model, x, 1)
        assert model.phase == 0
        if way == "by hand":
            model.compile(keras.optimizers.SGD(0.1), ELBO(), run_eagerly=True)
        ends[way] = weights_after(model, x, 1)
        assert model.phase == int(way == "polished")
    gaps = [[np.abs(a - b).max() for a, b in zip(ends[way], ends["by hand"], strict=True)] for way in ends]
    assert max(gaps[0]) < 2e-5  # float32, at gradients of size 10
    assert max(gaps[2]) > 1e-3


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_resumed_training_polishes_from_the_same_epoch(tiny_model, binary_data, tmp_path):
    """Interrupted before the polish or in it: the end is that of one run."""
    x, rule = binary_data(4), polished()

    def fresh():
        model = tiny_model(2, mixing="learned")
        model.compile(keras.optimizers.Adam(0.01), rule)
        return model

    def keep(epoch, logs):
        """What an interruption after the epoch would leave."""
        shutil.copytree(tmp_path / "whole", tmp_path / str(epoch + 1))

    model = fresh()
    callbacks = [ResumableCheckpoint(model, tmp_path / "whole"), keras.callbacks.LambdaCallback(on_epoch_end=keep)]
    expected = weights_after(model, x, 3, callbacks=callbacks)
    for stop in (1, 2):
        again = fresh()
        callback = ResumableCheckpoint(again, tmp_path / str(stop))
        assert callback.epoch == stop
        found = weights_after(again, x, 3 - stop, callbacks=[callback])
        assert again.phase == 1
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_loaded_model_goes_on_polishing(tiny_model, binary_data, tmp_path):
    x, model = binary_data(4), tiny_model(2)
    model.compile(keras.optimizers.SGD(0.1), polished())
    weights_after(model, x, 2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.algorithm == polished()
    assert int(loaded.epochs_trained) == 2
    weights_after(loaded, x, 1)
    assert loaded.phase == 1


def waiting(**choices):
    return polished(weights_from_polish=True, **choices)


def mixing_of(model):
    return np.concatenate([weight.ravel() for weight in model.mixing_network.get_weights()])


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("trunk", [None, "shared"])
def test_weights_may_wait_for_the_polish(tiny_model, binary_data, update, trunk):
    """Uniform, and moved by nothing, be it weight decay; a fit that goes on does not begin again."""
    model, x, seen = tiny_model(3, mixing="learned", trunk=trunk), binary_data(4), []
    model.compile(keras.optimizers.AdamW(0.05, weight_decay=0.1), waiting(update=update, polish_epoch=2))
    uniform = np.full((4, 3), 1 / 3)
    for epoch in range(4):
        weights_after(model, x, 1)
        seen.append(mixing_of(model))
        is_uniform = np.allclose(model(x)["weights"], uniform, atol=1e-7)
        assert is_uniform == (epoch < 2)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[2] != seen[1]).any()
    assert np.abs(seen[3]).max() > np.abs(seen[2] - seen[1]).max() > 0.0


@pytest.mark.slow
@pytest.mark.parametrize("update", UPDATES)
def test_weights_that_wait_change_nothing_else(tiny_model, binary_data, update):
    model, x = tiny_model(3, mixing="learned"), binary_data()
    waiting().begin(model)
    found = recorded_gradients(model, waiting(update=update), x)
    expected = recorded_gradients(model, polished(update=update), x)
    moved = {variable.path for variable in model.mixing_network.trainable_variables}
    assert moved <= set(expected)
    assert_same_gradients(found, {path: g for path, g in expected.items() if path not in moved}, tolerance=1e-6)


def test_weights_that_cannot_wait_are_refused(tiny_model):
    with pytest.raises(ValueError, match="`weights_from_polish` needs a `polish_epoch`"):
        waiting(polish_epoch=None)
    model = tiny_model(3, mixing="learned")
    model.mixing_network.layers[-1].activation = keras.activations.sigmoid  # of zero it is no zero
    with pytest.raises(ValueError, match="last layer is a linear one. Received: Dense"):
        waiting().begin(model)
    with pytest.raises(ValueError, match="`weights_from_polish` needs .* learned.* Received: UniformMixing"):
        tiny_model(3).compile("sgd", waiting())
    waiting().begin(tiny_model(1, mixing="learned"))


def test_a_model_saved_with_weights_of_no_effect_that_wait_is_loaded_without(tiny_model, monkeypatch, tmp_path):
    model = tiny_model(2)
    with monkeypatch.context() as patch:
        patch.setattr(RecursiveMixture, "check", lambda self, model: None)
        model.compile("sgd", waiting())
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").algorithm == polished()


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_it_comes_after_the_warm_start(tiny_model, binary_data):
    model, phases = tiny_model(2), []
    model.compile("sgd", polished(warm_start_epochs=1, polish_epoch=2))
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: phases.append((model.active_components, model.phase))
    )
    weights_after(model, binary_data(4), 4, callbacks=[note])
    assert phases == [(1, 0), (2, 0), (2, 1), (2, 1)]


@pytest.mark.parametrize("epoch", [-1, 0, 3, 1.5, 4.0, "4"])
def test_an_epoch_that_leaves_no_recursion_is_refused(epoch):
    with pytest.raises(ValueError, match="`polish_epoch`.*at least 4"):
        RecursiveMixture(warm_start_epochs=3, polish_epoch=epoch)


def test_algorithms_have_one_phase_unless_they_say_more(tiny_model, binary_data):
    assert {ELBO().phase(epoch) for epoch in range(5)} == {0}
    assert {RecursiveMixture().phase(epoch) for epoch in range(5)} == {0}
    assert [polished(polish_epoch=2).phase(epoch) for epoch in range(4)] == [0, 0, 1, 1]
    model = tiny_model(1)
    model.compile("sgd", polished())
    assert polished().step(model, tf.constant(binary_data()), tf.constant(SEED)).log_alpha.shape == (3, 1)

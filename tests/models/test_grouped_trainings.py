"""Trainings in groups of steps equal trainings of single steps, bit by bit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import processes
from rme_tf import VAE, RecursiveMixture
from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.models import step_groups


@pytest.mark.slow
def test_a_resumed_training_is_the_whole_one_bit_by_bit(tiny_model, binary_data, tmp_path):
    """Of 3 steps an epoch: chosen groups of rows on the device, and single steps on `tf.data`."""
    x = binary_data(12)

    def trained(size, cuts):
        for epochs in cuts:
            model = tiny_model(1)
            model.compile("adam", "elbo", steps_per_execution=size)
            checkpoint = ResumableCheckpoint(model, tmp_path / f"{size}_{len(cuts)}")
            data = x if size == "auto" else tf.data.Dataset.from_tensor_slices(x).batch(4).repeat()
            schedule = {"initial_epoch": checkpoint.epoch, "epochs": epochs, "steps_per_epoch": 3}
            model.fit(data, **schedule, shuffle=False, verbose=0, callbacks=[checkpoint])
        assert int(model.optimizer.iterations) == 3 * cuts[-1]
        return model.get_weights()

    expected = trained(1, [3])
    for cuts in ([3], [2, 3]):
        for value, right in zip(trained("auto", cuts), expected, strict=True):
            np.testing.assert_array_equal(value, right)


@pytest.mark.slow
def test_a_recursive_mixture_is_the_same_whatever_the_groups(tiny_model, binary_data, monkeypatch):
    """By single steps on `tf.data`, as before, and by groups of rows on the device."""
    x, results = binary_data(11).astype("uint8"), []
    for size in ("tf.data", 1, 3, "auto"):
        model = tiny_model(2, mixing="learned")
        steps = 1 if size == "tf.data" else size
        model.compile("adam", RecursiveMixture(warm_start_epochs=1), steps_per_execution=steps)
        with monkeypatch.context() as patch:
            if size == "tf.data":
                patch.setattr(step_groups, "on_device", lambda rows, jit_compile: None)
            history = model.fit(x, validation_data=x, batch_size=3, epochs=2, verbose=0).history
        results.append([*model.get_weights(), *history.values()])
    for other in results[1:]:
        for value, right in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(value, right)


@pytest.mark.slow
def test_xla_gives_the_same_whatever_the_groups(tiny_model, binary_data):
    x, results = binary_data(12), []
    for size in (1, "auto"):
        model = tiny_model(1)
        model.compile("adam", "elbo", steps_per_execution=size, jit_compile=True)
        history = model.fit(x, batch_size=3, epochs=2, verbose=0).history
        results.append([*model.get_weights(), *history.values()])
        assert int(model.optimizer.iterations) == 8
    for value, right in zip(*results, strict=True):
        np.testing.assert_array_equal(value, right)


def train_on_two_replicas():
    """Prints, for groups of one and of three steps, how many steps two epochs take, and the losses."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    data = tf.data.Dataset.from_tensor_slices(np.eye(8, 5, dtype="float32")).batch(2).repeat()
    for size in (1, 3):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            options = {"encoder_options": {"units": (4,)}, "decoder_options": {"units": (4,)}}
            model = VAE.from_names(encoder="mlp", decoder="mlp", **options, input_shape=(5,), latent_dim=2, seed=0)
            model.compile("sgd", "elbo", steps_per_execution=size, jit_compile=False)
        losses = model.fit(data, steps_per_epoch=4, epochs=2, verbose=0).history["loss"]
        print("result:", int(strategy.experimental_local_results(model.optimizer.iterations.value)[0]), losses)


@pytest.mark.slow
def test_replicas_take_the_same_steps(tmp_path):
    log = tmp_path / "log.txt"
    printed = processes.finish(processes.start(log, tmp_path, train_on_two_replicas), log)
    results = [line for line in printed.splitlines() if line.startswith("result:")]
    assert len(results) == 2
    assert results[0].startswith("result: 8 ")
    assert results[1] == results[0]

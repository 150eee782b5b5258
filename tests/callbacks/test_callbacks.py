"""Callbacks of Keras beside the library's own, the stop at NaN, and a resumed training that is the same."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, RecursiveMixture, data
from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.core.files import read_json, write_json


def warming(**choices):
    """A warm start whose end a short training may not see."""
    return RecursiveMixture(**{"warm_start_epochs": 1, **choices})


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_callbacks_of_keras_work_through_a_warm_start(tiny_model, binary_data, tmp_path):
    model, x = tiny_model(2), binary_data(16)
    model.compile(keras.optimizers.Adam(0.01), warming())
    stop = keras.callbacks.EarlyStopping(monitor="val_elbo", mode="max", min_delta=1e6, patience=2)
    best = tmp_path / "best.keras"
    callbacks = [
        keras.callbacks.ReduceLROnPlateau(monitor="val_elbo", mode="max", patience=1, min_delta=1e6),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),  # after what adds the learning rate to the logs
        keras.callbacks.ModelCheckpoint(best, monitor="val_elbo", mode="max", save_best_only=True),
        keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True),
        stop,
    ]
    history = model.fit(x, validation_data=x, batch_size=8, epochs=9, verbose=0, callbacks=callbacks).history
    # Of the whole mixture, from epoch 1 on, no epoch is better than the first by 1e6: the third ends the patience.
    assert stop.stopped_epoch == 3
    assert int(model.epochs_trained) == 4

    rows = list(csv.DictReader((tmp_path / "log.csv").open(encoding="utf-8")))
    assert len(rows) == 4
    assert set(rows[0]) == {"epoch", *history}
    assert rows[0]["elbo_1"] == "NA"
    for name, values in history.items():
        written = [float(row[name].replace("NA", "nan")) for row in rows]
        np.testing.assert_allclose(written, values, rtol=1e-6, err_msg=name)

    loaded = keras.saving.load_model(best)
    epoch = 1 + int(np.argmax(history["val_elbo"][1:]))
    assert int(loaded.epochs_trained) == epoch + 1
    result = loaded.evaluate(x, batch_size=8, verbose=0, return_dict=True)
    assert result["elbo"] == pytest.approx(history["val_elbo"][epoch], rel=1e-6)  # float32
    model.load_weights(tmp_path / "3.weights.h5")
    result = model.evaluate(x, batch_size=8, verbose=0, return_dict=True)
    assert result["elbo"] == pytest.approx(history["val_elbo"][2], rel=1e-6)


def test_tensorboard_gets_the_curves_and_the_weights(tiny_model, binary_data, tmp_path):
    pytest.importorskip("tensorboard")
    model, x = tiny_model(2), binary_data(8)
    model.compile("sgd", ELBO(), run_eagerly=True)
    model.fit(x, validation_data=x, verbose=0, callbacks=[keras.callbacks.TensorBoard(tmp_path, histogram_freq=1)])
    names = set()
    for file in tmp_path.rglob("*tfevents*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            names |= {value.tag for value in event.summary.value}
    assert {"epoch_elbo", "epoch_kl", "epoch_alpha_1"} <= names
    assert any("encoder_1" in name for name in names)


def encoder_1_moves(model, x):
    before = model.encoders[1].get_weights()
    model.fit(x, verbose=0)
    return any((a != b).any() for a, b in zip(before, model.encoders[1].get_weights(), strict=True))


@pytest.mark.slow
def test_weights_of_the_warm_start_put_back_later_warm_on(tiny_model, binary_data, tmp_path):
    """As `EarlyStopping(restore_best_weights=True)` does; the compiled step must follow the weights."""
    model, x = tiny_model(2), binary_data(8)
    model.compile("sgd", ELBO(warm_start_epochs=2))
    with pytest.warns(UserWarning, match="warm start"):
        model.fit(x, verbose=0)
    model.save_weights(tmp_path / "warm.weights.h5")
    model.fit(x, epochs=2, verbose=0)  # grows
    model.load_weights(tmp_path / "warm.weights.h5")
    assert int(model.num_active) == 1
    with pytest.warns(UserWarning, match="warm start"):
        assert not encoder_1_moves(model, x)
    assert encoder_1_moves(model, x)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_backup_and_restore_goes_on_within_the_warm_start(tiny_model, binary_data, tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    x, options = binary_data(8), {"epochs": 3, "batch_size": 8, "verbose": 0}
    model = tiny_model(2)
    model.compile("sgd", warming(warm_start_epochs=2))
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup"), Interrupt()], **options)
    again = tiny_model(2, seed=5)
    again.compile("sgd", warming(warm_start_epochs=2))
    history = again.fit(x, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup")], **options).history
    assert len(history["loss"]) == 2
    assert int(again.epochs_trained) == 3
    assert int(again.optimizer.iterations) == 3
    assert np.isnan(history["elbo_1"][0])  # the second epoch is the warm start's
    assert np.isfinite(history["elbo_1"][1])


POISONS = {
    "log alpha": lambda model: model.mixing_network,
    "from the encoders": lambda model: model.encoders[1],
    "from the decoder and the likelihood": lambda model: model.decoder,
}


@pytest.mark.parametrize("term", sorted(POISONS))
@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_training_stops_at_nan_and_names_the_first_broken_term(tiny_model, binary_data, term, value):
    if term == "log alpha" and value == np.inf:
        pytest.skip("an infinite logit is a weight of one, and the loss is finite")
    model, x = tiny_model(2, mixing="learned"), binary_data(8)
    model.compile("sgd", ELBO(), run_eagerly=True)
    bias = POISONS[term](model).trainable_variables[-1]
    bias.assign(bias + value)
    with pytest.raises(FloatingPointError, match=f"batch 0: the loss is not finite.*first non-finite term is .*{term}"):
        model.fit(x, batch_size=4, verbose=0)


def test_a_regularisation_loss_that_breaks_is_named(tiny_model, binary_data):
    penalty = {"kernel_regularizer": lambda kernel: np.inf * keras.ops.sum(kernel**2)}
    encoder = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(4, **penalty)])
    model = tiny_model(1, encoder=encoder)
    model.compile("sgd", ELBO(), run_eagerly=True)
    with pytest.raises(FloatingPointError, match="regularisation"):
        model.fit(binary_data(4), verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_what_was_saved_before_a_training_diverged_stays(
    tiny_model, binary_data, tmp_path, eagerly, steps_per_execution
):
    tf.config.run_functions_eagerly(steps_per_execution == 1)
    model, x = tiny_model(2), binary_data(16)
    model.compile(keras.optimizers.SGD(0.01), ELBO(), steps_per_execution=steps_per_execution)
    save = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    explode = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 if epoch == 0 else 1e12)
    with pytest.raises(FloatingPointError, match="first non-finite term is log"):
        model.fit(x, batch_size=4, epochs=3, verbose=0, callbacks=[save, explode])
    assert [path.name for path in tmp_path.iterdir()] == ["1.keras"]
    loaded = keras.saving.load_model(tmp_path / "1.keras")
    tf.config.run_functions_eagerly(True)  # `eagerly` puts it back
    assert np.isfinite(loaded.evaluate(x, verbose=0, return_dict=True)["loss"])
    assert np.isfinite(loaded.fit(x, verbose=0).history["loss"][0])  # a stop is not remembered


def test_the_stop_of_one_training_is_forgotten_by_the_next(tiny_model, binary_data):
    model, x = tiny_model(2, mixing="learned"), binary_data(4)
    model.compile("sgd", ELBO(), run_eagerly=True)
    for term in ("from the decoder", "log alpha"):
        start = model.get_weights()
        bias = (
            POISONS[term](model).trainable_variables[-1] if term in POISONS else model.decoder.trainable_variables[-1]
        )
        bias.assign(bias + np.nan)
        with pytest.raises(FloatingPointError, match=term):
            model.fit(x, verbose=0)
        model.set_weights(start)


# A training cut in two.

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 5, 1, 1)).astype(np.uint8)


def resumable(tiny_model, directory, *, algorithm, seed=0):
    """A new model, as a new process would build it, and the checkpoint that it goes on from."""
    keras.utils.set_random_seed(seed)
    encoder = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dropout(0.2), keras.layers.Dense(4)])
    model = tiny_model(2, encoder=encoder, mixing="learned", seed=seed)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.7)
    model.compile(keras.optimizers.Adam(schedule), algorithm)
    return model, ResumableCheckpoint(model, directory)


def train_to(model, checkpoint, epochs):
    batches = data.training_dataset(PIXELS, batch_size=8, seed=3, first_epoch=checkpoint.epoch)
    model.fit(
        batches.map(lambda batch: tf.reshape(batch, [-1, 5])),
        epochs=epochs,
        initial_epoch=checkpoint.epoch,
        steps_per_epoch=data.steps_per_epoch(16, 8),
        callbacks=[checkpoint],
        verbose=0,
    )


def assert_same_training(one, other):
    (model, checkpoint), (again, resumed) = one, other
    for a, b in zip(model.variables, again.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
    np.testing.assert_array_equal(model.seed_generator.state.numpy(), again.seed_generator.state.numpy())
    assert set(checkpoint.history) == set(resumed.history)
    for name, values in checkpoint.history.items():
        if name != "seconds":
            np.testing.assert_array_equal(np.array(values), np.array(resumed.history[name]), err_msg=name)


@pytest.mark.parametrize(
    ("warm_start_epochs", "cut", "eager"),
    [
        pytest.param(0, 2, True, id="no warm start, eagerly", marks=pytest.mark.slow),
        pytest.param(2, 1, True, id="within the warm start, eagerly", marks=pytest.mark.slow),
        pytest.param(2, 2, False, id="where the mixture grows", marks=pytest.mark.slow),
        pytest.param(2, 2, True, id="where the mixture grows, eagerly"),
        pytest.param(1, 2, True, id="after it has grown, eagerly", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore:The warm start")
def test_a_training_cut_in_two_is_the_same(tiny_model, tmp_path, eagerly, warm_start_epochs, cut, eager):
    tf.config.run_functions_eagerly(eager)
    algorithm = warming(warm_start_epochs=warm_start_epochs)
    whole = resumable(tiny_model, tmp_path / "whole", algorithm=algorithm)
    train_to(*whole, 4)
    train_to(*resumable(tiny_model, tmp_path / "cut", algorithm=algorithm), cut)
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(99)
    second = resumable(tiny_model, tmp_path / "cut", algorithm=algorithm, seed=7)  # its own weights do not matter
    assert second[1].epoch == cut
    assert len(second[1].history["loss"]) == cut
    train_to(*second, 4)
    assert second[1].epoch == 4
    assert_same_training(whole, second)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_finished_training_is_read_back(tiny_model, tmp_path):
    first = resumable(tiny_model, tmp_path, algorithm=ELBO())
    assert first[1].epoch == 0
    assert first[1].history == {}
    train_to(*first, 1)
    second = resumable(tiny_model, tmp_path, algorithm=ELBO(), seed=7)
    assert_same_training(first, second)
    assert second[1].history["seconds"] == first[1].history["seconds"]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_an_epoch_whose_checkpoint_was_not_finished_does_not_count(tiny_model, tmp_path):
    """The history is written first, so a kill between the two leaves it one epoch too long."""
    first = resumable(tiny_model, tmp_path, algorithm=ELBO())
    train_to(*first, 1)
    first[1].manager.save = lambda **_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        train_to(*first, 2)
    second = resumable(tiny_model, tmp_path, algorithm=ELBO(), seed=7)
    assert second[1].epoch == 1
    assert [len(values) for values in second[1].history.values()] == [1] * len(second[1].history)


def test_columns_that_come_and_go_keep_to_their_epochs(tiny_model, tmp_path):
    """A later version logs more; and once what was new was recorded without the epochs before."""
    for logs in ({"loss": 3.0}, {"loss": 2.0, "mi": 0.5}, {"mi": 0.7}):
        model, checkpoint = resumable(tiny_model, tmp_path, algorithm=ELBO())
        model.epochs_trained.assign_add(1)
        checkpoint.on_epoch_begin(0)
        checkpoint.on_epoch_end(0, logs)
    recorded = read_json(tmp_path / "history.json")
    assert {name: recorded[name] for name in ("loss", "mi")} == {"loss": [3.0, 2.0, None], "mi": [None, 0.5, 0.7]}
    write_json(tmp_path / "history.json", {**recorded, "mi": [0.5, 0.7]})
    _, again = resumable(tiny_model, tmp_path, algorithm=ELBO())
    np.testing.assert_array_equal(again.history["mi"], [np.nan, 0.5, 0.7])
    np.testing.assert_array_equal(again.history["loss"], [3.0, 2.0, np.nan])


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_only_the_last_checkpoint_is_kept(tiny_model, tmp_path):
    train_to(*resumable(tiny_model, tmp_path, algorithm=ELBO()), 3)
    assert [path.name for path in tmp_path.glob("*.index")] == ["ckpt-3.index"]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_checkpoint_of_another_model_is_refused(tiny_model, tmp_path):
    pair = resumable(tiny_model, tmp_path, algorithm=ELBO())
    train_to(*pair, 1)
    other = tiny_model(3)
    other.compile("sgd", ELBO())
    with pytest.raises(ValueError, match=r"another model|checkpoint"):
        ResumableCheckpoint(other, tmp_path)

"""Callbacks of Keras beside the library's own, and the stop at NaN."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, RecursiveMixture


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_callbacks_of_keras_work_through_a_warm_start(tiny_model, binary_data, tmp_path):
    model, x = tiny_model(2), binary_data(16)
    model.compile(keras.optimizers.Adam(0.01), RecursiveMixture(warm_start_epochs=1))
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
    model.compile("sgd", RecursiveMixture(warm_start_epochs=2))
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup"), Interrupt()], **options)
    again = tiny_model(2, seed=5)
    again.compile("sgd", RecursiveMixture(warm_start_epochs=2))
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
    for part, term in (("decoder", "from the decoder"), ("mixing_network", "log alpha")):
        start = model.get_weights()
        bias = getattr(model, part).trainable_variables[-1]
        bias.assign(bias + np.nan)
        with pytest.raises(FloatingPointError, match=term):
            model.fit(x, verbose=0)
        model.set_weights(start)

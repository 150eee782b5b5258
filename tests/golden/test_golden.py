"""What earlier versions have saved loads, answers as it did, and trains on; see `golden/make_golden.py`."""

import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.callbacks import HalveOnPlateau, ResumableCheckpoint

GOLDEN = pathlib.Path(__file__).parent
COUNTERS = ("num_active", "epochs_trained", "non_finite")
MODELS = sorted(path.stem for path in GOLDEN.glob("*.keras"))
CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # other processors round otherwise


def expected(name):
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def check_answers(model, then):
    x = then["x"]
    encoding = model.amortised(x)
    z = np.random.default_rng(1).normal(size=(2, len(x), model.num_components, 2)).astype("float32")
    log_lik, log_prior = model.log_joint(tf.constant(x), tf.constant(z))
    now = {
        "params": encoding.params,
        "log_alpha": encoding.log_alpha,
        "log_lik": log_lik,
        "log_prior": log_prior,
        "log_q_all": model.posterior_of(encoding).component_log_probs(tf.constant(z)),
    }
    if "means" in then:
        now |= model(x)
    for name, value in now.items():
        np.testing.assert_allclose(value, then[name], err_msg=name, **CLOSE)


def check_counters(model, then):
    for name in COUNTERS:
        assert int(getattr(model, name).numpy()) == then[name], name
        assert getattr(model, name).dtype == "int64", name
    assert int(model.optimizer.iterations.numpy()) == then["iterations"]


def test_the_golden_files_are_those_of_the_counters_that_were_int32():
    reader = tf.train.load_checkpoint(str(GOLDEN / "checkpoint"))
    assert list(reader.get_variable_to_dtype_map().values()).count(tf.int32) == len(COUNTERS)
    assert MODELS == ["flow", "mixture", "refined", "text"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_loads_and_trains_on(name):
    then = expected(name)
    model = keras.saving.load_model(GOLDEN / f"{name}.keras")
    check_answers(model, then)
    check_counters(model, then)
    if "losses" in then:
        model.seed_generator.state.assign([7, 0])  # which is not in the file
        history = model.fit(then["x"], batch_size=4, epochs=2, shuffle=False, verbose=0).history
        np.testing.assert_allclose(history["loss"], then["losses"], **CLOSE)


@pytest.fixture
def checkpointed(tmp_path):
    """The model of the checkpoint, with new weights, and copies of the checkpoint and of the best weights."""
    for folder in ("checkpoint", "best"):
        shutil.copytree(GOLDEN / folder, tmp_path / folder)
    keras.utils.set_random_seed(5)
    model = rme_tf.VAE.from_names(
        encoder="mlp",
        decoder="mlp",
        input_shape=(5,),
        latent_dim=2,
        num_components=3,
        mixing="learned",
        encoder_options={"units": (4,)},
        decoder_options={"units": (4,)},
        seed=6,
    )
    model.compile(keras.optimizers.Adam(0.02), rme_tf.RecursiveMixture(warm_start_epochs=2))
    return model


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_checkpoint_restores_and_the_training_goes_on(checkpointed, tmp_path):
    model, then = checkpointed, expected("checkpoint")
    checkpoint = ResumableCheckpoint(model, tmp_path / "checkpoint")
    assert (checkpoint.epoch, int(model.num_active.numpy()), int(model.non_finite.numpy())) == (1, 1, 0)
    halving = HalveOnPlateau(0.02, 1, checkpoint.history, best=tmp_path / "best")
    history = model.fit(
        then["x"],
        batch_size=4,
        epochs=4,
        initial_epoch=1,
        shuffle=False,
        verbose=0,
        validation_data=(then["x"],),
        callbacks=[halving, checkpoint],
    ).history
    np.testing.assert_allclose(history["loss"], then["losses"], **CLOSE)
    weights = np.concatenate([variable.numpy().ravel() for variable in model.trainable_variables])
    np.testing.assert_allclose(weights, then["weights"], **CLOSE)
    check_answers(model, then)
    check_counters(model, then)
    dtypes = tf.train.load_checkpoint(str(tmp_path / "checkpoint")).get_variable_to_dtype_map().values()
    assert tf.int32 not in dtypes  # what has been saved since is of the present types
    assert ResumableCheckpoint(model, tmp_path / "checkpoint").epoch == 4


def test_the_best_weights_restore(checkpointed, tmp_path):
    model = checkpointed
    halving = HalveOnPlateau(0.02, 1, {"val_elbo": [-1.0]}, best=tmp_path / "best", max_halvings=1)
    halving.set_model(model)
    halving.set_params({"epochs": 5})
    halving.on_train_begin()
    before = [variable.numpy() for variable in model.trainable_variables]
    halving.on_epoch_end(1, {"val_elbo": -2.0})
    assert all(np.any(old != new) for old, new in zip(before, model.trainable_variables, strict=True) if old.any())
    assert int(model.epochs_trained.numpy()) == 0

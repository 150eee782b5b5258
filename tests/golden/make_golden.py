"""Writes the files beside it: tiny models and a checkpoint, with what they answered when they were saved.

Made once, by the code of 08c9e3a, whose counters were int32, with `python tests/golden/make_golden.py` and the
repository at that commit on PYTHONPATH. `test_golden.py` loads them. They are not to be made again by later code, which
would test that code by itself. The archives are compressed again, which changes none of their members.
"""

import os
import pathlib
import shutil
import tempfile
import zipfile

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

import rme_tf
from rme_tf.callbacks import HalveOnPlateau, ResumableCheckpoint
from rme_tf.posteriors import IAF

FOLDER = pathlib.Path(__file__).parent
TINY = {"encoder_options": {"units": (4,)}, "decoder_options": {"units": (4,)}}
X = np.random.default_rng(0).integers(0, 2, (8, 5)).astype("float32")
TOKENS = np.array([[4, 5, 6, 2, 0], [6, 2, 0, 0, 0], [5, 5, 4, 6, 2], [3, 4, 2, 0, 0]], np.int32)


def model_of(**choices):
    """Returns a tiny model of images."""
    keras.utils.set_random_seed(0)
    networks = {"encoder": "mlp", "decoder": "mlp", "input_shape": (5,), "latent_dim": 2, **TINY}
    return rme_tf.VAE.from_names(**networks, seed=3, **choices)


def text_model():
    """Returns a tiny model of sentences."""
    keras.utils.set_random_seed(0)
    return rme_tf.VAE.from_names(
        encoder="lstm",
        decoder="lstm",
        likelihood="categorical_sequence",
        input_shape=(None,),
        latent_dim=2,
        num_components=2,
        likelihood_options={"vocabulary_size": 7, "features": 3},
        encoder_options={"units": 3, "embedding_size": 2},
        seed=3,
    )


def answers_of(model, x) -> dict:
    """Returns what the model says of x: what its networks infer, and densities of given codes."""
    encoding = model.amortised(x)
    z = np.random.default_rng(1).normal(size=(2, len(x), model.num_components, 2)).astype("float32")
    log_lik, log_prior = model.log_joint(tf.constant(x), tf.constant(z))
    answers = {"params": encoding.params, "log_alpha": encoding.log_alpha, "log_lik": log_lik, "log_prior": log_prior}
    answers["log_q_all"] = model.component_log_probs(encoding.params, tf.constant(z))
    return {name: np.asarray(value) for name, value in answers.items()}


def counters_of(model) -> dict:
    """Returns how far the training of the model is."""
    names = ("num_active", "epochs_trained", "non_finite")
    counters = {name: int(getattr(model, name).numpy()) for name in names}
    return {**counters, "iterations": int(model.optimizer.iterations.numpy())}


def resumed(model, x) -> dict:
    """Returns the losses of two more epochs; the state of the random numbers is not in the file."""
    model.seed_generator.state.assign([7, 0])
    history = model.fit(x, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    return {"losses": np.array(history["loss"])}


def make(name, model, x, algorithm) -> None:
    """Trains a model for three epochs, and saves it with its answers, and with those of a training that goes on."""
    model.compile(keras.optimizers.Adam(0.02), algorithm)
    model.fit(x, batch_size=4, epochs=3, shuffle=False, verbose=0)
    model.save(FOLDER / f"{name}.keras")
    compress(FOLDER / f"{name}.keras")
    answers = {**answers_of(model, x), **counters_of(model)}
    if name != "flow":  # whose refinement changed nothing then, which was a fault
        answers |= {key: np.asarray(value) for key, value in model(x).items()}
    if name != "flow":
        answers |= resumed(keras.saving.load_model(FOLDER / f"{name}.keras"), x)
    np.savez_compressed(FOLDER / f"{name}.npz", x=x, **answers)


def compress(path) -> None:
    """Writes the archive again, deflated."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED, 9)


def checkpointed_model():
    """Returns a compiled model in its warm start: one of its components in use."""
    model = model_of(num_components=3, mixing="learned")
    model.compile(keras.optimizers.Adam(0.02), rme_tf.RecursiveMixture(warm_start_epochs=2))
    return model


def halving(history, folder):
    """Returns the callback that halves the learning rate after every epoch that is no better, and keeps the best."""
    return HalveOnPlateau(0.02, 1, history, best=folder / "best")


def make_checkpoint() -> None:
    """Trains the one epoch that is kept, and then, to say what should come of it, three more."""
    model = checkpointed_model()
    checkpoint = ResumableCheckpoint(model, FOLDER / "checkpoint")
    fitting = {"batch_size": 4, "shuffle": False, "verbose": 0, "validation_data": (X,)}
    model.fit(X, epochs=1, callbacks=[halving({}, FOLDER), checkpoint], **fitting)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FOLDER / "best", pathlib.Path(folder, "best"))
        callback = halving(checkpoint.history, pathlib.Path(folder))
        history = model.fit(X, epochs=4, initial_epoch=1, callbacks=[callback], **fitting).history
    weights = np.concatenate([variable.numpy().ravel() for variable in model.trainable_variables])
    answers = {**answers_of(model, X), **counters_of(model)}
    np.savez_compressed(FOLDER / "checkpoint.npz", x=X, losses=history["loss"], weights=weights, **answers)


def main() -> None:
    """Makes them all."""
    make("mixture", model_of(num_components=3, mixing="learned"), X, rme_tf.RecursiveMixture(warm_start_epochs=1))
    make("flow", model_of(posterior=IAF(2, context_size=2, units=(3,)), refinement="sa"), X, "elbo")
    make("refined", model_of(refinement="sa"), X, "elbo")
    make("text", text_model(), TOKENS, rme_tf.RecursiveMixture(warm_start_epochs=1))
    make_checkpoint()


if __name__ == "__main__":
    main()

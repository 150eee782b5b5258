"""Trainings of seconds, of images and of text, in processes that may be killed."""

import pathlib
import time

import numpy as np

EPOCHS = 4
KINDS = ("images", "text")


def train(kind: str, folder: str, pause: float = 0.0) -> None:
    """Trains from the checkpoint of a folder on, and writes all that the training leaves behind.

    Args:
        kind: one of `KINDS`.
        folder: folder of the training.
        pause: seconds after each group of steps, in which the process may be killed.
    """
    import keras
    import tensorflow as tf

    import rme_tf

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    model, batches, steps = _of_images(rme_tf) if kind == "images" else _of_text(rme_tf)
    model.compile(keras.optimizers.Adam(1e-3), rme_tf.RecursiveMixture(warm_start_epochs=1), steps_per_execution=3)
    checkpoint = rme_tf.ResumableCheckpoint(model, pathlib.Path(folder) / "checkpoints", every_steps=7)
    pauses = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(pause))
    model.fit(
        batches(checkpoint.epoch),
        epochs=EPOCHS,
        initial_epoch=checkpoint.epoch,
        steps_per_epoch=steps,
        callbacks=[checkpoint, pauses],
        verbose=0,
    )
    history = {f"history_{name}": values for name, values in checkpoint.history.items() if name != "seconds"}
    variables = [*model.variables, *model.optimizer.variables, model.seed_generator.state]
    arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(variables)}
    partial = pathlib.Path(folder) / "partial.npz"
    np.savez(partial, **arrays, **history)
    partial.rename(result_of(folder))


def result_of(folder) -> pathlib.Path:
    """Returns the file of a training that has ended."""
    return pathlib.Path(folder) / "result.npz"


def same_results(folder, other) -> bool:
    """Returns whether two trainings are equal bit for bit."""
    with np.load(result_of(folder)) as one, np.load(result_of(other)) as two:
        return sorted(one) == sorted(two) and all(one[name].tobytes() == two[name].tobytes() for name in one)


def _of_images(rme_tf):
    """Returns a model of images, the function of its batches, and the steps of an epoch."""
    images = (np.random.default_rng(0).random((1280, 8, 8, 1)) * 256).astype(np.uint8)
    model = rme_tf.VAE.from_names(
        encoder="mlp", decoder="mlp", input_shape=(8, 8, 1), latent_dim=2, num_components=2, seed=0
    )
    options = {"batch_size": 32, "seed": 1}
    return model, lambda epoch: rme_tf.data.training_dataset(images, first_epoch=epoch, **options), 40


def _of_text(rme_tf):
    """Returns a model of sentences, the function of its batches, and the steps of an epoch."""
    from rme_tf.data import text

    generator = np.random.default_rng(0)
    rows = [list(map(int, generator.integers(0, 20, generator.integers(4, 9)))) for _ in range(320)]
    lines = text.Lines(text.integer_lines(rows))
    tokenizer = text.integer_tokenizer(lines)
    tokens = text.tokenize(lines, tokenizer)
    options = {"units": 8, "embedding_size": 8}
    model = rme_tf.VAE.from_names(
        encoder="lstm",
        decoder="lstm",
        input_shape=(None,),
        latent_dim=2,
        num_components=2,
        likelihood="categorical_sequence",
        likelihood_options={"vocabulary_size": tokenizer.vocabulary_size, "features": 8},
        encoder_options=options,
        decoder_options={**options, "word_dropout": 0.2},
        seed=0,
    )
    return model, lambda epoch: text.training_dataset(tokens, batch_size=16, seed=1, first_epoch=epoch), 20

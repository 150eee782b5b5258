"""Typical uses of the library, the cells of `rme_tf.benchmark.gpu`."""

import contextlib
import importlib.util
import pathlib
import re
import runpy
import sys
import warnings
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from rme_tf.algorithms import RecursiveMixture
from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.core.types import EOS, UNK
from rme_tf.data.digits import load_digits
from rme_tf.evaluation import likelihood_bounds
from rme_tf.models import VAE
from rme_tf.serving.saved_model import export_saved_model

SENTENCES = {"vocabulary_size": 50, "features": 16}
TEXT = ["--units", "16", "--embedding-size", "12", "--max-length", "12", "--importance-samples", "4"]


def run(name: str, root: pathlib.Path, policy: str, jit_compile: bool | None) -> str:
    """Runs a cell in the working directory; returns a remark.

    Args:
        name: name of the cell, in `CELLS`.
        root: root of the repository.
        policy: Keras dtype policy.
        jit_compile: whether XLA compiles the steps; None for the default.
    """
    with _policy(policy), _compiled_by(jit_compile) as used:
        remark = CELLS[name](root, policy, jit_compile)
    left = jit_compile and not all(used)  # Keras does not compile layers that run on cuDNN
    return ", ".join(filter(None, [remark, "in the graph, not by XLA" if left else ""]))


@contextlib.contextmanager
def _policy(name: str):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def _compiled_by(jit_compile: bool | None):
    """Sets the default of `jit_compile`; yields a list of its value in every model."""
    compile_model, used = VAE.compile, []

    def compiled(model, *args, **kwargs):
        chosen = {} if jit_compile is None else {"jit_compile": jit_compile}
        compile_model(model, *args, **{**kwargs, **chosen})
        used.append(model.jit_compile)

    setattr(VAE, "compile", compiled)  # noqa: B010  for mypy, to which methods are no variables
    try:
        yield used
    finally:
        setattr(VAE, "compile", compile_model)  # noqa: B010


def readme(root: pathlib.Path, policy: str, jit_compile: bool | None) -> str:
    """Runs the snippets of the README and of docs/text.md, one after another."""
    del policy, jit_compile
    documents = [(root / name).read_text(encoding="utf-8") for name in ("README.md", "docs/text.md")]
    snippets = [snippet for text in documents for snippet in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)]
    strings = importlib.util.find_spec("tensorflow_text") is not None
    chosen = snippets if strings else [snippet for snippet in snippets if "tokenizer=tokenizer" not in snippet]
    exec("\n".join(chosen), {})
    return "" if strings else "without those that need tensorflow-text"


def image_recipe(root: pathlib.Path, policy: str, jit_compile: bool | None) -> str:
    """Runs a recipe of images."""
    return _recipe(root / "recipes" / "mnist.py", policy, jit_compile, "--dataset", "digits", "--latent-dim", "2")


def text_recipe(root: pathlib.Path, policy: str, jit_compile: bool | None) -> str:
    """Runs a recipe of sentences."""
    return _recipe(root / "recipes" / "docs_text.py", policy, jit_compile, "--components", "2", *TEXT)


def _recipe(path: pathlib.Path, policy: str, jit_compile: bool | None, *flags: str) -> str:
    before = sys.argv
    sys.argv = [path.name, "--smoke", "--policy", policy, *flags, *(["--jit-compile"] if jit_compile else [])]
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv = before
    return ""


def image_model(root: pathlib.Path, policy: str, jit_compile: bool | None) -> str:
    """Trains, saves, resumes, exports and evaluates a model of images."""
    del root, policy, jit_compile
    x = (load_digits().test[:64] > 127).astype("float32")
    return _life(lambda: VAE.from_names(input_shape=(8, 8, 1), latent_dim=2, num_components=3, mixing="learned"), x)


def text_model(root: pathlib.Path, policy: str, jit_compile: bool | None) -> str:
    """Trains, saves, resumes, exports and evaluates a model of sentences."""
    del root, policy, jit_compile
    x = np.random.default_rng(0).integers(UNK + 1, SENTENCES["vocabulary_size"], (64, 9), dtype=np.int32)
    x[:, -1] = EOS
    names = {"encoder": "lstm", "decoder": "lstm", "likelihood": "categorical_sequence", "input_shape": (None,)}
    sizes = {"units": 16, "embedding_size": 12}
    return _life(
        lambda: VAE.from_names(
            **names, latent_dim=2, num_components=3, likelihood_options=SENTENCES, encoder_options=sizes
        ),
        x,
    )


def _life(build: Callable[[], VAE], x) -> str:
    """Returns a remark on the losses of a model that is trained, resumed, saved, loaded, exported and evaluated.

    Raises:
        ValueError: if the resumed or the loaded model differs, or a number is not finite.
    """

    def compiled():
        model = build()
        model.compile(keras.optimizers.Adam(0.003), RecursiveMixture(warm_start_epochs=1))
        return model, ResumableCheckpoint(model, "checkpoints")

    fitting = {"batch_size": 16, "validation_data": (x,), "verbose": 0}
    model, checkpoint = compiled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning of a training within the warm start
        model.fit(x, epochs=1, callbacks=[checkpoint], **fitting)
    model, checkpoint = compiled()
    model.fit(x, epochs=3, initial_epoch=checkpoint.epoch, callbacks=[checkpoint], **fitting)
    losses = checkpoint.history["loss"]
    _check("the training's losses", losses, losses if len(losses) == 3 else None)
    model.save("model.keras")
    loaded = keras.saving.load_model("model.keras")
    expected, outputs = model.predict(x, verbose=0), loaded.predict(x, verbose=0)
    _check("the loaded model's means", outputs["means"], expected["means"])
    bounds = [model.evaluate(x, verbose=0)[0], likelihood_bounds.log_likelihood(model, x, num_samples=30).mean]
    _check("the bounds", bounds, bounds)
    export_saved_model(model, "saved_model", **({} if x.ndim > 2 else {"max_length": x.shape[1]}))
    served = tf.saved_model.load("saved_model")
    _check("the served means", served.encode(tf.constant(x))["means"], expected["means"])
    return f"loss {losses[0]:.2f} to {losses[-1]:.2f}"


def _check(what: str, values, expected) -> None:
    """Raises ValueError unless both are finite and close, by the rounding of TF32 and of 16 bits."""
    if expected is None or not np.isfinite(values).all() or not np.allclose(values, expected, rtol=0.05, atol=0.05):
        raise ValueError(f"Expected {what} to be finite and {expected}. Received: {values}.")


CELLS: dict[str, Callable[[pathlib.Path, str, bool | None], str]] = {
    "README": readme,
    "model of images": image_model,
    "model of sentences": text_model,
    "recipe of images": image_recipe,
    "recipe of sentences": text_recipe,
}

"""Strategies of `tf.distribute` for runs of recipes."""

import contextlib
import dataclasses
import functools
import itertools
import os
import pathlib
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from rme_tf.core import replicas
from rme_tf.core.printing import print_line
from rme_tf.core.writers import LOCK
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.run_files import CONFIG, REPORT

CHOSEN = re.compile(r"^strategy: *['\"]?multiworker", re.MULTILINE)  # in a file of fields
LEFT_OUT = (LOCK, REPORT, "tensorboard", "samples", "saved_model")  # of a run's files, for workers that continue it


@functools.cache
def strategy_named(name: str) -> tf.distribute.Strategy:
    """Returns the strategy of a process, the same one for each call.

    Args:
        name: "mirrored" for the GPUs of this machine, or else all its logical CPUs; "multiworker" for the workers that
            `TF_CONFIG` names.

    Raises:
        ValueError: if there is no `TF_CONFIG`, or TensorFlow is already in use, so that it cannot join the workers.
    """
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if not os.environ.get("TF_CONFIG"):
        raise ValueError(
            "Expected the variable TF_CONFIG for the strategy 'multiworker', with the addresses of all workers and the "
            "number of this one, see docs/scale.md. Received: none."
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            "Workers join before anything else of TensorFlow. Expected `rme_tf.experiments.join_workers()` before the "
            f"first recipe or tensor. Received: a process that uses TensorFlow already ({error})."
        ) from error


def on_its_strategy(run: Callable) -> Callable:
    """Returns a function that runs a recipe on its strategy.

    The chief alone writes to `out`: another worker begins with a copy of what is there, in a temporary folder that is
    deleted at the end.

    Args:
        run: function (recipe, callbacks, page=) -> finished run.
    """

    @functools.wraps(run)
    def run_on(recipe: Recipe, callbacks=(), *, page: bool = True):
        """Runs a recipe, with a folder of its own for a worker that is not the chief."""
        if recipe.strategy is None:
            return run(recipe, callbacks, page=page)
        strategy = strategy_named(recipe.strategy)
        if replicas.is_chief(strategy):
            _check_same_start(strategy, recipe)
            return run(recipe, callbacks, page=page)
        with tempfile.TemporaryDirectory() as temporary:
            out = pathlib.Path(temporary) / "run"
            if pathlib.Path(recipe.out).is_dir() and not recipe.overwrite:
                shutil.copytree(recipe.out, out, ignore=shutil.ignore_patterns(*LEFT_OUT))
            copied = dataclasses.replace(recipe, out=str(out))
            _check_same_start(strategy, copied)  # before the chief changes a file
            return run(copied, callbacks, page=False)

    return run_on


def asks_for_workers(words: Sequence[str]) -> bool:
    """Returns whether a command line trains on the strategy "multiworker".

    The strategy is in a flag, in a file of fields, or in the configuration of a run.

    Args:
        words: words of a recipe's script, or of `rme`.
    """
    if not words or not (words[0] in ("train", "resume") or words[0].startswith("--")):
        return False
    if "--strategy=multiworker" in words or ("--strategy", "multiworker") in itertools.pairwise(words):
        return True
    paths = [pathlib.Path(word.rpartition("=")[2]) for word in words]
    files = [path / CONFIG if path.is_dir() else path for path in paths]
    files = [path for path in files if path.suffix in (".yaml", ".yml") and path.is_file()]
    return any(CHOSEN.search(path.read_text(encoding="utf-8", errors="replace")) for path in files)


def join_workers() -> None:
    """Joins the other workers of `TF_CONFIG`, for recipes with the strategy "multiworker".

    TensorFlow joins before anything else, and a recipe with other parts already uses it. Returns once all workers have
    joined; further calls do nothing.

    Raises:
        ValueError: if there is no `TF_CONFIG`, or TensorFlow is already in use.
    """
    strategy_named("multiworker")


@contextlib.contextmanager
def scope_of(recipe: Recipe, steps_per_epoch: int) -> Iterator[None]:
    """Returns a context in which models are of the recipe's strategy.

    It prints the replicas, the global batch and the steps of an epoch.

    Args:
        recipe: resolved recipe.
        steps_per_epoch: training steps of an epoch.
    """
    if recipe.strategy is None:
        yield
        return
    strategy = strategy_named(recipe.strategy)
    number = strategy.num_replicas_in_sync
    print_line(
        f"Strategy {recipe.strategy}: {number} {'replica' if number == 1 else 'replicas'}, a global batch of "
        f"{recipe.batch_size} observations, {steps_per_epoch} steps an epoch."
    )
    with strategy.scope():
        yield


def divided(dataset, recipe: Recipe):
    """Returns a data set whose rows, not files, workers divide."""
    if recipe.strategy is None:
        return dataset
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


def _check_same_start(strategy, recipe: Recipe) -> None:
    """Waits for all workers, and checks that they begin with the same checkpoint."""
    if not replicas.has_workers(strategy):
        return
    names = sorted(path.name for path in pathlib.Path(recipe.out).glob("checkpoints/*")) if not recipe.overwrite else []
    number = float(zlib.crc32("\n".join(names).encode()) % 2**20)
    mean = float(strategy.reduce("MEAN", tf.constant([number], tf.float64), axis=None)[0])
    square = float(strategy.reduce("MEAN", tf.constant([number**2], tf.float64), axis=None)[0])
    if (mean, square) != (number, number**2):
        raise ValueError(
            "All workers must begin with the checkpoints of the same folder. Expected an `out` that they share. "
            f"Received: {recipe.out}, with other checkpoints on another worker."
        )


if os.environ.get("TF_CONFIG") and asks_for_workers(sys.argv[1:]):
    join_workers()  # a recipe is made before its flags are read

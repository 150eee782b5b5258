"""Execution of a recipe: data, model, resumable training, evaluation, record."""

import contextlib
import pathlib
import sys
import time

import keras
import numpy as np
import yaml

from rme_tf.callbacks import HalveOnPlateau, ResetDecoder, ResumableCheckpoint
from rme_tf.core.determinism import deterministic_operations
from rme_tf.core.files import replacing, write_json, write_text, writing
from rme_tf.core.interruptions import EndingSignals
from rme_tf.core.memory import PeakMemory
from rme_tf.core.printing import print_line
from rme_tf.core.provenance import commit, hardware
from rme_tf.core.types import PAD
from rme_tf.core.writers import LOCK, FolderLock
from rme_tf.evaluation import likelihood_bounds
from rme_tf.experiments.pages.writing import write_page
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.factories import make_model
from rme_tf.experiments.recipes.growth import check_growth, warn_if_unpolished
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.recipes.task import Task
from rme_tf.experiments.recipes.trackers import trackers
from rme_tf.experiments.reports.run_files import CONFIG, MODEL, RECORD, read_record, resume_command
from rme_tf.experiments.runs.assessments import assess
from rme_tf.experiments.runs.compilation_lines import CompilationLines
from rme_tf.experiments.runs.longer_training import is_longer, reopen
from rme_tf.experiments.runs.run_folder import delete_run
from rme_tf.experiments.runs.strategies import divided, on_its_strategy, scope_of
from rme_tf.experiments.runs.time_limits import StopAfter
from rme_tf.experiments.runs.usable_folder import differences_from, is_finished, refuse_unusable, refuse_writer
from rme_tf.models.vae import VAE


def write_record(path, method: str, finished: Run) -> None:
    """Writes the record of a finished run as a JSON file.

    Args:
        path: path of the file.
        method: name of the method.
        finished: run with the record and the history.
    """
    write_json(path, {"method": method, **finished.record, "history": finished.history})


def prepare(recipe: Recipe) -> pathlib.Path:
    """Creates or checks the directory of a run.

    Raises:
        ValueError: if the directory cannot be written, or has a run with another configuration.
    """
    out = pathlib.Path(recipe.out)
    refuse_unusable(recipe, out)
    if recipe.overwrite and out.exists():
        delete_run(out)
    if longer := is_longer(differences_from(recipe, out)):
        reopen(out)
    if longer or not (out / CONFIG).exists():
        try:
            write_text(out / CONFIG, yaml.safe_dump(recipe.config, sort_keys=False))
        except OSError as error:
            raise ValueError(f"`out` must be a directory that can be written. Received: {out} ({error}).") from error
    return out


def initialize_prior(model: VAE, task: Task) -> None:
    """Initializes a prior built from the posterior with training observations."""
    if not model.prior.uses_posterior:
        return
    rows: list[np.ndarray] = []
    share = -(-model.prior.num_components // task.steps_per_epoch)  # of several batches: sentences of one are similar
    for batch in task.batches(0):
        rows.extend(np.asarray(batch)[:share])
        if len(rows) >= model.prior.num_components:
            break
    longest = max(len(row) for row in rows)  # of sentences; all images have the same length
    padded = [np.pad(row, [(0, longest - len(row))] + [(0, 0)] * (row.ndim - 1), constant_values=PAD) for row in rows]
    model.prior.initialize(np.stack(padded))


def train(recipe: Recipe, model: VAE, task: Task, out, more=()) -> dict[str, list]:
    """Trains from the last saved epoch on, and returns the history.

    Args:
        recipe: resolved recipe.
        model: compiled model.
        task: data of the run.
        out: directory of the run.
        more: callbacks that are called after an epoch has been saved.
    """
    checkpoint = ResumableCheckpoint(
        model, out / "checkpoints", resumed_by=f"the same command, or {resume_command(out)}"
    )
    callbacks = task.callbacks(checkpoint.history)
    if recipe.reset_decoder_epoch is not None:
        callbacks.append(ResetDecoder(recipe.reset_decoder_epoch, recipe.initialize))
    plateau = make_plateau(recipe, model, checkpoint.history, out)
    if plateau is not None:
        callbacks.append(plateau)
    names = [*recipe.loggers, *(["tensorboard"] if recipe.tensorboard else [])]
    callbacks += trackers(names, task, out, recipe.config, checkpoint.history) if names else []
    stop = StopAfter(recipe.train_minutes, checkpoint.history)
    callbacks.append(CompilationLines())
    begun = checkpoint.epoch
    for epochs, steps in legs_of(recipe, task.steps_per_epoch):
        if checkpoint.epoch < epochs and not stop.is_over and not (plateau and plateau.is_over):
            model.fit(
                divided(task.batches(checkpoint.epoch), recipe),
                epochs=epochs,
                initial_epoch=checkpoint.epoch,
                steps_per_epoch=steps,
                validation_data=divided(task.validation, recipe),
                callbacks=[*callbacks, checkpoint, stop, *more],
                verbose=1 if sys.stdout.isatty() else 2,
            )
    if checkpoint.epoch > begun:
        warn_if_unpolished(recipe, checkpoint.epoch)
        if plateau is not None:
            print(end_of(recipe, plateau, checkpoint.epoch), end="", flush=True)
    return checkpoint.history


def end_of(recipe: Recipe, plateau: HalveOnPlateau, epoch: int) -> str:
    """Returns lines on an early end of a training, and restored weights.

    Args:
        recipe: resolved recipe.
        plateau: callback of the training.
        epoch: number of epochs that were trained.
    """
    early = (
        f"The training ended after epoch {epoch}: {plateau.max_halvings} times no better validation ELBO for "
        f"{plateau.patience} epochs.\n"
    )
    restored = f"The weights are the ones of the best epoch, {plateau.best_epoch}.\n"
    has_best = recipe.restore_best and plateau.best_epoch is not None
    return (early if plateau.is_over else "") + (restored if has_best else "")


def legs_of(recipe: Recipe, steps_per_epoch: int) -> list[tuple[int, int]]:
    """Returns the legs of a training: whole epochs, and remaining steps.

    A leg is the number of epochs at its end, and the steps of each of its epochs.

    Args:
        recipe: resolved recipe.
        steps_per_epoch: training steps of an epoch.
    """
    epochs, rest = divmod(recipe.steps_of_training(steps_per_epoch), steps_per_epoch)
    legs = [(epochs, steps_per_epoch), (epochs + 1, rest)]
    return [(end, steps) for end, steps in legs if end and steps]


def make_plateau(recipe: Recipe, model: VAE, history, out) -> HalveOnPlateau | None:
    """Returns the callback that halves the learning rate, or None.

    Args:
        recipe: resolved recipe.
        model: compiled model.
        history: dict of lists of the earlier epochs.
        out: directory of the run.
    """
    if recipe.patience is None:
        return None
    return HalveOnPlateau(
        recipe.option("optimizer.learning_rate"),
        recipe.patience,
        history,
        start_epoch=recipe.halve_from_epoch,
        max_halvings=recipe.max_halvings,
        best=out / "best" if recipe.restore_best else None,
        best_from=model.algorithm.warm_start_epochs,
    )


@on_its_strategy
def run(recipe: Recipe, callbacks=(), *, page: bool = True) -> Run:
    """Runs a recipe, or resumes or reads the run in `recipe.out`.

    The directory gets `config.yaml`, `checkpoints/` with `history.json`, `model.keras`, `metrics.json`, the bounds of
    each evaluated observation in `bounds.npz`, and `report.html`, see `write_report`. A finished run is only read.

    Without `jit_compile`, TensorFlow's operations are deterministic during the run, and as before after it. With
    `jit_compile` they are not, since Keras uses no XLA with deterministic operations.

    Args:
        recipe: recipe to run.
        callbacks: further callbacks of `fit`, which are called after an epoch has been saved.
        page: whether `report.html` is written at the end of training; `rme report` writes it later.

    Raises:
        ValueError: if the recipe is invalid, its epochs end within its warm start or before its polish, the data set is
            missing, or the directory cannot be used.
    """
    recipe = recipe.resolved()
    out = pathlib.Path(recipe.out)
    if not (out / RECORD).exists() or recipe.overwrite:  # a finished run is only read
        check_growth({recipe.model_name: recipe})
    refuse_unusable(recipe, out)
    refuse_writer(recipe, out)
    keras.utils.set_random_seed(recipe.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(keras.dtype_policies.get(recipe.policy))
    try:
        with (
            deterministic_operations(not recipe.jit_compile),  # which Keras would turn off
            EndingSignals(f"what has been saved stays. To resume: the same command, or {resume_command(out)}."),
            writing(out),
        ):
            return _run(recipe, callbacks, page)
    finally:
        keras.config.set_dtype_policy(policy)


def _run(recipe: Recipe, callbacks, page: bool) -> Run:
    """Runs a resolved recipe under the current dtype policy."""
    task, out = recipe.load(), pathlib.Path(recipe.out)
    if not (out / RECORD).exists():
        check_growth({recipe.model_name: recipe}, task.steps_per_epoch)
    memory = PeakMemory()
    with scope_of(recipe, task.steps_per_epoch):
        model = make_model(recipe, task.model_options, task.steps_per_epoch)
    initialize_prior(model, task)
    # After the model: a run that cannot start writes nothing.
    with contextlib.nullcontext() if is_finished(recipe, out) else FolderLock(out / LOCK, str(out)):
        prepare(recipe)
        task.keep(out)
        history = train(recipe, model, task, out, callbacks)
        peak_memory = memory.as_record()  # for a resumed run, since its resumption
        if not (out / RECORD).exists():
            finish(recipe, model, task, out, history, peak_memory)
            finished = Run(recipe, model, read_record(out), history, task)
            if page:
                print_line("Writing the page of the run ...")
                write_page(finished)
            return finished
    return Run(recipe, model, read_record(out), history, task)


def finish(recipe: Recipe, model: VAE, task: Task, out: pathlib.Path, history: dict, peak_memory: dict) -> None:
    """Evaluates a trained model, and writes its file and record.

    Args:
        recipe: resolved recipe.
        model: trained model.
        task: data of the run.
        out: directory of the run.
        history: history of the training.
        peak_memory: peak memory for the record.
    """
    start = time.perf_counter()
    metrics = assess(recipe, model, task, out)
    record = {
        "config": recipe.identity,
        "commit": commit(),
        "hardware": hardware(),
        "data": task.facts,
        "metrics": metrics,
        "epochs": len(history["seconds"]),
        "seconds": {
            "training": sum(history["seconds"]),
            "last_epoch": history["seconds"][-1],
            "evaluation": time.perf_counter() - start,
        },
        **peak_memory,
        "inference_milliseconds_per_batch_of_128": likelihood_bounds.inference_milliseconds(model, task.example),
    }
    with replacing(out / MODEL, out / "model.partial.keras") as partial:
        model.save(partial)
    write_json(out / RECORD, record)

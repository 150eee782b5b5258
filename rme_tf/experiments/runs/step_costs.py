"""Costs of the training steps of methods, measured side by side."""

import statistics
import time
from collections.abc import Mapping

import keras
import tensorflow as tf

from rme_tf.experiments.parts.fields import with_fields
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.factories import make_model
from rme_tf.experiments.recipes.task import Task
from rme_tf.models.vae import VAE

ROUNDS, STEPS = 7, 200
LEAST = 0.01  # of the time of a training: the share of its steps, where these are too few to be timed


def step_costs(methods: Mapping[str, Recipe], rounds: int = ROUNDS, steps: int = STEPS) -> dict[str, float]:
    """Returns the costs of training steps, relative to the first method.

    All components train: there is no warm start. In each round every method trains for some steps, in turn; the cost
    is the median over the rounds of the ratio of times within a round. The time of steps is the difference of two
    trainings, since each begins with the start of the pipeline. It is of this process on the CPU, or elapsed time where
    there is a GPU; run it on a machine that does nothing else.

    Args:
        methods: recipes by the name of the method, on the same data.
        rounds: number of rounds.
        steps: training steps of a method in a round.
    """
    task = next(iter(methods.values())).resolved().load()
    models = {name: _model(recipe, task) for name, recipe in methods.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds + 1):  # the first one traces
        for name, model in models.items():
            times[name].append(_seconds_of_steps(model, task, steps))
    first = next(iter(times))
    return {
        name: statistics.median(one / other for one, other in zip(seconds[1:], times[first][1:], strict=True))
        for name, seconds in times.items()
    }


def _model(recipe: Recipe, task: Task) -> VAE:
    """Returns the compiled model of a recipe, without a warm start."""
    recipe = with_fields(recipe.resolved(), {"algorithm.warm_start_epochs": 0})
    keras.utils.set_random_seed(recipe.seed)
    return make_model(recipe, task.model_options, task.steps_per_epoch)


def _seconds_of_steps(model: VAE, task: Task, steps: int) -> float:
    """Returns the time of some training steps, without the start of a training."""
    few = max(1, steps // 10)
    start, whole = _seconds(model, task, few), _seconds(model, task, few + steps)
    return max(whole - start, LEAST * whole)


def _seconds(model: VAE, task: Task, steps: int) -> float:
    """Returns the time of a training of some steps."""
    clock = time.perf_counter if tf.config.list_logical_devices("GPU") else time.process_time
    start = clock()
    model.fit(task.batches(0), epochs=1, steps_per_epoch=steps, verbose=0)
    return clock() - start

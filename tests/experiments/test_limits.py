"""What ends a training early: the minutes of the recipe, and the deadline of the study."""

import io
import time

import pytest
from tqdm import tqdm

from rme_tf.core.files import read_json
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.runs import runner
from rme_tf.experiments.runs.time_limits import Deadline, OutOfTime, Progress, StopAfter, deadline_in
from small_recipes import image_recipe
from test_runner import TINY

pytestmark = pytest.mark.usefixtures("eagerly")


def trained(folder, more=(), **choices):
    """The history of a training that goes on from what the folder has."""
    recipe = image_recipe(**{**TINY, "components": 1, "epochs": 3, **choices})
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options)
    return runner.train(recipe, model, task, folder, more)


def test_a_recipe_says_how_its_steps_are_executed():
    model = factories.make_model(image_recipe(**TINY, jit_compile=True, steps_per_execution=4), {"input_shape": (5,)})
    assert (model.jit_compile, model.steps_per_execution) == (True, 4)


@pytest.mark.slow
def test_a_training_ends_with_the_epoch_in_which_its_minutes_are_over(tmp_path):
    assert len(trained(tmp_path / "all", train_minutes=60.0)["seconds"]) == 3
    history = trained(tmp_path / "one", train_minutes=1e-9)
    assert len(history["seconds"]) == 1
    again = trained(tmp_path / "one", train_minutes=1e-9)  # as after a kill: nothing is trained beyond it
    assert again == history


@pytest.mark.slow
def test_the_epochs_before_an_interruption_count(tmp_path):
    (first,) = trained(tmp_path, epochs=1)["seconds"]
    history = trained(tmp_path, train_minutes=1.001 * first / 60)
    assert len(history["seconds"]) == 2
    assert history["seconds"][0] == first


def test_minutes_are_those_of_the_history():
    over = [StopAfter(minutes, {"seconds": [20.0, 40.0]}).is_over for minutes in (1.0, 1.01, None)]
    assert over == [True, False, False]
    assert not StopAfter(1.0, {}).is_over


@pytest.mark.slow
def test_after_a_deadline_a_training_stops_and_can_go_on(tmp_path):
    for epochs in (1, 2):
        with pytest.raises(OutOfTime, match=f"after epoch {epochs}"):
            trained(tmp_path, [Deadline(end=time.monotonic())])
        assert len(read_json(tmp_path / "checkpoints" / "history.json")["seconds"]) == epochs
    assert len(trained(tmp_path, [Deadline(end=time.monotonic())])["seconds"]) == 3  # the last: nothing is left to stop


@pytest.mark.slow
def test_a_training_whose_minutes_are_over_is_not_late(tmp_path):
    assert len(trained(tmp_path, [Deadline(end=0.0)], train_minutes=1e-9)["seconds"]) == 1


def test_a_deadline_is_so_many_minutes_from_now():
    assert deadline_in(None) == float("inf")
    assert 59.0 < deadline_in(1.0) - time.monotonic() <= 60.0


@pytest.mark.slow
def test_a_bar_moves_with_the_epochs_that_are_trained(tmp_path):
    """Three epochs in all, of which a first training does one, and a second the next, and then stops."""
    bars = []
    for _ in range(2):
        bar = tqdm(total=35, file=io.StringIO())
        bars.append((bar, Progress(bar, epochs=3, cost=10)))
        with pytest.raises(OutOfTime):
            trained(tmp_path, [bars[-1][1], Deadline(end=0.0)])
    assert [(bar.n, bar.total, progress.left) for bar, progress in bars] == [(10, 35, 2), (10, 25, 1)]
    bar, progress = bars[1]
    progress.leave_out(progress.left)
    assert bar.total == 15


def test_no_minutes_are_refused():
    with pytest.raises(ValueError, match="`train_minutes` must be a finite number above 0. Received: 0.0"):
        image_recipe(train_minutes=0.0)

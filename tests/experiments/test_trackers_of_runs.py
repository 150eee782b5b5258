"""Trackers of a run by a field of its recipe; a resumed run goes on in the same logs."""

import dataclasses
import sys

import pytest

from rme_tf.experiments.runs import runner
from rme_tf.experiments.runs.run_folder import contents
from small_recipes import image_recipe
from tracker_doubles import MLflow, Wandb

TINY = {"dataset": "digits", "encoder": "mlp", "decoder": "mlp", "train_size": 64, "test_size": 16, "batch_size": 32}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The training did not go beyond")
def test_a_resumed_run_goes_on_in_its_logs(tmp_path, monkeypatch, eagerly):
    pytest.importorskip("tensorboard")
    mlflow, wandb = MLflow(), Wandb()
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    options = {"components": 2, "latent_dim": 2, "importance_samples": 4, "loggers": ("tensorboard", "mlflow", "wandb")}
    recipe = image_recipe(**TINY, **options, warm_start_epochs=0, epochs=2, out=str(tmp_path / "run"))

    class Interrupt(runner.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(recipe, [Interrupt()])
    assert [run["status"] for run in mlflow.runs.values()] == ["FAILED"]
    runner.run(recipe)
    ((_, run),) = mlflow.runs.items()
    assert [step for step, _ in run["metrics"]] == [1, 2]
    assert run["params"]["latent_dim"] == "2"
    assert run["params"]["algorithm.name"] == "recursive_mixture"
    assert run["status"] == "FINISHED"
    assert {part.id for part in wandb.parts} == {wandb.parts[0].id}
    assert [row["epoch"] for row in wandb.parts[-1].rows if "loss" in row] == [1, 2]
    labels = (tmp_path / "run" / "tensorboard" / "codes" / "labels.tsv").read_text().splitlines()
    assert labels[0] == "label\theaviest component"
    assert len(labels) == 17
    assert contents(tmp_path / "run").foreign == []


def test_an_unknown_tracker_is_refused():
    with pytest.raises(
        ValueError, match="`loggers` must be one of 'mlflow', 'tensorboard', 'wandb'. Received: 'mlfow'"
    ):
        dataclasses.replace(image_recipe(), loggers=("mlfow",))

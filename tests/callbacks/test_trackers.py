"""MLflow and Weights & Biases: one run a training, also if it is resumed; doubles of the clients, and real runs."""

import math
import sys

import keras
import numpy as np
import pytest

from rme_tf import ELBO, CollapseMonitor, RecursiveMixture
from rme_tf.callbacks import MLflowLogger, ResumableCheckpoint, WandbLogger
from rme_tf.callbacks.run_params import flat, params_of
from rme_tf.callbacks.showcase import Showcase
from tracker_doubles import MLflow, Wandb

SIDE = 4


@pytest.fixture
def image_model(tiny_model, eagerly):
    """Builder of a compiled model of images of 4 x 4, the same in every call."""

    def build(algorithm=None):
        keras.utils.set_random_seed(0)
        model = tiny_model(2, input_shape=(SIDE, SIDE, 1))
        model.compile(keras.optimizers.SGD(0.01), algorithm or RecursiveMixture(warm_start_epochs=1))
        return model

    return build


@pytest.fixture
def images(rng):
    return rng.integers(0, 2, (6, SIDE, SIDE, 1)).astype("float32")


@pytest.fixture
def mlflow(monkeypatch):
    client = MLflow()
    monkeypatch.setitem(sys.modules, "mlflow", client)
    return client


@pytest.fixture
def wandb(monkeypatch):
    client = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", client)
    return client


@pytest.mark.slow
def test_mlflow_gets_parameters_once_numbers_of_each_epoch_and_images(image_model, images, mlflow):
    model = image_model()
    logger = MLflowLogger(images, experiment="digits", run_name="rme", params={"data": {"name": "x" * 7000}})
    monitor = CollapseMonitor(images, warn=False)
    options = {"validation_data": (images,), "verbose": 0, "callbacks": [monitor, logger]}
    history = model.fit(images, epochs=2, **options).history
    ((run_id, run),) = mlflow.runs.items()
    assert mlflow.calls == [("set_experiment", "digits")]
    assert (run["name"], run["status"]) == ("rme", "FINISHED")
    assert run["params"]["algorithm"] == "RecursiveMixture"
    assert run["params"]["algorithm.kl_bound"] == "3.0"
    assert len(run["params"]["data.name"]) == 6000
    assert [step for step, _ in run["metrics"]] == [1, 2]
    for epoch, (_, metrics) in enumerate(run["metrics"]):
        assert metrics == {name: values[epoch] for name, values in history.items() if math.isfinite(values[epoch])}
    assert {"elbo_1", "mi", "val_elbo"} <= set(run["metrics"][1][1])
    assert set(run["files"]) == {"reconstructions.png", "samples.png"}
    image = run["files"]["reconstructions.png"]
    assert (image.dtype, image.shape) == (np.uint8, (2 * SIDE + 2, 6 * SIDE + 5 * 2, 1))
    np.testing.assert_array_equal(image[:SIDE, :SIDE], 255 * images[0])
    model.fit(images, epochs=3, initial_epoch=2, **options)  # goes on
    assert set(mlflow.runs) == {run_id}
    assert [step for step, _ in run["metrics"]] == [1, 2, 3]


@pytest.mark.slow
def test_a_resumed_training_goes_on_in_its_run_and_is_the_same(image_model, images, mlflow, tmp_path):
    def train(folder, epochs):
        model = image_model()
        checkpoint = ResumableCheckpoint(model, folder / "checkpoints")
        logger = MLflowLogger(images, directory=folder, history=checkpoint.history)
        options = {"epochs": epochs, "initial_epoch": checkpoint.epoch, "shuffle": False, "verbose": 0}
        model.fit(images, callbacks=[logger, checkpoint], **options)
        return model

    plain = image_model()
    plain.fit(images, epochs=3, shuffle=False, verbose=0)
    with pytest.warns(UserWarning, match="warm start"):
        train(tmp_path, 1)
    resumed = train(tmp_path, 3)
    ((_, run),) = mlflow.runs.items()
    assert [step for step, _ in run["metrics"]] == [1, 2, 3]
    for one, other in zip(plain.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_of_the_user_is_left_open(image_model, images, mlflow, wandb):
    mlflow.start_run(run_name="mine")
    mine = wandb.init(project="mine")
    loggers = [MLflowLogger(), WandbLogger()]
    model = image_model(ELBO())
    for _ in range(2):
        model.fit(images, verbose=0, callbacks=loggers)
    assert mlflow.runs["run0"]["status"] == "RUNNING"
    assert list(mlflow.runs) == ["run0"]
    assert wandb.run is mine
    assert mine.config.values["algorithm"] == "ELBO"
    assert [row["epoch"] for row in mine.rows] == [1, 1]


def test_a_training_that_fails_is_marked(image_model, images, mlflow, wandb):
    model = image_model(ELBO())
    model.decoder.trainable_variables[-1].assign_add([np.nan] * SIDE**2)
    with pytest.raises(FloatingPointError):
        model.fit(images, verbose=0, callbacks=[MLflowLogger(images), WandbLogger(images)])
    assert mlflow.runs["run0"]["status"] == "FAILED"
    assert mlflow.active is None
    assert wandb.parts[0].exit_code == 1
    assert wandb.run is None


@pytest.mark.slow
@pytest.mark.parametrize("offline", [True, False])
def test_wandb_gets_whole_runs_also_offline(image_model, images, wandb, tmp_path, offline):
    """Offline, a resumed run is a new part under the same id, which replaces the part before."""
    wandb.offline, history = offline, {}
    for epochs in (1, 3):
        model, logger = image_model(ELBO()), WandbLogger(images, project="p", directory=tmp_path, history=history)
        log = model.fit(images, epochs=epochs, initial_epoch=min(1, epochs - 1), verbose=0, callbacks=[logger]).history
        history = {name: [*history.get(name, []), *values] for name, values in log.items()}
    first, second = wandb.parts
    assert (second.id, second.options["resume"]) == (first.id, "allow")
    assert first.defined == [("epoch", None), ("*", "epoch")]
    assert first.options["config"]["num_components"] == 2
    assert (first.exit_code, second.exit_code) == (0, 0)
    numbers = [row for row in second.rows if "loss" in row]
    assert [row["epoch"] for row in numbers] == ([1, 2, 3] if offline else [2, 3])
    assert numbers[0]["elbo_1"] == history["elbo_1"][0 if offline else 1]
    assert [row["samples"][0] for row in second.rows if "samples" in row] == ["image"]


@pytest.mark.parametrize("kind", [MLflowLogger, WandbLogger])
def test_a_missing_package_is_named_with_its_extra(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, kind.package, None)
    with pytest.raises(ImportError, match=rf'pip install "rme_tf\[{kind.package}\]"'):
        kind()


def test_parameters_are_plain(tiny_model):
    model = tiny_model(2)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 5)), RecursiveMixture())
    params = params_of(model)
    assert {type(value) for value in params.values()} <= {bool, int, float, str}
    assert (params["posterior"], params["optimizer"], params["num_components"]) == ("DiagNormal", "Adam", 2)
    assert flat({"a": {"b": None, "c": [1, 2]}, "d": True}) == {"a.b": "None", "a.c": "[1, 2]", "d": True}


def test_sentences_are_shown_as_text(mlflow, wandb, monkeypatch):
    showcase = Showcase(np.array([[4, 2], [5, 2]]), to_text=lambda rows: [" ".join(map(str, row)) for row in rows])
    monkeypatch.setattr(showcase, "_of", lambda model: (np.array([[4, 2], [6, 2]]), np.array([[7, 2]])))
    texts = {"reconstructions": ["4 2 -> 4 2", "5 2 -> 6 2"], "samples": ["7 2"]}
    assert showcase.texts(None) == texts
    assert showcase.images(None) == {}
    mlflow.start_run()
    MLflowLogger().log_lines("samples", texts["samples"])
    assert mlflow.runs["run0"]["files"] == {"samples.txt": "7 2\n"}
    logger = WandbLogger()
    logger.run = wandb.init()
    logger.log_lines("samples", texts["samples"])
    assert logger.run.rows == [{"samples": ("table", ["samples"], [["7 2"]])}]


# Real clients, where they are installed.


@pytest.mark.slow
def test_a_run_is_in_a_store_of_mlflow(image_model, images, tmp_path, monkeypatch):
    client = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    logger = MLflowLogger(images, experiment="e", tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", directory=tmp_path)
    image_model(ELBO()).fit(images, epochs=2, verbose=0, callbacks=[logger])
    again = MLflowLogger(images, directory=tmp_path)
    image_model(ELBO()).fit(images, epochs=3, initial_epoch=2, verbose=0, callbacks=[again])
    run = client.get_run(logger.run_id)
    assert again.run_id == logger.run_id
    assert (run.info.status, run.data.params["algorithm"]) == ("FINISHED", "ELBO")
    steps = [entry.step for entry in client.MlflowClient().get_metric_history(logger.run_id, "elbo_1")]
    assert steps == [1, 2, 3]
    files = {file.path for file in client.MlflowClient().list_artifacts(logger.run_id)}
    assert files == {"reconstructions.png", "samples.png"}


@pytest.mark.slow
def test_a_run_is_written_by_wandb_offline(image_model, images, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    for epochs in (1, 2):
        logger = WandbLogger(images, project="p", mode="offline", directory=tmp_path, history={"elbo": [-3.0]})
        options = {"epochs": epochs, "initial_epoch": epochs - 1, "verbose": 0}
        image_model(ELBO()).fit(images, callbacks=[logger], **options)
    parts = sorted((tmp_path / "wandb").glob(f"offline-run-*-{logger.run_id}"))
    assert len(parts) == 2
    assert list(parts[-1].rglob("*.png"))
    assert list(parts[-1].glob("*.wandb"))

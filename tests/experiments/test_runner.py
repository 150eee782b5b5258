"""A recipe's run: its directory, its files, and a training that is killed and goes on."""

import contextlib
import os
import shutil
import signal
import time

import keras
import numpy as np
import pytest
import yaml

import processes
import rme_tf
from rme_tf.core import files
from rme_tf.experiments import with_fields
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.runs import runner
from small_recipes import image_recipe

TINY = {
    "dataset": "digits",
    "encoder": "mlp",
    "decoder": "mlp",
    "latent_dim": 2,
    "components": 2,
    "train_size": 64,
    "test_size": 20,
    "batch_size": 32,
    "importance_samples": 10,
    "warm_start_epochs": 1,
    "epochs": 2,
}


def without_seconds(history):
    return {name: values for name, values in history.items() if name != "seconds"}


@pytest.mark.parametrize("trunk", [None, "shared", "recurrent"])
def test_a_recipe_says_what_the_components_share(trunk):
    model = factories.make_model(image_recipe(**TINY, trunk=trunk), {"input_shape": (5,)})
    assert (model.trunk is None) == (trunk is None)
    assert len(model.encoders) == (0 if trunk == "recurrent" else model.num_components)


def test_later_encoders_may_be_smaller():
    recipe = image_recipe(**{**TINY, "components": 3}, later_width=0.25)
    model = factories.make_model(recipe, {"input_shape": (5,)})
    sizes = [[layer.units for layer in encoder.layers if hasattr(layer, "units")] for encoder in model.encoders]
    assert sizes == [[256, 256, 4], [64, 64, 4], [64, 64, 4]]
    small = factories.make_model(with_fields(recipe, {"encoder.units": (8,)}), {"input_shape": (5,)})
    assert [encoder.count_params() for encoder in small.encoders] == [84, 24, 24]


def test_the_scale_of_a_gaussian_decoder_is_recorded():
    recipe = image_recipe(**TINY, likelihood="normal", binarization="none")
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options)
    assert task.metrics(model, "test", None)["decoder_scale"] == pytest.approx(0.2)
    assert "decoder_scale" not in task.metrics(model, "train", None)
    images = image_recipe(**TINY).load()
    assert images.metrics(factories.make_model(image_recipe(**TINY), images.model_options), "test", None) == {}


def test_a_prior_made_of_the_posterior_starts_from_training_images():
    recipe = image_recipe(**TINY, prior="vamp", prior_components=40)
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options)
    runner.initialize_prior(model, task)
    u = model.prior.pseudo_inputs().numpy()  # [K, 8, 8, 1]
    assert len(u) == 40  # more than one batch has
    rows = np.concatenate([np.asarray(batch) for batch in task.batches(0).take(2)])
    nearest = np.abs(u[:, None] - rows[None]).max(axis=(2, 3, 4)).min(axis=-1)
    np.testing.assert_allclose(nearest, 0.02, atol=1e-5)  # which is how near to 0 and 1 they start


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prior", "sizes"),
    [("hierarchical", {"upper_dim": 2}), ("mixture", {"prior_components": 5}), ("vamp", {"prior_components": 5})],
)
@pytest.mark.usefixtures("eagerly")
def test_a_run_with_a_learned_prior_is_kept_whole(tmp_path, prior, sizes):
    run = rme_tf.experiments.run(image_recipe(**{**TINY, "latent_dim": 3}, prior=prior, **sizes, out=str(tmp_path)))
    metrics = run.record["metrics"]
    assert metrics["inference_parameters"] + metrics["generative_parameters"] == sum(
        np.prod(variable.shape) for variable in run.model.trainable_variables
    )
    assert run.recipe.choice("prior").options.items() <= run.model.prior.get_config().items()
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    again = rme_tf.experiments.run(run.recipe).model  # from its checkpoint
    for other in (loaded, again):
        np.testing.assert_array_equal(other.sample(4), run.model.sample(4))


# The directory.


def test_a_new_run_gets_a_directory_with_its_configuration(tmp_path):
    recipe = image_recipe(**TINY, out=str(tmp_path / "a" / "b"))
    assert runner.prepare(recipe) == tmp_path / "a" / "b"
    assert from_yaml(tmp_path / "a" / "b" / "config.yaml", image_recipe()) == recipe
    assert runner.prepare(recipe) == tmp_path / "a" / "b"  # the same run again


def test_a_directory_of_another_configuration_is_refused(tmp_path):
    runner.prepare(image_recipe(**TINY, kl_bound=2.0, out=str(tmp_path / "run")))
    with pytest.raises(ValueError, match="another configuration") as error:
        runner.prepare(image_recipe(**TINY, kl_bound=3.0, seed=5, out=str(tmp_path / "run")))
    message = str(error.value)
    assert "kl_bound: 2.0 there, 3.0 now" in message
    assert "seed: 0 there, 5 now" in message
    assert "latent_dim" not in message
    assert "overwrite" in message


def test_a_moved_directory_is_the_same_run(tmp_path):
    runner.prepare(image_recipe(**TINY, out=str(tmp_path / "old")))
    shutil.move(tmp_path / "old", tmp_path / "new")
    runner.prepare(image_recipe(**TINY, data_dir=None, out=str(tmp_path / "new")))


def test_overwrite_deletes_a_run_and_nothing_else(tmp_path):
    run, precious = tmp_path / "run", tmp_path / "precious"
    runner.prepare(image_recipe(**TINY, seed=1, out=str(run)))
    (run / "checkpoints").mkdir()
    runner.prepare(image_recipe(**TINY, seed=2, out=str(run), overwrite=True))
    assert [path.name for path in run.iterdir()] == ["config.yaml"]
    precious.mkdir()
    (precious / "thesis.txt").write_text("all of it", encoding="utf-8")
    with pytest.raises(ValueError, match="deletes runs only"):
        runner.prepare(image_recipe(**TINY, out=str(precious), overwrite=True))
    assert (precious / "thesis.txt").exists()
    runner.prepare(image_recipe(**TINY, out=str(tmp_path / "fresh"), overwrite=True))


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("below", [False, True])
def test_a_directory_that_cannot_be_written_is_refused(tmp_path, overwrite, below):
    file = tmp_path / "file"
    file.write_text("not a directory", encoding="utf-8")
    out = file / "run" if below else file
    with pytest.raises(ValueError, match="`out` must be a directory that can be written.*file"):
        runner.prepare(image_recipe(**TINY, out=str(out), overwrite=overwrite))
    assert file.read_text(encoding="utf-8") == "not a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="`out` must be a directory that can be written"):
        runner.prepare(image_recipe(**TINY, out=str(tmp_path)))


def test_a_configuration_cut_short_by_a_kill_is_refused_or_replaced(tmp_path):
    """The file that prepare had begun to write when the process died."""
    (tmp_path / "config.yaml").write_text("", encoding="utf-8")
    try:
        runner.prepare(image_recipe(**TINY, out=str(tmp_path)))
    except ValueError as error:
        assert "config.yaml" in str(error)
    else:
        assert yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8"))["components"] == 2


# The run.


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"encoder": "nope"}, "Unknown encoder"),
        ({"dataset": "nope"}, "Unknown data set"),
        ({"dataset": "mnist", "data_dir": "no-such-folder", "download": False}, "no-such-folder"),
        ({"train_size": 10**6}, "train_size"),
        ({"batch_size": 65}, "batch"),
        ({"policy": "nope"}, "nope"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_run_that_cannot_start_leaves_nothing_behind(tmp_path, monkeypatch, choices, message):
    """Else the corrected recipe would be refused as another configuration."""
    monkeypatch.chdir(tmp_path)  # where a relative `data_dir` is looked for
    with pytest.raises(ValueError, match=message):
        rme_tf.experiments.run(image_recipe(**{**TINY, **choices}, out=str(tmp_path / "run")))
    runner.prepare(image_recipe(**TINY, out=str(tmp_path / "run")))


@pytest.fixture
def policy_put_back():
    """Puts the dtype policy back that a test sets."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("policy_put_back")
@pytest.mark.parametrize("fails", [False, True])
def test_the_dtype_policy_is_the_run_s_own_and_not_that_of_the_process(tmp_path, monkeypatch, fails):
    seen = []

    def run(recipe, callbacks, page=True):
        seen.append(keras.config.dtype_policy().name)
        if fails:
            raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_run", run)
    keras.config.set_dtype_policy("bfloat16")
    with pytest.raises(KeyboardInterrupt) if fails else contextlib.nullcontext():
        rme_tf.experiments.run(image_recipe(**TINY, policy="mixed_bfloat16", out=str(tmp_path / "run")))
    assert seen == ["mixed_bfloat16"]
    assert keras.config.dtype_policy().name == "bfloat16"


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_run_leaves_its_files_and_is_not_repeated(tmp_path, monkeypatch, capsys):
    recipe = image_recipe(**TINY, mixing="learned", eps_min=0.05, out=str(tmp_path))
    first = rme_tf.experiments.run(recipe)
    steps = [line for line in capsys.readouterr().out.splitlines() if line.endswith("...")]
    assert [line.split()[0] for line in steps] == [*["Compiling"] * 2, *["Estimating"] * 2, "Writing"]  # the warm start
    assert {"config.yaml", "checkpoints", "model.keras", "metrics.json"} <= {path.name for path in tmp_path.iterdir()}
    record = files.read_json(tmp_path / "metrics.json")
    assert record["config"] == recipe.identity
    assert set(record) >= {
        "commit",
        "hardware",
        "metrics",
        "seconds",
        "inference_milliseconds_per_batch_of_128",
    }
    metrics = record["metrics"]
    assert metrics["test"]["num_observations"] == metrics["train"]["num_observations"] == 20
    assert metrics["test"]["log_likelihood"] >= metrics["test"]["elbo"]
    assert metrics["inference_parameters"] + metrics["generative_parameters"] == sum(
        np.prod(variable.shape) for variable in first.model.trainable_variables
    )
    assert [len(values) for values in first.history.values()] == [2] * len(first.history)
    assert record["epochs"] == 2
    assert first.task.example.shape == (20, 8, 8, 1)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name, value in first.model(first.task.example).items():
        np.testing.assert_array_equal(loaded(first.task.example)[name], value)

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr(rme_tf.VAE, "fit", lambda *args, **kwargs: pytest.fail("trained again"))
    monkeypatch.setattr(runner, "assess", lambda *args: pytest.fail("evaluated again"))
    again = rme_tf.experiments.run(recipe)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
    assert again.record == record
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


KILLED = {**TINY, "train_size": 1257, "epochs": 6, "warm_start_epochs": 2}


def run_each(flags, *outs):
    for out in outs:
        rme_tf.experiments.run(rme_tf.experiments.parse(image_recipe(), args=[*flags, "--out", str(out)]))


@pytest.mark.slow
def test_a_run_that_is_killed_ends_as_one_that_is_not(tmp_path):
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in KILLED.items()]
    log, whole, cut = (tmp_path / name for name in ("log.txt", "whole", "cut"))
    process = processes.start(log, tmp_path, run_each, flags, cut)
    deadline = time.monotonic() + 200
    while not (cut / "checkpoints" / "history.json").exists():  # which the first checkpoint precedes
        assert process.is_alive(), log.read_text(encoding="utf-8")[-3000:]
        assert time.monotonic() < deadline, "no checkpoint after 200 seconds"
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (cut / "metrics.json").exists()
    kept = files.read_json(cut / "checkpoints" / "history.json")
    assert len(kept["loss"]) < KILLED["epochs"]
    processes.finish(processes.start(log, tmp_path, run_each, flags, cut, whole), log)
    results = [files.read_json(out / "metrics.json")["metrics"] for out in (cut, whole)]
    assert results[0] == results[1]
    histories = [files.read_json(out / "checkpoints" / "history.json") for out in (cut, whole)]
    assert without_seconds(histories[0]) == without_seconds(histories[1])
    assert len(histories[0]["loss"]) == KILLED["epochs"]
    assert histories[0]["seconds"][: len(kept["seconds"]) - 1] == kept["seconds"][:-1]  # resumed, not repeated

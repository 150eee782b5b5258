"""Instruments after runs: means of known values, in records from which the same command resumes."""

import dataclasses
import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core.files import read_json, write_json
from rme_tf.evaluation import LocalSearch, decoder_report, proposal_quality
from rme_tf.evaluation.finished_batches import FinishedBatches
from rme_tf.experiments import ImageRecipe, InstrumentFields, Measurement, StudyFields, run, run_instrumented
from rme_tf.experiments.recipes.base import EVALUATION_SEED
from rme_tf.experiments.reports.columns import INSTRUMENTS, column_of
from rme_tf.experiments.studies import instrumented
from rme_tf.experiments.studies.measurement import NAMES
from small_recipes import image_recipe

SIZES = {"dataset": "digits", "train_size": 64, "test_size": 8, "epochs": 1, "latent_dim": 2, "importance_samples": 4}
NETWORKS = {"encoder": "mlp", "decoder": "mlp", "mlp_units": (4,), "warm_start_epochs": 0, "weights_by_name": True}
BASE = image_recipe(**SIZES, **NETWORKS, batch_size=32, components=2, optimizer="sgd")
METHODS = {
    "vae": image_recipe(**SIZES, **NETWORKS, batch_size=32, components=1, algorithm="elbo", optimizer="sgd"),
    "rme": BASE,
}
MEASUREMENT = Measurement(NAMES, 3, 25, LocalSearch(steps=2, rounds=2, starts=2))
CONTRASTS = [("rme", "vae"), ("rme", "unknown")]
QUANTITIES = ["test ELBO", "test inference gap", "test KL of components"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(ImageRecipe, StudyFields, InstrumentFields):
    """A study with instruments."""


def run_study(folder, measurement=MEASUREMENT, **options):
    places = {name: str(folder / name) for name in ("out", "results")}
    return run_instrumented(METHODS, CONTRASTS, QUANTITIES, measurement=measurement, seeds=1, **places, **options)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study: its folder and records."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        quick = functools.partial(keras.utils.clear_session, free_memory=False)
        patch.setattr(keras.utils, "clear_session", quick)
        tf.config.run_functions_eagerly(True)  # cheaper than to trace so few steps
        try:
            return folder, run_study(folder)
        finally:
            tf.config.run_functions_eagerly(False)


def instruments_of(record):
    return record["metrics"]["instruments"]


@pytest.mark.slow
def test_records_have_the_means_of_the_instruments(study):
    folder, records = study
    by_method = {record["method"]: record for record in records}
    assert list(instruments_of(by_method["rme"])) == list(NAMES)
    assert list(instruments_of(by_method["vae"])) == [name for name in NAMES if name != "components"]
    for name in INSTRUMENTS:  # of Bernoulli decoders
        value = column_of(name).read(by_method["rme"])
        assert (value is None) == name.endswith("scale"), name
        assert value is None or math.isfinite(value)
    gaps = instruments_of(by_method["rme"])["gaps"]["test"]
    assert gaps["inference_gap"] == pytest.approx(gaps["approximation_gap"] + gaps["amortization_gap"], abs=1e-4)
    modes = instruments_of(by_method["rme"])["modes"]["test"]
    assert gaps["log_likelihood"] == pytest.approx(modes["log_evidence"], abs=1e-6)
    assert "rme less vae" in (folder / "out" / "study.md").read_text(encoding="utf-8")
    assert (folder / "out" / "contrasts.png").exists()
    assert read_json(folder / "out" / "rme-seed0" / "metrics.json")["metrics"]["instruments"] == instruments_of(
        by_method["rme"]
    )


@pytest.mark.slow
def test_means_are_over_the_first_observations_and_their_values_are_kept(study):
    folder, records = study
    out = folder / "out" / "rme-seed0"
    finished = run(dataclasses.replace(BASE, out=str(out)))
    x = {"test": finished.task.example[:3], "train": finished.task.evaluations["train"][:3]}
    (record,) = (record for record in records if record["method"] == "rme")
    for split in x:
        report = decoder_report(finished.model, x[split], seed=EVALUATION_SEED, progress=False)
        quality = proposal_quality(finished.model, x[split], num_samples=25, seed=EVALUATION_SEED, progress=False)
        for instrument, name, values in (
            ("decoder", "frobenius_norm", report.frobenius_norm),
            ("proposal", "effective_sample_size", quality.effective_sample_size),
        ):
            with np.load(out / "instruments" / f"{instrument}_{split}.npz") as kept:
                np.testing.assert_allclose(kept[name], values, rtol=1e-5)
            means = instruments_of(record)[instrument][split]
            assert means[name] == pytest.approx(values.mean(), rel=1e-5)
            assert means[f"{name}_standard_error"] == pytest.approx(values.std(ddof=1) / math.sqrt(3), rel=1e-4)
    norms = [np.linalg.norm(kernel) for kernel in finished.model.decoder.get_weights() if kernel.ndim > 1]
    expected = math.sqrt(sum(norm**2 for norm in norms))
    assert instruments_of(record)["decoder"]["test"]["weight_norm"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_the_same_command_computes_what_is_missing_alone(study, monkeypatch):
    folder, records = study
    monkeypatch.setattr(instrumented, "measure", None)  # which nothing calls
    assert run_study(folder) == records
    monkeypatch.undo()
    path = folder / "results" / "rme-seed0.json"
    record = read_json(path)
    del record["metrics"]["instruments"]["decoder"]
    write_json(path, record)
    added = []
    monkeypatch.setattr(FinishedBatches, "add", lambda self, *args, **results: added.append(self.path))
    assert run_study(folder) == records
    assert added == []


@pytest.mark.slow
def test_instruments_of_other_settings_are_refused(study):
    folder, _ = study
    with pytest.raises(ValueError, match=r"seed0.json. must have gaps of .*num_samples.: 26.* Received: .*: 25"):
        run_study(folder, MEASUREMENT._replace(num_samples=26, instruments=("gaps", "modes")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent_dim": 3}, "`latent_dim of rme` must be 2 for the modes. Received: 3"),
        ({"decoder": "pixelcnn"}, "`decoder of rme` must decode z alone for the instrument. Received: 'pixelcnn'"),
    ],
)
def test_unsuited_instruments_are_refused_before_any_run(changes, message, tmp_path):
    methods = {"rme": image_recipe(dataset="digits", components=2, latent_dim=2) if "decoder" in changes else BASE}
    methods = {name: dataclasses.replace(recipe, **changes) for name, recipe in methods.items()}
    places = {name: str(tmp_path / name) for name in ("out", "results")}
    with pytest.raises(ValueError, match=message):
        run_instrumented(methods, [], [], measurement=MEASUREMENT, seeds=1, **places)
    assert list(tmp_path.iterdir()) == []


def test_fields_give_the_measurement():
    fields = {"instruments": ("gaps",), "measured": 7, "draws": 30, "search_steps": 9}
    measurement = Study(**fields).measurement
    assert measurement == Measurement(("gaps",), 7, 30, LocalSearch(9))
    small = Study(**fields, smoke=True).measurement
    assert small.observations < 7
    assert small.instruments == ("gaps",)
    for wrong, message in (
        ({"instruments": ("gap",)}, "`instruments` must be one of .*'gap'"),
        ({"draws": 24}, "`draws` must be .* at least 25"),
        ({"search_rounds": 1}, "`search_rounds` must be .* at least 2"),
    ):
        with pytest.raises(ValueError, match=message):
            assert Study(**wrong).measurement

"""Studies of inference on frozen decoders: what they train, measure, keep and record."""

import json
import math
import pathlib
import runpy
import sys

import numpy as np
import pytest

import rme_tf
from rme_tf.experiments import Decoder, Inference, InferenceFields, run_inferences
from rme_tf.experiments.studies import frozen_decoders, inferences
from rme_tf.experiments.studies.measurements import mode_metrics
from rme_tf.experiments.studies.results import StudyFolder

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = {"fixed_decoder": 5, "posterior_2d": 3, "two_modes": 5}  # records of a run of seconds


def fields_in(path, **changes):
    return InferenceFields(**{**InferenceFields.SMOKE, "out": str(path), **changes})


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(SCRIPTS))
@pytest.mark.usefixtures("eagerly")
def test_a_study_runs_records_and_resumes(script, tmp_path, monkeypatch, capsys):
    out, record = tmp_path / "study", tmp_path / "record.jsonl"
    monkeypatch.setattr(sys, "argv", [script, "--smoke", "--out", str(out), "--record", str(record)])
    runpy.run_path(str(ROOT / "recipes" / f"{script}.py"), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) == SCRIPTS[script]
    first, *lines = map(json.loads, record.read_text(encoding="utf-8").splitlines())
    assert {"config", "commit", "hardware"} <= first["shared"].keys()
    assert len(lines) == SCRIPTS[script]
    before = record.read_text(encoding="utf-8")
    runpy.run_path(str(ROOT / "recipes" / f"{script}.py"), run_name="__main__")
    assert capsys.readouterr().out == ""  # all is there
    assert record.read_text(encoding="utf-8") == before
    monkeypatch.setattr(sys, "argv", [script, "--smoke", "--out", str(out), "--learning-rate", "0.1"])
    with pytest.raises(ValueError, match="Received: .*other values of learning_rate"):
        runpy.run_path(str(ROOT / "recipes" / f"{script}.py"), run_name="__main__")


def test_a_plan_names_what_there_is(tmp_path):
    known = {"decoders": {"d": Decoder()}, "inferences": {"gaussian": Inference()}}
    for plan, message in (
        ({"e": ["gaussian"]}, "decoder of a plan"),
        ({"d": ["me"]}, "method of a plan"),
        ({"d": ["gaussian", "gaussian"]}, "name each method of a decoder once"),
    ):
        with pytest.raises(ValueError, match=message):
            run_inferences(fields_in(tmp_path / "out"), **known, plan=plan)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="`record` must end in .jsonl"):
        fields_in(tmp_path, record="study.json")


def test_an_absolute_decoder_is_the_absolute_value(tmp_path):
    fields = fields_in(tmp_path)
    folder = StudyFolder(fields.out, fields.settings, "gaps")
    frozen = frozen_decoders.frozen_decoder("absolute", Decoder(absolute=True, scale=0.1), fields, folder)
    z = np.array([[-1.5, 0.2], [0.3, -0.4]], "float32")
    np.testing.assert_allclose(frozen.model.likelihood_params(z), np.abs(z), atol=1e-6)
    assert frozen.model.generative_variables == []
    np.testing.assert_allclose(frozen.model.likelihood.scale, 0.1, rtol=1e-5)
    again = frozen_decoders.frozen_decoder("absolute", Decoder(absolute=True, scale=0.1), fields, folder)
    np.testing.assert_array_equal(again.observed["test"], frozen.observed["test"])


def test_a_folded_decoder_is_symmetric_in_the_first_code():
    network = Decoder(folded=True).network((3,))
    z = np.array([[1.0, -2.0], [-1.0, -2.0], [1.0, 2.0]], "float32")
    first, mirrored, other = network(z).numpy()
    np.testing.assert_array_equal(first, mirrored)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.usefixtures("eagerly")
def test_methods_share_weights_order_and_noise_under_a_seed(tmp_path):
    fields = fields_in(tmp_path, learning_rate=1e-9)
    folder = StudyFolder(fields.out, fields.settings, "gaps")
    frozen = frozen_decoders.frozen_decoder("digits", Decoder(), fields, folder)
    of_decoder = frozen.model.decoder.get_weights()
    chosen = Inference(), Inference(components=2), Inference(components=2, barrier=2.0, warm_start_epochs=0)
    one, me, rme = (inferences.trained(frozen, each, 0, fields) for each in chosen)
    for model in (me, rme):
        for expected, weights in zip(one.encoders[0].get_weights(), model.encoders[0].get_weights(), strict=True):
            np.testing.assert_allclose(weights, expected, atol=1e-6)
        for expected, weights in zip(of_decoder, model.decoder.get_weights(), strict=True):
            np.testing.assert_array_equal(weights, expected)
    batches = [next(iter(frozen.batches(seed))).numpy() for seed in (0, 0, 1)]
    np.testing.assert_array_equal(batches[0], batches[1])
    assert not np.array_equal(batches[0], batches[2])
    assert math.isclose(rme.algorithm.kl_bound, math.log(2) + 2.0)
    assert isinstance(me.algorithm, rme_tf.ELBO)


def test_metrics_of_modes_are_over_observations_with_several():
    mass = np.array([[1.0, 0.0], [0.6, 0.4], [0.5, 0.5]])
    covered = np.array([[False, False], [True, False], [True, True]])
    rest = np.zeros_like(mass), np.zeros(3), np.zeros(3)
    shape = rme_tf.evaluation.PosteriorShape(
        np.array([1, 2, 2]), np.zeros([3, 2, 2]), mass, rest[0], covered, *rest[1:]
    )
    metrics = mode_metrics(shape)
    counts = ("observations", "with_several_modes", "modes", "covered")
    assert [metrics[name] for name in counts] == [3, 2, 4, 3]
    assert metrics["missed_mass"] == 0.2
    assert math.isclose(metrics["missed_nats"], -math.log(0.6) / 2, abs_tol=1e-4)

"""Records of runs: where they are found, and which do not go together."""

import numpy as np
import pytest

from rme_tf.core.files import write_json
from rme_tf.experiments import load_records
from rme_tf.experiments.pages.comparison import unpaired_because
from rme_tf.experiments.pages.recorded_run import Files
from rme_tf.experiments.reports.run_files import BOUNDS
from test_comparison import SCORES, made


@pytest.fixture
def records():
    return [made(method, seed, score) for method, scores in SCORES.items() for seed, score in enumerate(scores)]


def test_records_are_found_in_runs_files_and_folders(records, tmp_path):
    run = tmp_path / "runs" / "rme3-seed1"
    write_json(run / "metrics.json", {name: records[5][name] for name in ("config", "metrics", "seconds")})
    write_json(run / "checkpoints" / "history.json", records[5]["history"])
    (run / "config.yaml").write_text("seed: 1\n", encoding="utf-8")
    for index, each in enumerate(records[:2]):
        write_json(tmp_path / "results" / f"{index}.json", each)
    found = load_records([run, tmp_path / "results", tmp_path / "results" / "0.json"])
    assert [(each["method"], each["config"]["seed"]) for each in found] == [
        ("rme3", 1),
        ("vae", 0),
        ("vae", 1),
    ]  # and what is named twice counts once
    assert found[0]["history"] == records[5]["history"]


def test_what_is_no_finished_run_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("seed: 1\n", encoding="utf-8")
    write_json(tmp_path / "other" / "table.json", {"table": []})
    for path, message in (
        ("run", "a finished run, with metrics.json.* rme resume .*run"),
        ("nowhere", "a record .* Received: .*nowhere"),
        ("other", "records of runs"),
    ):
        with pytest.raises(ValueError, match=message):
            load_records([tmp_path / path])
    with pytest.raises(ValueError, match="or none"):
        load_records([])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent_dim": 10}, "two records of 'vae' under seed 0, which differ in latent_dim"),
        ({"seed": 7, "dataset": "digits"}, "one data set. Received records of dataset mnist and digits.* rme report"),
        ({"seed": 7, "binarization": "static"}, "one data set. Received records of binarization dynamic and static"),
    ],
)
def test_records_that_cannot_be_compared_are_refused(tmp_path, changes, message):
    record = made("vae", 0, -90.0)
    record["config"] |= {"dataset": "mnist", "binarization": "dynamic"}
    write_json(tmp_path / "first.json", record)
    write_json(tmp_path / "second.json", {**record, "config": {**record["config"], **changes}})
    with pytest.raises(ValueError, match=message):
        load_records([tmp_path])


WORDS = {"tokenizer": "word", "vocabulary_size": 2000, "lowercase": False, "coverage": 0.9995, "max_length": 50}


@pytest.mark.parametrize(
    ("changes", "size", "message"),
    [
        ({"tokenizer": "unigram"}, 411, "tokenizer word and unigram. Their log p"),
        ({"vocabulary_size": 4000}, 500, "vocabulary_size 411 and 500"),
        ({"vocabulary_size": 4000}, 411, None),  # the corpus has no more words
        ({"lowercase": True, "max_length": 30}, 411, "lowercase False and True; max_length 50 and 30"),
        ({"latent_dim": 7}, 411, None),
        ({"tokenizer": None, "max_length": None}, None, None),  # not recorded
    ],
    ids=str,
)
def test_densities_of_other_tokens_are_neither_compared_nor_paired(tmp_path, changes, size, message):
    first, second = made("vae", 0, -90.0), made("rme3", 0, -89.0)
    for record, values, found in ((first, {}, 411), (second, changes, size)):
        record |= {"config": {**record["config"], **WORDS, **values}, "data": {"vocabulary_size": found}}
    if size is None:
        del second["config"]["vocabulary_size"]
    runs = []
    for name, record in (("a", first), ("b", second)):
        write_json(tmp_path / f"{name}.json", record)
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / BOUNDS, test_elbo=np.zeros(5), test_log_likelihood=np.zeros(5))
        runs.append(Files(tmp_path / name, record["config"], record, {}))
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    reason = unpaired_because(runs)
    if message is None:
        assert len(load_records(paths)) == 2
        assert reason == ""
    else:
        with pytest.raises(ValueError, match=message):
            load_records(paths)
        assert message.partition(".")[0] in reason
        assert "different token strings" in reason


def test_a_field_that_one_record_is_too_old_to_have_makes_no_difference(tmp_path):
    record = made("vae", 0, -90.0)
    write_json(tmp_path / "old.json", record)
    write_json(tmp_path / "young.json", {**record, "config": {**record["config"], "train_minutes": None}})
    assert len(load_records([tmp_path])) == 1

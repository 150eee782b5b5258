"""`write_study_file`, `read_study_file` and `pack`: a study in one JSON-lines file loses nothing that is read."""

import json
from typing import ClassVar

import pytest

from rme_tf.core.files import write_json
from rme_tf.experiments import load_records, load_study
from rme_tf.experiments.reports import diagnostic_figures, pack, paired_comparison, study_files, tables
from rme_tf.experiments.reports.study_files import HISTORIES, read_study_file, write_study_file
from test_report import compared, text_record


class Histories(dict):
    """Histories that remember which of them were read."""

    read: ClassVar[set] = set()

    def __getitem__(self, name):
        Histories.read.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        Histories.read.add(name)
        return super().get(name, default)

    def __contains__(self, name):
        Histories.read.add(name)
        return super().__contains__(name)


def nested(seed, bound, components=2, **other):
    return {
        "method": "rme",
        "config": {
            "seed": seed,
            "algorithm": {"name": "recursive_mixture", "kl_bound": bound, "empty": {}},
            "likelihood": {},
            "mlp_units": [200, 200],
            "components": components,
        },
        "commit": "abc",
        "hardware": {"cores": 2, "gpus": []},
        "metrics": {"test": {"elbo": -1 / 3, "per_image": [0.1, None, 1e-300]}},
        "history": {"val_elbo": [-2.0, None], "loss": [2.0, 1.0], "seconds": [1.0, 0.1 + 0.2]},
        **other,
    }


STUDIES = {
    "nested": [nested(0, 3.0), nested(1, 3.0), nested(0, 3, commit="def"), nested(0, True, hardware={"cores": 2})],
    "numbers that Python takes for equal": [nested(0, 1), nested(1, 1.0), nested(2, True)],
    "one run": [nested(5, None)],
    "a part that one run lacks": [nested(0, 3.0), {**nested(1, 3.0), "data": {"train": 10}}],
    "images": [compared("vae", -90.0, 0), compared("vae", -90.0, 1), compared("rme", -89.0, 0)],
    "sentences": [text_record("lm"), text_record()],
    "a benchmark": [{"config": {"rounds": 3}, "hardware": {}, "table": [{"model": "VAE", "times": 1.0}]}],
}


def whole(record):
    """A record as the file has it: with the histories that are kept."""
    if "history" not in record:
        return record
    return {**record, "history": {name: record["history"][name] for name in record["history"] if name in HISTORIES}}


@pytest.mark.parametrize("study", STUDIES)
def test_write_study_file_keeps_every_record_to_the_last_digit(study, tmp_path):
    write_study_file(tmp_path / "some.jsonl", STUDIES[study])
    expected = [json.dumps(whole(record), sort_keys=True) for record in STUDIES[study]]  # where 1, 1.0, true differ
    assert [json.dumps(record, sort_keys=True) for record in read_study_file(tmp_path / "some.jsonl")] == expected
    assert load_study(tmp_path / "some.jsonl") == read_study_file(tmp_path / "some.jsonl")


def test_write_study_file_writes_what_runs_share_once(tmp_path):
    write_study_file(tmp_path / "some.jsonl", [nested(0, 3.0), nested(1, 5.0)])
    first, *lines = map(json.loads, (tmp_path / "some.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["format"] == study_files.FORMAT
    assert first["shared"]["config"]["algorithm"] == {"name": "recursive_mixture", "empty": {}}
    assert [line["config"] for line in lines] == [
        {"seed": seed, "algorithm": {"kl_bound": bound}} for seed, bound in ((0, 3.0), (1, 5.0))
    ]
    assert all(line.keys() == {"method", "config", "metrics", "history"} for line in lines)
    assert all(line["history"].keys() == {"val_elbo", "seconds"} for line in lines)


def test_write_study_file_keeps_the_seed_of_a_single_run_on_its_line(tmp_path):
    write_study_file(tmp_path / "some.jsonl", [nested(5, 3.0)])
    line = json.loads((tmp_path / "some.jsonl").read_text(encoding="utf-8").splitlines()[1])
    assert (line["method"], line["config"]) == ("rme", {"seed": 5})


def test_write_study_file_keeps_the_histories_that_tables_and_figures_read(tmp_path, monkeypatch):
    records = [compared("vae", -90.0, 0), {**text_record(), **compared("rme", -89.0, 0)}]
    records[1]["history"] |= {key: [-1.0, -2.0] for key in (*diagnostic_figures.DIAGNOSTICS, "loss", "elbo")}
    records = [{**record, "history": Histories(record["history"])} for record in records]
    monkeypatch.setattr(Histories, "read", set())
    tables.study_table(records)
    tables.summary_table({record["method"]: record for record in records})
    paired_comparison.write_comparison(records, "vae", tmp_path)
    diagnostic_figures.draw_diagnostics(records, tmp_path / "diagnostics.png")
    assert {"val_elbo", "seconds", "mi"} <= Histories.read
    assert Histories.read == HISTORIES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file of a study: .* Received: .*bad.jsonl"),
        ('{"format": 1, "shared": {}}\n', "then one line a run"),
        ('{"method": "vae"}\n{"method": "rme"}\n', "what its runs share"),
        ("[1]\n[2]\n", "what its runs share"),
        ('{"format": 99, "shared": {}}\n{}\n', "in format 1. Received: .*bad.jsonl in format 99"),
        ('{"format": 1, "shared": {}}\nno\n', "bad.jsonl, line 2"),
    ],
)
def test_read_study_file_refuses_what_is_no_study(text, message, tmp_path):
    (tmp_path / "bad.jsonl").write_text(text, encoding="utf-8")
    for load in (read_study_file, load_study, lambda path: load_records([path])):
        with pytest.raises(ValueError, match=message):
            load(tmp_path / "bad.jsonl")


def test_write_study_file_refuses_another_suffix_and_no_records(tmp_path):
    with pytest.raises(ValueError, match=r"suffix \.jsonl. Received: .*some\.json"):
        write_study_file(tmp_path / "some.json", STUDIES["images"])
    with pytest.raises(ValueError, match="at least one record"):
        write_study_file(tmp_path / "some.jsonl", [])


@pytest.mark.parametrize("study", ["images", "a benchmark"])
def test_pack_converts_a_folder_to_a_file_and_back(study, tmp_path):
    for index, record in enumerate(STUDIES[study]):
        write_json(tmp_path / "runs" / f"{index}.json", record)
    pack.convert(tmp_path / "runs", tmp_path / "some.jsonl")
    pack.convert(tmp_path / "some.jsonl", tmp_path / "again")
    assert load_study(tmp_path / "some.jsonl") == [whole(record) for record in STUDIES[study]]
    names = sorted(path.name for path in (tmp_path / "again").iterdir())
    expected = ["rme-seed0.json", "vae-seed0.json", "vae-seed1.json"] if study == "images" else ["benchmark.json"]
    assert names == expected
    pack.convert(tmp_path / "again", tmp_path / "twice.jsonl")
    once, twice = (load_study(tmp_path / f"{name}.jsonl") for name in ("some", "twice"))
    assert sorted(map(str, twice)) == sorted(map(str, once))


def test_load_records_reads_a_packed_study_beside_its_records(tmp_path):
    for record in STUDIES["images"]:
        write_json(tmp_path / "runs" / f"{record['method']}-{record['config']['seed']}.json", record)
    pack.convert(tmp_path / "runs", tmp_path / "some.jsonl")
    assert len(load_records([tmp_path / "some.jsonl", tmp_path / "runs"])) == len(STUDIES["images"])


def test_pack_refuses_what_it_cannot_convert(tmp_path):
    write_json(tmp_path / "runs" / "a.json", compared("vae", -90.0, 0))
    write_json(tmp_path / "runs" / "b.json", compared("vae", -91.0, 0))
    pack.convert(tmp_path / "runs", tmp_path / "some.jsonl")
    for source, target, message in (
        ("runs", "other", "in either order. Received: .*runs and .*other"),
        ("some.jsonl", "other.jsonl", "in either order"),
        ("nowhere", "some.jsonl", "nowhere, which has none"),
        ("some.jsonl", "runs", "a new or an empty folder"),
        ("some.jsonl", "new", "several of vae-seed0.json"),
    ):
        with pytest.raises(ValueError, match=message):
            pack.convert(tmp_path / source, tmp_path / target)
    assert not (tmp_path / "new").exists()


def ordered(*names):
    return {
        "config": {"first": 1, "seed": 0, "last": {"a": 1, "b": 2, "c": 3}},
        "method": "vae",
        **dict.fromkeys(names, 1),
    }


@pytest.mark.parametrize("study", [*STUDIES, "interleaved"])
def test_pack_writes_the_same_file_again(study, tmp_path):
    interleaved = [ordered("x", "y"), ordered("y", "z")]
    interleaved[1]["config"] = {"first": 1, "seed": 1, "last": {"a": 2, "b": 2, "c": 4}}
    records = STUDIES.get(study, interleaved)
    write_study_file(tmp_path / "some.jsonl", records)
    write_study_file(tmp_path / "again.jsonl", read_study_file(tmp_path / "some.jsonl"))
    once, again = ((tmp_path / f"{name}.jsonl").read_text(encoding="utf-8") for name in ("some", "again"))
    assert again == once

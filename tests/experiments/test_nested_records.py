"""Records whose configuration is nested: read by tables, packed, and compared with flat ones."""

import pathlib

import pytest

from built import kind_of
from rme_tf.experiments import load_records, load_study
from rme_tf.experiments.reports import paired_comparison, tables
from rme_tf.experiments.reports.study_files import write_study_file

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "recipes" / "results"


def nested(record):
    """The record with its configuration as runs of today write it."""
    return {**record, "config": kind_of(record["config"]).of_config(record["config"]).identity}


@pytest.mark.parametrize("study", ["pixelcnn", "table_digits_d8_mlp", "captions_sp"])
def test_tables_of_nested_records_are_those_of_flat_ones(study, tmp_path):
    flat = load_study(RESULTS / f"{study}.jsonl")
    records = [nested(record) for record in flat]
    assert all(isinstance(record["config"]["algorithm"], dict) for record in records)
    assert tables.study_table(records) == tables.study_table(flat)
    reference = flat[0]["method"]
    rows = paired_comparison.comparison_rows(flat, reference)
    assert paired_comparison.comparison_rows(records, reference) == rows
    assert paired_comparison.comparison_captions(records) == paired_comparison.comparison_captions(flat)
    assert paired_comparison.comparison_rows([records[0], *flat[1:]], reference) == rows
    write_study_file(tmp_path / "study.jsonl", records)
    assert [record["config"] for record in load_study(tmp_path / "study.jsonl")] == [r["config"] for r in records]
    assert len(load_records([tmp_path / "study.jsonl"])) == len(flat)

"""`configuration`: the fields of a record are found whether its configuration is flat or in parts."""

import copy

import pytest

from rme_tf.core.files import write_json
from rme_tf.experiments import load_records
from rme_tf.experiments.reports import page_tables, tables
from rme_tf.experiments.reports import paired_comparison as comparison
from rme_tf.experiments.reports.configuration import differences, field
from rme_tf.experiments.reports.records import DATA
from test_report import compared, text_record

PARTS = {
    "components": "posterior",
    "latent_dim": "posterior",
    "importance_samples": "evaluation",
    "more_importance_samples": "evaluation",
    "warm_start_epochs": "algorithm",
    **dict.fromkeys(DATA, "data"),
}


def in_parts(record):
    """The record of the same run, its configuration in parts."""
    record = copy.deepcopy(record)
    config = record["config"]
    for name in config.keys() & PARTS.keys():
        config.setdefault(PARTS[name], {})[name] = config.pop(name)
    return record


def records():
    scores = {"vae": (-90.0, -91.5), "rme": (-89.0, -89.5)}
    made = [compared(method, elbo, seed) for method, elbos in scores.items() for seed, elbo in enumerate(elbos)]
    for each in made:
        each["metrics"]["test"] |= {"log_likelihood_5000": -80.0, "log_likelihood_5000_standard_error": 0.1}
        each["config"] |= {"warm_start_epochs": 2, "dataset": "mnist", "more_importance_samples": 5000}
    return made


def test_tables_of_nested_configurations_are_those_of_flat_ones():
    flat, nested = records(), [in_parts(record) for record in records()]
    assert all("components" not in record["config"] for record in nested)
    sentences = [text_record("lm"), text_record()]
    for one, other in ((flat, nested), (sentences, [in_parts(record) for record in sentences])):
        assert tables.study_rows(one) == tables.study_rows(other)
        summaries = [tables.summary_rows({each["method"]: each for each in group}) for group in (one, other)]
        assert summaries[0] == summaries[1]
    assert comparison.comparison_rows(flat, "vae") == comparison.comparison_rows(nested, "vae")
    assert comparison.comparison_captions(flat) == comparison.comparison_captions(nested)
    assert page_tables.csv_text(tables.study_rows(nested)).count("1 of 2") == 2  # trained within the warm start


def test_load_records_tells_nested_configurations_apart(tmp_path):
    first, second = (in_parts(record) for record in records()[:2])
    second["config"]["seed"] = 0
    second["config"]["posterior"]["latent_dim"] = 10
    for name, record in (("first", first), ("second", second)):
        write_json(tmp_path / f"{name}.json", record)
    with pytest.raises(ValueError, match="'vae' under seed 0, which differ in posterior.latent_dim"):
        load_records([tmp_path])
    second["config"]["data"]["dataset"] = "digits"
    write_json(tmp_path / "second.json", second)
    with pytest.raises(ValueError, match="one data set. Received records of dataset mnist and digits"):
        load_records([tmp_path])


def test_field_prefers_the_whole_to_a_part_and_refuses_two_values():
    record = {"config": {"components": 5, "prior": {"components": 100, "rate": 1.0}, "flow": {"rate": 2.0}}}
    assert field(record, "components") == 5
    assert field(record, "nothing") is None
    assert field(record, "nothing", 3) == 3
    with pytest.raises(ValueError, match=r"one value of `rate` .* prior\.rate, flow\.rate"):
        field(record, "rate")
    record["config"]["flow"]["rate"] = 1.0
    assert field(record, "rate") == 1.0


def test_differences_are_of_the_fields_that_both_have():
    assert differences({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 2, "b": {"c": 4, "e": 3}}) == ["a", "b.c"]

"""Tables say what the records say."""

import pytest

from rme_tf.experiments import report, tables
from rme_tf.records import write_json


def record(method="rme", elbo=-100.0, components=2):
    part = {
        "elbo": elbo,
        "elbo_standard_error": 0.5,
        "log_likelihood": elbo + 5,
        "log_likelihood_standard_error": 0.4,
        "bits_per_dimension": 0.2,
        "active_units": 7,
        "mixing_entropy": 0.69,
        "component_information": 0.3,
        **{f"alpha_{m}": 1 / components for m in range(components)},
    }
    return {
        "method": method,
        "config": {"components": components, "latent_dim": 9, "importance_samples": 5000},
        "metrics": {"test": part, "train": part, "inference_parameters": 10, "generative_parameters": 5},
        "seconds": {"training": 120.0, "last_epoch": 3.0},
        "inference_milliseconds_per_batch_of_128": 1.25,
    }


def test_a_mean_comes_with_its_standard_error():
    assert tables.mean_and_error([1.0, 2.0, 3.0]) == "2.00 ± 0.58"  # sqrt(1 / 3)
    assert tables.mean_and_error([1.0]) == "1.00"


def test_a_study_has_a_row_for_each_method():
    table = tables.study_table([record("vae", -101.0, 1), record(elbo=-99.0), record(elbo=-101.0)])
    assert table.count("\n") == 3
    assert "-100.00 ± 1.00" in table
    assert "| 0.500 " in table
    assert "| 2.0 " in table  # minutes


def test_a_summary_shows_the_run():
    table = tables.summary_table({"RME": record()})
    for value in ("15", "-100.00 ± 0.50", "-95.00 ± 0.40", "7 of 9", "0.690", "1.25", "5,000 samples"):
        assert value in table


def test_documents_are_rendered_from_the_records(tmp_path):
    write_json(tmp_path / "some" / "rme-seed0.json", record(elbo=-42.0))
    for kind in ("results", "runs"):
        text = f"before\n<!-- {kind}: some -->\nold\n<!-- end of results -->\nafter"
        rendered = report.render(text, tmp_path)
        assert "-42.00" in rendered
        assert "old" not in rendered
        assert rendered.startswith("before")
        assert rendered.endswith("after")
        assert report.render(rendered, tmp_path) == rendered


def test_a_study_without_records_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON records"):
        report.load_study(tmp_path)

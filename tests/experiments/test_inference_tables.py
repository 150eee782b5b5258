"""Tables and figures of inference on frozen decoders, from records made by hand."""

import numpy as np
import pytest

from rme_tf import plots
from rme_tf.experiments.reports import inference_tables as tables
from rme_tf.experiments.reports.documents import render
from rme_tf.experiments.reports.study_files import write_study_file


def modes(covered, several=1):
    counts = {"observations": 2, "with_several_modes": several, "modes": 4, "covered": covered}
    return {**counts, "missed_mass": 0.5, "missed_nats": 0.7}


def record(method, seed=0, decoder="d", components=1, **metrics):
    inference = {"inference": {"components": components}}
    return {"method": method, "config": {"decoder": decoder, "seed": seed, **inference}, "metrics": metrics}


def split(elbo, **more):
    return {split: {"elbo": elbo, **more} for split in ("train", "test")}


@pytest.fixture
def records():
    truth = {name: {"log_likelihood": [-1.0, -2.0]} for name in ("train", "test")}
    return [
        record("truth", **truth),
        record("optimum_1", **split([-1.1, -2.3])),
        record("optimum_2", components=2, **split([-1.0, -2.0], modes=modes(4))),
        record("gaussian", 1, **split([-1.5, -3.5], modes=modes(2))),
        record("gaussian", 0, **split([-1.5, -2.5], modes=modes(1))),
        record("iaf", **split([-1.5, -2.5], optimal_elbo=[-1.25, -2.25], modes=modes(2))),
        record("iaf", 1, **split([-1.5, -3.5], modes=modes(2))),
        record("mixture", components=2, **split([-1.25, -2.25], modes=modes(3)), component_kl=5.0),
        record("path", position=[0.0, 1.0], **{"ELBO(Q)": [1.0, 2.0]}, cpu_seconds=1.0),
    ]


def test_a_gap_is_the_familys_and_amortizations(records):
    gaussian, iaf, mixture = tables.gap_rows(records, "d", "gaussian", "iaf", "mixture")
    assert gaussian == {
        "method": "gaussian",
        "seeds": 2,
        "test gap": "0.750 ± 0.250",  # means 0.5 and 1
        "approximation": "0.200",
        "amortization": "0.550 ± 0.250",
        "training gap": "0.750 ± 0.250",
    }
    assert (iaf["test gap"], iaf["approximation"], iaf["amortization"]) == ("0.750 ± 0.250", "0.250", "0.250")
    assert (mixture["approximation"], mixture["amortization"]) == ("0.000", "0.250")
    with pytest.raises(ValueError, match="Unknown method"):
        tables.gap_rows(records, "d", "none")
    with pytest.raises(ValueError, match="`decoder` must have records. Received: e"):
        tables.gap_rows(records, "e", "gaussian")


def test_differences_are_paired(records):
    records.append(record("mixture", 1, components=2, **split([-1.25, -2.25])))
    (row,) = tables.difference_rows(records, "d", "mixture:gaussian")
    assert row["contrast"] == "mixture less gaussian"
    assert row["difference in test gap"] == "-0.500 ± 0.250"  # -0.25 and -0.75
    assert row["standard error over observations"] == "0.250"  # of -0.25 and -0.75 again


def test_modes_are_counted_over_all_observations(records):
    gaussian, mixture = tables.mode_rows(records, "d", "gaussian", "mixture")
    assert gaussian["modes covered, %"] == "37.5 ± 12.5"
    assert gaussian["KL between components"] == ""
    assert (mixture["modes covered, %"], mixture["KL between components"]) == ("75.0", "5.0")


def test_growth_has_a_row_for_each_component_and_search():
    after = {"own_ascent": {"gap": 0.25, **modes(3)}, "search": {"gap": 0.125, **modes(4)}}
    rows = tables.growth_rows([record("rme", joined=[modes(1), modes(2)], gap=0.5, **after)], "d", "rme")
    assert [row["rme"] for row in rows] == ["25.0", "50.0", "75.0", "100.0", "0.500", "0.250", "0.125"]


def test_a_document_has_the_table_and_its_figures_are_drawn(records, tmp_path):
    text = "<!-- inference: some gaps d gaussian -->\n<!-- end of results -->"
    assert "Not measured yet." in render(text, tmp_path)
    write_study_file(tmp_path / "some.jsonl", records)
    assert "| gaussian | 2       | 0.750 ± 0.250 |" in render(text, tmp_path)
    for reference in ("gaps d:gaussian,iaf", "modes d:gaussian,mixture", "path"):
        path = tmp_path / f"{reference.split()[0]}.png"
        tables.draw_inference(records, reference, path)
        assert path.stat().st_size > 5000


def test_bars_end_in_the_sum_of_their_parts():
    figure = plots.stacked_bars({"one": {"a": ((1.0, 2.0), 0.5), "b": ((0.5, 0.25), 0.0)}}, ("first", "second"))
    (axes,) = figure.axes
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(ends, [1.0, 3.0, 0.5, 0.75])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["first", "second"]
    with pytest.raises(ValueError, match="at least one group"):
        plots.stacked_bars({}, ("first",))


def test_objectives_start_at_zero():
    figure = plots.objectives_between([0.0, 1.0], {"one": [3.0, 4.0], "two": [1.0, -1.0]}, label="position")
    lines = [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert lines[:2] == [[0.0, 1.0], [0.0, -2.0]]
    with pytest.raises(ValueError, match="at least one objective"):
        plots.objectives_between([0.0], {}, label="position")

"""Tables of studies: quantities of methods, and contrasts of each quantity, in documents too."""

import re

import numpy as np
import pytest
from scipy import stats

from rme_tf.core.files import write_json
from rme_tf.experiments.reports import documents
from rme_tf.experiments.reports.columns import QUANTITIES, column_of, values_of
from rme_tf.experiments.reports.paired_comparison import holm
from rme_tf.experiments.reports.study_tables import (
    contrast_rows,
    method_text,
    quantity_rows,
    read_quantities,
    sweep_points,
)
from test_comparison import SCORES, made
from test_contrasts import rendered_around
from test_page_tables import tables_in

CONTRASTS = [("rme3", "vae"), ("iaf", "vae")]
NORMS = {"vae": [3.0, 3.5, 3.25, 3.1], "rme3": [2.0, 2.75, 2.3, 2.2], "iaf": [3.0, 3.4, 3.3, 3.2]}
NAMES = ["test log p(x)", "test Jacobian norm", "test KL of components"]


def measured(method, seed, score):
    """A record with instruments; one method has distances of components."""
    record = made(method, seed, score)
    split = {"frobenius_norm": NORMS[method][seed], "frobenius_norm_standard_error": 0.1}
    instruments = {"decoder": {"settings": {"observations": 100}, "test": split}}
    if method == "rme3":
        instruments["components"] = {"settings": {"observations": 100}, "test": {"mean_kl": 1.0 + seed}}
    return {**record, "metrics": {**record["metrics"], "instruments": instruments}}


@pytest.fixture
def records():
    return [measured(method, seed, score) for method, scores in SCORES.items() for seed, score in enumerate(scores)]


def test_quantities_are_read_by_name(records):
    np.testing.assert_array_equal(values_of(records[4:8], "test Jacobian norm"), NORMS["rme3"])
    assert np.isnan(values_of(records[:1], "test KL of components")).all()
    test, train = (records[0]["metrics"][split]["elbo"] for split in ("test", "train"))
    assert column_of("train less test ELBO").read(records[0]) == train - test
    assert all(
        column.read(records[0]) is None or isinstance(column.read(records[0]), int | float)
        for column in QUANTITIES.values()
    )
    with pytest.raises(ValueError, match="Unknown quantity. Expected one of: .*Received: 'test Jacobean norm'"):
        column_of("test Jacobean norm")


def test_rows_of_methods_are_means_over_seeds(records):
    rows = {row["method"]: row for row in quantity_rows(records, NAMES)}
    norms = np.array(NORMS["iaf"])
    assert rows["iaf"]["test Jacobian norm"] == f"{norms.mean():.3f} ± {norms.std(ddof=1) / 2:.3f}"
    assert rows["iaf"]["test KL of components"] == ""
    assert rows["rme3"]["test KL of components"] == "2.50 ± 0.65"
    assert "instruments on the first 100 of each split" in method_text(records, NAMES)
    tables = tables_in(method_text(records, [*NAMES, "KL", "test ELBO"]))
    assert [len(header) for header, *_ in tables] == [6, 3]


def test_all_differences_of_a_table_are_one_family(records):
    rows = contrast_rows(records, CONTRASTS, NAMES)
    assert [row["quantity"] for row in rows] == [*NAMES[:2], *NAMES[:2]]  # none of a quantity that one method lacks
    p_values = {}
    for method, _ in CONTRASTS:
        for name, values in (("test log p(x)", SCORES), ("test Jacobian norm", NORMS)):
            p_values[method, name] = stats.ttest_rel(values[method], values["vae"]).pvalue
    for row, p in zip(rows, holm(p_values).values(), strict=True):
        assert row["p"] == f"{p:.3f}"
    gaps = np.subtract(NORMS["rme3"], NORMS["vae"])
    assert rows[1]["difference"] == f"{gaps.mean():.3f} ± {gaps.std(ddof=1) / 2:.3f}"
    assert rows[0]["difference"].startswith("+1.00 ±")


def test_equal_runs_have_no_p_value(records):
    same = [{**record, "method": method} for record in records[:4] for method in ("a", "b")]
    (row,) = contrast_rows(same, [("a", "b")], NAMES[:1])
    assert (row["difference"], row["p"]) == ("+0.00 ± 0.00", "")


def test_a_document_has_the_study_before_its_records_and_after(records, tmp_path, monkeypatch):
    marks = ["study: some test ELBO; test Jacobian norm", "differences: some rme3:vae iaf:vae of test Jacobian norm"]
    planned, rendered = rendered_around(marks, records, tmp_path, monkeypatch)
    assert planned.count("not recorded yet") == 2
    assert "Not measured yet." in planned
    assert "yet" not in rendered
    assert "| rme3 less vae | test Jacobian norm | 4" in re.sub(" +", " ", rendered)


def test_unknown_quantities_of_a_document_are_refused():
    assert read_quantities("KL; I(m; z given x); I(x; z)") == ["KL", "I(m; z given x)", "I(x; z)"]
    assert read_quantities("") == []
    with pytest.raises(ValueError, match="Received: 'LK'"):
        read_quantities("test ELBO; LK")


def swept(method, barrier, seed, score):
    """A record with a barrier, unless that is None."""
    record = made(method, seed, score)
    return {**record, "config": {**record["config"], **({} if barrier is None else {"kl_bound": barrier})}}


SWEPT = {
    ("clamp10", 10.0): [3.0, 5.0],
    ("clamp1", 1.0): [1.0, 2.0],
    ("vae", None): [0.0, 1.0],
    ("skew1", 1.0): [2.0, 2.0],
}


def test_methods_that_differ_in_a_number_are_one_line():
    records = [swept(*method, seed, score) for method, scores in SWEPT.items() for seed, score in enumerate(scores)]
    points = sweep_points(records, "kl_bound", "test ELBO")
    assert points["clamp"] == [(1.0, pytest.approx(1.5 - 5), pytest.approx(0.5)), (10.0, -1.0, 1.0)]
    assert points["skew"] == [(1.0, -3.0, 0.0)]
    ((place, mean, _),) = points["vae"]
    assert np.isnan(place)
    assert mean == -4.5
    assert sweep_points(records, "kl_bound", "test KL of components") == {}


def test_a_sweep_is_drawn_where_it_is_marked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(documents, "DOCUMENTS", ("some.md",))
    for method, scores in SWEPT.items():
        for seed, score in enumerate(scores):
            path = tmp_path / documents.RESULTS / "some" / f"{method[0]}-seed{seed}.json"
            write_json(path, swept(*method, seed, score))
    (tmp_path / "some.md").write_text("<!-- sweep: some kl_bound of test ELBO; KL -->\n", encoding="utf-8")
    documents.main()
    assert (tmp_path / documents.FIGURES / "some_sweep.png").stat().st_size > 10_000

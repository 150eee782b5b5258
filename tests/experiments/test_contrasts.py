"""Contrasts: paired differences between two methods, in tables, figures and documents."""

import re

import numpy as np
import pytest
from scipy import stats

from rme_tf.core.files import write_json
from rme_tf.experiments.reports import documents
from rme_tf.experiments.reports.contrasts import contrast_rows, contrast_text, differences_of, read_contrasts
from test_comparison import SCORES, made
from test_documents import ROOT
from test_recorded_builds import module_of

CONTRASTS = [("rme3", "vae"), ("rme3", "iaf")]


@pytest.fixture
def records():
    return [made(method, seed, score) for method, scores in SCORES.items() for seed, score in enumerate(scores)]


def test_a_contrast_is_the_mean_difference_under_the_same_seeds(records):
    rows = {row["contrast"]: row for row in contrast_rows(records[::-1], CONTRASTS)}
    p_values = {}
    for first, second in CONTRASTS:
        gaps = np.subtract(SCORES[first], SCORES[second])
        p_values[f"{first} less {second}"] = stats.ttest_1samp(gaps, 0.0).pvalue
        row = rows[f"{first} less {second}"]
        expected = f"{gaps.mean():+.2f} ± {gaps.std(ddof=1) / 2:.2f}"
        assert (row["seeds"], row["test log p(x)"], row["test ELBO"]) == (4, expected, expected)
    low, high = sorted(p_values, key=p_values.get)
    assert rows[low]["p"] == f"{2 * p_values[low]:.3f}"  # Holm's correction for two contrasts
    assert rows[high]["p"] == f"{max(p_values[high], 2 * p_values[low]):.3f}"


def test_seeds_that_one_method_lacks_do_not_count(records):
    few = [each for each in records if each["method"] == "vae" or each["config"]["seed"] in (1, 3)]
    np.testing.assert_allclose(differences_of(few, CONTRASTS[0], "test log p(x)"), [0.9, 1.0])
    with pytest.raises(ValueError, match="Unknown method of a contrast. Expected one of: 'iaf', 'rme3', 'vae'"):
        differences_of(few, ("rme3", "sa"), "test log p(x)")
    one = [each for each in few if each["config"]["seed"] == 1]
    assert [(row["test log p(x)"], row["p"]) for row in contrast_rows(one, CONTRASTS[:1])] == [("+0.90", "")]


def test_the_text_has_the_budget_of_each_method(records):
    for record in records:
        record["config"]["train_steps"] = 1000 * len(record["method"])
    text = contrast_text(records, CONTRASTS)
    assert re.search(r"\| rme3 +\| 4,000 +\|", text)
    assert "on 1,000 test observations" in text


@pytest.mark.parametrize("word", ["rme3", "rme3:", ":vae", "a:b:c"])
def test_a_word_that_is_no_contrast_is_refused(word):
    assert read_contrasts(["rme3:vae", "rme3:iaf"]) == CONTRASTS
    with pytest.raises(ValueError, match=f"Expected contrasts such as rme5:vae. Received: {word}"):
        read_contrasts(["rme3:vae", word])


def rendered_around(marks, records, tmp_path, monkeypatch):
    """A page with marks on the study `some`, rendered before its records and after; the figure of the latter exists."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(documents, "DOCUMENTS", ("docs/some.md",))
    page = tmp_path / "docs" / "some.md"
    page.parent.mkdir()
    page.write_text("".join(f"<!-- {mark} -->\n<!-- end of results -->\n" for mark in marks), encoding="utf-8")
    documents.main()
    planned = page.read_text(encoding="utf-8")
    for record in records:
        name = f"{record['method']}-seed{record['config']['seed']}.json"
        write_json(tmp_path / documents.RESULTS / "some" / name, record)
    documents.main()
    rendered = page.read_text(encoding="utf-8")
    (link,) = re.findall(r"!\[.*\]\((.*)\)", rendered)
    assert (page.parent / link).stat().st_size > 5_000
    documents.main()
    assert page.read_text(encoding="utf-8") == rendered
    assert documents.csv_files(rendered) == {}
    return planned, rendered


def test_a_document_has_the_contrasts_before_their_records_and_the_figure_after(records, tmp_path, monkeypatch):
    planned, rendered = rendered_around(["contrasts: some rme3:vae rme3:iaf"], records, tmp_path, monkeypatch)
    assert planned.count("not recorded yet") == 2
    assert "not recorded" not in rendered
    assert "rme3 less iaf" in rendered


def test_the_page_has_the_contrasts_of_the_recipe():
    text = (ROOT / "docs" / "results" / "equal_time.md").read_text(encoding="utf-8")
    first, second = documents.BLOCK.finditer(text)
    recipe = module_of("equal_time.py")
    assert read_contrasts(first["reference"].split()) == recipe.CONTRASTS
    assert read_contrasts(second["reference"].split()) == recipe.OF_FLOWS

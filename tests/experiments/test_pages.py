"""Pages of runs: all sections, well-formed, of themselves alone, and never in the way of a run."""

import dataclasses
import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from page_runs import Structure, image_run, text_run
from page_snippets import snippets_of
from rme_tf.core.files import read_json, write_json
from rme_tf.data import RowLabels
from rme_tf.data.labels import UNLABELED
from rme_tf.experiments import write_report
from rme_tf.experiments.pages import collect, run_report, run_sections, write_page, writing
from rme_tf.experiments.pages.diagnosis import with_diagnosis
from rme_tf.experiments.pages.recorded_run import recipe_kind
from rme_tf.experiments.pages.run_sections import SECTIONS
from rme_tf.experiments.recipes.images import ImageRecipe
from rme_tf.experiments.recipes.text import TextRecipe
from rme_tf.experiments.reports.run_files import read_config
from rme_tf.experiments.runs.run_folder import contents

DOCUMENT = Path(__file__).parents[2] / "docs" / "report.md"
NAMES = [section.name for section in SECTIONS]
WITHOUT_MODEL = ["problems", "verdicts", "numbers", "curves", "gaps", "setup"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A finished run of images with its page."""
    return image_run(tmp_path_factory.mktemp("pages") / "images")


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """A finished run on sentences with its page."""
    folder = tmp_path_factory.mktemp("pages")
    return text_run(folder / "sentences", folder / "lines")


@pytest.fixture(scope="module")
def report(images):
    """The data of the page of the run of images."""
    return collect(images)


@pytest.fixture(params=["images", "sentences"])
def run(request):
    return request.getfixturevalue(request.param)


def page_of(run):
    with open(f"{run.recipe.out}/report.html", encoding="utf-8") as file:
        return file.read()


def test_a_run_leaves_a_page_with_every_section(run):
    page = Structure(page_of(run))
    assert page.sections == NAMES
    assert not page.tags["problem"]
    assert "could not be" not in page.text
    assert [link["href"] for link in page.tags["a"]] == [f"#{name}" for name in NAMES]


def test_a_page_is_well_formed(run):
    page = Structure(page_of(run))
    assert not page.faults
    anchors = [tag["id"] for tags in page.tags.values() for tag in tags if "id" in tag]
    assert len(set(anchors)) == len(anchors)


def test_pictures_have_words_for_those_who_do_not_see_them(run):
    page = Structure(page_of(run))
    assert len(page.tags["svg"]) >= 8
    assert {child for _, child in page.first_child} == {"title"}
    assert all(len(image["alt"]) > 5 for image in page.tags["img"])
    assert bool(page.tags["img"]) == (run.recipe.latent_dim == 2)  # the one of images


def test_a_page_needs_no_other_file(run):
    page = Structure(page_of(run))
    assert page.references
    assert all(reference.startswith(("data:", "#", '"')) for reference in page.references)
    assert not re.search(r"(?:https?:)?//\w", re.sub(r"data:[^\"]*", "", page_of(run)))
    assert "@import" not in page_of(run)


def test_a_page_is_made_for_the_dark_and_for_phones(run):
    assert "prefers-color-scheme: dark" in page_of(run)
    (viewport,) = [meta["content"] for meta in Structure(page_of(run)).tags["meta"] if meta.get("name") == "viewport"]
    assert viewport.startswith("width=device-width")


def test_the_page_has_the_numbers_of_the_record(run):
    text = Structure(page_of(run)).text
    test = run.record["metrics"]["test"]
    assert f"{test['elbo']:.2f} ± {test['elbo_standard_error']:.2f}" in text
    assert f"{test['log_likelihood']:.2f} ± {test['log_likelihood_standard_error']:.2f}" in text
    for fact in (run.record["commit"], run.record["hardware"]["tensorflow"], "seed", "Components used?", "Collapsed?"):
        assert str(fact) in text
    assert re.search(r"This page took \S+ s, \d+% of training and evaluation", text)


def test_special_characters_of_sentences_are_escaped(sentences):
    page = page_of(sentences)
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert "&amp;amp;" in page
    assert "<b>" in Structure(page).text  # as a reader sees it


def test_a_smoke_run_has_no_good_verdict_and_its_reliance(sentences):
    text = Structure(page_of(sentences)).text
    assert "A smoke run: too early to say" in text
    assert f"{sentences.record['epochs'] * sentences.task.steps_per_epoch:,} training steps show" in text
    assert 'class="good"' not in page_of(sentences)
    assert re.search(r"log p\(x\|z\) loses \S+ nats .*with the code of another observation", text)


def test_names_and_settings_are_escaped(report):
    page = writing.page_of(dataclasses.replace(report, name="<i>&", facts=[("<u>", "</dl>")]))
    assert "u" not in Structure(page).tags
    assert "&lt;i&gt;&amp;" in page
    assert not Structure(page).faults


def test_labels_color_the_latent_space(images, report):
    assert set(report.latent.groups) <= set("0123456789")  # of the data set
    labels = RowLabels(np.array([0, 1, UNLABELED] * 8), ("cats", "<dogs>"))
    latent = run_report._latent(images._replace(task=images.task._replace(labels=labels)), images.task.example)
    assert latent.groups[:3] == ["cats", "<dogs>", "no label"]
    text = Structure(writing.page_of(dataclasses.replace(report, latent=latent))).text
    assert "colored by label" in text
    assert "<dogs>: test 1" in text


def test_pages_measure_the_reliance_on_z_once(images, tmp_path, monkeypatch):
    record = json.loads(json.dumps(images.record))
    del record["metrics"]["test"]["collapse"]  # as without `diagnosed`
    run, measure, measured = images._replace(record=record), run_report._diagnosed, []
    monkeypatch.setattr(run_report, "_diagnosed", lambda *args: measured.append(args) or measure(*args))
    for name in ("_latent", "decode"):
        monkeypatch.setattr(run_report, name, lambda *args: None)
    first, second = (collect(run, tmp_path) for _ in range(2))
    assert len(measured) == 1
    assert first.diagnosed == second.diagnosed
    assert first.metrics == second.metrics
    assert "reliance on z" in {row.name for row in first.metrics}
    assert contents(tmp_path).foreign == []
    longer = {**record, "epochs": record["epochs"] + 1}
    assert with_diagnosis(tmp_path, longer) == longer  # of another training
    assert with_diagnosis(tmp_path, images.record) == images.record


# Without a part.


def test_a_section_that_fails_is_named_in_the_page_and_warned_of(images, monkeypatch, tmp_path):
    def fail(report):
        raise RuntimeError("<no> such section")

    broken = [part._replace(values=fail) if part.name == "curves" else part for part in SECTIONS]
    monkeypatch.setattr(writing, "SECTIONS", broken)
    monkeypatch.setattr(run_report, "nearest_in_training", lambda *args: 1 / 0)
    with pytest.warns(UserWarning, match=r"lacks a (section, Learning curves|part, nearest neighbors)") as caught:
        path = write_page(images, tmp_path)
    assert len(caught) == 2
    page = Structure(path.read_text(encoding="utf-8"))
    assert not page.faults
    assert page.sections == ["problems", *(name for name in NAMES if name != "neighbors")]
    assert "This section could not be made. RuntimeError: <no> such section" in page.text
    assert "nearest neighbors could not be collected. ZeroDivisionError" in page.text


def test_a_page_that_cannot_be_written_fails_no_run(images, report, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "collect", lambda *args: report)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.warns(UserWarning, match=r"report.html could not be written"):
        assert write_page(images, tmp_path / "file") is None


def test_a_language_model_has_samples_and_no_codes(sentences, tmp_path):
    recipe = dataclasses.replace(sentences.recipe, components=1, algorithm="elbo", language_model=True)
    path = write_page(sentences._replace(recipe=recipe), tmp_path)
    page = Structure(path.read_text(encoding="utf-8"))
    assert not page.faults
    assert "samples" in page.sections
    assert not {"latent", "posteriors", "reconstructions"} & set(page.sections)
    assert "Collapsed?" not in page.text


# From the folder.


def test_a_page_is_written_again_from_the_folder(sentences, tmp_path):
    shutil.copytree(sentences.recipe.out, tmp_path / "moved")
    path = write_report(tmp_path / "moved", out=tmp_path / "page.html")
    page = Structure(path.read_text(encoding="utf-8"))
    assert page.sections == NAMES
    assert not page.faults


def test_the_snippet_of_the_document_runs(images, tmp_path, monkeypatch):
    for name in ("mnist", "mnist_vae"):
        shutil.copytree(images.recipe.out, tmp_path / "runs" / name)
        (tmp_path / "runs" / name / "report.html").unlink()
    monkeypatch.chdir(tmp_path)
    (snippet,) = snippets_of(DOCUMENT)
    exec(snippet, {})
    page = Structure((tmp_path / "runs" / "mnist" / "report.html").read_text(encoding="utf-8"))
    assert page.sections == NAMES
    assert not page.faults
    assert "Comparison of 2 runs" in (tmp_path / "runs" / "mnist" / "comparison.html").read_text(encoding="utf-8")


def test_without_model_or_data_the_page_says_what_is_missing(images, tmp_path):
    shutil.copytree(images.recipe.out, tmp_path / "moved")
    (tmp_path / "moved" / "model.keras").unlink()
    with pytest.warns(UserWarning, match="lacks a part, model and data"):
        path = write_report(tmp_path / "moved")
    page = Structure(path.read_text(encoding="utf-8"))
    assert path == tmp_path / "moved" / "report.html"
    assert page.sections == WITHOUT_MODEL
    assert "model.keras" in page.text


def test_a_folder_without_a_finished_run_is_refused(images, tmp_path):
    with pytest.raises(ValueError, match=r"Expected the folder of a run, with config.yaml. Received: .*empty"):
        write_report(tmp_path / "empty")
    shutil.copytree(images.recipe.out, tmp_path / "interrupted")
    (tmp_path / "interrupted" / "metrics.json").unlink()
    with pytest.raises(ValueError, match=r"Expected a finished run, with metrics.json.*To finish it: rme resume"):
        write_report(tmp_path / "interrupted")


def test_runs_are_compared_from_their_files(images, tmp_path):
    other = tmp_path / "other <i>"
    shutil.copytree(images.recipe.out, other)
    (other / "model.keras").unlink()  # only the files of numbers are read
    config = yaml.safe_load((other / "config.yaml").read_text(encoding="utf-8"))
    (other / "config.yaml").write_text(yaml.safe_dump({**config, "seed": 7}), encoding="utf-8")
    with np.load(other / "bounds.npz") as bounds:
        moved = {name: values + 0.5 for name, values in bounds.items()}
    np.savez(other / "bounds.npz", **moved)
    begun = time.process_time()
    path = write_report(images.recipe.out, other)
    assert time.process_time() - begun < 2.0
    page = Structure(path.read_text(encoding="utf-8"))
    assert path.name == "comparison.html"
    assert not page.faults
    assert set(page.sections) == {name for name, *_ in writing.COMPARED} | {"curves"}
    assert "seed" in page.text
    assert "+0.50 ± 0.00" in page.text
    assert "<i>" in page.text
    assert "other%20" not in page.text
    assert page.references.count("report.html") == 1


def test_other_test_data_are_not_compared_observation_by_observation(images, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(images.recipe.out, other)
    record = read_json(other / "metrics.json")
    record["config"]["binarization"] = "static"
    write_json(other / "metrics.json", record)
    page = Structure(write_report(images.recipe.out, other, out=tmp_path / "c.html").read_text(encoding="utf-8"))
    assert "other test data" in page.text
    assert "Paired" in page.text


def test_the_class_of_recipes_is_found_in_the_configuration(images, sentences):

    for run, kind in ((images, ImageRecipe), (sentences, TextRecipe)):
        config = read_config(Path(run.recipe.out))
        assert recipe_kind(config) is kind
        assert recipe_kind(json.loads(json.dumps(run.recipe.identity))) is kind


def test_verdicts_come_from_the_record(report):
    questions = [verdict.question for verdict in run_sections._verdicts(report)["verdicts"]]
    assert questions == [
        "Collapsed?",
        "Components used?",
        "Overfitting?",
        "Warm start too long?",
        "Trained long enough?",
        "Memorized?",
    ]

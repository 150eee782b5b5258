"""The guide: its snippets run, its tables are complete, and the sources of its site are whole."""

import re
import runpy
from pathlib import Path

import keras
import pytest

import rme_tf
from conftest import build_tiny_model
from page_snippets import run_as_a_user, snippets_of
from rme_tf.callbacks.collapse_monitor import COMPONENT_SCALARS, SCALARS
from rme_tf.evaluation import CollapseReport
from rme_tf.models.training import LOGGED
from rme_tf.serving.saved_model import _signatures

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHAINS = [["start.md", "serving.md"], ["networks.md"], ["diagnostics.md"], ["reliability.md"], ["from_keras.md"]]
STAGE = runpy.run_path(str(DOCS / "site" / "stage.py"))


def text_of(page):
    return (DOCS / page).read_text(encoding="utf-8")


def on_few_rows(fit):
    """Returns `fit` on the first rows of its data, for one epoch."""

    def short_fit(model, x, *, epochs, validation_data=None, batch_size=32, **options):
        validation_data = validation_data and (validation_data[0][:32],)
        options |= {"validation_data": validation_data, "epochs": min(epochs, 1)}
        return fit(model, x[: 2 * batch_size], batch_size=batch_size, **options)

    return short_fit


@pytest.mark.slow
@pytest.mark.parametrize("pages", CHAINS, ids="-".join)
def test_the_snippets_of_a_page_run_and_print_the_shapes_that_stand_beside_them(
    pages, tmp_path, monkeypatch, capsys, eagerly
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rme_tf.VAE, "fit", on_few_rows(rme_tf.VAE.fit))
    monkeypatch.setattr("rme_tf.evaluation.annealing.settings.LEAST_PILOT", 3)
    monkeypatch.setattr("rme_tf.evaluation.annealing.chains.NUM_FIRST", 2)
    monkeypatch.setattr("rme_tf.evaluation.modes.sampling.LEAPFROG_STEPS", 1)
    program = "\n".join(snippet for page in pages for snippet in snippets_of(DOCS / page))
    assert program
    run_as_a_user(program)
    printed = capsys.readouterr().out
    for line in re.findall(r"^print\(.*\)  # (.*)$", program, flags=re.MULTILINE):
        for shape in re.findall(r"\[(\d+(?:, \d+)*)\]", line):
            assert f"({shape}{'' if ',' in shape else ','})" in printed, line


def test_every_page_with_snippets_is_named_by_a_test():
    """Of docs/training.md the two lines are no program."""
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    unnamed = [page.name for page in DOCS.glob("*.md") if snippets_of(page) and page.name not in tests]
    assert not unnamed


def test_the_signatures_of_a_saved_model_are_the_ones_of_the_page():
    rows = re.findall(r"^\| `(\w+)`.*? \| (`.*?`) \| ", text_of("serving.md"), flags=re.MULTILINE)
    page = {name: re.findall(r"`(\w+)`", inputs) for name, inputs in rows}
    model = build_tiny_model(missing=True)
    assert page == {name: [spec.name for spec in specs] for name, specs in _signatures(model).items()}


def test_the_glossary_has_every_name_of_a_log():
    names = set(re.findall(r"^\| `(\w+)` \|", text_of("glossary.md"), flags=re.MULTILINE))
    fields = set(re.findall(r"^\| `\w+` \| `(\w+)` \|", text_of("glossary.md"), flags=re.MULTILINE))
    indexed = {f"{name}_m" for name in ("elbo", "alpha", *COMPONENT_SCALARS)}
    assert {*LOGGED, *SCALARS, *indexed, "kl_per_dimension_m_d"} <= names
    sizes = {"num_observations", "batch_size", "largest_share"}
    in_words = {"code_variance", "of_probabilities", "advice"}
    measured = {name for name in CollapseReport.__annotations__ if not name.endswith("_standard_error")}
    assert measured - sizes - in_words == fields


def test_the_messages_of_the_page_on_networks_are_the_librarys():
    messages = re.findall(r"^\| (?:\.\.\. )?(\S.*?) \| ", text_of("networks.md").split("## Errors")[1], re.MULTILINE)
    decoder = rme_tf.networks.mlp_decoder(2, (8, 8, 1), units=(4,))
    options = {"posterior": "diag_normal", "likelihood": "bernoulli"}
    image = keras.Input((8, 8, 1))
    h = keras.layers.Flatten()(image)
    found = []
    small, many = (keras.layers.Dense(2)(h), [keras.layers.Dense(2)(h), keras.layers.Dense(2)(h)])
    head = keras.Model(image, keras.layers.Dense(4)(h))
    for encoders in (keras.Model(image, small), keras.Model(image, many), [head, head]):
        with pytest.raises(ValueError, match="encoder") as error:
            rme_tf.VAE(encoders, decoder, **options)
        found.append(str(error.value))
    sigmoid = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dense(64, "sigmoid"), keras.layers.Reshape((8, 8, 1))]
    )
    with pytest.warns(UserWarning, match="decoder ends in") as warned:
        rme_tf.VAE(head, sigmoid, **options)
    found.append(str(warned[0].message))
    with pytest.raises(ValueError, match="event_shape") as error:
        rme_tf.VAE(
            keras.layers.Dense(4), keras.layers.Dense(3), **{**options, "posterior": rme_tf.posteriors.DiagNormal(2)}
        )
    assert messages[8] in str(error.value)
    assert found[0] == messages[1]
    assert found[1].endswith(messages[2])
    assert found[2].startswith(messages[5])
    assert found[3].startswith(messages[3].removesuffix("..."))


# The site.


def test_the_sources_of_the_site_are_written(tmp_path):
    STAGE["main"](tmp_path)
    settings = (tmp_path / "mkdocs.yml").read_text(encoding="utf-8")
    for name in [*re.findall(r"^ +- (\S+\.md)$", settings, flags=re.MULTILINE), "site.css"]:
        assert (tmp_path / "source" / name).exists(), name
    for page, name in {**{page: page.relative_to(DOCS) for page in DOCS.rglob("*.md")}, **STAGE["COPIES"]}.items():
        sizes = [len(file.read_text(encoding="utf-8").splitlines()) for file in (page, tmp_path / "source" / name)]
        assert sizes[0] == sizes[1], name
    index = (tmp_path / "source" / "README.md").read_text(encoding="utf-8")
    assert "[Data](data_sets.md)" in index
    assert "[Start in ten minutes](start.md)" in index
    assert "`rme_tf/data/celeb_a.py`" in (tmp_path / "source" / "extending.md").read_text(encoding="utf-8")
    api = (tmp_path / "source" / "api" / "rme_tf.posteriors.md").read_text(encoding="utf-8")
    assert "::: rme_tf.posteriors.DiagNormal\n" in api


def test_the_reference_has_the_public_names():
    offered = {name for name in rme_tf.__all__ if not name.startswith("_")} - {"experiments", "nearest_neighbours"}
    assert offered <= {*STAGE["offered"]("rme_tf")}


def test_a_page_outside_of_the_index_and_a_dead_link_are_refused(tmp_path):
    (tmp_path / "README.md").write_text("# Index\n\n## Part\n\n| [old](old.md) |\n", encoding="utf-8")
    (tmp_path / "old.md").write_text("# Old", encoding="utf-8")
    assert "  - Part:\n      - old.md\n" in STAGE["navigation"](tmp_path)
    (tmp_path / "new.md").write_text("# New", encoding="utf-8")
    with pytest.raises(ValueError, match=r"Missing: \['new.md'\]"):
        STAGE["navigation"](tmp_path)
    page = tmp_path / "page.md"
    page.write_text("[a](nowhere.md)", encoding="utf-8")
    with pytest.raises(ValueError, match=r"existing file in a link of .*page.md. Received: nowhere.md"):
        STAGE["relinked"](page, {page: "page.md"})

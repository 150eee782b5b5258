"""The documents: the length of the README, anchors, paths and commands. Rendered tables: see test_documents.py."""

import ast
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from prose import BRITISH, PHRASES
from rme_tf.core.registry import argument_names
from rme_tf.experiments.runs.methods import METHODS
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import DECODERS, ENCODERS
from rme_tf.posteriors import POSTERIORS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "data" / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://)(?P<target>[^)#\s]*)#(?P<anchor>[^)\s]+)\)")
# A path of the repository, as it is written in text and commands; `runs/` and most of `data/` are made by runs.
PATH = re.compile(r"(?<![\w./-])(?:rme_tf|recipes|tests|docs|findings)/[\w./-]*\w")
CODE = re.compile(r"\w*_\w*|```.*?```|`[^`]*`|^    .*?$|<[^>]*>|\]\([^)]*\)", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"python (?P<program>recipes/\w+\.py|-m rme_tf[\w.]+)(?P<rest>(?:\\\n|[^`\n])*)")

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def text_of(path):
    return path.read_text(encoding="utf-8")


def commands() -> list[str]:
    """The commands of the documents and of the docstrings of recipes, without "python"; `# ...` ends one."""
    found = set()
    for path in [*DOCUMENTS, *sorted((ROOT / "recipes").glob("*.py"))]:
        for match in COMMAND.finditer(text_of(path)):
            found.add(" ".join(f"{match['program']} {match['rest']}".replace("\\\n", " ").split("#")[0].split()))
    return sorted(found)


def test_the_readme_is_short():
    lines = text_of(ROOT / "README.md").splitlines()
    assert len(lines) <= 130
    assert max(map(len, lines)) <= 120


def test_the_first_screen_of_the_readme_says_what_it_is_whether_to_use_it_and_how_to_install_it():
    screen = "\n".join(text_of(ROOT / "README.md").splitlines()[:40])
    for words in (
        "The problem",
        "The idea",
        "Use it",
        "Do not expect",
        "pip install",
        "Python 3.11",
        "TensorFlow 2.21",
    ):
        assert words in screen


def test_the_readme_and_the_index_lead_to_every_page():
    index = text_of(ROOT / "docs" / "README.md")
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.name == "README.md" or f"]({page.relative_to(ROOT / 'docs').as_posix()})" in index
    assert "](docs/README.md)" in text_of(ROOT / "README.md")


def test_the_table_of_methods_has_every_method_and_no_other():
    rows = re.findall(r"^\| (`.*?) \|", text_of(ROOT / "docs" / "methods.md"), flags=re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(\w[\w.]*)`", row)}
    assert names == set(METHODS)


def test_the_table_of_posteriors_has_every_family_and_its_options():
    rows = re.findall(r"^\| [^`|]+ \| (`[^|]*`) \| (.*?) \|", text_of(ROOT / "docs" / "methods.md"), flags=re.MULTILINE)
    options = {name: set(re.findall(r"`(\w+)`", cell)) for row, cell in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(options) == set(POSTERIORS)
    for name in ("householder", "iaf", "sylvester"):
        assert options[name] == {*argument_names(POSTERIORS[name])} - {"latent_dim", "initial_scale"}


def test_the_table_of_likelihoods_has_every_likelihood_and_its_options():
    rows = re.findall(
        r"^\| [^|]+ \| `(\w+)` \| [^|]+ \| (.*?) ?\|$", text_of(ROOT / "docs" / "values.md"), flags=re.MULTILINE
    )
    options = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}
    assert options == {name: {*argument_names(kind)} - {"event_shape"} for name, kind in LIKELIHOODS.items()}


def test_the_readme_names_every_extra():
    settings = ast.walk(ast.parse(text_of(ROOT / "setup.py")))
    (extras,) = (node.value for node in settings if isinstance(node, ast.keyword) and node.arg == "extras_require")
    (paragraph,) = re.findall(r"^Extras, as in `.*?`: (.*?)\. `rme train`", text_of(ROOT / "README.md"), re.M | re.S)
    assert set(re.findall(r"`(\w+)`", paragraph)) == {key.value for key in extras.keys}


def test_the_first_page_names_every_network_that_encodes_and_decodes():
    (names,) = re.findall(r"^Networks by name are (.*?);", text_of(ROOT / "docs" / "start.md"), re.M | re.S)
    assert set(re.findall(r"`(\w+)`", names)) == ENCODERS.keys() & DECODERS.keys()


@every_document
def test_the_prose_of_a_document_is_plain(document):
    prose = CODE.sub("", text_of(document))
    faults = [match[0] for rule in (PHRASES, BRITISH) for match in rule.finditer(prose)]
    assert not faults


@every_document
def test_the_anchors_of_links_are_headings(document):
    for match in LINK.finditer(text_of(document)):
        target = document if not match["target"] else document.parent / match["target"]
        headings = re.findall(r"^#+ (.*)$", text_of(target), flags=re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert match["anchor"] in anchors


@every_document
def test_the_paths_in_a_document_exist(document):
    text = text_of(document)
    missing = {
        path for path in PATH.findall(text) if not any((base / path).exists() for base in (ROOT, document.parent))
    }
    new = set(re.findall(r"^`([\w./]+)`:$", text, flags=re.MULTILINE))  # files that docs/extending.md adds
    assert not missing - new


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_has_flags_of_its_help(command, monkeypatch, capsys):
    program, *arguments = shlex.split(command.removeprefix("-m "))
    if program in text_of(ROOT / "docs" / "extending.md"):
        return  # a new recipe, which tests/test_extending.py runs
    monkeypatch.setattr(sys, "argv", [program, *arguments, "--help"])
    with pytest.raises(SystemExit) as end:
        if program.endswith(".py"):
            runpy.run_path(str(ROOT / program), run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__")
    assert not end.value.code
    flags = {argument.split("=")[0] for argument in arguments if argument.startswith("--")}
    assert flags <= set(re.findall(r"--[\w.-]*\w", capsys.readouterr().out))

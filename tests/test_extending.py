"""docs/extending.md: its program, its files and lines in a copy of the library, and the tests that walk the tables."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from page_snippets import SNIPPET, run_as_a_user

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n")[0]: part for part in re.split(r"^## (?=An? )", TEXT, flags=re.MULTILINE)[1:]}
FENCE = re.compile(
    r"(?:^`(?P<path>[\w./]+)`(?:, in `(?P<table>\w+)`|[^\n]*)?:\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)```",
    re.MULTILINE | re.DOTALL,
)
# Of the tests that walk the tables, the files that cover an entry by itself.
WALKS = {
    "A posterior": ["posteriors/test_posteriors.py", "posteriors/test_noise.py", "posteriors/test_mixture.py"],
    "An algorithm": ["algorithms/test_algorithms.py", "algorithms/test_algorithm_settings.py"],
    "A likelihood": ["likelihoods/test_likelihoods.py", "likelihoods/test_total_probability.py"],
    "A network": ["networks/test_networks.py", "networks/test_network_sizes.py"],
    "A data set": ["data/test_every_data_set.py"],
    "A recipe": ["experiments/test_recipes.py"],
}
EVERYWHERE = ["core/test_registry.py", "core/test_validation.py", "test_architecture.py", "test_prose.py"]
FIRST_LINES = """
import pathlib
import runpy
import sys

import keras
import numpy as np

import rme_tf

ROOT = pathlib.Path(__file__).parents[1]
assert pathlib.Path(rme_tf.__file__).parents[1] == ROOT
x = np.random.default_rng(0).integers(0, 2, (32, 8, 8, 1)).astype("float32")
"""


class Block(NamedTuple):
    path: str | None
    table: str | None
    kind: str
    text: str


def blocks_of(section) -> list[Block]:
    return [Block(**match.groupdict()) for match in FENCE.finditer(SECTIONS[section])]


def file_of(section) -> Block:
    """The one new file of a section."""
    (block,) = [block for block in blocks_of(section) if block.kind == "python" and block.path]
    return block


def name_of(section) -> str:
    return Path(file_of(section).path).stem


def use_of(section, block) -> str:
    """A test, as text, that runs a use of a section: Python as it is, the command of a recipe in the same process."""
    lines = block.text.splitlines()
    if block.kind == "sh":
        _, script, *flags = [*block.text.split(), "--optimizer", "sgd"]  # which is traced in less time
        lines = [
            f'monkeypatch.setattr(sys, "argv", {[script, *flags]})',
            f'runpy.run_path(str(ROOT / "{script}"), run_name="__main__")',
        ]
    fixtures = "tmp_path, monkeypatch" + (", eagerly" if block.kind == "python" else "")
    begin = f"def test_use_of_{name_of(section)}_{block.kind}({fixtures}):"
    return "\n    ".join([begin, "monkeypatch.chdir(tmp_path)", *lines]) + "\n"


def insert(lines, new, like, after=""):
    """Inserts a line, in order, among the lines that match a pattern behind the first line that begins so."""
    start = next(index for index, line in enumerate(lines) if line.startswith(after))
    alike = [index for index in range(start, len(lines)) if re.match(like, lines[index])]
    block = [index for position, index in enumerate(alike) if index - position == alike[0]]
    place = next((index for index in block if lines[index].casefold() > new.casefold()), block[-1] + 1)
    lines.insert(place, new)


def add_lines(path, block):
    """Adds an import, an entry of the table and a name in `__all__`: the lines of a `diff`."""
    imported, entry, name = [line[1:] for line in block.text.splitlines()]
    lines = path.read_text(encoding="utf-8").splitlines()
    insert(lines, imported, r"from rme_tf\.\w+\.\w+ import|    \w+,|\)")
    insert(lines, entry, r'    "\w+": ', after=f"{block.table}:")
    insert(lines, name, r'    "\w+",', after="__all__")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def add_rows(path, block, name):
    """Adds a row to the table of data/README.md, and a section before the others."""
    row, section = block.text.split("\n\n", 1)
    lines = path.read_text(encoding="utf-8").splitlines()
    insert(lines, row, r"\| `\w+` \|")
    first = next(index for index, line in enumerate(lines) if line.startswith("## "))
    path.write_text("\n".join([*lines[:first], section, *lines[first:]]) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the library with all that the document adds."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", "golden", "results", "*.npz")
    for name in ("rme_tf", "recipes", "tests", "docs", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    uses = [FIRST_LINES]
    for section in WALKS:
        for block in blocks_of(section):
            if block.kind == "diff":
                add_lines(folder / block.path, block)
            elif block.kind == "markdown":
                add_rows(folder / block.path, block, name_of(section))
            elif block.path:
                (folder / block.path).write_text(block.text, encoding="utf-8")
            else:
                uses.append(use_of(section, block))
    path = folder / "tests" / "test_uses.py"
    path.write_text("\n\n".join(uses), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def outcomes(copy):
    """The tests of the copy that have a new entry in their name: pairs of a name and the message of a failure."""
    files = ["test_uses.py", *EVERYWHERE, *(file for files in WALKS.values() for file in files)]
    names = " or ".join(name_of(section) for section in WALKS)
    chosen = f"({names}) and not discretized"  # entries of the library that have a new name within theirs
    options = ["-n", "0", "-m", "not slow", "-k", chosen, "--junitxml=report.xml"]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/{file}" for file in files)]
    subprocess.run(command, cwd=copy, env=environment, check=False, capture_output=True)
    cases = ElementTree.parse(copy / "report.xml").iter("testcase")
    return [(case.get("name"), "".join(part.get("message", "") for part in case)) for case in cases]


def of_entry(outcomes, section):
    """The outcomes for the entry of a section, by its name in the brackets of a test."""
    name = name_of(section)
    return {test: message for test, message in outcomes if re.search(rf"(?<![a-z_]){name}(\.py|[\]-])", test)}


@pytest.mark.slow
@pytest.mark.parametrize("section", WALKS)
def test_the_tests_that_walk_the_tables_pass_for_the_new_entry(section, outcomes):
    found = of_entry(outcomes, section)
    assert len(found) >= 5
    assert not {test: message for test, message in found.items() if message}


@pytest.mark.slow
@pytest.mark.parametrize("section", WALKS)
def test_the_use_of_a_section_runs(section, outcomes):
    (kind,) = [block.kind for block in blocks_of(section) if not block.path]
    assert dict(outcomes)[f"test_use_of_{name_of(section)}_{kind}"] == ""


@pytest.mark.slow
def test_the_program_of_ones_own_code_runs(tmp_path, monkeypatch, capsys, eagerly):
    (program,) = SNIPPET.findall(TEXT.split("## In your own code")[1].split("\n## ")[0])
    monkeypatch.chdir(tmp_path)
    run_as_a_user(program)
    assert "(5, 64, 2) 0.5" in capsys.readouterr().out


@pytest.mark.parametrize("section", ["A posterior", "An algorithm"])
def test_a_posterior_and_an_algorithm_take_less_than_30_lines(section):
    assert len(file_of(section).text.splitlines()) < 30
    assert len([block for block in blocks_of(section) if block.kind == "diff"]) == 1


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_the_code_of_the_document_is_formatted(command, copy):
    ruff = pytest.importorskip("ruff")
    program = [sys.executable, "-m", ruff.__name__, *command.split(), "rme_tf", "recipes"]
    done = subprocess.run(program, cwd=copy, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout

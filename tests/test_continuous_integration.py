"""What the continuous integration and the Makefile run."""

import collections
import re
import runpy
import unittest.mock
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.parent.name for path in (ROOT / "rme_tf").glob("*/__init__.py"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PLAIN = re.search(r"^PLAIN_TESTS := \$\(addprefix tests/,\\\n(.*?)\)$", MAKEFILE, re.MULTILINE | re.DOTALL)[1]


def test_the_plain_tests_are_one_file_for_each_folder():
    files = PLAIN.replace("\\", "").split()
    assert sorted(Path(file).parent.name for file in files) == FOLDERS
    for file in files:
        assert "def test_" in (ROOT / "tests" / file).read_text(encoding="utf-8"), file


def test_the_whole_suite_comes_last():
    """The last line is the one of the whole suite."""
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    targets = [line.split()[-1] for line in lines if line.startswith("make ")]
    assert targets == ["lint", "docs", "notebooks", "package", "test-plain", "screenshots", "estimators", "test"]
    assert lines[-1].endswith(" test")


TARGETS = [
    *("test", "test-unit", "test-plain", "nightly", "lint", "docs", "notebooks", "screenshots", "estimators"),
    *("package", "flags", "soak", "audit"),
]


@pytest.mark.parametrize("target", TARGETS)
def test_make_help_names_a_target(target):
    assert re.search(rf"^{target}: .*## \w+", MAKEFILE, re.MULTILINE)
    assert re.search(rf"^\.PHONY: .*\b{target}\b", MAKEFILE, re.MULTILINE)


def test_nightly_releases_replace_the_bounds_of_tensorflow_and_keras_alone():
    script = runpy.run_path(str(ROOT / ".ci" / "other_requirements.py"))

    def names(lines):
        return {re.match(r"[\w.-]+", line)[0].lower() for line in lines}

    others = script["other_requirements"]()
    left_out = script["REPLACED"] | script["WITHOUT_NIGHTLY"]
    assert left_out == {"tensorflow", "tf-keras", "keras", "tensorflow-probability", "tensorflow-text"}
    assert not names(others) & left_out
    with unittest.mock.patch("setuptools.setup"):
        required = runpy.run_path(str(ROOT / "setup.py"))
    assert names(others) == names(required["REQUIREMENTS"] + required["TEST_REQUIREMENTS"]) - left_out


def test_each_nightly_release_is_installed():
    (packages,) = re.findall(r"^NIGHTLY \?= (.*)$", MAKEFILE, re.MULTILINE)
    assert set(packages.split()) == {"tf-nightly", "tf-keras-nightly", "keras-nightly", "tfp-nightly"}


def test_every_module_of_the_tests_has_a_name_of_its_own():
    """Pytest imports two files of one name as one module, and refuses the second."""
    names = collections.Counter(path.name for path in (ROOT / "tests").rglob("*.py"))
    assert not [name for name, count in names.items() if count > 1]


def test_the_audit_says_where_it_cannot_look(monkeypatch, capsys):
    audit = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["audit"]
    monkeypatch.setattr(audit.__globals__["importlib"].util, "find_spec", lambda name: None)
    assert audit() == 0
    assert capsys.readouterr().out.startswith("Skipped: pip-audit is not installed.")


@pytest.mark.parametrize(
    ("printed", "status", "text"),
    [
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1"}]}]}', 1, "a 1: X-1\n1 of 1"),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', 0, "0 of 1"),
        ("no network", 0, "Skipped: pip-audit did not reach its index."),
    ],
)
def test_the_audit_reads_the_answer_of_pip_audit(printed, status, text, monkeypatch, capsys):
    audit = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["audit"]
    inside = audit.__globals__
    monkeypatch.setattr(inside["importlib"].util, "find_spec", lambda name: object())
    answer = unittest.mock.Mock(stdout=printed)
    monkeypatch.setattr(inside["subprocess"], "run", lambda *words, **options: answer)
    assert audit() == status
    assert capsys.readouterr().out.startswith(text)

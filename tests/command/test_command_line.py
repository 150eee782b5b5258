"""Command lines of `rme`, as they are answered without TensorFlow."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import types

import pytest

from rme_command import descriptions, main
from rme_command.commands import COMMANDS
from rme_command.descriptions import Start, description, start_of, study_of
from rme_command.recipe_flags import study_parser, train_parser

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = description()["kinds"]
HEAVY = {"keras", "matplotlib", "numpy", "rme_tf", "scipy", "sklearn", "tensorflow", "tensorflow_probability", "tyro"}
SECONDS = 2.0
every_kind = pytest.mark.parametrize("kind", sorted(KINDS))


def parser_of(kind, start, words):
    return train_parser(kind, KINDS[kind], start, words)


def refused(capsys, *words):
    """The line with which words are refused."""
    with pytest.raises(SystemExit) as end:
        main(list(words))
    printed = capsys.readouterr()
    assert end.value.code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def answered(capsys, *words):
    try:
        main(list(words))
    except SystemExit as end:
        assert not end.code
    return capsys.readouterr().out


ANSWERED = """
import json, resource, sys
from rme_command import main
modules = []
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit:
        pass
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([sorted({name.partition(".")[0] for name in sys.modules}), usage.ru_utime + usage.ru_stime]))
"""


def test_help_and_mistyped_words_are_answered_without_tensorflow():
    lines = [line.split() for line in ("--help", "train --help", "train images --epohcs 3", "datasets", "resume none")]
    lines += [["train", kind, "--help"] for kind in KINDS] + [[command, "--help"] for command in COMMANDS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ANSWERED, json.dumps(lines)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    modules, seconds = json.loads(done.stdout.splitlines()[-1])
    assert not HEAVY & set(modules)
    assert seconds < SECONDS  # of all lines together
    assert "Did you mean '--epochs'?" in done.stderr


def test_data_sets_are_listed_with_whole_addresses_and_what_to_type(capsys):
    text = answered(capsys, "datasets")
    assert "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/, in" in text
    typed = re.findall(r"rme train (\w+) (--[\w-]+) (\S+)", text)
    assert ("images", "--dataset", "NAME") in typed
    assert ("text", "--path", "FILE") in typed
    for kind, flag, _ in typed:
        assert flag in parser_of(kind, None, []).known
    assert "(" not in text[text.index("Other data") :]  # no call of Python


def test_the_overview_has_every_command(capsys):
    text = answered(capsys, "--help")
    assert answered(capsys) == text
    for command in ("train", "study", *COMMANDS):
        assert re.search(rf"^  {command}\b", text, re.MULTILINE)
    for kind in KINDS:
        assert kind in text
        assert kind in answered(capsys, "train")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_has_help(command, capsys):
    text = answered(capsys, command, "--help")
    assert text.startswith(f"usage: rme {command}")
    assert COMMANDS[command].summary[1:] in text


def places_of(kind):
    """Each place for a choice with its choices, "none" left out."""
    for place, choices in KINDS[kind]["options"].items():
        for choice in choices:
            if choice != "none":
                yield place, choice


def test_each_study_has_help(capsys):
    studies = description()["studies"]
    assert {"collapse", "equal_time", "gaussian", "mnist_study", "pixelcnn", "table"} <= studies.keys()
    overview = answered(capsys, "study")
    for name, study in studies.items():
        assert study["summary"] in overview
        if study["kind"]:
            text = " ".join(answered(capsys, "study", name, "--help").split())
            for field in study["fields"]:
                assert f"--{field['name'].replace('_', '-')} " in text
            assert "--methods" in text
            assert "Did you mean '--methods'?" in refused(capsys, "study", name, "--metods", "vae")
    assert "Did you mean 'table'?" in refused(capsys, "study", "tabel")


@every_kind
def test_help_has_every_field_and_every_name(kind, capsys):
    text = " ".join(answered(capsys, "train", kind, "--help").split())
    for field in KINDS[kind]["fields"]:
        assert f"--{field['name'].replace('_', '-')} " in text
        for choice in field.get("choices", []):
            assert choice in text
    for recipe in KINDS[kind]["recipes"]:
        assert recipe in text


@every_kind
def test_help_after_a_choice_has_its_options(kind):
    for place, choice in places_of(kind):
        outer = place.rpartition(".")[0]
        around = [name for name, flags in KINDS[kind]["options"].get(outer, {}).items() if is_in(flags, place)]
        words = [*([f"--{outer}", around[0]] if around else []), f"--{place}", choice]
        text = parser_of(kind, None, words).format_help()
        for option in KINDS[kind]["options"][place][choice]:
            assert f"--{place}.{option['name']} ".replace("_", "-") in " ".join([*text.split(), ""]), (place, choice)


def test_help_says_which_words_a_switch_takes():
    text = " ".join(parser_of("images", None, ["--algorithm", "elbo"]).format_help().split())
    for flag, words in (("free-bits", "[NUMBER]"), ("aggressive", "[BOOL]")):
        assert f"--algorithm.{flag} {words} " in text


def is_in(flags, place):
    return place.rpartition(".")[2] in {flag["name"] for flag in flags}


@every_kind
def test_defaults_are_words_that_the_flags_take(kind):
    for field in KINDS[kind]["fields"]:
        words = field["default"].split()
        if words and field["name"] not in ("path", "config"):
            flag = "--" + field["name"].replace("_", "-")
            parser_of(kind, None, []).read([flag, *words])


@every_kind
def test_the_defaults_of_a_recipe_are_in_its_help(kind):
    for name, recipe in KINDS[kind]["recipes"].items():
        text = " ".join(parser_of(kind, Start(name, None), []).format_help().split())
        for dotted, value in recipe["settings"].items():
            flag = re.escape("--" + dotted.replace("_", "-"))
            if re.search(rf"{flag} ", text) and value and dotted != "path":
                shown = re.search(rf"{flag} (?!.*{flag} )(.*?)\(default: (.*?)\)", text)
                assert shown is not None, dotted
                by_size = name == KINDS[kind]["of_path"] and {dotted, f"{dotted}.name"} & {*KINDS[kind]["by_size"]}
                assert shown[2] == (f"{value}, or by size" if by_size else value), (name, dotted)


def test_help_says_which_defaults_follow_from_the_size_of_small_data():
    for kind, words, expected in (
        ("images", "--path photos", True),
        ("text", "--path lines.txt", True),
        ("images", "", True),
        ("images", "--dataset mnist", False),
        ("table", "--path a.csv", False),
    ):
        text = parser_of(kind, start_of(KINDS[kind], words.split()), words.split()).format_help()
        assert ('With fewer than 5,000 training observations, defaults marked "by size"' in text) is expected
        assert (", or by size)" in " ".join(text.split())) is expected
        assert ("--recipe folder" in text) is (kind == "images" and expected)  # without data, too


def test_the_start_of_tensorflow_is_said(capsys, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    called = []
    module = types.SimpleNamespace(train=lambda *words, **options: called.append(words))
    monkeypatch.setattr("rme_command.program.importlib.import_module", lambda name: module)
    for loaded, expected in ((False, "Starting TensorFlow ...\n"), (True, "")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "tensorflow", types)
            if not loaded:
                patch.delitem(sys.modules, "tensorflow")
            main(["train", "images", "--path", "photos"])
        assert capsys.readouterr().err == expected
    assert len(called) == 2


@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        ("images", "--path holiday/photos", Start("folder", "runs/photos")),
        ("images", "--dataset mnist", Start("mnist", "runs/mnist")),
        ("images", "--dataset=frey_faces", Start(None, "runs/frey_faces")),
        ("images", "--dataset omniglot --path chardata.mat", Start("omniglot", "runs/omniglot")),
        ("images", "--recipe photos", Start("photos", None)),
        ("images", "--config values.yaml", Start("mnist", "runs/mnist")),
        ("images", "--epochs 3", None),
        ("text", "--path my.lines.txt", Start("text", "runs/my_lines")),
        ("text", "--corpus docs", Start("text", "runs/docs")),
        ("text", "--tfds snli --field premise", Start("text", None)),
        ("text", "--epochs 3", None),
    ],
)
def test_the_data_decide_the_settings_at_the_start(kind, words, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "values.yaml").write_text("dataset: mnist\nepochs: 3\n", encoding="utf-8")
    assert start_of(KINDS[kind], words.split()) == expected


def documented():
    """The flags of the documented commands of recipes that are settings of a kind."""
    command = re.compile(r"python recipes/(\w+)\.py((?: [^\n`#]*)?)")
    studies = [name for name, study in description()["studies"].items() if study["kind"]]
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "recipes").glob("*.py"))]:
        for name, words in command.findall(path.read_text(encoding="utf-8").replace("\\\n", " ")):
            for kind in KINDS:
                if name in KINDS[kind]["recipes"]:
                    yield kind, name, words.strip()
            if name in studies:
                yield "study", name, words.strip()


@pytest.mark.parametrize(("kind", "name", "words"), sorted(set(documented())))
def test_the_flags_of_a_documented_command_are_taken(kind, name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rme_command.places.os.path.lexists", lambda path: True)
    if kind == "study":
        study_parser(name, study_of(name), shlex.split(words)).read(shlex.split(words))
    else:
        flags = ["--recipe", name, *shlex.split(words)]
        parser_of(kind, start_of(KINDS[kind], flags), flags).read(flags)


def test_the_description_is_read_once():
    assert descriptions.description() is description()

"""Described flags of recipes, and the settings of a command line."""

import functools
import itertools
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Described = dict[str, Any]
SMOKE = "_smoke"  # of the folder of a run of seconds


@functools.cache
def description() -> Described:
    """Returns the description that `rme_tf.experiments.commands.description` writes."""
    return json.loads(pathlib.Path(__file__).with_name("flags.json").read_text(encoding="utf-8"))


def kind_of_data(name: str) -> Described:
    """Returns the description of a kind of data."""
    return description()["kinds"][name]


def study_of(name: str) -> Described:
    """Returns the description of a study, with its choices."""
    study = description()["studies"][name]
    return {**(kind_of_data(study["kind"]) if study["kind"] else {"options": {}, "aliases": {}}), **study}


class Start(NamedTuple):
    """Settings that the flags of a training change."""

    recipe: str | None  # name of the settings; None for the defaults of the class
    out: str | None  # directory of the run by the name of its data; None for the directory of the settings


def start_of(described: Described, words: Sequence[str]) -> Start | None:
    """Returns the settings of a command line's data, or None without data.

    Args:
        described: description of the kind of data.
        words: words after the kind.
    """
    flags = {name: values[-1] for name, values in _values(words).items()}
    values = {**_of_files(_values(words).get("config", [])), **flags}
    path, dataset = values.get("path", values.get(described["path"])), values.get(described["dataset"])
    if "recipe" in flags:
        return Start(flags["recipe"], None if path is None else _out(path))
    if dataset is not None:
        recipe = described["of_dataset"].get(dataset)
        return Start(recipe, _out(path if path is not None and recipe == described["of_path"] else dataset))
    if path is not None:
        return Start(described["of_path"], _out(path))
    if not flags.keys() & {"config", *described["elsewhere"]}:
        return None
    return Start(described["of_path"] if described["dataset"] is None else None, None)


def folder_of(described: Described, start: Start, words: Sequence[str], out: str | None) -> str | None:
    """Returns the directory of a command line's run.

    The result is None if a value of `--smoke` decides it.

    Args:
        described: description of the kind of data.
        start: settings that the flags change.
        words: words after the kind.
        out: value of `--out`, or None.
    """
    if out is not None:
        return out
    default = next(field["default"] for field in described["fields"] if field["name"] == "out")
    folder = start.out or settings_of(described, start).get("out", default)
    following = [after for word, after in itertools.pairwise([*words, "--"]) if word == "--smoke"]
    if any(not word.startswith("--") for word in following) or any(word.startswith("--smoke=") for word in words):
        return None
    return f"{folder}{SMOKE}" if following else folder


def _out(path: str) -> str:
    """Returns a directory of runs by the name of the data."""
    name = re.sub(r"[^\w-]+", "_", pathlib.PurePath(path.partition("#")[0]).stem).strip("_")
    return f"runs/{name or 'run'}"


def _values(words: Sequence[str]) -> dict[str, list[str]]:
    """Returns the first word after each flag, for each use of the flag, by its name."""
    values: dict[str, list[str]] = {}
    for word, following in itertools.pairwise([*words, "--"]):
        flag, equals, value = word.partition("=")
        if flag.startswith("--") and (equals or not following.startswith("--")):
            values.setdefault(flag[2:].replace("-", "_"), []).append(value if equals else following)
    return values


def _of_files(paths: Sequence[str]) -> dict[str, str]:
    """Returns the texts in YAML files, by their keys, without files that are not YAML."""
    import yaml  # takes a while, and few command lines have a file

    texts: dict[str, str] = {}
    for path in paths:
        try:
            values = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError, yaml.YAMLError):
            continue  # which the reader of recipes refuses
        if isinstance(values, dict):
            texts |= {str(key): value for key, value in values.items() if isinstance(value, str)}
    return texts


def chosen(described: Described, settings: Mapping[str, str], words: Sequence[str]) -> dict[str, str]:
    """Returns the present choices by their places, such as "algorithm" and "algorithm.kl_weight".

    Args:
        described: description of the kind of data, or of a study.
        settings: settings before the flags, by dotted name.
        words: words of the command line.
    """
    values = _values(words)
    choices: dict[str, str] = {}
    for place in described["options"]:
        default = settings.get(place, _default(described, choices, place))
        choice = values.get(place, values.get(f"{place}.name", [default]))[-1]
        choices[place] = choice if choice in described["options"][place] else "none"
    return choices


def _default(described: Described, choices: Mapping[str, str], place: str) -> str:
    """Returns the default choice of a place, under the choices around it."""
    outer, _, name = place.rpartition(".")
    around = described["options"][outer].get(choices[outer], []) if outer else described["fields"]
    return next((one["default"] for one in around if one["name"] == name), "none")


def settings_of(described: Described, start: Start | None) -> dict[str, str]:
    """Returns what the start changes, as words by dotted name."""
    recipes = described["recipes"]
    return recipes[start.recipe]["settings"] if start is not None and start.recipe in recipes else {}

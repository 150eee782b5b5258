"""Description of all flags of `rme train` and `rme study`.

    python -m rme_tf.experiments.commands.description

Writes rme_tf/command/flags.json, from which help is answered without TensorFlow. The sources are the classes of
recipes, the library's tables, the scripts in recipes/ and data/README.md.
"""

import ast
import dataclasses
import json
import pathlib
import re
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from rme_tf.experiments.cli import Hidden
from rme_tf.experiments.commands.kinds import KINDS, Kind, names_of
from rme_tf.experiments.parts.fields import aliases_of, choice_at, default_part, unconditional
from rme_tf.experiments.parts.hints import alternatives, is_literal, may_be_list
from rme_tf.experiments.parts.options import REQUIRED, argument_texts
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot
from rme_tf.experiments.recipes.base import POLICIES, Recipe
from rme_tf.experiments.recipes.data_sizes import FEW, sized_fields
from rme_tf.experiments.recipes.schedule_fields import ScheduleFields
from rme_tf.experiments.recipes.tokenizers import TokenizerFields
from rme_tf.experiments.runs.study_fields import StudyFields

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = ROOT / "rme_tf" / "command" / "flags.json"
TYPES = {int: "int", float: "float", bool: "bool", type(None): "none"}
# Groups of the help, in order, by the fields of every recipe; `DATA` has the fields of a kind.
DATA, MODEL, TRAINING, EVALUATION, RUN = "Data", "Model", "Training", "Evaluation", "Run"
STUDY, TOKENIZER = "Study", "Tokenizer"
GROUPS = (STUDY, DATA, TOKENIZER, MODEL, TRAINING, EVALUATION, RUN)
OF_FIELDS = {
    **dict.fromkeys(("data_dir", "download", "train_size", "test_size"), DATA),
    **dict.fromkeys(("algorithm", "optimizer", "jit_compile", "steps_per_execution", "policy"), TRAINING),
    **dict.fromkeys(("importance_samples", "more_importance_samples", "diagnosed"), EVALUATION),
    **dict.fromkeys(("seed", "loggers", "tensorboard", "out", "overwrite", "smoke"), RUN),
    **dict.fromkeys(("weight_range", "embedding_range", "language_model"), MODEL),
}
Described = dict[str, Any]


def description() -> Described:
    """Returns the description of all kinds, and of the data sets."""
    return {
        "kinds": {name: _of_kind(kind) for name, kind in KINDS.items()},
        "studies": dict(_studies()),
        "data": _data_sets(),
    }


def as_text(described: Described) -> str:
    """Returns the description as JSON, with a line for each flag."""
    return "\n".join(_lines(described)) + "\n"


def _lines(value, indent: str = "") -> list[str]:
    """Returns the lines of a value in JSON."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    is_flag = isinstance(value, dict) and "help" in value
    if is_flag or not any(isinstance(one, dict | list) and one for one in inner):
        return [json.dumps(value, ensure_ascii=False)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    lines = [opening]
    for key, one in value.items() if isinstance(value, dict) else ((None, one) for one in value):
        first, *others = _lines(one, indent + " ")
        lines += [f"{indent} {'' if key is None else json.dumps(key) + ': '}{first}", *others]
        lines[-1] += ","
    lines[-1] = lines[-1].removesuffix(",")
    return [*lines, indent + closing]


def _of_kind(kind: Kind) -> Described:
    """Returns the description of a kind of data."""
    defaults, slots = kind.recipe(), kind.recipe.PARTS
    usual = {field: default_part(kind.recipe, field) for field in slots}
    options = {path: choices for field in slots for path, choices in _options(field, slots[field], usual[field])}
    return {
        "title": kind.title,
        "examples": list(kind.examples),
        "path": kind.path,
        "elsewhere": list(kind.elsewhere),
        "of_path": kind.of_path,
        "by_size": sorted(sized_fields(kind.recipes[kind.of_path])) if kind.by_size else [],
        "few": FEW,
        "dataset": kind.dataset,
        "of_dataset": {} if kind.dataset is None else _by_dataset(kind),
        "fields": list(filter(None, (_field(field, defaults) for field in dataclasses.fields(kind.recipe)))),
        "options": options,
        "aliases": {name: _is_switch(kind, targets[0]) for name, targets in sorted(aliases_of(kind.recipe).items())},
        "recipes": {recipe: _settings(kind, recipe) for recipe in sorted(kind.recipes)},
    }


def _is_switch(kind: Kind, target: str) -> bool:
    """Returns whether the target of an alias is a truth value, or a choice that is one or none."""
    *outer, last = unconditional(target)
    place = choice_at(kind.recipe, (*outer, last))
    around = choice_at(kind.recipe, tuple(outer)) if outer else None
    option = around.all_options.get(last) if around is not None else None
    return (place is not None and place.is_switch) or (option is not None and option.hint is bool)


def _studies():
    """Yields the scripts that are neither settings of a kind nor the comparison, with their flags."""
    settings = {name for kind in KINDS.values() for name in kind.recipes}
    for path in sorted((ROOT / "recipes").glob("*.py")):
        if path.stem not in settings | {"compare"}:
            name = f"script_{path.stem}"
            module = sys.modules[name] = types.ModuleType(name)  # where dataclasses look for annotations
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
            yield path.stem, _of_script(module)
            del sys.modules[name]


def _of_script(module) -> Described:
    """Returns the description of a script: its summary, and the flags of its study, if it has one."""
    summary = (module.__doc__ or "").split("\n")[0]
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, StudyFields) and value.__module__ == module.__name__:
            kind = next(name for name, kind in KINDS.items() if issubclass(value, kind.recipe))
            defaults: Any = value()  # a study, and a recipe too
            fields = [_field(field, defaults) for field in dataclasses.fields(value)]
            return {"summary": summary, "kind": kind, "fields": list(filter(None, fields))}
    return {"summary": summary, "kind": None, "fields": []}


def _by_dataset(kind: Kind) -> dict[str, str]:
    """Returns the settings by data set: of several on one, the settings for a path, or the first."""
    by_dataset: dict[str, str] = {}
    for name in [kind.of_path, *sorted(kind.recipes)]:
        by_dataset.setdefault(getattr(kind.recipes[name], str(kind.dataset)), name)
    return by_dataset


def _field(field: dataclasses.Field, recipe: Recipe) -> Described:
    """Returns the description of a field; an empty one of a field without a flag."""
    kind, name = type(recipe), field.name
    group = {"group": _group(name)}
    text = argument_texts(kind).get(name, "")  # type: ignore[arg-type]
    if name in kind.PARTS:
        return {**_choice(name, kind.PARTS[name], getattr(recipe, name), text), **group}
    hint = typing.get_type_hints(kind, include_extras=True)[name]
    extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    if Hidden in extras:
        return {}
    tables: dict[str, Any] = {**kind.TABLES, "policy": POLICIES}
    choices = {"choices": sorted(tables[name])} if name in tables else {}
    flag = next((extra.name for extra in extras if getattr(extra, "name", None)), name)
    return {**_flag(flag, hint, getattr(recipe, name), text), **choices, **group}


def _group(name: str) -> str:
    """Returns the group of a field in the help."""
    if name in OF_FIELDS:
        return OF_FIELDS[name]
    for owner, group in ((ScheduleFields, TRAINING), (TokenizerFields, TOKENIZER), (Recipe, MODEL)):
        if name in names_of(owner):
            return group
    return DATA if any(name in names_of(kind.recipe) for kind in KINDS.values()) else STUDY


def _flag(name: str, hint, default, text: str) -> Described:
    """Returns the description of a flag."""
    kinds = alternatives(hint)
    choices = [str(choice) for kind in kinds if is_literal(kind) for choice in typing.get_args(kind)]
    inner = [one for kind in kinds for one in (typing.get_args(kind) if typing.get_origin(kind) is tuple else [kind])]
    types = dict.fromkeys(TYPES.get(kind, "text") for kind in inner if not is_literal(kind) and kind is not Ellipsis)
    described: Described = {"name": name, "types": list(types), "default": word_of(default), "help": text.rstrip(".")}
    described |= {"choices": choices} if choices else {}
    return {**described, "several": True} if may_be_list(hint) else described


def _choice(name: str, slot: Slot, part: Part, text: str) -> Described:
    """Returns the description of a flag for a choice in a table."""
    known = {"choices": sorted(slot.table)} if not slot.is_switch else {"switch": True}
    default = slot.canonical(part)
    shown = default["name"] if isinstance(default, dict) and "name" in default else default
    number = {"number": True} if slot.number is not None or (slot.only and len(slot.required(slot.only)) == 1) else {}
    optional = {"optional": True} if slot.optional else {}
    return {"name": name, **known, "default": word_of(shown), "help": text.rstrip("."), **number, **optional}


def _options(path: str, slot: Slot, usual: Part):
    """Yields each place for a choice, with the options of each of its choices."""
    choices: dict[str, list[Described]] = {}
    for name in [*([None] if slot.number else []), *sorted(slot.table)]:
        part, refused = slot.part(name, usual, lenient=True), slot.refused_by(name)
        choices[word_of(name)] = [_option(slot, part, key) for key in slot.options(name) if key not in refused]
    yield path, choices
    for key in slot.all_options:
        inner = slot.inner(key)
        if inner is not None:
            known = {**usual.waiting, **usual.options}.get(key, Part(None))
            yield from _options(f"{path}.{key}", inner, known)


def _option(slot: Slot, part: Part, key: str) -> Described:
    """Returns the description of an option of a choice."""
    option, inner = slot.options(part.name)[key], slot.inner(key)
    if inner is not None:
        value = part.options.get(key, Part(None) if option.default is REQUIRED else option.default)
        return _choice(key, inner, value if isinstance(value, Part) else inner.part(value), option.text)
    return _flag(key, option.hint, part.options.get(key, option.default), option.text)


def _settings(kind: Kind, name: str) -> Described:
    """Returns the summary and the command of a recipe's script, and its differences from the defaults."""
    recipe, plain = kind.recipes[name], kind.recipe()
    script = ast.get_docstring(ast.parse((ROOT / "recipes" / f"{name}.py").read_text(encoding="utf-8"))) or ""
    there, here = _words(recipe), _words(plain)
    changes = {dotted: word for dotted, word in there.items() if here.get(dotted) != word}
    return {"summary": script.split("\n")[0], "settings": changes}


def _words(recipe: Recipe) -> dict[str, str]:
    """Returns the values of all fields, and of the options of the recipe's choices, by dotted name."""
    shown = {field.name for field in dataclasses.fields(recipe) if _field(field, recipe)}
    return dict(_leaves("", {name: value for name, value in recipe.config.items() if name in shown}))


def _leaves(prefix: str, values: Mapping[str, Any]):
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield f"{prefix}{key}", word_of(value.get("name", True))
            yield from _leaves(f"{prefix}{key}.", {name: one for name, one in value.items() if name != "name"})
        else:
            yield f"{prefix}{key}", word_of(value)


def word_of(value) -> str:
    """Returns the word of a command line for a value.

    The word of a required value is "".
    """
    if value is REQUIRED:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(map(word_of, value))
    if isinstance(value, dict):
        return "true"
    if isinstance(value, float) and len(str(value)) > 8:
        return f"{value:.4g}"
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _data_sets() -> Described:
    """Returns the table of images in data/README.md, with their sources."""
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    rows = re.search(r"^\| name \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    if rows is None:
        raise ValueError("Expected a table with the column 'name' in data/README.md.")
    lines = [[_plain(cell) for cell in line.strip("| ").split(" | ")] for line in rows[0].splitlines()]
    sources = dict(re.findall(r"^## (\w+)\n\* \*\*Source\*\*: ((?:.*\n)+?)(?=\* \*\*|\n)", text, re.MULTILINE))
    entries = [[*row, _plain(re.split(r"[;.]\s", sources[row[0]])[0])] for row in lines[2:]]
    return {"columns": [*lines[0], "source"], "rows": entries}


def _plain(cell: str) -> str:
    """Returns a cell or a sentence without marks of Markdown."""
    return re.sub(r"[`*<>]", "", " ".join(cell.split())).rstrip(".,")


def main() -> None:
    """Write the description."""
    TARGET.write_text(as_text(description()), encoding="utf-8")
    print(TARGET)


if __name__ == "__main__":
    main()

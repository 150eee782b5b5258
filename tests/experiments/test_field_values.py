"""Values of every field and option of every recipe: None and other types are refused."""

import dataclasses
import pathlib
import re
import types
import typing

import numpy as np
import pytest

from rme_tf.experiments import ImageRecipe, StudyFields, TextRecipe, with_fields
from rme_tf.experiments.parts.options import argument_texts
from test_parts import CHOICES, base_of
from test_recorded_builds import ROOT, module_of

SCRIPTS = [path.name for path in sorted((ROOT / "recipes").glob("*.py"))]
CANDIDATES = ("no such value", 3, 2.5, True, ("no such value",), (3,))
TYPES = {int: (int,), float: (int, float), str: (str,), bool: (bool,), type(None): (type(None),)}
# Text that is no name in a table.
FREE = {
    "made_from",  # no flag: named by the library
    "data_dir",
    "out",
    "path",
    "corpus",
    "train",
    "validation",
    "test",
    "tfds",
    "field",
    "label_field",
    "results",
    "reference",
}


def studies():
    """The dataclasses of the scripts in recipes/."""
    for script in SCRIPTS:
        kinds = [kind for kind in vars(module_of(script)).values() if isinstance(kind, type)]
        yield from (kind for kind in kinds if issubclass(kind, StudyFields) and kind is not StudyFields)


KINDS = {f"{kind.__module__}.{kind.__name__}": kind for kind in (ImageRecipe, TextRecipe, *studies())}
FIELDS = [
    pytest.param(kind, field.name, id=f"{name.rpartition('built_')[2]}.{field.name}")
    for name, kind in KINDS.items()
    for field in dataclasses.fields(kind)
]


def kinds_of(hint):
    """The types of a union."""
    if typing.get_origin(hint) is typing.Annotated:
        return kinds_of(typing.get_args(hint)[0])
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return [kind for part in typing.get_args(hint) for kind in kinds_of(part)] if union else [hint]


def is_of(value, kind):
    if typing.get_origin(kind) is typing.Literal:
        return value in typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        return isinstance(value, tuple) and is_of(value[0], typing.get_args(kind)[0])
    return type(value) in TYPES.get(kind, (object,))


def wrong_values(hint):
    return [value for value in CANDIDATES if not any(is_of(value, kind) for kind in kinds_of(hint))]


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_field_refuses_values_of_other_types(kind, name):
    slot, hint = kind.PARTS.get(name), typing.get_type_hints(kind)[name]
    may_be_none = slot.optional if slot else type(None) in kinds_of(hint)
    if may_be_none:
        assert "None" in argument_texts(kind)[name], "None is documented where it is a value."
        assert dataclasses.is_dataclass(kind(**{name: None}))
    wrong = ["no such value", ("no such value",), b"no"] if slot else wrong_values(hint)
    for value in [*wrong, *([] if may_be_none else [None])]:
        with pytest.raises(
            ValueError, match=rf"(`{name}` must be|Unknown|Expected a choice).*Received: {re.escape(repr(value))}"
        ):
            kind(**{name: value})


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_field_refuses_unknown_names(kind, name):
    hint = typing.get_type_hints(kind)[name]
    if name in kind.PARTS or (name not in FREE and str in kinds_of(hint)):
        with pytest.raises(ValueError, match="(Expected one of|must be one of).*Received: 'no_such_name'"):
            kind(**{name: "no_such_name"})


@pytest.mark.parametrize(("kind", "field", "name"), CHOICES)
def test_an_option_refuses_values_of_other_types(kind, field, name):
    slot, base = kind.PARTS[field], with_fields(base_of(kind, field, name), {field: name})
    for option, known in slot.options(name).items():
        if slot.inner(option) is None:
            for value in wrong_values(known.hint):
                with pytest.raises(ValueError, match=f"`({field}.)?{option}` must be .*Received: "):
                    with_fields(base, {f"{field}.{option}": value})


def test_paths_and_numbers_of_numpy_are_plain_values():
    recipe = ImageRecipe(out=pathlib.Path("runs", "here"), components=np.int64(3), later_width=np.float32(0.5))
    assert recipe == ImageRecipe(out=str(pathlib.Path("runs", "here")), components=3, later_width=0.5)
    assert type(recipe.config["components"]) is int

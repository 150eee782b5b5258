"""Dataclasses of command lines, with the options of a recipe's choices."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, Literal

from rme_tf.experiments.parts.fields import Path, slots_of
from rme_tf.experiments.parts.options import REQUIRED, Option, argument_texts
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot


def form_of(recipe, parts: Mapping[str, Part]) -> Any:
    """Returns the dataclass of a recipe's command line.

    Args:
        recipe: recipe, or another dataclass, which is its own form.
        parts: choices of the command line.
    """
    kind = type(recipe)
    slots = slots_of(kind)
    if not slots:
        return recipe
    hints = typing.get_type_hints(kind, include_extras=True)
    texts = argument_texts(kind)  # type: ignore[arg-type]
    fields = []
    for field in dataclasses.fields(kind):
        if field.name in slots:
            text = texts.get(field.name, "")
            value = _part_form(field.name, slots[field.name], parts[field.name], getattr(kind, "SEVERAL", False), text)
            fields.append((field.name, type(value), value))
        else:
            fields.append((field.name, hints[field.name], getattr(recipe, field.name)))
    plain = {name: text for name, text in texts.items() if name not in slots}
    return _instance(kind.__name__, (kind.__doc__ or "").split("\n")[0], fields, plain)


def _part_form(name: str, slot: Slot, part: Part, several: bool, text: str) -> Any:
    """Returns the dataclass of a choice: its name, and the options that it takes."""
    fields: list[tuple[str, Any, Any]] = []
    texts = {}
    if not slot.is_switch:
        choices = [*([None] if slot.optional else []), *sorted(slot.table)]
        fields.append(("name", Literal[tuple(choices)], part.name))
        texts["name"] = f"The choice; `--{name.replace('_', '-')} NAME` in short."
    options = {**(slot.all_options if several else {}), **slot.options_at(part.name)}
    for key, option in options.items():
        set_here = part.options.get(key, part.waiting.get(key, option.default))
        inner = slot.inner(key)
        if inner is not None:
            inner_part = set_here if isinstance(set_here, Part) else inner.part(set_here)
            value = _part_form(f"{name}.{key}", inner, inner_part, several, option.text)
            fields.append((key, type(value), value))
        else:
            fields.append((key, _hint(option, set_here), None if set_here is REQUIRED else set_here))
            texts[key] = option.text
    return _instance(name.replace(".", "_"), text, fields, texts)


def _hint(option: Option, value) -> Any:
    """Returns the type of an option's flag; a required one has None until it is given."""
    return option.hint | None if value is REQUIRED else option.hint


def _instance(name: str, summary: str, fields, texts: Mapping[str, str]) -> Any:
    """Returns an instance, of its own dataclass, with these fields, types and values."""
    kind = dataclasses.make_dataclass(
        name, [(key, hint, dataclasses.field(default=None)) for key, hint, _ in fields], kw_only=True
    )
    arguments = "\n".join(f"    {key}: {text}" for key, text in texts.items() if text)
    kind.__doc__ = f"{summary}\n\nArgs:\n{arguments}" if arguments else summary
    return kind(**{key: value for key, _, value in fields})


def value_at(form, path: Path) -> Any:
    """Returns the value at a path of a form."""
    for key in path:
        form = getattr(form, key)
    return form

"""YAML files whose faults are reported by line."""

import copy
import re
from collections.abc import Callable
from typing import Any

import yaml

Keys = tuple[Any, ...]
MERGE = "<<"  # key of a mapping that is merged


def read_yaml(text: str) -> Any:
    """Returns the value of a YAML text.

    Raises:
        ValueError: for text that is not YAML or nested too deep, or a key that a mapping has twice; the message has the
            line.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_repeated(node, set())
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        line = "" if mark is None else f"line {mark.line + 1}: "
        raise ValueError(f"{line}expected YAML. Received text where {problem}") from error
    except RecursionError as error:
        raise ValueError("expected YAML. Received text whose lists or mappings are nested too deep") from error


def _refuse_repeated(node, seen: set[int]) -> None:
    """Raises ValueError for a key that a mapping has twice, of which YAML would drop the first."""
    if id(node) in seen or not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
        return
    seen.add(id(node))  # an alias may stand for a node around it
    lines: dict[str, int] = {}
    for entry in node.value:
        key, value = entry if isinstance(node, yaml.MappingNode) else (None, entry)
        if isinstance(key, yaml.ScalarNode):
            line = key.start_mark.line + 1
            if key.value in lines and key.value != MERGE:
                raise ValueError(
                    f"line {line}: expected each key once. Received: {key.value!r}, also on line {lines[key.value]}"
                )
            lines[key.value] = line
        _refuse_repeated(value, seen)


def faulty_line(text: str, refusal: Callable[[Any], str | None]) -> int | None:
    """Returns the line of the entry that a refusal is about.

    Without that entry, the values are taken or refused for another reason. Of several such entries, the last one that
    the message names is returned.

    Args:
        text: text of the file.
        refusal: function of the values in the file that returns the message of their refusal, or None.

    Returns:
        line: number of the line, from 1 on; None if no entry alone is at fault.
    """
    values, node = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    message, line = refusal(values), None
    path: Keys = ()
    while isinstance(node, yaml.MappingNode):
        entries = [(yaml.safe_load(yaml.serialize(key)), key, value) for key, value in node.value if key.value != MERGE]
        at_fault = [entry for entry in entries if refusal(_without(values, (*path, entry[0]))) != message]
        named = [entry for entry in at_fault if re.search(rf"(?<!\w){re.escape(str(entry[0]))}(?!\w)", message or "")]
        if not at_fault:
            break
        key, marked, node = (named or at_fault)[-1]
        line, path = marked.start_mark.line + 1, (*path, key)
    return line


def _without(values: Any, path: Keys) -> Any:
    """Returns nested values without the entry at a path."""
    values = copy.deepcopy(values)
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return values

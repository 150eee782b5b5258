"""Fields of the configuration in a record, flat or nested."""

from collections.abc import Iterator, Mapping
from typing import Any


def field(record: Mapping, name: str, default: Any = None) -> Any:
    """Returns a field of a record's configuration, at any depth.

    Args:
        record: record of a run.
        name: name of the field. A field of the whole comes before one of a part.
        default: value for a configuration without that field, such as one from before the field existed.

    Raises:
        ValueError: if several parts have the field with different values.
    """
    depths: dict[int, list] = {}
    for path, value in fields(record["config"]):
        if path[-1] == name:
            depths.setdefault(len(path), []).append((path, value))
    if not depths:
        return default
    (path, value), *others = depths[min(depths)]
    if any(other != value for _, other in others):
        parts = ", ".join(".".join(path) for path, _ in ((path, value), *others))
        raise ValueError(f"Expected one value of `{name}` in a configuration. Received several: {parts}.")
    return value


def fields(config: Mapping) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Returns the paths and the values of the fields of a configuration."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from (((name, *path), nested) for path, nested in fields(value))
        else:
            yield (name,), value


def differences(first: Mapping, second: Mapping) -> list[str]:
    """Returns the dotted names of common fields with different values."""
    one, other = (dict(fields(config)) for config in (first, second))
    return sorted(".".join(path) for path in one.keys() & other.keys() if one[path] != other[path])

"""Circumstances of a run as pairs of text: data, seed, commit, hardware."""

from collections.abc import Mapping
from typing import Any

PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy", "python")


def facts_of(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the circumstances in a record.

    Args:
        record: record of a finished run.
    """
    config, hardware = record.get("config", {}), record.get("hardware") or {}
    pairs = [
        ("data", _data_name(config)),
        ("observations", _sizes(record.get("data") or {})),
        ("seed", f"{config.get('seed', '')}"),
        ("epochs", f"{record.get('epochs', '')}"),
        ("commit", f"{record.get('commit') or ''}"),
        ("hardware", _machine(hardware)),
        ("software", ", ".join(f"{name} {hardware[name]}" for name in PACKAGES if hardware.get(name))),
        ("warnings", "; ".join((record.get("data") or {}).get("warnings", []))),
    ]
    return [(name, value) for name, value in pairs if value]


def _data_name(config: Mapping[str, Any]) -> str:
    """Returns the name of the data and the file or the folder they come from."""
    table = () if config.get("path") else ("table",)  # a file of one's own replaces the named table
    names = [config.get(name) for name in ("dataset", "tfds", "corpus", *table, "path") if config.get(name)]
    return ", ".join(dict.fromkeys(str(name) for name in names))


def _sizes(data: Mapping[str, Any]) -> str:
    """Returns the sizes of the splits."""
    sizes = {}
    for name in ("train", "validation", "test"):
        value = data.get(name)
        sizes[name] = value.get("num_rows") if isinstance(value, Mapping) else value
    words = [f"{value:,} {name}" for name, value in sizes.items() if isinstance(value, int)]
    vocabulary = data.get("vocabulary_size")
    return ", ".join(words) + (f"; vocabulary of {vocabulary:,}" if vocabulary else "")


def _machine(hardware: Mapping[str, Any]) -> str:
    """Returns the processor, its cores and the GPUs."""
    cores = hardware.get("cores")
    named = [hardware.get("processor"), f"{cores} cores" if cores else None, *hardware.get("gpus", [])]
    return ", ".join(str(name) for name in named if name)

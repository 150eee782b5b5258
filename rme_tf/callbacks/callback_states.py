"""States of callbacks that a checkpoint keeps: counts and best values."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

# Attributes of Keras's callbacks that later epochs depend on; None and values that are not finite are not kept.
ATTRIBUTES: dict[type, tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "best", "best_epoch", "stopped_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best",),
    keras.callbacks.OrbaxCheckpoint: ("best",),
}


class States(NamedTuple):
    """States of callbacks by name, such as "EarlyStopping_0"."""

    values: dict[str, dict[str, Any]]  # JSON values
    arrays: dict[str, list[np.ndarray]]  # best weights


def states_of(callbacks: Iterable) -> States:
    """Returns the states of callbacks.

    Args:
        callbacks: callbacks; the ones of Keras with best values, and the ones with `get_state()`, have a state.
    """
    states = States({}, {})
    for name, callback in named(callbacks).items():
        if hasattr(callback, "get_state"):
            states.values[name] = callback.get_state()
            continue
        values = {attribute: getattr(callback, attribute) for attribute in _attributes(callback)}
        states.values[name] = {key: float(v) for key, v in values.items() if v is not None and np.isfinite(v)}
        if getattr(callback, "best_weights", None) is not None:
            states.arrays[name] = [np.asarray(weight) for weight in callback.best_weights]
    return states


def set_states(callbacks: Iterable, values: Mapping[str, Any], arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Sets the states of callbacks that have begun their training.

    Args:
        callbacks: callbacks in the order of `states_of`; without a state in the checkpoint they stay unchanged.
        values: see `States`.
        arrays: see `States`.
    """
    for name, callback in named(callbacks).items():
        if name not in values:
            continue
        if hasattr(callback, "set_state"):
            callback.set_state(values[name])
            continue
        for attribute, value in values[name].items():
            kind = type(getattr(callback, attribute))
            setattr(callback, attribute, int(value) if kind is int else value)
        if name in arrays:
            callback.best_weights = list(arrays[name])


def named(callbacks: Iterable) -> dict[str, Any]:
    """Returns the callbacks with a state by name."""
    counts: collections.Counter = collections.Counter()
    result = {}
    for callback in callbacks:
        if hasattr(callback, "get_state") or _attributes(callback):
            kind = type(callback).__name__
            result[f"{kind}_{counts[kind]}"] = callback
            counts[kind] += 1
    return result


def _attributes(callback) -> tuple[str, ...]:
    """Returns the attributes that are the state of a callback of Keras."""
    return next((names for kind, names in ATTRIBUTES.items() if isinstance(callback, kind)), ())

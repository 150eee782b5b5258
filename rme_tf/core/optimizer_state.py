"""Optimizer state of replaced weights: slots, copies and their reset.

An optimizer has slots for each weight. Momentum stays when weights are replaced, unless it is reset. But some slots are
copies of weights: the averages of `use_ema`, the sequence of a schedule-free optimizer, the slow weights of a
lookahead. They are recognized by their initial values, which equal the weights. A copy of replaced weights would pull
the new weights back to the old ones, or overwrite them.
"""

import contextlib
import weakref
from typing import NamedTuple

import keras
import numpy as np

from rme_tf.core.keras_compat import averages_of, lists_of, weights_of
from rme_tf.core.optimizer_updates import leaves, updates_made


class Slot(NamedTuple):
    """A variable of an optimizer for a weight."""

    variable: keras.Variable
    weight: keras.Variable
    kind: str  # name shared by the slots of all weights


_COPIES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # optimizer -> its slots that are copies


def build(optimizer, weights) -> None:
    """Builds an optimizer, unless built, and records its copies of weights."""
    if optimizer.built:
        return
    with contextlib.ExitStack() as stack:
        noted = [(leaf, stack.enter_context(_noting(leaf))) for leaf in leaves(optimizer) if not leaf.built]
        optimizer.build(weights)
    for leaf, references in noted:
        if leaf.built:
            _COPIES[leaf] = _copies(leaf, _slots(leaf, references))


def copying_slots(optimizer) -> list[Slot]:
    """Returns the slots of a built optimizer that are copies of weights."""
    return [slot for leaf in leaves(optimizer) if leaf.built for slot in _copies_of(leaf)]


@contextlib.contextmanager
def weights_replaced(model):
    """Returns a context that updates the optimizer's copies of replaced weights."""
    slots = copying_slots(model.optimizer) if getattr(model, "optimizer", None) is not None else []
    before = [slot.weight.numpy() for slot in slots]
    yield
    for slot, old in zip(slots, before, strict=True):
        if not np.array_equal(old, slot.weight.numpy()):
            slot.variable.assign(slot.weight)


def begin_copies(optimizer) -> None:
    """Sets the copies to the current weights, before the first update.

    The weights may have been replaced since the optimizer was built.
    """
    slots = copying_slots(optimizer)
    if slots and int(updates_made(optimizer).numpy()) == 0:
        for slot in slots:
            slot.variable.assign(slot.weight)


def forget(optimizer, weights) -> None:
    """Resets the slots of some weights to their initial values.

    Copies are set to the current weights.

    Args:
        optimizer: built optimizer.
        weights: weights whose slots are reset.
    """
    chosen = {id(weight) for weight in weights}
    for leaf in leaves(optimizer):
        initial, slots = _initial(leaf)
        owners = {id(slot.variable): id(slot.weight) for slot in slots}
        for new, old in zip(initial.variables, leaf.variables, strict=True):
            if owners.get(id(new)) in chosen:
                old.assign(new)
    for slot in copying_slots(optimizer):
        if id(slot.weight) in chosen:
            slot.variable.assign(slot.weight)


def _copies_of(optimizer) -> list[Slot]:
    if optimizer not in _COPIES:  # not built by `build`
        initial, slots = _initial(optimizer)
        present = {id(new): old for new, old in zip(initial.variables, optimizer.variables, strict=True)}
        copies = _copies(initial, slots)
        _COPIES[optimizer] = [slot._replace(variable=present[id(slot.variable)]) for slot in copies]
    return _COPIES[optimizer]


def _initial(optimizer):
    """Returns a new optimizer with the same configuration, built for the same weights, and its slots."""
    initial = type(optimizer).from_config(optimizer.get_config())
    with _noting(initial) as references:
        initial.build(weights_of(optimizer))
    return initial, _slots(initial, references)


@contextlib.contextmanager
def _noting(optimizer):
    """Returns a context with a list of (variable, weight, name) for variables that an optimizer creates."""
    make, references = optimizer.add_variable_from_reference, []

    def noting(reference_variable, name=None, *args, **kwargs):
        variable = make(reference_variable, name, *args, **kwargs)
        references.append((variable, reference_variable, name))
        return variable

    optimizer.add_variable_from_reference = noting
    try:
        yield references
    finally:
        del optimizer.add_variable_from_reference


def _slots(optimizer, references) -> list[Slot]:
    """Returns the slots: variables created from weights, and lists with a variable for each weight (Adafactor)."""
    weights = weights_of(optimizer)
    slots = [Slot(*reference) for reference in references]
    known = {id(slot.variable) for slot in slots}
    for name, variables in lists_of(optimizer).items():
        if len(variables) != len(weights):
            continue
        pairs = zip(variables, weights, strict=True)
        slots += [Slot(v, w, name) for v, w in pairs if isinstance(v, keras.Variable) and id(v) not in known]
    return slots


def _copies(optimizer, slots) -> list[Slot]:
    """Returns the slots of a newly built optimizer that are copies of weights."""
    kinds: dict[str, list[Slot]] = {}
    for slot in slots:
        kinds.setdefault(slot.kind, []).append(slot)
    # Keras's averages start at 0, and equal the weights after the first update.
    averaged = {id(average) for average in averages_of(optimizer)}
    return [
        slot
        for group in kinds.values()
        if all(id(slot.variable) in averaged for slot in group) or _start_at_the_weights(group)
        for slot in group
    ]


def _start_at_the_weights(slots) -> bool:
    """Returns whether slots of one kind equal their weights, where zero weights (biases) do not count."""
    if any(tuple(slot.variable.shape) != tuple(slot.weight.shape) for slot in slots):
        return False
    pairs = [(slot.variable, slot.weight) for slot in slots]
    return all(np.array_equal(v.numpy(), w.numpy()) for v, w in pairs) and any(w.numpy().any() for _, w in pairs)

"""The state of an optimizer: what it keeps of each weight, which is to follow where weights are replaced.

Momentum is memory, and stays unless it is forgotten. But some slots are copies: the averages of `use_ema`, the
sequence of a schedule-free optimizer, the slow weights of a lookahead. They are found by where they start, at the
weights. A copy of weights that are no more would pull the new ones back to them, or be written over them.
"""

import contextlib
import weakref
from typing import NamedTuple

import keras
import numpy as np

from rme_tf.core.keras_compat import averages_of, lists_of, weights_of
from rme_tf.core.optimizer_updates import leaves, updates_made


class Slot(NamedTuple):
    """A variable that an optimizer keeps of a weight."""

    variable: keras.Variable
    weight: keras.Variable
    kind: str  # the same for the slots of all weights


_COPIES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # optimizer -> its slots that are copies


def build(optimizer, weights) -> None:
    """Builds an optimizer, unless it is built, and takes note of its copies of the weights."""
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
    """Returns a context in which weights of a model are replaced: its optimizer's copies of those follow."""
    kept = copying_slots(model.optimizer) if getattr(model, "optimizer", None) is not None else []
    before = [slot.weight.numpy() for slot in kept]
    yield
    for slot, old in zip(kept, before, strict=True):
        if not np.array_equal(old, slot.weight.numpy()):
            slot.variable.assign(slot.weight)


def begin_copies(optimizer) -> None:
    """Lets the copies begin at the weights of now, if there was no update yet: these may have been replaced."""
    kept = copying_slots(optimizer)
    if kept and int(updates_made(optimizer).numpy()) == 0:
        for slot in kept:
            slot.variable.assign(slot.weight)


def forget(optimizer, weights) -> None:
    """Puts all that an optimizer keeps of some weights back to where it starts; copies start at the weights."""
    chosen = {id(weight) for weight in weights}
    for leaf in leaves(optimizer):
        fresh, slots = _fresh(leaf)
        owners = {id(slot.variable): id(slot.weight) for slot in slots}
        for new, old in zip(fresh.variables, leaf.variables, strict=True):
            if owners.get(id(new)) in chosen:
                old.assign(new)
    for slot in copying_slots(optimizer):
        if id(slot.weight) in chosen:
            slot.variable.assign(slot.weight)


def _copies_of(optimizer) -> list[Slot]:
    if optimizer not in _COPIES:  # built by another
        fresh, slots = _fresh(optimizer)
        present = {id(new): old for new, old in zip(fresh.variables, optimizer.variables, strict=True)}
        found = _copies(fresh, slots)
        _COPIES[optimizer] = [slot._replace(variable=present[id(slot.variable)]) for slot in found]
    return _COPIES[optimizer]


def _fresh(optimizer):
    """Returns an optimizer of the same configuration, built on the same weights, and its slots."""
    fresh = type(optimizer).from_config(optimizer.get_config())
    with _noting(fresh) as references:
        fresh.build(weights_of(optimizer))
    return fresh, _slots(fresh, references)


@contextlib.contextmanager
def _noting(optimizer):
    """Returns a context that lists (variable, weight, name) of what an optimizer makes from weights."""
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
    """Returns the slots: those made from weights, and lists with a variable for each of them (Adafactor's rows)."""
    weights = weights_of(optimizer)
    slots = [Slot(*reference) for reference in references]
    known = {id(slot.variable) for slot in slots}
    for name, kept in lists_of(optimizer).items():
        if len(kept) != len(weights):
            continue
        pairs = zip(kept, weights, strict=True)
        slots += [Slot(v, w, name) for v, w in pairs if isinstance(v, keras.Variable) and id(v) not in known]
    return slots


def _copies(optimizer, slots) -> list[Slot]:
    """Returns those of an optimizer's slots, just built, that are copies of the weights."""
    kinds: dict[str, list[Slot]] = {}
    for slot in slots:
        kinds.setdefault(slot.kind, []).append(slot)
    # Keras's averages start at 0, and are the weights after the first update.
    averaged = {id(average) for average in averages_of(optimizer)}
    return [
        slot
        for group in kinds.values()
        if all(id(slot.variable) in averaged for slot in group) or _start_at_the_weights(group)
        for slot in group
    ]


def _start_at_the_weights(slots) -> bool:
    """Returns whether slots of one kind equal their weights; zeros (of a bias) say nothing."""
    if any(tuple(slot.variable.shape) != tuple(slot.weight.shape) for slot in slots):
        return False
    pairs = [(slot.variable, slot.weight) for slot in slots]
    return all(np.array_equal(v.numpy(), w.numpy()) for v, w in pairs) and any(w.numpy().any() for _, w in pairs)

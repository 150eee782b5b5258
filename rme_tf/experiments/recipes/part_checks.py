"""Checks of a recipe's choices, and of how they go together."""

import math
from collections.abc import Mapping

import keras

from rme_tf.algorithms import ALGORITHMS
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot


def check_parts(slots: Mapping[str, Slot], parts: Mapping[str, Part], latent_dim: int, components: int) -> None:
    """Raises ValueError for options that a class of the tables refuses, and for choices that do not go together.

    Args:
        slots: places of a recipe, by field.
        parts: choices, by field.
        latent_dim: D.
        components: M.
    """
    for name in ("encoder", "decoder"):
        check_network(name, parts[name])
    check_optimizer(parts["optimizer"])
    for name, slot in slots.items():
        supplied = {"latent_dim": latent_dim} if "latent_dim" in slot.supplied and slot.tried else {}
        part = without_warm_start(slot, parts[name], components) if name == "algorithm" else parts[name]
        slot.check(part, **supplied)
    refining = sorted(name for name, kind in ALGORITHMS.items() if "refinement" in kind.honors)
    if parts["refinement"].name is not None and parts["algorithm"].name not in refining:
        raise ValueError(f"`refinement` needs an algorithm of {refining}. Received: {parts['algorithm'].name!r}.")
    groups = parts["algorithm"].options.get("free_bits", Part(None)).options.get("groups")
    if groups is not None and latent_dim % groups:
        raise ValueError(
            f"`algorithm.free_bits.groups` must divide the latent dimensions. Received: {groups} of {latent_dim}."
        )


def without_warm_start(slot: Slot, part: Part, components: int) -> Part:
    """Returns an algorithm's choice, without a warm start for one component, or where the algorithm has none."""
    kind = slot.table[part.name] if part.name is not None else None
    if components == 1 or "warm_start_epochs" not in getattr(kind, "honors", ()):
        return slot.part({"warm_start_epochs": 0}, part)
    return part


def check_network(field: str, part: Part) -> None:
    """Raises ValueError for sizes below 1 and an unknown activation, which a network would refuse when it is built."""
    for name, value in part.options.items():
        sizes = value if isinstance(value, tuple) else (value,)
        whole = all(isinstance(size, int) and not isinstance(size, bool) for size in sizes)
        if whole and (not sizes or min(sizes) < 1):
            raise ValueError(f"`{field}.{name}` must be sizes of at least 1. Received: {value}.")
        if name == "activation":
            keras.activations.get(value)


def check_optimizer(part: Part) -> None:
    """Raises ValueError for a rate or a norm that is not positive and finite."""
    for name in ("learning_rate", "global_clipnorm"):
        value = part.options.get(name)
        if value is not None and not 0.0 < value < math.inf:
            raise ValueError(f"`optimizer.{name}` must be positive and finite. Received: {value}.")

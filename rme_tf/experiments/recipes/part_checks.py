"""Checks of a recipe's choices and their combinations."""

from collections.abc import Mapping

import keras

from rme_tf.algorithms import ALGORITHMS
from rme_tf.core.validation import check_count, check_number, check_sizes, is_count, optional
from rme_tf.experiments.parts.hints import check
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot

# Arguments of optimizers by their values.
POSITIVE = ("learning_rate", "epsilon", "clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor")
FRACTIONS = ("beta_1", "beta_2", "momentum", "ema_momentum")
COUNTS = {"ema_overwrite_frequency": 1, "gradient_accumulation_steps": 2}  # by their lowest value


def check_parts(slots: Mapping[str, Slot], parts: Mapping[str, Part], latent_dim: int, components: int) -> None:
    """Checks the options of choices, and the combination of choices.

    Args:
        slots: places of a recipe, by field.
        parts: choices, by field.
        latent_dim: number of latent dimensions D.
        components: number of components M.

    Raises:
        ValueError: if a class refuses an option, or choices exclude each other.
    """
    for name, slot in slots.items():
        check_options(name, slot, parts[name])
    for name in ("encoder", "decoder"):
        check_network(name, parts[name])
    check_optimizer(parts["optimizer"])
    for name, slot in slots.items():
        supplied = {"latent_dim": latent_dim} if "latent_dim" in slot.supplied and slot.tried else {}
        part = fitting_algorithm(slot, parts[name], components) if name == "algorithm" else parts[name]
        slot.check(part, **supplied)
        if part.options.get("components_per_step") is not None:
            check_drawn(part, components)
    refining = sorted(name for name, kind in ALGORITHMS.items() if "refinement" in kind.honors)
    if parts["refinement"].name is not None and parts["algorithm"].name not in refining:
        raise ValueError(f"`refinement` needs an algorithm of {refining}. Received: {parts['algorithm'].name!r}.")
    groups = parts["algorithm"].options.get("free_bits", Part(None)).options.get("groups")
    if groups is not None and latent_dim % groups:
        raise ValueError(
            f"`algorithm.free_bits.groups` must divide the latent dimensions. Received: {groups} of {latent_dim}."
        )


def check_drawn(algorithm: Part, components: int) -> None:
    """Checks the number of components of a step."""
    drawn = check_count("algorithm.components_per_step", algorithm.options["components_per_step"], most=components)
    if algorithm.options.get("update") == "sequential" and drawn < components:
        raise ValueError(
            "The paper's loop, `algorithm.update` 'sequential', trains every component in each step. Expected None for "
            f"`algorithm.components_per_step`. Received: {drawn}."
        )


def check_options(place: str, slot: Slot, part: Part) -> None:
    """Raises ValueError for an option of another type, by its dotted name."""
    known = slot.options(part.name)
    for name, value in part.options.items():
        inner = slot.inner(name)
        if inner is None:
            check(f"{place}.{name}", value, known[name].hint)
        else:
            check_options(f"{place}.{name}", inner, value)


def fitting_algorithm(slot: Slot, part: Part, components: int) -> Part:
    """Returns the algorithm, for one component without options of several.

    Args:
        slot: place of the algorithm.
        part: choice of the algorithm.
        components: number of components M.
    """
    return slot.part({"warm_start_epochs": 0, "components_per_step": None}, part) if components == 1 else part


def check_network(field: str, part: Part) -> None:
    """Raises ValueError for sizes below 1 and unknown activations."""
    for name, value in part.options.items():
        sizes = value if isinstance(value, tuple) else (value,)
        if all(map(is_count, sizes)):
            check_sizes(f"{field}.{name}", sizes, empty=False)
        if name == "activation":
            keras.activations.get(value)


def check_optimizer(part: Part) -> None:
    """Raises ValueError for an option of an optimizer outside its range."""
    for name, value in part.options.items():
        if name in POSITIVE:
            optional(check_number, f"optimizer.{name}", value, above=0.0)
        elif name in FRACTIONS:
            check_number(f"optimizer.{name}", value, least=0.0, most=1.0)
        elif name in COUNTS:
            optional(check_count, f"optimizer.{name}", value, COUNTS[name])
        elif name == "weight_decay":
            optional(check_number, f"optimizer.{name}", value, least=0.0)

"""Flat configurations of earlier versions, read as nested ones."""

from collections.abc import Mapping
from typing import Any

from rme_tf.experiments.parts.fields import (
    check_names,
    choice_at,
    paths_of,
    slots_of,
    takes,
    unconditional,
    with_option,
    within,
)
from rme_tf.experiments.parts.part import INHERITED, Part
from rme_tf.experiments.parts.slots import Slot

# Fields of earlier recipes by dotted name now. "decoder[pixelcnn].filters": of that choice only; of several names,
# the value is for each choice that takes it.
FLAT: dict[str, tuple[str, ...]] = {
    "aggressive": ("algorithm.aggressive",),
    "aggressive_max_steps": ("algorithm.aggressive.max_steps",),
    "aggressive_window": ("algorithm.aggressive.window",),
    "annealing": ("algorithm.kl_weight.name",),
    "annealing_cycles": ("algorithm.kl_weight.cycles",),
    "annealing_delay": ("algorithm.kl_weight.delay",),
    "annealing_rise": ("algorithm.kl_weight.rise",),
    "annealing_start": ("algorithm.kl_weight.start",),
    "annealing_steps": ("algorithm.kl_weight.steps",),
    "bidirectional": ("encoder.bidirectional",),
    "bound": ("algorithm.bound",),
    "clip_norm": ("optimizer.global_clipnorm",),
    "decoder_scale": ("likelihood.scale",),
    "decoder_weights": ("algorithm.decoder_weights",),
    "embedding_size": ("encoder.embedding_size", "decoder.embedding_size"),
    "entropy_weight": ("algorithm.entropy_weight",),
    "eps_min": ("mixing.eps_min",),
    "estimator": ("algorithm.estimator",),
    "features": ("likelihood.features",),
    "flow_steps": ("posterior.num_steps", "posterior.num_reflections"),
    "free_bits": ("algorithm.free_bits",),
    "free_bits_groups": ("algorithm.free_bits.groups",),
    "gradient": ("algorithm.gradient",),
    "input_dropout": ("decoder.input_dropout", "encoder.dropout"),
    "encoder_dropout": ("encoder.dropout",),  # after `input_dropout`, which it replaces
    "kl_bound": ("algorithm.kl_bound",),
    "kl_weight": ("algorithm.kl_weight.end",),
    "learning_rate": ("optimizer.learning_rate",),
    "mean_scale": ("encoder.mean_scale",),
    "mlp_activation": ("encoder[mlp].activation", "decoder[mlp].activation"),
    "mlp_units": ("encoder[mlp].units", "decoder[mlp].units"),
    "num_samples": ("algorithm.num_samples",),
    "output_dropout": ("decoder.output_dropout",),
    "pixelcnn_filters": ("decoder[pixelcnn].filters",),
    "pixelcnn_layers": ("decoder[pixelcnn].num_layers",),
    "polish_epoch": ("algorithm.polish_epoch",),
    "prior_components": ("prior.num_components",),
    "refinement_clip": ("refinement.clip_norm",),
    "refinement_rate": ("refinement.learning_rate",),
    "refinement_steps": ("refinement.steps",),
    "skip": ("decoder.skip",),
    "subset_size": ("algorithm.subset_size",),
    "tied": ("likelihood.tied",),
    "uniform_pull": ("mixing.uniform_pull",),
    "units": ("encoder.units", "decoder.units"),
    "update": ("algorithm.update",),
    "upper_dim": ("prior.upper_dim",),
    "warm_start_epochs": ("algorithm.warm_start_epochs",),
    "warm_start_noise": ("algorithm.warm_start_noise",),
    "weights_from_polish": ("algorithm.weights_from_polish",),
    "word_dropout": ("decoder.word_dropout",),
}
# Fields that went before, by the one value that changes nothing, and what replaces the others.
REMOVED: dict[str, tuple[Any, str]] = {"shared_trunk": (False, "trunk: shared")}
ORDER = {name: index for index, name in enumerate(FLAT)}
# Fields of options of a switch, for which None is the class's default.
OF_SWITCHES = {"aggressive", "aggressive_max_steps", "aggressive_window", "free_bits", "free_bits_groups"}
# Fields of every flat configuration that a run of an earlier version wrote.
ALWAYS_WRITTEN = {"batch_size", "components", "epochs", "importance_samples", "latent_dim", "seed"}


def nested(
    kind: type, config: Mapping[str, Any], parts: Mapping[str, Part], *, recorded: bool = False
) -> dict[str, Any]:
    """Returns a flat or nested configuration by the fields of a recipe.

    Flat options of a run become waiting options of their choice: earlier versions wrote options that no choice took.
    Of another configuration they are refused, as flags are.

    Args:
        kind: class of the recipe.
        config: values by field, of the current or of an earlier version.
        parts: choices that the configuration lacks.
        recorded: whether a run wrote the configuration; else its fields decide.

    Raises:
        ValueError: if a field has no place, or the present choices do not take a flat option.
    """
    values = {name: value for name, value in config.items() if name not in {**FLAT, **REMOVED}}
    for name, (neutral, now) in REMOVED.items():
        if config.get(name, neutral) != neutral:
            raise ValueError(f"The field `{name}` is now `{now}`. Received: {name}: {config[name]!r}.")
    check_names(kind, values)
    if not (recorded or _is_recorded(config)):
        _refuse_idle(kind, config, values, parts)
    named = {name: new for name, new in values.items() if not isinstance(new, Mapping) or "name" in new}
    waiting: dict[str, dict] = {}
    for name in sorted(config.keys() & FLAT.keys(), key=ORDER.__getitem__):
        if config[name] is None and name in OF_SWITCHES:
            continue  # the choice's own default
        for target in FLAT[name]:
            _put(kind, waiting, target, config[name], {**parts, **named})
    for name, options in waiting.items():
        if name not in slots_of(kind):
            raise ValueError(f"{kind.__name__} has no `{name}`. Received: {', '.join(config)}.")
        values[name] = _waiting_in(slots_of(kind)[name], values.get(name, Part(INHERITED)), options)
    return values


def _waiting_in(slot: Slot, choice: Any, options: Mapping[str, Any]) -> Part:
    """Returns a choice with waiting options, which its own options override."""
    part = slot.read(choice, Part(None))
    return Part.of(part.name, part.options, {**part.waiting, **options})


def _is_recorded(config: Mapping[str, Any]) -> bool:
    """Returns whether a run of an earlier version wrote a configuration."""
    return config.keys() >= ALWAYS_WRITTEN and isinstance(config.get("algorithm"), str)


def _refuse_idle(kind: type, config: Mapping[str, Any], values: Mapping[str, Any], parts: Mapping[str, Part]) -> None:
    """Raises ValueError for a flat option without effect, or one that is set twice."""
    flat = [name for name in config if name in FLAT and config[name] is not None]
    present = _present_parts(kind, {name: config[name] for name in flat}, values, parts)
    for name in flat:
        for path in paths_of(kind, present, name):
            other: Any = values.get(path[0])
            for key in path[1:]:
                other = other.get(key) if isinstance(other, Mapping) else None
            if other is not None:
                raise ValueError(f"Expected `{'.'.join(path)}` once. Received: also `{name}: {config[name]!r}`.")
            if not takes(kind, present, path):
                with_option(kind, present[path[0]], path, None)  # raises ValueError, but for a study
                if not getattr(kind, "SEVERAL", False):
                    chosen = f"{path[0]} {present[path[0]].name!r}"
                    raise ValueError(f"Expected a choice that honors `{'.'.join(path)}`. Received: {chosen}.")


def _present_parts(
    kind: type, flat: Mapping[str, Any], values: Mapping[str, Any], parts: Mapping[str, Part]
) -> dict[str, Part]:
    """Returns the choices of a configuration, on which its options depend."""
    slots = slots_of(kind)
    present = dict(parts)
    for name in slots.keys() & values.keys():
        present[name] = slots[name].part(values[name], parts.get(name), lenient=True)
    for name, value in flat.items():
        path = unconditional(FLAT[name][0])
        first = path[0]
        if first in present and choice_at(kind, path) is not None:
            present[first] = slots[first].part(within(value, path[1:]), present[first], lenient=True)
    return present


def _put(kind: type, waiting: dict[str, dict], target: str, value, choices: Mapping[str, Any]) -> None:
    """Puts a flat value where the target of its name leads, unless that is for another choice."""
    condition, bracket, _ = target.partition("]")
    name, _, only = condition.partition("[")
    if bracket:
        choice = choices.get(name)
        present = choice.get("name") if isinstance(choice, Mapping) else getattr(choice, "name", choice)
        if present != only:
            return
    first, *path, last = unconditional(target)
    slot = choice_at(kind, (first, *path, last))
    if slot is not None and slot.is_switch:
        switched = slot.read(value, Part(None))
        value = {"name": switched.name, **switched.options}
    options = waiting.setdefault(first, {})
    for key in path:
        options = options.setdefault(key, {})
    options[last] = value

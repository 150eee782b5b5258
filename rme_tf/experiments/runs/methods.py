"""Methods of studies, by name: fields of a recipe.

A method whose table leaves `components` open is run for each M and named after it: rme3, me5. Sweeps give the others:
`rme5[kl_bound=500]` differs from `rme5` in one field. See docs/methods.md.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from rme_tf.core.registry import lookup
from rme_tf.experiments.parts.fields import default_part, slots_of, with_fields
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.images import ImageRecipe
from rme_tf.experiments.reports.run_names import method_name
from rme_tf.experiments.runs.epoch_shares import in_epochs
from rme_tf.experiments.runs.former_methods import spelling_of
from rme_tf.experiments.runs.sweeps import fixed_fields, names_in, read_sweeps, split_name, variants

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
BOUND: dict[str, Any] = {"algorithm": "importance_weighted"}

METHODS: dict[str, dict[str, Any]] = {
    # One Gaussian, or a transformation of one.
    "vae": ONE,
    "iwae": {**BOUND, "components": 1, "algorithm.num_samples": 5},
    "sylvester": {**ONE, "posterior": "sylvester"},
    "householder": {**ONE, "posterior": "householder"},
    "iaf": {**ONE, "posterior": "iaf"},
    # One Gaussian, refined for each observation.
    "sa": {**ONE, "refinement": "sa"},
    "dsvi": {**ONE, "refinement": "dsvi"},
    "iai": {**ONE, "refinement": "iai"},
    # Mixtures that ascend a bound of the mixture.
    "me": {"algorithm": "elbo"},
    "siwae": {**BOUND, "algorithm.num_samples": 2},
    "misvae": {"algorithm": "subset_elbo", "trunk": "amortised", "algorithm.subset_size": 2},
    # Mixtures that grow.
    "rme": {},
    "bvi": {"algorithm": "boosted"},
}

# Fields in the name of a setting, where they differ from the defaults.
SHOWN = {"hidden": "hidden_{}", "train_size": "train{}", "train_minutes": "{:g}min", "smoke": "smoke"}


def method_recipes(
    names: Iterable[str],
    kind: type[AnyRecipe],
    base: Recipe,
    *,
    components: Iterable[int] = (),
    methods: Mapping[str, Mapping[str, Any]] = METHODS,
    sweep: Iterable[str] = (),
) -> dict[str, AnyRecipe]:
    """Returns recipes of methods by name, based on a recipe.

    Args:
        names: names of the methods, also with other values of some fields: "rme[kl_bound=5]".
        kind: class of the recipes.
        base: recipe with the values of all other fields, a `kind` or a subclass with the options of a study.
        components: numbers of components M for methods that do not set it; empty for the number of `base`.
        methods: fields by the name of the method. A `Fraction` is a fraction of the epochs, rounded up, for the epoch
            at which a phase begins.
        sweep: a field and its values each, "kl_bound=1,5,500", and every combination of several. A field that a method
            does not take, and a choice that makes it what it is, are left out for that method.

    Raises:
        ValueError: for an unknown method or field (the message lists the choices), a value that a method refuses, a
            sweep without a method that takes it, and as the recipes do.
    """
    shared = kind(**{field.name: getattr(base, field.name) for field in dataclasses.fields(kind)})
    sweeps, names = read_sweeps(sweep), names_in(names)
    sizes = sweeps.pop("components", tuple(map(str, components)))
    unused, named = set(sweeps), []
    for name in names:
        method, differences = split_name(name)
        fields = in_epochs(_fields(name, method, methods), base)
        own_sizes = differences.pop("components", () if "components" in fields else sizes)
        for size in own_sizes or [None]:
            number = {} if size is None else {"components": _number(name, size, fields)}
            recipe = with_fields(shared, {**fields, **number})
            separator = "_m" if size and method[-1].isdigit() else ""
            inside = {field: value for field, (value, *_) in differences.items()}
            sized = method_name(f"{method}{separator}{size or ''}", inside)
            for variant, changed, used in variants(sized, recipe, fixed_fields(recipe, [*fields, *number]), sweeps):
                unused -= used
                named.append((variant, changed))
    if unused:
        raise ValueError(f"Expected a method that takes the sweep of {', '.join(sorted(unused))}. Received: {names}.")
    _refuse_unused(base, [recipe for _, recipe in named])
    return _each_once(named)


def _refuse_unused(base: Recipe, recipes: list[Any]) -> None:
    """Raises ValueError for an option that a study sets to another value than its default, and no recipe takes."""
    unused: set[str] = set()
    for field in slots_of(type(base)) if recipes and getattr(type(base), "SEVERAL", False) else ():
        waiting = [_waiting(getattr(recipe, field), field) for recipe in recipes]
        unused |= _set_options(base, field).intersection(*waiting)
    if unused:
        raise ValueError(
            f"Expected a method that takes {', '.join(sorted(unused))}. Received: {len(recipes)} that do not. Leave "
            "the options out, or add a method or a choice that takes them."
        )


def _set_options(base: Recipe, field: str) -> set[str]:
    """Returns the dotted names of the options that differ from all their defaults."""
    slot, part, usual = slots_of(type(base))[field], getattr(base, field), default_part(type(base), field)
    defaults = [usual.waiting, usual.options]
    defaults += [{key: option.default for key, option in slot.options(name).items()} for name in slot.table]
    chosen = {**part.waiting, **part.options}
    return {
        f"{field}.{name}"
        for name, value in chosen.items()
        if not any(name in known and known[name] == value for known in defaults)
    }


def _waiting(part: Part, field: str) -> set[str]:
    """Returns the dotted names of the options that a choice does not take."""
    return {f"{field}.{name}" for name in part.waiting}


def _fields(name: str, method: str, methods: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Returns the fields of a method; raises ValueError for an unknown name, or a former one."""
    spelling = spelling_of(method, methods)
    if method not in methods and spelling is not None:
        raise ValueError(
            f"Expected a method of today. Received: {name!r}. The name {method!r} is now spelled {spelling!r}."
        )
    return lookup(methods, method, "method")


def _number(name: str, size: str, fields: Mapping[str, Any]) -> int:
    """Returns the number of components of a method; raises ValueError if there is none."""
    if not size.isdecimal() or "components" in fields:
        raise ValueError(
            f"Expected a number of components, for a method that sets none. Received: {size!r} for {name!r}."
        )
    return int(size)


def _each_once(named: list[tuple[str, AnyRecipe]]) -> dict[str, AnyRecipe]:
    """Returns recipes by name; of several names of one run, the shortest."""
    recipes: dict[str, AnyRecipe] = {}
    identities: dict[str, dict] = {}
    for name, recipe in named:
        identity = recipe.identity
        known = next((other for other, earlier in identities.items() if earlier == identity), None)
        if known is not None:
            if len(known) <= len(name):
                continue
            del recipes[known], identities[known]
        recipes[name], identities[name] = recipe, identity
    return recipes


def setting_name(base: ImageRecipe) -> str:
    """Returns a name for the common settings of a table's methods.

    The name has the data set and D, and the differences from the defaults in these settings: likelihood, binarization,
    networks, training observations, minutes of training, and "smoke". If settings differ in other fields, `run_study`
    refuses the second study.
    """
    defaults, choices = type(base), ("likelihood", "encoder", "decoder")
    likelihood, *networks = (str(getattr(base, name).name) for name in choices)
    usual_likelihood, *usual_networks = (default_part(defaults, name).name for name in choices)
    is_usual = likelihood == usual_likelihood
    differences = {
        likelihood: not is_usual,
        base.binarization: base.binarization != (defaults.binarization if is_usual else "none"),
        "-".join(dict.fromkeys(networks)): networks != usual_networks,
    }
    for name, text in SHOWN.items():
        value = getattr(base, name)
        if value != getattr(defaults, name):
            differences[text.format(value)] = True
    return "_".join([base.dataset, f"d{base.latent_dim}", *(text for text, differs in differences.items() if differs)])

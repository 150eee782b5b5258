"""The methods that a claim about a posterior is compared with: what each sets of a recipe, by its name.

Those that leave `components` open are run for each M that is asked for, and named after it: rme3, me5.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from rme_tf.experiments.recipe import Recipe
from rme_tf.registry import lookup

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
BOUND: dict[str, Any] = {"algorithm": "importance_weighted"}

METHODS: dict[str, dict[str, Any]] = {
    # One Gaussian, or a transformation of one.
    "vae": ONE,
    "full_normal": {**ONE, "posterior": "full_normal"},
    "householder": {**ONE, "posterior": "householder"},
    "sylvester": {**ONE, "posterior": "sylvester"},
    "iaf": {**ONE, "posterior": "iaf"},
    "iwae": {**BOUND, "components": 1, "num_samples": 5},
    "iwae50": {**BOUND, "components": 1, "num_samples": 50},
    "iwae_dreg": {**BOUND, "components": 1, "num_samples": 5, "gradient": "dreg"},
    # One Gaussian, refined for each observation.
    "sa": {**ONE, "refinement": "sa"},
    "dsvi": {**ONE, "refinement": "dsvi"},
    "iai": {**ONE, "refinement": "iai"},
    # One Gaussian, and a prior that is learned.
    "vae_mixture_prior": {**ONE, "prior": "mixture"},
    "vae_vamp": {**ONE, "prior": "vamp"},
    "vae_hierarchical": {**ONE, "prior": "hierarchical"},
    # Mixtures that ascend a bound of the whole.
    "me": {"algorithm": "elbo"},
    "me_learned": {"algorithm": "elbo", "mixing": "learned", "warm_start_epochs": 0},
    "siwae": {**BOUND, "num_samples": 2},
    "misvae": {"algorithm": "subset_elbo", "trunk": "amortised", "subset_size": 2},
    "misvae_s2s": {"algorithm": "subset_elbo", "trunk": "amortised", "subset_size": 2, "estimator": "s2s"},
    # The recursion.
    "rme": {},
    "rme_sequential": {"update": "sequential"},
    "rme_clamp": {"bound": "clamp"},
    "rme_learned": {"mixing": "learned"},
    "rme_bounded": {"mixing": "learned", "eps_min": 0.1},
    "rme_uniform_decoder": {"mixing": "learned", "decoder_weights": "uniform"},
    "rme_smaller": {"later_width": 0.5, "warm_start_epochs": 0},
    "rme_vamp": {"prior": "vamp"},
    "rme_hierarchical": {"prior": "hierarchical"},
    "rme_shared": {"trunk": "shared"},
    "rme_conditioned": {"trunk": "conditioned"},
    "rme_recurrent": {"trunk": "recurrent"},
    "rme_amortised": {"trunk": "amortised"},
    "bvi": {"algorithm": "boosted"},
}


def method_recipes(
    names: Iterable[str],
    kind: type[AnyRecipe],
    base: Recipe,
    *,
    components: Iterable[int] = (),
    methods: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, AnyRecipe]:
    """Returns the recipes of methods, by name, as changes to a base recipe.

    Args:
        names: of the methods to return.
        kind: class of the recipes.
        base: what the methods do not set themselves; a `kind`, or one with more fields, the options of a study.
        components: every M to run a method with that does not set it; that of `base` alone unless given.
        methods: name -> fields. Unless given, `METHODS`, and "rme_polished": the recursion, whose last third of the
            epochs ascends ELBO(Q).

    Raises:
        ValueError: for an unknown name (the message lists the choices), and as the recipes do.
    """
    if methods is None:
        polish = max(base.warm_start_epochs + 1, base.epochs - base.epochs // 3)
        methods = {**METHODS, "rme_polished": {"polish_epoch": polish}}
    shared = {field.name: getattr(base, field.name) for field in dataclasses.fields(kind)}
    recipes = {}
    for name in names:
        fields = lookup(methods, name, "method")
        sizes = [{"components": number} for number in components if "components" not in fields]
        for size in sizes or [{}]:
            recipes[f"{name}{size.get('components', '')}"] = kind(**{**shared, **fields, **size})
    return recipes

"""Methods of studies, by name: fields of a recipe.

A method without `components` is run for each requested M, and its name ends in M: rme3, me5, or bvi_0.1_m5 if the name
of the method ends in a number. If a name stands for one of several values (iaf is iaf2, sa is sa8, bvi has a lambda of
1, rme has a C of 3), it is the default of the recipe.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, TypeVar

from rme_tf.core.registry import lookup
from rme_tf.experiments.parts.fields import default_part, with_fields
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.images import ImageRecipe

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
SA: dict[str, Any] = {**ONE, "refinement": "sa"}
BOUND: dict[str, Any] = {"algorithm": "importance_weighted"}
MISVAE: dict[str, Any] = {"algorithm": "subset_elbo", "trunk": "amortised", "algorithm.subset_size": 2}
BVI: dict[str, Any] = {"algorithm": "boosted"}
ANNEALED: dict[str, Any] = {"algorithm.kl_weight": "linear"}  # like the authors of the VampPrior and of hierarchies
POLISHED: dict[str, Any] = {"algorithm.polish_epoch": Fraction(2, 3)}  # the last third of the epochs ascends ELBO(Q)

METHODS: dict[str, dict[str, Any]] = {
    # One Gaussian, or a transformation of one.
    "vae": ONE,
    "vae_annealed": {**ONE, **ANNEALED},
    "vae_5_samples": {**ONE, "algorithm.num_samples": 5},  # as many passes through the decoder as five components
    "full_normal": {**ONE, "posterior": "full_normal"},
    "sylvester": {**ONE, "posterior": "sylvester"},
    "householder": {**ONE, "posterior": "householder"},
    "householder1": {**ONE, "posterior": "householder", "posterior.num_reflections": 1},
    "householder2": {**ONE, "posterior": "householder", "posterior.num_reflections": 2},
    "householder4": {**ONE, "posterior": "householder", "posterior.num_reflections": 4},
    "householder8": {**ONE, "posterior": "householder", "posterior.num_reflections": 8},
    "iaf": {**ONE, "posterior": "iaf"},
    "iaf1": {**ONE, "posterior": "iaf", "posterior.num_steps": 1},
    "iaf2": {**ONE, "posterior": "iaf", "posterior.num_steps": 2},
    "iaf4": {**ONE, "posterior": "iaf", "posterior.num_steps": 4},
    "iaf8": {**ONE, "posterior": "iaf", "posterior.num_steps": 8},
    "iwae": {**BOUND, "components": 1, "algorithm.num_samples": 5},
    "iwae50": {**BOUND, "components": 1, "algorithm.num_samples": 50},
    "iwae_dreg": {**BOUND, "components": 1, "algorithm.num_samples": 5, "algorithm.gradient": "dreg"},
    # One Gaussian, refined for each observation.
    "sa": SA,
    "sa1": {**SA, "refinement.steps": 1},
    "sa2": {**SA, "refinement.steps": 2},
    "sa4": {**SA, "refinement.steps": 4},
    "sa8": {**SA, "refinement.steps": 8},
    "dsvi": {**ONE, "refinement": "dsvi"},
    "iai": {**ONE, "refinement": "iai"},
    # One Gaussian, and a learned prior.
    "vae_mixture_prior": {**ONE, "prior": "mixture"},
    "vae_vamp": {**ONE, "prior": "vamp"},
    "vae_vamp_annealed": {**ONE, **ANNEALED, "prior": "vamp"},
    "vae_hierarchical": {**ONE, "prior": "hierarchical"},
    "vae_hierarchical_annealed": {**ONE, **ANNEALED, "prior": "hierarchical"},
    # Mixtures that ascend a bound of the mixture.
    "me": {"algorithm": "elbo"},
    "me_shared": {"algorithm": "elbo", "trunk": "shared"},
    "me_learned": {"algorithm": "elbo", "mixing": "learned", "algorithm.warm_start_epochs": 0},
    "siwae": {**BOUND, "algorithm.num_samples": 2},
    "misvae": MISVAE,
    "misvae_s2s": {**MISVAE, "algorithm.estimator": "s2s"},
    "misvae20": {**MISVAE, "components": 20},
    "misvae50": {**MISVAE, "components": 50},
    # The recursion.
    "rme": {},
    "rme_sequential": {"algorithm.update": "sequential"},
    "rme1_sequential": {
        "algorithm.update": "sequential",
        "components": 1,
    },  # the VAE, by the paper's alternating updates
    "rme_clamp": {"algorithm.bound": "clamp"},
    "rme_c1": {"algorithm.kl_bound": 1.0},
    "rme_c5": {"algorithm.kl_bound": 5.0},
    "rme_c500": {"algorithm.kl_bound": 500.0},
    "rme_learned": {"mixing": "learned"},
    "rme_bounded": {"mixing": "learned", "mixing.eps_min": 0.1},
    "rme_uniform_decoder": {"mixing": "learned", "algorithm.decoder_weights": "uniform"},
    "rme_smaller": {"later_width": 0.5},
    "rme_polished": POLISHED,
    "rme_polished_learned": {**POLISHED, "mixing": "learned", "algorithm.weights_from_polish": True},
    "rme_annealed": ANNEALED,
    "rme_vamp": {"prior": "vamp"},
    "rme_vamp_annealed": {**ANNEALED, "prior": "vamp"},
    "rme_hierarchical": {"prior": "hierarchical"},
    "rme_hierarchical_annealed": {**ANNEALED, "prior": "hierarchical"},
    "rme_shared": {"trunk": "shared"},
    "rme_conditioned": {"trunk": "conditioned"},
    "rme_recurrent": {"trunk": "recurrent"},
    "rme_amortised": {"trunk": "amortised"},
    "bvi": BVI,
    "bvi_0.1": {**BVI, "algorithm.entropy_weight": 0.1},
    "bvi_0.3": {**BVI, "algorithm.entropy_weight": 0.3},
    "bvi_3": {**BVI, "algorithm.entropy_weight": 3.0},
}


def in_epochs(fields: Mapping[str, Any], base: Recipe) -> dict[str, Any]:
    """Returns the fields of a method, with fractions converted to epochs.

    A polish begins after the warm start.

    Args:
        fields: fields of the method.
        base: recipe with the number of epochs and the warm start.
    """
    least = {"polish_epoch": (base.option("algorithm.warm_start_epochs") or 0) + 1}
    return {
        name: max(least.get(name.rpartition(".")[2], 0), math.ceil(value * base.epochs))
        if isinstance(value, Fraction)
        else value
        for name, value in fields.items()
    }


def method_recipes(
    names: Iterable[str],
    kind: type[AnyRecipe],
    base: Recipe,
    *,
    components: Iterable[int] = (),
    methods: Mapping[str, Mapping[str, Any]] = METHODS,
) -> dict[str, AnyRecipe]:
    """Returns recipes of methods by name, based on a recipe.

    Args:
        names: names of the methods.
        kind: class of the recipes.
        base: recipe with the values of all other fields, a `kind` or a subclass with the options of a study.
        components: numbers of components M for methods that do not set it; empty for the number of `base`.
        methods: fields by the name of the method. A `Fraction` is a fraction of the epochs, rounded up, for the epoch
            at which a phase begins.

    Raises:
        ValueError: if a name is unknown (the message lists the choices), or a recipe refuses a field.
    """
    shared = kind(**{field.name: getattr(base, field.name) for field in dataclasses.fields(kind)})
    recipes = {}
    for name in names:
        fields = in_epochs(lookup(methods, name, "method"), base)
        sizes = [{"components": number} for number in components if "components" not in fields]
        separator = "_m" if name[-1].isdigit() else ""
        for size in sizes or [{}]:
            method = f"{name}{separator}{size['components']}" if size else name
            recipes[method] = with_fields(shared, {**fields, **size})
    return recipes


def setting_name(base: ImageRecipe) -> str:
    """Returns a name for the common settings of a table's methods.

    The name has the data set and D, and the values of these settings if they are not defaults: likelihood,
    binarization, networks, training observations, minutes of training, and "smoke". If settings differ in other fields,
    `run_study` refuses the second study.
    """
    choices = ("likelihood", "encoder", "decoder")
    likelihood, encoder, decoder = (str(getattr(base, name).name) for name in choices)
    usual_likelihood, *usual_networks = (default_part(type(base), name).name for name in choices)
    parts = [base.dataset, f"d{base.latent_dim}"]
    if likelihood != usual_likelihood:
        parts.append(likelihood)
    if base.binarization != (type(base).binarization if likelihood == usual_likelihood else "none"):
        parts.append(base.binarization)
    if [encoder, decoder] != usual_networks:
        parts.append(encoder if encoder == decoder else f"{encoder}-{decoder}")
    if base.train_size is not None:
        parts.append(f"train{base.train_size}")
    if base.train_minutes is not None:
        parts.append(f"{base.train_minutes:g}min")
    return "_".join([*parts, *(["smoke"] if base.smoke else [])])

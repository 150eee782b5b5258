"""What the fields of a recipe stand for: the algorithm, the optimizer and the compiled model."""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from rme_tf.algorithms import ALGORITHMS, Aggressive, Algorithm
from rme_tf.algorithms.free_bits import FreeBits
from rme_tf.algorithms.kl_annealing import ANNEALINGS, Annealing, CyclicalAnnealing
from rme_tf.core.registry import lookup
from rme_tf.models.vae import VAE
from rme_tf.networks import ENCODERS
from rme_tf.posteriors import MIXINGS, POSTERIORS, Mixing, PosteriorFamily, RecursiveMixing

PRIOR_SIZES = {"prior_components": "num_components", "upper_dim": "upper_dim"}  # field -> argument of the prior


def make_algorithm(recipe: Any, steps_per_epoch: int = 1) -> Algorithm:
    """Returns the training algorithm that the fields describe; raises ValueError as it does."""
    algorithm = lookup(ALGORITHMS, recipe.algorithm, "algorithm")
    fields = {field.name for field in dataclasses.fields(recipe)}
    names = {field.name for field in dataclasses.fields(algorithm)} & fields
    options: dict[str, Any] = {name: value for name in names if (value := getattr(recipe, name)) is not None}
    free_bits = FreeBits(nats=recipe.free_bits, groups=recipe.free_bits_groups)
    aggressive = Aggressive(window=recipe.aggressive_window, max_steps=recipe.aggressive_max_steps)
    options["kl_weight"] = make_kl_weight(recipe, steps_per_epoch)
    options["free_bits"] = free_bits if recipe.free_bits else None
    options["aggressive"] = aggressive if recipe.aggressive else None
    if recipe.components == 1:
        options["warm_start_epochs"] = 0
    return algorithm(**options)


def make_kl_weight(recipe: Any, steps_per_epoch: int = 1) -> float | Annealing:
    """Returns the weight of the KL term, or its annealing; raises ValueError as that does."""
    if recipe.annealing is None:
        return recipe.kl_weight
    annealing = lookup(ANNEALINGS, recipe.annealing, "annealing")
    delay = recipe.annealing_delay
    if delay is None:
        delay = steps_per_epoch * (recipe.reset_decoder_epoch or 0)
    options = {"steps": recipe.annealing_steps, "start": recipe.annealing_start, "delay": delay}
    if annealing is CyclicalAnnealing:
        options |= {"cycles": recipe.annealing_cycles, "rise": recipe.annealing_rise}
    return annealing(**options, end=recipe.kl_weight)


def make_posterior(recipe: Any) -> PosteriorFamily:
    """Returns the family of the components, with weights of its own if it has any."""
    family = lookup(POSTERIORS, recipe.posterior, "posterior")
    options = {} if recipe.flow_steps is None else {family.depth_argument: recipe.flow_steps}
    return family(latent_dim=recipe.latent_dim, **options)


def make_prior_options(recipe: Any) -> dict[str, int]:
    """Returns arguments of the prior."""
    sizes = {argument: getattr(recipe, name) for name, argument in PRIOR_SIZES.items()}
    if recipe.prior == "vamp":
        sizes["length"] = getattr(recipe, "max_length", None)  # of pseudo-inputs that are sentences
    return {argument: size for argument, size in sizes.items() if size is not None}


def make_mixing(recipe: Any) -> Mixing:
    """Returns how the components are weighted; raises ValueError as the mixing does."""
    if recipe.mixing == "learned":
        return RecursiveMixing(eps_min=recipe.eps_min, uniform_pull=recipe.uniform_pull)
    return lookup(MIXINGS, recipe.mixing, "mixing")()


def make_refinement_options(recipe: Any) -> dict[str, Any]:
    """Returns arguments of the refinement, none where there is no refinement."""
    if recipe.refinement is None:
        return {}
    limits = {"learning_rate": recipe.refinement_rate, "clip_norm": recipe.refinement_clip}
    given = {name: value for name, value in limits.items() if value is not None}
    return {"steps": recipe.refinement_steps, **given}


def make_optimizer(recipe: Any, steps_per_epoch: int = 1) -> keras.optimizers.Optimizer:
    """Returns the optimizer."""
    optimizer = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[recipe.optimizer]
    rate = recipe.learning_rate
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, recipe.epochs * steps_per_epoch)
    return optimizer(rate, global_clipnorm=recipe.clip_norm)


def encoder_options(recipe: Any, given: Mapping[str, Any]) -> Mapping[str, Any] | list[dict[str, Any]]:
    """Returns the options of the encoder's builder: the given ones, or one dict a component where later ones differ."""
    if recipe.later_width == 1.0 or recipe.components == 1:
        return given
    builder = inspect.signature(ENCODERS[recipe.encoder])
    sizes = {name: each.default for name, each in builder.parameters.items() if name in ("filters", "hidden", "units")}
    sizes = {name: given.get(name, default) for name, default in sizes.items()}

    def scaled(size):
        return max(1, round(size * recipe.later_width)) if isinstance(size, int) else tuple(map(scaled, size))

    later = {**given, **{name: scaled(size) for name, size in sizes.items()}}
    return [dict(given), *([later] * (recipe.components - 1))]


def make_model(recipe: Any, options: Mapping[str, Any], steps_per_epoch: int = 1) -> VAE:
    """Returns the compiled model, `options` being a task's `model_options`."""
    names = {name: getattr(recipe, name) for name in ("encoder", "decoder", "prior", "latent_dim")}
    options = {**options, "encoder_options": encoder_options(recipe, options.get("encoder_options", {}))}
    model = VAE.from_names(
        **{**names, "num_components": recipe.components, "posterior": make_posterior(recipe), **options},
        trunk=recipe.trunk,
        refinement=recipe.refinement,
        refinement_options=make_refinement_options(recipe),
        prior_options=make_prior_options(recipe),
        mixing=make_mixing(recipe),
        seed=recipe.seed,
    )
    parts = [*model.encoders, model.trunk, model.mixing_network, model.decoder, model.likelihood]
    recipe.initialise([part for part in parts if part is not None], recipe.seed)
    algorithm = make_algorithm(recipe, steps_per_epoch)
    execution = {name: getattr(recipe, name) for name in ("jit_compile", "steps_per_execution")}
    model.compile(make_optimizer(recipe, steps_per_epoch), algorithm=algorithm, **execution)
    return model


def draw_uniformly(parts: list, limit: float, embedding_limit: float, seed: int) -> None:
    """Draws the weights and biases of networks and likelihoods from U(-limit, limit), embeddings by theirs."""
    variables = [variable for part in parts for variable in part.trainable_variables]
    for index, variable in enumerate(variables):
        within = embedding_limit if variable.name == "embeddings" else limit
        variable.assign(tf.random.stateless_uniform(variable.shape, seed=[seed, index], minval=-within, maxval=within))

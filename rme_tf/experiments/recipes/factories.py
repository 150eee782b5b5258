"""Algorithm, optimizer and compiled model of a recipe."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from rme_tf.algorithms import Algorithm
from rme_tf.core.registry import lookup
from rme_tf.experiments.parts.options import REQUIRED
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.part_checks import fitting_algorithm
from rme_tf.experiments.recipes.places import OPTIMIZERS
from rme_tf.models.vae import VAE
from rme_tf.posteriors import Mixing, PosteriorFamily

SIZES = ("filters", "hidden", "units")  # options of encoders that are sizes of hidden layers


def make_algorithm(recipe: Recipe, steps_per_epoch: int = 1) -> Algorithm:
    """Returns the training algorithm of a recipe.

    By default, an annealing begins after the reset of the decoder.

    Raises:
        ValueError: if the algorithm refuses an option.
    """
    slot = recipe.PARTS["algorithm"]
    part = fitting_algorithm(slot, recipe.choice("algorithm"), recipe.components)
    annealing = part.options.get("kl_weight", Part(None))
    if annealing.name is not None and "delay" not in annealing.options:
        delay = steps_per_epoch * (recipe.reset_decoder_epoch or 0)
        part = slot.part({"kl_weight": {"delay": delay}}, part)
    return slot.make(part)


def make_posterior(recipe: Recipe) -> PosteriorFamily:
    """Returns the posterior family of the components."""
    return recipe.PARTS["posterior"].make(recipe.choice("posterior"), latent_dim=recipe.latent_dim)


def make_mixing(recipe: Recipe) -> Mixing:
    """Returns the mixing of the components."""
    return recipe.PARTS["mixing"].make(recipe.choice("mixing"))


def make_optimizer(recipe: Recipe, steps_per_epoch: int = 1) -> keras.optimizers.Optimizer:
    """Returns the optimizer, its learning rate on the recipe's schedule."""
    slot, part = recipe.PARTS["optimizer"], recipe.choice("optimizer")
    arguments = slot.arguments(part)
    build = lookup(OPTIMIZERS, part.name, "optimizer")
    if recipe.schedule == "cosine":
        rate, steps = recipe.option("optimizer.learning_rate"), recipe.steps_of_training(steps_per_epoch)
        arguments["learning_rate"] = keras.optimizers.schedules.CosineDecay(rate, steps)
    return build(**arguments)


def encoder_options(recipe: Recipe) -> dict[str, Any] | list[dict[str, Any]]:
    """Returns the options of the encoders.

    They are a dict for all components, or a list of dicts if the later components have another width.
    """
    slot, part = recipe.PARTS["encoder"], recipe.choice("encoder")
    options = slot.arguments(part)
    if recipe.later_width == 1.0 or recipe.components == 1:
        return options
    defaults = {name: option.default for name, option in slot.options(part.name).items()}
    sizes = {name: options.get(name, defaults[name]) for name in SIZES if defaults.get(name, REQUIRED) is not REQUIRED}
    later = {**options, **{name: _scaled(size, recipe.later_width) for name, size in sizes.items()}}
    return [options, *([later] * (recipe.components - 1))]


def _scaled(size, width: float):
    """Returns a size, or a tuple of sizes, relative to a width of 1."""
    return max(1, round(size * width)) if isinstance(size, int) else tuple(_scaled(part, width) for part in size)


def names_and_options(recipe: Recipe) -> dict[str, Any]:
    """Returns the arguments of `VAE.from_names` for networks, likelihood, prior and refinement."""
    arguments: dict[str, Any] = {}
    for name in ("encoder", "decoder", "trunk", "likelihood", "prior", "refinement"):
        part = recipe.choice(name)
        options = encoder_options(recipe) if name == "encoder" else recipe.PARTS[name].arguments(part)
        arguments.update({name: part.name, f"{name}_options": options})
    return arguments


def make_model(recipe: Recipe, options: Mapping[str, Any], steps_per_epoch: int = 1) -> VAE:
    """Returns the compiled model.

    Args:
        recipe: recipe of the run.
        options: arguments of `VAE.from_names` that the data decide; options of a part add to the recipe's.
        steps_per_epoch: training steps of an epoch.
    """
    arguments = {"posterior": make_posterior(recipe), "mixing": make_mixing(recipe), **names_and_options(recipe)}
    for name, value in options.items():
        arguments[name] = {**arguments[name], **value} if name.endswith("_options") else value
    sizes = {"latent_dim": recipe.latent_dim, "num_components": recipe.components}
    model = VAE.from_names(**arguments, **sizes, seed=recipe.seed)
    parts = [*model.encoders, model.trunk, model.mixing_network, model.decoder, model.likelihood]
    recipe.initialize([part for part in parts if part is not None], recipe.seed)
    algorithm = make_algorithm(recipe, steps_per_epoch)
    execution = {"jit_compile": recipe.jit_compile, "steps_per_execution": recipe.steps_per_execution or "auto"}
    model.compile(make_optimizer(recipe, steps_per_epoch), algorithm=algorithm, **execution)
    return model


def draw_uniformly(parts: list, limit: float, embedding_limit: float, seed: int) -> None:
    """Draws weights of networks and likelihoods from U(-limit, limit).

    Args:
        parts: networks and likelihoods.
        limit: limit of the weights.
        embedding_limit: limit of embeddings.
        seed: seed of the draw.
    """
    variables = [variable for part in parts for variable in part.trainable_variables]
    for index, variable in enumerate(variables):
        within = embedding_limit if variable.name == "embeddings" else limit
        variable.assign(tf.random.stateless_uniform(variable.shape, seed=[seed, index], minval=-within, maxval=within))

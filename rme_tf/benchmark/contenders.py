"""Trainings of images that `rme_tf.benchmark.steps` times side by side."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from rme_tf.algorithms import ELBO, RecursiveMixture
from rme_tf.benchmark.jax_steps import epochs
from rme_tf.benchmark.timing import images
from rme_tf.models import VAE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """Networks and data of the trainings.

    Args:
        networks: "mlp" with tanh, or "conv".
        side: pixels on a side of the images.
        units: hidden layers of networks "mlp".
        latent_dim: number of latent dimensions D.
        batch_size: images of a step.
        steps: steps of an epoch, which is one timing.
    """

    networks: str = "mlp"
    side: int = 28
    units: tuple[int, ...] = (200, 200)
    latent_dim: int = 20
    batch_size: int = 128
    steps: int = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """A training of one model.

    Args:
        components: number of components M; one is the VAE.
        components_per_step: number of components drawn for each image in a step; None for all.
        in_jax: whether it is the step of `jax_steps`, not `fit`.
        trunk: whether the components share a trunk.
        execution: further arguments of `compile`.
        scanned: steps of one call in JAX.
    """

    components: int = 1
    components_per_step: int | None = None
    in_jax: bool = False
    trunk: bool = True
    execution: dict[str, Any] = dataclasses.field(default_factory=dict)
    scanned: int = 1


def model_of(contender: Contender, sizes: Sizes) -> VAE:
    """Returns a compiled model."""
    units = {f"{part}_options": {"units": sizes.units, "activation": "tanh"} for part in ("encoder", "decoder")}
    model = VAE.from_names(
        encoder=sizes.networks,
        decoder=sizes.networks,
        input_shape=(sizes.side, sizes.side, 1),
        latent_dim=sizes.latent_dim,
        num_components=contender.components,
        trunk="shared" if contender.components > 1 and contender.trunk else None,
        **(units if sizes.networks == "mlp" else {}),
        seed=0,
    )
    model.compile("adam", algorithm_of(contender), **contender.execution)
    return model


def algorithm_of(contender: Contender):
    """Returns the algorithm of the library."""
    if contender.components == 1:
        return ELBO()
    return RecursiveMixture(warm_start_epochs=0, components_per_step=contender.components_per_step)


def weights_of(model: VAE) -> dict[str, list]:
    """Returns the weights of a model in the form of `jax_steps`."""
    encoders = [_pairs(encoder) for encoder in model.encoders]
    trunks = [encoder[:-1] for encoder in encoders] if model.trunk is None else [_pairs(model.trunk)]
    return {"trunks": trunks, "heads": [encoder[-1] for encoder in encoders], "decoder": _pairs(model.decoder)}


def _pairs(network) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the kernel and the bias of every layer of a network."""
    weights = network.get_weights()
    return list(zip(weights[::2], weights[1::2], strict=True))


def training(contender: Contender, sizes: Sizes) -> Callable[[], object]:
    """Returns a function that trains for one epoch.

    An epoch has `sizes.steps` steps, and a new order of the images.
    """
    x = images(sizes.side, sizes.batch_size * sizes.steps)
    model = model_of(contender, sizes)
    if not contender.in_jax:
        return functools.partial(model.fit, x, batch_size=sizes.batch_size, verbose=0)
    shape = {"batch_size": sizes.batch_size, "latent_dim": sizes.latent_dim}
    return epochs(weights_of(model), x, scanned=contender.scanned, **shape)

"""Timings of the importance-weighted bound and of the decoder's forward pass."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from rme_tf.benchmark.timing import images
from rme_tf.core.registry import lookup
from rme_tf.evaluation import chunking
from rme_tf.evaluation.likelihood_bounds import bounds, draws_per_component
from rme_tf.models.vae import VAE

# Name -> options of the model other than its networks; M components where there is no other number.
MODELS: dict[str, dict[str, Any]] = {
    "VAE": {"num_components": 1},
    "RME, shared trunk": {"trunk": "shared"},
    "RME, separate encoders": {},
    "IAF": {"num_components": 1, "posterior": "iaf"},
}
NETWORKS = {"mlp": "MLP", "conv": "convolutions"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSizes:
    """Sizes of a model.

    Args:
        components: number of components M of the mixtures.
        units: hidden layers of networks "mlp".
        latent_dim: number of latent dimensions D.
        side: pixels on a side of the images.
    """

    components: int = 5
    units: tuple[int, ...] = (200, 200)
    latent_dim: int = 20
    side: int = 28


def build(networks: str, name: str, sizes: ModelSizes) -> VAE:
    """Returns a model that is not compiled."""
    lookup(NETWORKS, networks, "network")
    choices = lookup(MODELS, name, "model")
    layers = {f"{part}_options": {"units": sizes.units} for part in ("encoder", "decoder")}
    return VAE.from_names(
        **{"num_components": sizes.components, **choices},
        encoder=networks,
        decoder=networks,
        **(layers if networks == "mlp" else {}),
        input_shape=(sizes.side, sizes.side, 1),
        latent_dim=sizes.latent_dim,
    )


def passes(model: VAE, count: int, samples: int, jit_compile: bool | None = None) -> dict[str, Callable[[], object]]:
    """Returns the bound and the decoder's pass, as functions to time.

    The pass decodes as many codes, in chunks of the same size.

    Args:
        model: model to evaluate.
        count: number of images.
        samples: number of samples S M for an image.
        jit_compile: see `bounds`.
    """
    draws = draws_per_component(samples, model.num_components)
    chunk = int(np.prod(chunking.chunks(model, count, draws)))
    codes = tf.random.stateless_normal([count * draws * model.num_components, model.latent_dim], (0, 1))
    decode = tf.function(functools.partial(_decode, model.decoder, size=chunk), autograph=False)
    x = images(model.likelihood.event_shape[0], count)
    options = {"progress": False, "jit_compile": jit_compile}
    return {
        "bound": functools.partial(bounds, model, x, num_samples=samples, batch_size=count, **options),
        "decoder": lambda: decode(codes).numpy(),
    }


def _decode(decoder, codes, size: int):
    """Returns one output of the last chunk, with all codes [N, D] decoded, `size` at a time."""

    def body(done, _):
        """Decodes the next chunk."""
        outputs = tf.reshape(decoder(codes[done : done + size], training=False), [-1])
        return done + size, outputs

    state = (tf.constant(0), tf.zeros([1]))
    shapes = (tf.TensorShape([]), tf.TensorShape([None]))
    _, outputs = tf.while_loop(
        lambda done, _: done < tf.shape(codes)[0], body, state, shape_invariants=shapes, parallel_iterations=1
    )
    return outputs[-1]


def row(name: str, seconds: dict[str, np.ndarray], codes: int) -> dict:
    """Returns a row of the table.

    Args:
        name: name of the row.
        seconds: seconds and CPU seconds [rounds, 2] of the bound and of the decoder.
        codes: number of codes.
    """
    thousands = codes / 1e6  # milliseconds of a second, over a thousand codes
    wall, processor = np.median(seconds["bound"] / seconds["decoder"], axis=0)
    return {
        "networks, posterior": name,
        "ms/1,000 codes": float(np.median(seconds["bound"][:, 0]) / thousands),
        "decoder's ms": float(np.median(seconds["decoder"][:, 0]) / thousands),
        "times the decoder's time": float(wall),
        "times its CPU time": float(processor),
    }

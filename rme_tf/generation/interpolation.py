"""Interpolations between latent codes, and nearest neighbors among them."""

import numpy as np
import tensorflow as tf

from rme_tf.core.argument_checks import as_codes, check_model
from rme_tf.core.validation import check_count, require


def interpolate(model, first, second, *, steps: int = 8, seed=(0, 0), **choices):
    """Returns rendered codes on straight lines between pairs of codes.

    Args:
        model: `VAE` that renders the codes.
        first: codes at the first ends. Shape [..., D].
        second: codes at the second ends. Shape [..., D].
        steps: number of codes on a line, both ends included.
        seed: stateless seed, see `VAE.render`.
        **choices: further arguments of `VAE.render`.

    Returns:
        rendered: token ids [..., steps, T], or images [..., steps, *event_shape].

    Raises:
        ValueError: if the shapes of the codes differ, `steps` is below 2, or `VAE.render` refuses an argument.

    References:
        Bowman et al. (2016), https://arxiv.org/abs/1511.06349
    """
    check_model(model)
    check_count("steps", steps, 2)
    first, second = (as_codes(z, model.latent_dim, name) for name, z in (("first", first), ("second", second)))
    if not first.shape.is_compatible_with(second.shape):
        raise ValueError(f"`second` must have the shape of `first`, {first.shape}. Received: {second.shape}.")
    share = tf.linspace(0.0, 1.0, steps)[:, tf.newaxis]
    line = (1.0 - share) * first[..., tf.newaxis, :] + share * second[..., tf.newaxis, :]  # [..., steps, D]
    rendered = model.render(tf.reshape(line, [-1, model.latent_dim]), seed, **choices)
    return tf.reshape(rendered, tf.concat([tf.shape(line)[:-1], tf.shape(rendered)[1:]], axis=0))


def nearest_neighbors(codes, queries, k: int = 5):
    """Returns the indices of the k nearest codes of each query.

    Args:
        codes: latent codes to search. Shape [N, D].
        queries: latent codes to search for. Shape [Q, D].
        k: number of neighbors of a query.

    Returns:
        indices: row numbers in `codes`, the nearest first. Shape [Q, k].

    Raises:
        ValueError: if codes and queries have different sizes D, or there are fewer than k codes.
    """
    shape = codes.shape if hasattr(codes, "shape") else np.shape(codes)
    require(len(shape) == 2, "codes", "be latent codes [N, D]", shape)
    check_count("k", k, most=shape[0], remedy="It counts rows of `codes`.")
    codes = as_codes(codes, shape[1], "codes", rank=2)
    queries = as_codes(queries, codes.shape[1], "queries", rank=2)
    squared = tf.reduce_sum(codes**2, axis=-1) - 2.0 * tf.matmul(queries, codes, transpose_b=True)
    return tf.math.top_k(-squared, k).indices


nearest_neighbours = nearest_neighbors  # earlier name

"""Latent codes of observations: means of the mixture posterior, or draws."""

import tensorflow as tf

from rme_tf.core.registry import lookup

TIE = 1e-6  # weights with smaller differences are equal up to the rounding of float32


def mixture_means(weights, means):
    """Returns the mean [B, D] of each mixture.

    Args:
        weights: mixing weights. Shape [B, M].
        means: means of the components. Shape [B, M, D].
    """
    return tf.einsum("bm,bmd->bd", weights, means)


def heaviest_means(weights, means):
    """Returns the mean [B, D] of the component with the largest weight.

    If weights are equal up to rounding, the first component counts.

    Args:
        weights: mixing weights. Shape [B, M].
        means: means of the components. Shape [B, M, D].
    """
    heaviest = weights >= tf.reduce_max(weights, axis=-1, keepdims=True) - TIE  # components
    return tf.gather(means, tf.argmax(tf.cast(heaviest, tf.int32), axis=-1), batch_dims=1)


def component_means(weights, means):
    """Returns the means [B, M, D] of all components, unchanged."""
    del weights
    return means


DRAW = "draw"
MEANS = {"components": component_means, "heaviest": heaviest_means, "mean": mixture_means}


def codes_of(model, x, which: str | None = None, seed=None):
    """Returns latent codes z [B, D] of x [B, *event_shape].

    Args:
        model: `VAE` with the posterior.
        x: observations. Shape [B, *event_shape].
        which: "mean", "heaviest", "components" or "draw"; None is "draw" with a seed and "mean" without. "mean" is the
            mean of Q(z|x), an average over all components; if they are far apart, Q may have little mass there, and
            the decoded mean resembles no component. "heaviest" is the mean of the component with the largest weight,
            and of the first one if weights are equal: with uniform weights, always component 0. "components" is the
            means of all components, [B, M, D]. "draw" is a draw from Q(z|x), from each component with the probability
            of its weight.
        seed: seed of a draw, an integer or of shape [2].

    Raises:
        ValueError: if `which` is unknown, a draw has no seed, or a seed has no draw.
    """
    chosen = which or ("mean" if seed is None else DRAW)
    code = lookup({**MEANS, DRAW: None}, chosen, "`which` of codes")
    if (chosen == DRAW) != (seed is not None):
        received = "none" if seed is None else "one"
        raise ValueError(
            f"`seed`, an integer or a stateless seed of shape [2], is for which={DRAW!r}, which needs one. "
            f"Received: which={which!r} and {received}."
        )
    if code is None:
        return model.infer(x).sample(seed=seed)
    inferred = model.call(x)
    return code(inferred["weights"], inferred["means"])


def ends_of(model, x_first, x_second, *, which: str | None, draw: bool, seed) -> list:
    """Returns latent codes of two batches, the ends of lines.

    Args:
        model: `VAE` with the posterior.
        x_first: observations at the first ends. Shape [B, *event_shape].
        x_second: observations at the second ends. Shape [B, *event_shape].
        which: kind of codes, see `codes_of`.
        draw: whether both ends are drawn, with independent noise; equal to which="draw".
        seed: stateless seed of the draws. Shape [2].

    Raises:
        ValueError: if `draw` contradicts `which`, or `which` is unknown.
    """
    if draw and which not in (None, DRAW):
        raise ValueError(f"`draw=True` is for ends that are drawn: expected no `which`. Received: which={which!r}.")
    if draw or which == DRAW:
        return [model.codes(x, DRAW, tf.random.fold_in(seed, index)) for index, x in enumerate((x_first, x_second))]
    return [model.codes(x, which) for x in (x_first, x_second)]

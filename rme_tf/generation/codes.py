"""Latent codes of observations, taken from the mixture that the encoders infer."""

import tensorflow as tf

from rme_tf.core.registry import lookup

TIE = 1e-6  # weights within it are equal, up to the rounding of float32


def mixture_means(weights, means):
    """Returns the mean [B, D] of each mixture, for weights [B, M] and means [B, M, D] of its components."""
    return tf.einsum("bm,bmd->bd", weights, means)


def heaviest_means(weights, means):
    """Returns the mean [B, D] of the heaviest component, for weights [B, M] and means [B, M, D] of all.

    Of components whose weights are equal, up to rounding, the first.
    """
    heaviest = weights >= tf.reduce_max(weights, axis=-1, keepdims=True) - TIE  # components
    return tf.gather(means, tf.argmax(tf.cast(heaviest, tf.int32), axis=-1), batch_dims=1)


def component_means(weights, means):
    """Returns the means [B, M, D] as they are."""
    del weights
    return means


DRAW = "draw"
MEANS = {"components": component_means, "heaviest": heaviest_means, "mean": mixture_means}


def codes_of(model, x, which: str | None = None, seed=None):
    """Returns latent codes z [B, D] of x [B, *event_shape].

    Args:
        model: a `VAE`.
        x: Shape [B, *event_shape].
        which: "mean" of Q(z|x), the default, to which all components add; where they are apart Q may have little mass
            there, and what it decodes to is like none of them. "heaviest" for the mean of the component with the
            largest weight, the first of equals: under uniform weights component 0 for every x, without a look at the
            others. "components" for the means of all, [B, M, D]. "draw" for a draw from Q(z|x), which has mass where it
            falls, and takes each component by its weight.
        seed: stateless seed, shape [2], of "draw", which it stands for by itself.

    Raises:
        ValueError: for an unknown `which`, a draw without a seed, and a seed without a draw.
    """
    chosen = which or ("mean" if seed is None else DRAW)
    code = lookup({**MEANS, DRAW: None}, chosen, "`which` of codes")
    if (chosen == DRAW) != (seed is not None):
        given = "none" if seed is None else "one"
        raise ValueError(
            f"`seed`, a stateless seed of shape [2], is for which={DRAW!r}, which needs one. Received: which={which!r} "
            f"and {given}."
        )
    if code is None:
        return model.posterior(x).sample(seed=seed)
    inferred = model.call(x)
    return code(inferred["weights"], inferred["means"])


def ends_of(model, x_first, x_second, *, which: str | None, draw: bool, seed) -> list:
    """Returns the codes of two batches, the ends of lines; if they are drawn, by noise of their own.

    Args:
        model: a `VAE`.
        x_first: Shape [B, *event_shape].
        x_second: of the other ends.
        which: as of `VAE.codes`.
        draw: whether they are drawn; `which` may say so, too.
        seed: stateless seed, shape [2].

    Raises:
        ValueError: if `draw` and `which` do not agree, or as of `VAE.codes`.
    """
    if draw and which not in (None, DRAW):
        raise ValueError(f"`draw=True` is for ends that are drawn: expected no `which`. Received: which={which!r}.")
    if draw or which == DRAW:
        return [model.codes(x, DRAW, tf.random.fold_in(seed, index)) for index, x in enumerate((x_first, x_second))]
    return [model.codes(x, which) for x in (x_first, x_second)]

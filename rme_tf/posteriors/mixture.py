"""Samples and densities of the components of a mixture, and the mixture as one TFP distribution."""

import tensorflow as tf
import tensorflow_probability as tfp


def sample_components(family, params, num_samples: int, seed, first=0):
    """Draws from every component, reparameterised.

    Component m's noise depends on `seed` and m alone, not on how many components there are.

    Args:
        family: a `PosteriorFamily`.
        params: Shape [B, M, P].
        num_samples: S.
        seed: stateless seed. Shape [2].
        first: m of the first of these components, where they are some of a mixture's; an integer or a scalar tensor.

    Returns:
        z: Shape [S, B, M, D].
    """
    seeds = [tf.random.fold_in(seed, first + m) for m in range(params.shape[1])]
    return family.sample_components(params, num_samples, seeds)


def component_log_probs(family, params, z):
    """Returns log q_j(z_m), in nats: the density of every component at every component's samples.

    Args:
        family: a `PosteriorFamily`.
        params: Shape [B, M, P].
        z: Shape [S, B, K, D], K components that drew.

    Returns:
        log_q_all: Shape [S, B, K, M].
    """
    return family.log_prob(params[:, tf.newaxis], z[:, :, :, tf.newaxis])  # of params [B, 1, M, P]


def sample_with_log_probs(family, params, num_samples: int, seed, first=0, count: int | None = None):
    """Draws from every component and returns the densities there: for one component, without inverting a flow.

    Args:
        family: a `PosteriorFamily`.
        params: Shape [B, M, P].
        num_samples: S.
        seed: stateless seed. Shape [2].
        first: m of the first component that draws, an integer or a scalar tensor.
        count: K, how many draw; all of them unless given.

    Returns:
        z: the draws of `sample_components`. Shape [S, B, K, D].
        log_q_all: log q_j(z_m), in nats, of all components. Shape [S, B, K, M].
    """
    if count is not None and count < params.shape[1]:
        drawing = tf.gather(params, first + tf.range(count), axis=1)  # [B, K, P]
        z = sample_components(family, drawing, num_samples, seed, first)
        return z, component_log_probs(family, params, z)
    if params.shape[1] > 1:
        z = sample_components(family, params, num_samples, seed)
        return z, component_log_probs(family, params, z)
    z, log_q = family.sample_and_log_prob(params[:, 0], num_samples, tf.random.fold_in(seed, 0))
    return z[:, :, tf.newaxis], log_q[:, :, tf.newaxis, tf.newaxis]


def mixture_distribution(family, encoding):
    """Returns Q(z|x) as a `tfd.MixtureSameFamily`, batch [B], event [D].

    Its `sample` passes no gradient to the weights; training stratifies instead
    (see `sample_components`).
    """
    return tfp.distributions.MixtureSameFamily(
        tfp.distributions.Categorical(logits=encoding.log_alpha),
        family.distribution(encoding.params),
    )


def mixture_moments(family, encoding):
    """Returns the dict `weights` [B, M], `means` and `scales` [B, M, D] of Q(z|x) and its components."""
    means, stddevs = family.moments(encoding.params)
    return {"weights": tf.exp(encoding.log_alpha), "means": means, "scales": stddevs}

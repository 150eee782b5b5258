"""Ascent of ELBO(Q) in the posterior of each observation alone.

Graph code. Letters: B observations, K components in use, P params, S draws from each component.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from rme_tf import objectives
from rme_tf.core.argument_checks import check_model
from rme_tf.core.types import Encoding, Tensor
from rme_tf.posteriors import MixturePosterior, TransformedFamily
from rme_tf.refinements.gradient import tied

DECAYS = 0.9, 0.99  # of Adam's averages; the second forgets the steep slopes of a distant start soon


class LocalPosterior(NamedTuple):
    """A posterior of each observation, in unconstrained coordinates."""

    params: Tensor  # [B, K, P]
    logits: Tensor  # of the mixing weights, zeros if they are not learned  [B, K-1]


def local_posterior(model, encoding: Encoding) -> LocalPosterior:
    """Returns the coordinates of an encoding.

    Args:
        model: `VAE` with the posterior family and the mixing weights.
        encoding: `Encoding` of K components.
    """
    logits = model.mixing.logits(encoding.log_alpha) if model.mixing.learned else encoding.log_alpha[:, 1:] * 0.0
    return LocalPosterior(encoding.params, logits)


def encoding_of(model, local: LocalPosterior) -> Encoding:
    """Returns the `Encoding` with the given coordinates."""
    return Encoding(local.params, model.mixing.log_alpha(local.logits))


def climbed(model, x, params, logits, seed, steps: int, num_samples: int, learning_rate: float) -> LocalPosterior:
    """Returns the posteriors after steps of Adam up ELBO(Q) of each observation.

    The rate falls to zero by a cosine. The gradient is pathwise, stratified over the components.

    Args:
        model: `VAE` with the networks, which stay as they are.
        x: observations. Shape [B, *event_shape].
        params: first params. Shape [B, K, P].
        logits: first logits of the mixing weights. Shape [B, K-1].
        seed: stateless seed. Shape [2].
        steps: number of steps.
        num_samples: number of draws S from each component for the gradient of one step.
        learning_rate: rate of the first step.

    References:
        Kingma and Ba (2015), https://arxiv.org/abs/1412.6980
    """
    x, prior = model.likelihood.cast(x), model.prior.distribution()

    def body(step, local, means, squares):
        """Takes one step."""
        gradient = elbo_gradient(model, x, LocalPosterior(*local), tf.random.fold_in(seed, step), num_samples, prior)
        count = tf.cast(step, tf.float32) + 1.0
        rate = learning_rate * 0.5 * (1.0 + tf.cos(math.pi * (count - 1.0) / steps))
        means, squares = _averages(means, gradient, DECAYS[0]), _averages(squares, [g**2 for g in gradient], DECAYS[1])
        moves = [
            rate * (mean / (1.0 - DECAYS[0] ** count)) / (tf.sqrt(square / (1.0 - DECAYS[1] ** count)) + 1e-8)
            for mean, square in zip(means, squares, strict=True)
        ]
        local = tuple(tf.ensure_shape(at + move, at.shape) for at, move in zip(local, moves, strict=True))
        return step + 1, local, means, squares

    local = (params, logits)
    zeros = tuple(map(tf.zeros_like, local))
    state = (tf.constant(0), local, zeros, zeros)
    state = tf.while_loop(lambda step, *_: step < steps, body, state, parallel_iterations=1)
    return LocalPosterior(*state[1])


def elbo_gradient(model, x, local: LocalPosterior, seed, num_samples: int, prior=None) -> LocalPosterior:
    """Returns an unbiased estimate of the gradient of ELBO(Q).

    It is zero where it is not finite. The densities have no gradient in the params, so that the estimate has no
    variance where Q is the exact posterior. A flow of a single component is the exception: its density is cheap at its
    own draws alone. The weights of a flow and of the networks are held.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        local: posteriors of the observations.
        seed: stateless seed. Shape [2].
        num_samples: number of draws S from each component.
        prior: p(z); None is the model's.

    References:
        Roeder, Wu and Duvenaud (2017), https://arxiv.org/abs/1703.09194
    """
    check_model(model)
    family = model.posterior_family
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(local)
        encoding = encoding_of(model, local)
        z, log_q_all = _draws(family, encoding, num_samples, seed)
        log_alpha = tf.stop_gradient(encoding.log_alpha)
        log_density = objectives.log_mixture(log_alpha[:, tf.newaxis], log_q_all)
        log_lik, log_prior = model.log_joint(x, z, prior=prior)
        bound = objectives.mixture_elbo(log_lik + log_prior, log_density, encoding.log_alpha)
    gradients = tape.gradient(bound, local, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    params, logits = (tf.where(tf.math.is_finite(gradient), gradient, 0.0) for gradient in gradients)
    return LocalPosterior(tied(params, family.num_shared, tf.reduce_sum), logits)


def _draws(family, encoding: Encoding, num_samples: int, seed) -> tuple:
    """Returns draws z [S, B, K, D] and densities [S, B, K, K] there, whose params have no gradient."""
    q = MixturePosterior(family, *encoding)
    if q.num_components == 1 and isinstance(family, TransformedFamily):
        return q.sample_with_log_probs(num_samples, seed)
    draws = q.draw(num_samples, seed)
    return draws.z, q.params_held().log_probs_of(draws)


def _averages(averages, values, decay: float) -> tuple:
    return tuple(decay * average + (1.0 - decay) * value for average, value in zip(averages, values, strict=True))

"""Gradients of ELBO(Q) in the params, and steps along them."""

import tensorflow as tf

from rme_tf import objectives
from rme_tf.core.argument_checks import check_model
from rme_tf.core.seeds import as_seed
from rme_tf.core.types import Encoding
from rme_tf.core.validation import check_number, optional, require
from rme_tf.refinements.base import Refinement


def elbo_gradient(model, x, encoding: Encoding, seed, *, num_samples=1, kl_weight=1.0):
    """Returns an estimate [B, K, P] of the gradient of ELBO(Q) in the params.

    The mixing weights are held fixed. In nats per unit of a param; component m has the factor alpha_m. The gradient in
    params that the components share is the sum over them, for each of them. Only the path
    through the draws counts: the term that is left out, the score of Q, has mean zero, and without it the estimate has
    no variance where Q is the exact posterior. The noise is the same for all rows, so that the posterior of x does not
    depend on its batch. The estimate itself is differentiable, in params, weights of the mixture and weights of the
    decoder alike.

    Args:
        model: a `VAE`.
        x: Shape [B, *event_shape].
        encoding: params [B, K, P] and log_alpha [B, K].
        seed: stateless seed, shape [2].
        num_samples: S, draws from each component.
        kl_weight: weight of the KL term.

    References:
        Roeder, Wu and Duvenaud (2017), https://arxiv.org/abs/1703.09194
    """
    check_model(model)
    fits = isinstance(encoding, tuple) and len(encoding) == 2
    require(fits, "encoding", "be an `Encoding`, params and log_alpha", type(encoding).__name__)
    params, log_alpha = encoding
    seed = as_seed(seed)
    noise = tf.random.stateless_normal([num_samples, 1, params.shape[1], model.latent_dim], seed)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        moved = tf.identity(params)  # by which z is drawn; the densities are of `params`
        tape.watch(moved)
        z = model.posterior_family.from_noise(moved, noise)
        log_lik, log_prior = model.log_joint(x, z)
        log_q_all = model.posterior_of(encoding).component_log_probs(z)
        log_density = objectives.log_mixture(log_alpha[:, tf.newaxis], log_q_all)
        log_joint = log_lik + kl_weight * log_prior
        bound = objectives.mixture_elbo(log_joint, kl_weight * log_density, log_alpha)
    return tied(tape.gradient(bound, moved), model.posterior_family.num_shared, tf.reduce_sum)


def tied(params, num_shared: int, reduce):
    """Returns params or gradients [B, K, P] with equal shared entries.

    Args:
        params: Shape [B, K, P].
        num_shared: number of the last entries, which the components share.
        reduce: function (entries [B, K, Q], axis, keepdims) -> the entries of all components [B, 1, Q].
    """
    if num_shared == 0:
        return params
    of_each, shared = tf.split(params, [-1, num_shared], axis=-1)
    shared = tf.tile(reduce(shared, axis=1, keepdims=True), [1, params.shape[1], 1])
    return tf.concat([of_each, shared], axis=-1)


def clipped(gradient, norm: float, num_means: int, num_shared: int = 0):
    """Returns the gradient [B, K, P] with each row clipped to a norm.

    Args:
        gradient: Shape [B, K, P].
        norm: largest norm of each of a row's two blocks.
        num_means: number of params in the first block; the second one has the others. Both are over all K components.
        num_shared: number of the last params, which the components share and which count once.
    """
    blocks = tf.split(gradient, [num_means, gradient.shape[-1] - num_means], axis=-1)
    squared = [tf.reduce_sum(block**2, axis=[-2, -1], keepdims=True) for block in blocks]  # components, params
    if num_shared:
        squared[1] -= tf.reduce_sum(gradient[:, 1:, -num_shared:] ** 2, axis=[-2, -1], keepdims=True)
    scales = [norm * tf.math.rsqrt(tf.maximum(square, norm**2)) for square in squared]  # no 0/0 in a derivative
    return tf.concat([block * scale for block, scale in zip(blocks, scales, strict=True)], axis=-1)


class GradientSteps(Refinement):
    """Gradient ascent on ELBO(Q) with momentum.

        v <- momentum v + clip(gradient),   params <- params + rate v

    Args:
        steps: T, number of steps.
        learning_rate: rate for the ELBO of one observation. (The authors' code takes steps of 1.0 on the mean of a
            batch, of 32 sentences or 50 images, which is 1/32 here.)
        momentum: factor of the velocity, in [0, 1).
        clip_norm: largest norm of one observation's gradient in the means, and in all other params, over all
            components; None for no limit. (The authors' code cuts the gradients of a batch's mean in the means and in
            the log variances, each over the whole batch, to 5. A row of the mean is 1/B of an observation's gradient,
            and B rows of norm g make a norm of sqrt(B) g, so that is g = 5 sqrt(B) here: 28 for B = 32.)
        num_samples: S, number of draws from each component.

    Raises:
        ValueError: if a number is out of range.

    To be implemented by subclasses:
        * `objective`: see `Refinement`.
    """

    def __init__(self, steps=20, learning_rate=1 / 32, momentum=0.5, clip_norm=28.0, num_samples=1, **kwargs):
        super().__init__(steps, num_samples, **kwargs)
        self.learning_rate = check_number("learning_rate", learning_rate, above=0.0)
        self.momentum = check_number("momentum", momentum, least=0.0, below=1.0)
        self.clip_norm = optional(check_number, "clip_norm", clip_norm, above=0.0)
        self.built = True

    def path(self, model, x, encoding, seed, kl_weight=1.0):
        """Returns the first and the last of the T + 1 encodings."""
        options = {"num_samples": self.num_samples, "kl_weight": kl_weight}
        unroll = model.jit_compile  # XLA compiles no second derivative of a loop

        def body(step, params, velocity):
            """Takes one step."""
            encoding_now = Encoding(params, encoding.log_alpha)
            gradient = elbo_gradient(model, x, encoding_now, tf.random.fold_in(seed, step), **options)
            if self.clip_norm is not None:
                family = model.posterior_family
                gradient = clipped(gradient, self.clip_norm, family.num_means, family.num_shared)
            velocity = self.momentum * velocity + gradient
            return step + 1, tf.ensure_shape(params + self.learning_rate * velocity, params.shape), velocity

        state = (tf.constant(0), encoding.params, tf.zeros_like(encoding.params))
        if unroll:
            for _ in range(self.steps):
                state = body(*state)
        else:
            state = tf.while_loop(
                lambda step, *_: step < self.steps, body, state, parallel_iterations=1, maximum_iterations=self.steps
            )
        return [encoding, Encoding(state[1], encoding.log_alpha)]

    def get_config(self):
        """Returns the arguments of the constructor."""
        names = ("learning_rate", "momentum", "clip_norm")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

"""The joint update of the recursion, from components drawn for each observation.

With K of M components drawn uniformly, without replacement, an observation ascends the mean over the drawn m of

    log p(x|z) + log p(z) - log q_m(z) + BKL(q_m || stop_gradient(Q_{m-1}))          z ~ q_m, no BKL for m = 0

On average over the draws, the inference networks get 1/M of the gradients of the joint update, and theta gets all of
its own if the components have uniform weights: then no gradient is rescaled, and the decoder may mix the rows of its
batch. For other weights M alpha_m multiplies log p(x, z) in the objective of theta, and is divided out at z. Weight
decay is not scaled: against a gradient of 1/M it weighs M times as much.
"""

import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.base import ascend
from rme_tf.algorithms.component_draws import ComponentDraws, draw_components
from rme_tf.core.scaled_gradient import scale_gradient
from rme_tf.core.types import DrawnLogProbs

MIN_ALPHA = 1e-4  # floor of 1 / alpha: a component of less weight gets a gradient shrunk in proportion


class DrawnUpdate:
    """One step from drawn components.

    Args:
        algorithm: a `Recursion` with `components_per_step`.
        model: a compiled `rme_tf.VAE`.
        x: Shape [B, ...].
        seed: stateless seed of the draws. Shape [2].
    """

    def __init__(self, algorithm, model, x, seed):
        self.algorithm, self.model, self.x, self.seed = algorithm, model, x, seed
        self.kl_weight = algorithm.kl_weight_now(model)

    def run(self) -> DrawnLogProbs:
        """Moves every weight; returns the log-probabilities of the draw."""
        return ascend(self.model, self.algorithm.moving_variables(self.model), self.objective)

    def objective(self):
        """Returns the sum of all objectives, and the `DrawnLogProbs`."""
        algorithm, model, kl_weight = self.algorithm, self.model, self.kl_weight
        count = model.active_components
        q = model.infer(self.x, num_components=count, training=True, mixing_moves_trunk=False, merged=True)
        drawn = draw_components(tf.shape(q.params)[0], count, algorithm.components_per_step, self.seed)
        sampled = model.posterior_of(drawn.of(q))
        draws = sampled.draw(algorithm.num_samples, self.seed)
        z = draws.z
        weights, scale = self.generative_weights(sampled.log_alpha, count)
        decoded = z if scale is None else scale_gradient(z, scale[..., tf.newaxis])
        log_lik, log_prior = model.log_joint(self.x, decoded, training=True, prior=model.prior.scaled(1.0 / count))
        log_joint = log_lik + kl_weight * log_prior
        log_q = sampled.own_log_probs(draws)  # [S, B, K]
        log_q_all = q.params_held().log_probs_of(draws)  # gradients through z only  [S, B, K, M]

        gain = tf.reduce_mean(log_joint, axis=0)  # samples
        q_terms = algorithm.kl_below_floor(model, sampled.params, draws, drawn) - tf.reduce_mean(log_q, axis=0)
        q_terms += self.rewards(drawn, log_q, log_q_all, tf.stop_gradient(q.log_alpha))
        q_terms *= kl_weight
        bounds = gain + q_terms if scale is None else weights * gain + weights * scale * q_terms
        value = tf.reduce_mean(bounds, axis=-1)  # drawn components
        if algorithm.moves_weights(model):
            value += joining_elbo(drawn, log_joint, log_q_all, q.log_alpha, kl_weight) / count
        value -= model.mixing.penalty(q.log_alpha) / count
        return value, DrawnLogProbs(log_lik, log_prior, log_q_all, q.log_alpha, drawn.indices)

    def generative_weights(self, log_alpha, count: int) -> tuple:
        """Returns weights of theta's objective, and factors of the gradients at z.

        M alpha_m and its inverse, shape [B, K] each. None and None if all components weigh alike.

        Args:
            log_alpha: log weights of the drawn components. Shape [B, K].
            count: number of components M.
        """
        if self.algorithm.weighs_alike(self.model):
            return None, None
        weights = count * self.algorithm.generative_weights(log_alpha)
        return weights, 1.0 / tf.maximum(weights, count * MIN_ALPHA)

    def rewards(self, drawn: ComponentDraws, log_q, log_q_all, log_alpha):
        """Returns the rewards of the drawn components, in nats.

        Shape [B, K]; zero for m = 0.

        Args:
            drawn: the components.
            log_q: log q_m(z_m). Shape [S, B, K].
            log_q_all: log q_j(z_m). Shape [S, B, K, M].
            log_alpha: Shape [B, M].
        """
        number = tf.maximum(drawn.indices, 1)  # of the components before m; q_0 itself for m = 0, which has no reward
        earlier = tf.range(drawn.num_components) < number[..., tf.newaxis]  # [B, K, M]
        log_weights = tf.where(earlier, log_alpha[:, tf.newaxis], objectives.LOG_NOTHING)
        log_total = tf.gather(tf.math.cumulative_logsumexp(log_alpha, axis=-1), number - 1, batch_dims=1)
        log_before = objectives.log_mixture(log_weights, log_q_all) - log_total
        rewards = self.algorithm.diversity_reward(log_q, log_before)
        return tf.where(drawn.indices > 0, rewards, 0.0)


def joining_elbo(drawn: ComponentDraws, log_joint, log_q_all, log_alpha, kl_weight=1.0):
    """Returns an estimate of sum_m ELBO(Q_m), in nats.

    Each is a function of eps_m only. The gradient is unbiased for the sum of `objectives.joining_elbo` over m > 0.
    Shape [B].

    Args:
        drawn: the components.
        log_joint: log p(x|z) + kl_weight log p(z); no gradient is passed to it. Shape [S, B, K].
        log_q_all: log q_j(z); no gradient is passed to it. Shape [S, B, K, M].
        log_alpha: Shape [B, M].
        kl_weight: weight of log Q_m.
    """
    log_joint, log_q_all = tf.stop_gradient(log_joint), tf.stop_gradient(log_q_all)
    order = tf.range(drawn.num_components)
    up_to = tf.where(order <= order[:, tf.newaxis], log_alpha[:, tf.newaxis], objectives.LOG_NOTHING)  # [B, M, M]
    log_total = tf.reduce_logsumexp(up_to, axis=-1)  # of the components up to each one
    log_stay = (log_total[:, :-1] - log_total[:, 1:])[:, tf.newaxis]  # log(1 - eps_m)  [B, 1, M-1]
    log_join = (log_alpha - log_total)[:, tf.newaxis, 1:]  # log eps_m
    held_total = tf.stop_gradient(log_total)[:, tf.newaxis, :-1]

    indices = drawn.indices[..., tf.newaxis]  # [B, K, 1]
    joining = order[1:]
    log_before = tf.stop_gradient(drawn.take(log_alpha))[..., tf.newaxis] - held_total  # of its weight in Q_{m-1}
    log_weights = tf.where(indices < joining, log_stay + log_before, log_join)  # in Q_m  [B, K, M-1]
    weights = tf.where(indices <= joining, tf.exp(log_weights), 0.0)

    log_densities = tf.math.cumulative_logsumexp(tf.stop_gradient(log_alpha)[:, tf.newaxis] + log_q_all, axis=-1)
    log_densities = log_densities[..., :-1] - held_total  # log Q_{m-1}(z)  [S, B, K, M-1]
    pair = tf.stack([log_stay + log_densities, log_join + log_q_all[..., 1:]], axis=-1)
    log_densities = tf.reduce_logsumexp(pair, axis=-1)  # log Q_m(z)
    gains = objectives.elbo(log_joint[..., tf.newaxis], kl_weight * log_densities)
    return tf.reduce_sum(drawn.weighted_sum(weights, gains), axis=-1)  # m

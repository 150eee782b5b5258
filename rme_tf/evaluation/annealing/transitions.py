"""Annealing of latent codes by Hamiltonian Monte Carlo, for fixed observations.

Graph code. Letters: C chains, B batch, K temperatures, D latent dimensions.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.evaluation import densities

TARGET = 0.65  # acceptance that is efficient for HMC in many dimensions
JITTER = 0.5  # step sizes vary by this share: of one length, a trajectory may be a period of some dimension


class AnnealedTarget:
    """Unnormalized densities between a start and the joint p(x, z).

        log f_b(z) = log p_0(z) + b r(z),   r(z) = log p(x, z) - log p_0(z)

    The start p_0 is the prior p(z), whose ratio r is log p(x|z), or the posterior Q(z|x). The terms of the
    observations, of the posterior and of the prior are computed once.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        start: "prior" or "posterior".
    """

    def __init__(self, model, x, start: str):
        self.model, self.x = model, model.likelihood.cast(x)
        self.prior = model.prior.distribution()
        self.q = model.posterior_of(model.encode(self.x)) if start == "posterior" else None
        self._log_prior = densities.log_prob_of(self.prior)
        self._log_lik = model.likelihood.log_prob_of(self.x)

    def start(self, num_chains: int, seed):
        """Returns draws from p_0. Shape [C, B, D].

        Args:
            num_chains: number of chains C.
            seed: stateless seed. Shape [2].
        """
        if self.q is not None:
            return self.q.sample(num_chains, seed)
        return self.prior.sample([num_chains, tf.shape(self.x)[0]], seed=seed)

    def log_start_and_ratio(self, z) -> tuple:
        """Returns log p_0(z) and r(z), in nats. Shape [C, B] each.

        Args:
            z: codes. Shape [C, B, D].
        """
        log_lik, log_prior = self._log_lik(self.model.likelihood_params(z, self.x)), self._log_prior(z)
        if self.q is None:
            return log_prior, log_lik
        log_q = self.q.log_prob(z)
        return log_q, log_lik + log_prior - log_q

    def transition(self, z, beta, step_size, num_leapfrog_steps: int, seed) -> tuple:
        """Returns codes after one HMC transition, and its acceptance probability.

        The transition leaves the density proportional to f_b invariant.

        Args:
            z: codes. Shape [C, B, D].
            beta: inverse temperature b, a scalar.
            step_size: mean of the step sizes that are drawn for the chains of an observation. Shape [B].
            num_leapfrog_steps: number of leapfrog steps.
            seed: stateless seed. Shape [2].

        Returns:
            z: Shape [C, B, D].
            acceptance: Shape [C, B].
        """

        def log_density(z):
            """Returns log f_b(z) [C, B]."""
            log_start, log_ratio = self.log_start_and_ratio(z)
            return log_start + beta * log_ratio

        jitter = tf.random.stateless_uniform(tf.shape(z)[:2], tf.random.fold_in(seed, 1), 1.0 - JITTER, 1.0 + JITTER)
        steps = (step_size * jitter)[..., tf.newaxis]  # [C, B, 1]
        kernel = tfp.mcmc.HamiltonianMonteCarlo(log_density, steps, num_leapfrog_steps)
        # The density and its gradient at z are computed at this temperature. `sample_annealed_importance_chain` of TFP
        # passes on the results at the temperature before, and its transitions leave no density invariant.
        z, results = kernel.one_step(z, kernel.bootstrap_results(z), seed=seed)
        return z, tf.exp(tf.minimum(results.log_accept_ratio, 0.0))


def start_of(model, x, seed, num_chains: int, start: str):
    """Returns draws from the start. Shape [C, B, D]."""
    return AnnealedTarget(model, x, start).start(num_chains, seed)


def anneal(model, x, z, betas, log_steps, drift, rate, seed, num_leapfrog_steps: int, start: str) -> tuple:
    """Returns codes after K transitions, and sums of log ratios.

        sum_k (b_k - b_{k-1}) r(z_{k-1}),   z_k from the transition at b_k

    For increasing b this is the log weight of annealed importance sampling; for decreasing b, from a draw of the last
    density, it is minus the log weight of the reverse chain. The step size of transition k is exp(log_steps_k + drift);
    after it drift increases by rate (acceptance - 0.65). With a rate of 0 all step sizes are fixed in advance, as they
    must be for weights without bias.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        z: codes z_0. Shape [C, B, D].
        betas: inverse temperatures b_0 ... b_K, float64. Shape [K + 1].
        log_steps: logs of step sizes. Shape [K, B].
        drift: addend of the logs. Shape [B].
        rate: rate of adaptation, a scalar.
        seed: stateless seed. Shape [2].
        num_leapfrog_steps: number of leapfrog steps of a transition.
        start: "prior" or "posterior".

    Returns:
        z: Shape [C, B, D].
        log_weight: sum of the log ratios, float64. Shape [C, B].
        drift: Shape [B].
        log_step: mean log step size of the K transitions. Shape [B].
        acceptance: mean acceptance probability over chains and transitions. Shape [B].
    """
    target, count = AnnealedTarget(model, x, start), tf.shape(log_steps)[0]

    def body(k, z, log_weight, drift, log_step, acceptance):
        """Adds the log ratio at z, and moves z."""
        change = betas[k + 1] - betas[k]
        log_weight += change * tf.cast(target.log_start_and_ratio(z)[1], tf.float64)
        log_step_k = log_steps[k] + drift
        moved, accepted = target.transition(
            z, tf.cast(betas[k + 1], tf.float32), tf.exp(log_step_k), num_leapfrog_steps, tf.random.fold_in(seed, k)
        )
        accepted = tf.reduce_mean(accepted, axis=0)  # chains
        z = tf.ensure_shape(moved, z.shape)  # which `tf.while_loop` requires
        return k + 1, z, log_weight, drift + rate * (accepted - TARGET), log_step + log_step_k, acceptance + accepted

    nothing = tf.zeros_like(drift)
    state = (tf.constant(0), z, tf.zeros(tf.shape(z)[:2], tf.float64), drift, nothing, nothing)
    _, z, log_weight, drift, log_step, acceptance = tf.while_loop(
        lambda k, *_: k < count, body, state, parallel_iterations=1
    )
    number = tf.cast(count, tf.float32)
    return z, log_weight, drift, log_step / number, acceptance / number

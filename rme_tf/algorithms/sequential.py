"""The sequential update of recursive mixture estimation: the paper's loop."""

import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.base import ascend
from rme_tf.core.optimizer_updates import OneUpdate
from rme_tf.core.types import LogProbs


class SequentialUpdate:
    """One pass of the paper's loop over a minibatch.

    Each stage updates some weights, with the weights that the earlier stages have updated. All stages together are one
    update of the optimizer.

    Args:
        algorithm: a `Recursion`.
        model: a compiled `rme_tf.VAE`.
        x: Shape [B, ...].
        seed: stateless seed of every stage. Shape [2].
    """

    def __init__(self, algorithm, model, x, seed):
        self.algorithm, self.model, self.x, self.seed = algorithm, model, x, seed
        self.update = OneUpdate(model.optimizer)
        self.kl_weight = algorithm.kl_weight_now(model)

    def run(self) -> LogProbs:
        """Moves every weight; returns the `LogProbs` of the last stage."""
        model, last = self.model, self.model.active_components - 1
        for m in range(last + 1):
            end = self.last_of(m)
            self.stage(self.component_variables(m), lambda m=m, end=end: self.component_objective(m, end))
            if m > 0 and self.algorithm.moves_weights(model):
                # The network has one weight decay, but many stages.
                variables = model.mixing_network.trainable_variables
                self.stage(variables, lambda m=m: self.mixing_objective(m), regularize=m == last)
        if self.shared_variables():
            self.stage(self.shared_variables(), lambda: self.component_objective(0, last))
        log_probs = self.stage(model.generative_variables, self.generative_objective)
        self.update.end()
        return log_probs

    def stage(self, variables, objective, regularize=True):
        """Moves variables one step up an objective; returns the objective's result."""
        return self.update.part(ascend, self.model, variables, objective, regularize=regularize)

    def component_variables(self, m: int) -> list:
        """Returns the variables that only component m has.

        No encoder is among them where one network serves all components.
        """
        model = self.model
        encoder = model.encoders[m].trainable_variables if model.encoders else []
        # A family that is not shared has some only if M = 1: see `check`.
        return encoder + ([] if model.posterior_family.num_shared else model.posterior_family.trainable_variables)

    def last_of(self, m: int) -> int:
        """Returns the last component whose objective encoder m ascends, m or later.

        The first encoder has the params of a flow that all components share. By these it ascends their objectives, at
        the beginning of the loop, as each variable moves once.
        """
        model = self.model
        shares = m == 0 and model.encoders and model.posterior_family.num_shared
        return model.active_components - 1 if shares else m

    def shared_variables(self) -> list:
        """Returns the variables of the trunk and of a shared flow."""
        trunk, family = self.model.trunk, self.model.posterior_family
        return [
            *(trunk.trainable_variables if trunk is not None else []),
            *(family.trainable_variables if family.num_shared else []),
        ]

    def component_objective(self, first: int, last: int):
        """Returns the sum of ELBO(q_m) + BKL(q_m || Q_{m-1}) over m = first ... last."""
        algorithm, model, kl_weight = self.algorithm, self.model, self.kl_weight
        q, draws, log_lik, log_prior = self.draw(last + 1, first)
        params = q.params[:, first:]
        log_q = model.posterior_family.log_prob_of_draws(params, draws)  # of its own component
        log_q_all = q.params_held().log_probs_of(draws)
        bound = objectives.elbo(log_lik + kl_weight * log_prior, kl_weight * log_q)
        value = tf.reduce_sum(bound + kl_weight * algorithm.kl_below_floor(model, params, draws), axis=-1)  # components
        for i, m in enumerate(range(first, last + 1)):
            value += kl_weight * algorithm.reward(log_q[..., i], log_q_all[:, :, i], q.log_alpha, m)
        return value + self.posterior_prior_term(), None

    def mixing_objective(self, m: int):
        """Returns ELBO(Q_m)."""
        model, kl_weight = self.model, self.kl_weight
        q, draws, log_lik, log_prior = self.draw(m + 1)
        log_q_all = q.log_probs_of(draws)
        value = objectives.joining_elbo(log_lik + kl_weight * log_prior, log_q_all, q.log_alpha, m, kl_weight)
        if m + 1 == model.active_components:  # the network has one penalty and one part in p(z), but many stages
            value += self.posterior_prior_term() - model.mixing.penalty(q.log_alpha)
        return value, None

    def generative_objective(self):
        """Returns E_Q[log p(x, z)], or the uniform average, and the `LogProbs`."""
        model = self.model
        q, draws, log_lik, log_prior = self.draw(model.active_components, prior=model.prior.distribution)
        log_q_all = q.log_probs_of(draws)
        weights = self.algorithm.generative_weights(q.log_alpha)
        value = tf.reduce_sum(weights * tf.reduce_mean(log_lik + self.kl_weight * log_prior, axis=0), axis=-1)
        return value, LogProbs(log_lik, log_prior, log_q_all, q.log_alpha)

    def draw(self, num_components: int, first: int = 0, prior=None):
        """Returns a posterior, its `Draws`, log p(x|z) and log p(z).

        Args:
            num_components: number of components of the encoding.
            first: index of the first component that is sampled.
            prior: function () -> distribution p(z). None holds the prior's weights fixed.
        """
        model = self.model
        q = model.infer(self.x, num_components=num_components, training=True, mixing_moves_trunk=False)
        draws = q.draw(self.algorithm.num_samples, self.seed, first=first)
        held = (prior or model.prior.held)()
        log_lik, log_prior = model.log_joint(self.x, draws.z, training=True, prior=held)
        return q, draws, log_lik, log_prior

    def posterior_prior_term(self):
        """Returns E_Q[log p(z)] for a prior made of the posterior, Q held fixed.

        Weighted, in nats, [B]: the objective of the inference networks as parameters of p. Zero for other priors.
        """
        model = self.model
        if not model.prior.uses_posterior:
            return 0.0
        q = model.infer(self.x, num_components=model.active_components, training=True)
        z = tf.stop_gradient(q.sample_components(self.algorithm.num_samples, self.seed))
        log_prior = tf.reduce_mean(model.prior.distribution().log_prob(z), axis=0)  # samples
        return self.kl_weight * tf.reduce_sum(tf.stop_gradient(q.weights) * log_prior, axis=-1)

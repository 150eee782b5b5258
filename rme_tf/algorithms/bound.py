"""Algorithms whose step ascends one bound in all weights."""

import dataclasses
from typing import ClassVar, NamedTuple

import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.base import Algorithm, ascend
from rme_tf.algorithms.capabilities import SETTINGS
from rme_tf.core.types import Encoding, LogProbs, Tensor


class Draw(NamedTuple):
    """Samples of one training step and their log-probabilities."""

    params: Tensor  # of the components that drew  [B, K, P]
    z: Tensor  # [S, B, K, D]
    log_probs: LogProbs
    log_mixture_density: Tensor  # log Q(z|x)  [S, B, K]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundAlgorithm(Algorithm):
    """Gradient ascent on one bound in all weights of the model.

    The base class encodes, draws, weighs the KL term, adds free bits, subtracts the penalty of the mixing, refines and
    moves the weights. K is the number of components that train.

    Args:
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive: see `Algorithm`.

    To be implemented by subclasses:
        * `bound(log_joint, log_mixture_density, log_alpha)`: [S, B, K], [S, B, K] and [B, K] -> [B], in nats.

    May be overridden:
        * `honors`: with "free_bits" in it, if the bound has a KL term of each component: if adding c_m to
          `log_joint[:, :, m]` adds sum_m alpha_m c_m to the bound.
        * `draw(model, x, encoding, seed)`: if the samples, or their gradients, are other ones.
        * `component_mean(values, log_alpha)`: if the components that drew are not weighed by alpha.
    """

    honors: ClassVar[frozenset[str]] = SETTINGS - {"free_bits"}

    def bound(self, log_joint, log_mixture_density, log_alpha):
        """Returns the bound that all weights ascend, in nats. Shape [B].

        Args:
            log_joint: log p(x|z) + kl_weight log p(z) at the samples of each component. Shape [S, B, K].
            log_mixture_density: kl_weight log Q(z|x). Shape [S, B, K].
            log_alpha: Shape [B, K].
        """
        raise NotImplementedError

    def draw(self, model, x, encoding: Encoding, seed) -> Draw:
        """Returns samples of each component, reparameterized.

        Args:
            model: a compiled `rme_tf.VAE`.
            x: Shape [B, ...].
            encoding: params [B, K, P] and log_alpha [B, K].
            seed: Shape [2].
        """
        z, log_q_all = model.posterior_of(encoding).sample_with_log_probs(self.num_samples, seed)
        log_probs = model.log_probs_at(x, encoding, z, log_q_all, training=True)
        log_density = objectives.log_mixture(log_probs.log_alpha[:, tf.newaxis], log_probs.log_q_all)
        return Draw(encoding.params, z, log_probs, log_density)

    def component_mean(self, values, log_alpha):
        """Returns sum_m alpha_m values_m [B], for values [B, K] and log_alpha [B, K]."""
        return tf.reduce_sum(tf.exp(log_alpha) * values, axis=-1)

    def bound_at(self, model, x, encoding: Encoding, seed):
        """Returns the bound at an encoding, and the `LogProbs` of its draw.

        The bound has free bits added, and the penalty of the mixing subtracted. Shape [B], in nats.

        Args:
            model: a compiled `rme_tf.VAE`.
            x: Shape [B, ...].
            encoding: params [B, K, P] and log_alpha [B, K].
            seed: Shape [2].
        """
        kl_weight = self.kl_weight_now(model)
        params, z, log_probs, log_density = self.draw(model, x, encoding, seed)
        value = self.bound(*weighted(log_probs, log_density, kl_weight))
        if self.free_bits is not None:
            below_floor = kl_weight * self.kl_below_floor(model, params, z)
            value += self.component_mean(below_floor, log_probs.log_alpha)
        return value - model.mixing.penalty(encoding.log_alpha), log_probs

    def step(self, model, x, seed):
        """Moves every weight one step up the bound; returns `LogProbs`.

        In a model with a refinement, its `objective` decides at which params each network ascends the bound.
        """

        def objective():
            """Returns the objective of all networks, and the `LogProbs` of the (refined) posterior."""
            encoding = model.amortised(x, num_components=model.active_components, training=True)
            if model.refinement is None:
                return self.bound_at(model, x, encoding, seed)
            path = model.refinement.training_path(model, x, encoding, seed, self.kl_weight_now(model))
            return model.refinement.objective(model, lambda at: self.bound_at(model, x, at, seed), path)

        return ascend(model, model.active_variables, objective)


def weighted(log_probs: LogProbs, log_density, kl_weight):
    """Returns the arguments of `BoundAlgorithm.bound`: log_joint, log_mixture_density [S, B, K], log_alpha [B, K]."""
    return log_probs.log_lik + kl_weight * log_probs.log_prior, kl_weight * log_density, log_probs.log_alpha

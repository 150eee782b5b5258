"""Algorithms whose step ascends one bound in all weights."""

import dataclasses
from typing import ClassVar, NamedTuple

import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.base import Algorithm, ascend
from rme_tf.algorithms.capabilities import SETTINGS
from rme_tf.algorithms.component_draws import ComponentDraws, draw_components
from rme_tf.core.types import DrawnLogProbs, Encoding, LogProbs, Tensor
from rme_tf.posteriors import Draws


class Draw(NamedTuple):
    """Samples of one training step and their log-probabilities."""

    params: Tensor  # of the components that drew  [B, K, P]
    z: Tensor | Draws  # [S, B, K, D]
    log_probs: LogProbs | DrawnLogProbs
    log_mixture_density: Tensor  # log Q(z|x)  [S, B, K]
    drawn: ComponentDraws | None = None  # the components, if they differ between the observations


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundAlgorithm(Algorithm):
    """Gradient ascent on one bound in all weights of the model.

    The base class encodes, draws, weighs the KL term, adds free bits, subtracts the penalty of the mixing, refines and
    moves the weights. K is the number of components that train, or of those drawn for an observation by
    `components_per_step`: then the bound is a function of these and of the weights M / K alpha_m, whose sum is one on
    average over the draws. It is unbiased if the bound is linear in the weights, as the ELBO, and less tight, but a
    bound, if it is concave in them, as the importance-weighted bound.

    Args:
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive, components_per_step: see
            `Algorithm`.

    To be implemented by subclasses:
        * `bound(log_joint, log_mixture_density, log_alpha)`: [S, B, K], [S, B, K] and [B, K] -> [B], in nats.

    May be overridden:
        * `honors`: with "free_bits" in it, if the bound has a KL term of each component: if adding c_m to
          `log_joint[:, :, m]` adds sum_m alpha_m c_m to the bound; with "components_per_step", if the bound is linear
          or concave in alpha, for weights of any sum. A new `bound` or `draw` does not inherit the latter.
        * `draw(model, x, encoding, seed)`: if the samples, or their gradients, are other ones.
        * `component_mean(values, log_alpha)`: if the components that drew are not weighed by alpha.
    """

    honors: ClassVar[frozenset[str]] = SETTINGS - {"free_bits", "components_per_step"}

    def __init_subclass__(cls, **kwargs):
        if {"bound", "draw"} & vars(cls).keys() and "honors" not in vars(cls):
            cls.honors = cls.honors - {"components_per_step"}
        if "bound" in vars(cls) and "drawn_bound" not in vars(cls):
            cls.drawn_bound = BoundAlgorithm.drawn_bound  # type: ignore[method-assign]  # not the one of another bound
        super().__init_subclass__(**kwargs)

    def bound(self, log_joint, log_mixture_density, log_alpha):
        """Returns the bound that all weights ascend, in nats. Shape [B].

        Args:
            log_joint: log p(x|z) + kl_weight log p(z) at the samples of each component. Shape [S, B, K].
            log_mixture_density: kl_weight log Q(z|x). Shape [S, B, K].
            log_alpha: Shape [B, K].
        """
        raise NotImplementedError

    def draw(self, model, x, encoding: Encoding, seed) -> Draw:
        """Returns samples of each component that trains or is drawn, reparameterized.

        Args:
            model: a compiled `rme_tf.VAE`.
            x: Shape [B, ...].
            encoding: params [B, M, P] and log_alpha [B, M].
            seed: Shape [2].
        """
        q, count = model.posterior_of(encoding), encoding.params.shape[1]
        if self.draws_some(count):
            drawn = draw_components(tf.shape(encoding.params)[0], count, self.components_per_step or count, seed)
            sampled = drawn.of(encoding)
            draws = model.posterior_of(sampled).draw(self.num_samples, seed)
            log_probs = drawn.log_probs(model.log_probs_at(x, q, draws.z, q.log_probs_of(draws), training=True))
        else:
            drawn, sampled = None, encoding
            draws, log_q_all = q.draw_with_log_probs(self.num_samples, seed)
            log_probs = model.log_probs_at(x, encoding, draws.z, log_q_all, training=True)
        log_density = objectives.log_mixture(log_probs.log_alpha[:, tf.newaxis], log_probs.log_q_all)
        return Draw(sampled.params, draws, log_probs, log_density, drawn)

    def drawn_bound(self, log_joint, log_mixture_density, log_weights, drawn: ComponentDraws):
        """Returns the bound from drawn components of learned weights.

        In nats, shape [B]. What the draws of the other half of the batch have in common is left out of the bound and
        added again, so that its noise does not reach the weights. On average over the draws this changes neither the
        value nor the gradient.

        Args:
            log_joint: see `bound`. Shape [S, B, K].
            log_mixture_density: see `bound`. Shape [S, B, K].
            log_weights: log of M / K alpha_m. Shape [B, K].
            drawn: the components.
        """
        common = drawn.baseline(objectives.elbo(log_joint, log_mixture_density))  # [B, 1]
        return self.bound(log_joint - common, log_mixture_density, log_weights) + common[:, 0]

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
        params, z, log_probs, log_density, drawn = self.draw(model, x, encoding, seed)
        log_joint, log_density, log_alpha = weighted(log_probs, log_density, kl_weight)
        if drawn is not None:
            log_alpha = drawn.log_weights(log_alpha)
        if drawn is not None and model.mixing.learned:
            value = self.drawn_bound(log_joint, log_density, log_alpha, drawn)
        else:
            value = self.bound(log_joint, log_density, log_alpha)
        if self.free_bits is not None:
            below_floor = kl_weight * self.kl_below_floor(model, params, z, drawn)
            value += self.component_mean(below_floor, log_alpha)
        return value - model.mixing.penalty(encoding.log_alpha), log_probs

    def step(self, model, x, seed):
        """Moves every weight one step up the bound; returns `LogProbs`.

        In a model with a refinement, its `objective` decides at which params each network ascends the bound.
        """

        def objective():
            """Returns the objective of all networks, and the `LogProbs` of the (refined) posterior."""
            count = model.active_components
            encoding = model.amortised(x, num_components=count, training=True, merged=self.draws_some(count))
            if model.refinement is None:
                return self.bound_at(model, x, encoding, seed)
            path = model.refinement.training_path(model, x, encoding, seed, self.kl_weight_now(model))
            return model.refinement.objective(model, lambda at: self.bound_at(model, x, at, seed), path)

        return ascend(model, model.active_variables, objective)


def weighted(log_probs: LogProbs | DrawnLogProbs, log_density, kl_weight):
    """Returns the arguments of `BoundAlgorithm.bound`: log_joint, log_mixture_density [S, B, K], log_alpha [B, K]."""
    return log_probs.log_lik + kl_weight * log_probs.log_prior, kl_weight * log_density, log_probs.log_alpha

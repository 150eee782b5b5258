"""Recursive mixture estimation (RME): the method, and its joint update.

For each minibatch (Kim and Pavlovic, NeurIPS 2020), with Q_m = (1 - eps_m) Q_{m-1} + eps_m q_m and Q_0 = q_0:

    q_0   <- ascend ELBO(q_0)
    for m = 1 ... M-1:
        q_m   <- ascend ELBO(q_m) + BKL(q_m || stop_gradient(Q_{m-1}))
        eps_m <- ascend ELBO(Q_m), the components held fixed
    theta <- ascend E_{Q_{M-1}}[log p(x, z)]

A trunk that the components share is a part of every q_m: it ascends the sum of their objectives (as weights that
are tied do), each with its own Q_{m-1} stopped, and not the objective of eps_m, for which the components are fixed.
That is once a step, after the components: within the loop, each of them would move the ones before it. A flow that the
components share is such a part, too. The KL between the components is the one between their Gaussians, so Q_{m-1} holds
only these fixed, and no reward reaches the flow.

A prior that is made of the posterior (`Prior.uses_posterior`) is a part of p(x, z), and the inference networks then
are parameters of p, too: as such they ascend what theta ascends, E_Q[log p(x, z)] with Q held fixed. As parameters of
Q they ascend the objectives above, with p held fixed.

`SequentialUpdate` is that text as code. The joint update takes all these gradients, at equal parameters, from one
forward and one backward pass.
"""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.base import Algorithm, ascend
from rme_tf.algorithms.capabilities import SETTINGS
from rme_tf.algorithms.drawn_update import MIN_ALPHA, DrawnUpdate
from rme_tf.algorithms.polish import begin_with_equal_weights, check_polish, polishing
from rme_tf.algorithms.sequential import SequentialUpdate
from rme_tf.core.optimizer_updates import refuse_accumulation
from rme_tf.core.registry import lookup
from rme_tf.core.scaled_gradient import scale_gradient
from rme_tf.core.types import LogProbs
from rme_tf.core.validation import check_number
from rme_tf.posteriors import UniformMixing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recursion(Algorithm):
    """The recursion above, for any reward instead of BKL.

    Args:
        update: "joint" (one forward and one backward pass) or "sequential" (the paper's loop). A decoder that mixes
            the rows of its batch needs the loop: each stage then normalizes over the codes that it decodes.
        decoder_weights: weights of the components in the objective of theta, the average of log p(x, z_m): "alpha",
            as in E_Q[log p(x, z)], or "uniform", where components of small weight influence the decoder equally.
        polish_epoch: epoch of the model's life, counted from 0, from which on all weights ascend ELBO(Q) as in `ELBO`,
            including the mixing weights, and the decoder by alpha; None is no polish.
        weights_from_polish: whether learned mixing weights stay uniform until the polish. The recursion then breaks the
            symmetry of the components before one of them can take all the weight.
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive, components_per_step: see
            `Algorithm`.

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    To be implemented by subclasses:
        * `diversity_reward(log_q, log_mixture_before)`: [S, B, ...] and [S, B, ...] -> [B, ...], the reward of a
          component m > 0 for its distance from Q_{m-1}, in nats.
    """

    honors: ClassVar[frozenset[str]] = SETTINGS - {"refinement"}

    update: str = "joint"
    decoder_weights: str = "alpha"
    polish_epoch: int | None = None
    weights_from_polish: bool = False
    warm_start_epochs: int = 3

    def __post_init__(self):
        super().__post_init__()
        lookup(UPDATES, self.update, "update")
        lookup(DECODER_WEIGHTS, self.decoder_weights, "weights of the components for the decoder (`decoder_weights`)")
        check_polish(self.polish_epoch, self.warm_start_epochs, self.weights_from_polish)

    def phase(self, epochs_trained: int) -> int:
        """Returns 1 from `polish_epoch` on, 0 before."""
        return int(self.polish_epoch is not None and epochs_trained >= self.polish_epoch)

    def phase_name(self, phase: int) -> str:
        """Returns "polish" from `polish_epoch` on, "recursion" before."""
        return "polish" if phase else "recursion"

    def begin(self, model):
        """Makes mixing weights uniform that wait for the polish."""
        if self.weights_from_polish and model.mixing_network is not None:
            begin_with_equal_weights(model)

    def moves_weights(self, model) -> bool:
        """Returns whether the recursion has mixing weights to learn."""
        return model.mixing.learned and not self.weights_from_polish

    def moving_variables(self, model) -> list:
        """Returns the active variables without mixing weights that wait."""
        waits = model.mixing_network is not None and not self.moves_weights(model)
        waiting = {id(variable) for variable in model.mixing_network.trainable_variables} if waits else set()
        return [variable for variable in model.active_variables if id(variable) not in waiting]

    def check(self, model):
        """Raises ValueError for what the recursion cannot train.

        That is some priors and families, and drawn components in the paper's loop.
        """
        super().check(model)
        if self.update == "sequential" and self.draws_some(model.num_components):
            raise ValueError(
                "The paper's loop trains every component in each step. Expected: update='joint', or "
                f"components_per_step=None. Received: components_per_step={self.components_per_step} of "
                f"{model.num_components} components with update='sequential'."
            )
        if self.free_bits is not None and model.prior.trainable_variables:
            raise ValueError(
                "Free bits in recursive mixture estimation need a prior without weights of its own. "
                f"Received: {type(model.prior).__name__}. Pass `free_bits=None` (to a recipe --algorithm.no-free-bits)."
            )
        family = model.posterior_family
        if family.trainable_variables and not family.num_shared and model.num_components > 1:
            raise ValueError(
                "Recursive mixture estimation needs a posterior family without weights of its own, a flow that the "
                f"components share (`shared=True`), or one component. Received: {model.num_components} of "
                f"{type(family).__name__}. Train it with the ELBO algorithm."
            )
        if self.weights_from_polish and not model.mixing.learned:
            raise ValueError(
                "`weights_from_polish` needs mixing weights that are learned. Expected mixing='learned'. "
                f"Received: {type(model.mixing).__name__}."
            )

    def of_saved(self, model):
        """Returns the algorithm of a loaded model, without arguments of no effect."""
        waits = self.weights_from_polish and model.mixing.learned
        return super(Recursion, dataclasses.replace(self, weights_from_polish=waits)).of_saved(model)

    def exact_for_any_decoder(self, model):
        """Returns the paper's loop: the joint update rescales gradients at codes.

        From drawn components it does so only for weights of the decoder that are not uniform.
        """
        if self.update != "joint" or model.num_components == 1:
            return {}
        if self.draws_some(model.num_components):
            return {} if self.weighs_alike(model) else {"decoder_weights": "uniform"}
        return {"update": "sequential"}

    def weighs_alike(self, model) -> bool:
        """Returns whether theta's objective always weighs all components equally."""
        return self.decoder_weights == "uniform" or isinstance(model.mixing, UniformMixing)

    def check_optimizer(self, optimizer):
        """Raises ValueError for the paper's loop with an optimizer that accumulates gradients."""
        if self.update == "sequential":
            refuse_accumulation(optimizer, instead="`update='joint'`")

    def step(self, model, x, seed):
        """Updates every weight by its objective; returns `LogProbs` or `DrawnLogProbs`."""
        if model.phase == 1:
            return polishing(self).step(model, x, seed)
        if self.draws_some(model.active_components):
            return DrawnUpdate(self, model, x, seed).run()
        return UPDATES[self.update](self, model, x, seed)

    def generative_weights(self, log_alpha):
        """Returns the weights of the components in the objective of theta.

        Shape [B, K], summing to one, without gradient.
        """
        return tf.stop_gradient(DECODER_WEIGHTS[self.decoder_weights](log_alpha))

    def reward(self, log_q, log_q_all, log_alpha, m: int):
        """Returns the reward of component m, added to ELBO(q_m), in nats.

        Shape [B]; zero for m = 0.

        Args:
            log_q: log q_m(z_m), differentiable in q_m. Shape [S, B].
            log_q_all: log q_j(z_m), gradients through z_m only. Shape [S, B, J], J >= m.
            log_alpha: Shape [B, J].
            m: index of the component.
        """
        if m == 0:
            return tf.zeros_like(log_q[0])
        log_alpha = tf.stop_gradient(objectives.prefix_log_alpha(log_alpha, m))
        return self.diversity_reward(log_q, objectives.log_mixture(log_alpha, log_q_all[..., :m]))

    def diversity_reward(self, log_q, log_mixture_before):
        """Returns the reward for the distance from Q_{m-1}, in nats.

        Args:
            log_q: log q_m(z_m). Shape [S, B, ...].
            log_mixture_before: log Q_{m-1}(z_m). Shape [S, B, ...].

        Returns:
            A tensor of shape [B, ...].
        """
        raise NotImplementedError


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class RecursiveMixture(Recursion):
    """Recursive mixture estimation (RME).

    Args:
        kl_bound: bound C in nats on the reward KL(q_m || Q_{m-1}). It should be about log M plus a few nats: with much
            larger values the components leave the posterior.
        bound: "skew" (smooth, KL to a mixture with a share exp(-C) of q_m), "clamp" (the paper's min(KL, C)) or
            "none", without a `kl_bound`.
        update, decoder_weights, polish_epoch, weights_from_polish: see `Recursion`.
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive, components_per_step: see
            `Algorithm`.

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    References:
        Kim and Pavlovic (2020), https://arxiv.org/abs/2011.08544
    """

    kl_bound: float = 3.0
    bound: str = "skew"

    def __post_init__(self):
        super().__post_init__()
        check_number("kl_bound", self.kl_bound, least=0.0, finite=False)
        lookup(objectives.KL_BOUNDS, self.bound, "bound on the KL")
        if self.bound == "none" and self.kl_bound != type(self).kl_bound:
            raise ValueError(
                f"`kl_bound` has no effect with bound='none'. Expected: {type(self).kl_bound}, the default. "
                f"Received: {self.kl_bound}. Choose another `bound`, or leave `kl_bound` out."
            )

    @classmethod
    def from_config(cls, config: dict):
        """Returns the algorithm with these fields, without a `kl_bound` of no effect."""
        ignored = {"kl_bound"} if config.get("bound") == "none" else set()
        return super().from_config({name: value for name, value in config.items() if name not in ignored})

    def diversity_reward(self, log_q, log_mixture_before):
        """Returns BKL(q_m || Q_{m-1})."""
        return objectives.bounded_kl(log_q, log_mixture_before, bound=self.bound, kl_bound=self.kl_bound)


def _sequential(algorithm: Recursion, model, x, seed) -> LogProbs:
    return SequentialUpdate(algorithm, model, x, seed).run()


def _joint(algorithm: Recursion, model, x, seed) -> LogProbs:
    """Moves all weights by the gradients of the recursion, at equal parameters, from one pass.

    theta needs the gradient of sum_m alpha_m log p(x, z_m), component m the gradient of log p(x, z_m) only:
    the weighted sum is back-propagated, and the gradient at z_m is divided by alpha_m (by its weight for theta, see
    `decoder_weights`). The result is exact if the decoder does not mix rows: see `check`.
    """
    kl_weight, count = algorithm.kl_weight_now(model), model.active_components

    def objective():
        """Returns the sum of all objectives, each a function of its own weights, and the `LogProbs`."""
        q = model.infer(x, num_components=count, training=True, mixing_moves_trunk=False)
        params, log_alpha = q.params, q.log_alpha
        weights = algorithm.generative_weights(log_alpha)
        draws = q.draw(algorithm.num_samples, seed)
        z = draws.z
        scale = 1.0 / tf.maximum(weights, MIN_ALPHA)
        share = weights * scale  # one, but for a weight below the floor  [B, K]
        rescaled = scale_gradient(z, scale[..., tf.newaxis])
        log_lik, log_prior = model.log_joint(x, rescaled, training=True)
        log_joint = log_lik + kl_weight * log_prior
        log_q = q.own_log_probs(draws)  # [S, B, K]
        log_q_all = q.params_held().log_probs_of(draws)  # gradients through z only

        value = tf.reduce_sum(weights * tf.reduce_mean(log_joint, axis=0), axis=-1)
        q_terms = kl_weight * (algorithm.kl_below_floor(model, params, draws) - tf.reduce_mean(log_q, axis=0))
        value += tf.reduce_sum(share * q_terms, axis=-1)
        if count > 1:
            log_before = objectives.log_mixtures_before(tf.stop_gradient(log_alpha), log_q_all)
            rewards = algorithm.diversity_reward(log_q[..., 1:], log_before)
            value += kl_weight * tf.reduce_sum(share[:, 1:] * rewards, axis=-1)
        if algorithm.moves_weights(model):
            for m in range(1, count):
                value += objectives.joining_elbo(log_joint, log_q_all, log_alpha, m, kl_weight)
        value -= model.mixing.penalty(log_alpha)
        return value, LogProbs(log_lik, log_prior, log_q_all, log_alpha)

    return ascend(model, algorithm.moving_variables(model), objective)


DECODER_WEIGHTS = {"alpha": tf.exp, "uniform": lambda log_alpha: tf.nn.softmax(tf.zeros_like(log_alpha))}
UPDATES = {"joint": _joint, "sequential": _sequential}

"""Recursive mixture estimation: the whole method, in this file.

For each minibatch (Kim and Pavlovic, NeurIPS 2020), with Q_m = (1 - eps_m) Q_{m-1} + eps_m q_m and Q_0 = q_0:

    q_0   <- ascend ELBO(q_0)
    for m = 1 ... M-1:
        q_m   <- ascend ELBO(q_m) + BKL(q_m || stop_gradient(Q_{m-1}))
        eps_m <- ascend ELBO(Q_m), the components held fixed
    theta <- ascend E_{Q_{M-1}}[log p(x, z)]

A trunk that the components share is a part of every q_m: it ascends the sum of their objectives (as weights that
are tied do), each with its own Q_{m-1} stopped, and not that of eps_m, for which the components are fixed. Once
a step, after the components: within the loop, what one of them learns would move those before it.

A prior that is made of the posterior (`Prior.uses_posterior`) is a part of p(x, z), and the inference networks then
are parameters of p, too: as such they ascend what theta ascends, E_Q[log p(x, z)] with Q held fixed. As parameters of
Q they ascend the objectives above, with p held fixed.

`_sequential` is that text as code. `_joint` takes all these gradients, at equal parameters, from one
forward and one backward pass.
"""

import dataclasses
import functools
from typing import ClassVar

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms import capabilities
from rme_tf.algorithms.base import Algorithm, ascend
from rme_tf.algorithms.elbo import ELBO
from rme_tf.algorithms.warm_start import begin_with_equal_weights
from rme_tf.core.optimizer_updates import OneUpdate, refuse_accumulation
from rme_tf.core.registry import lookup
from rme_tf.core.serializable import is_number
from rme_tf.core.types import LogProbs

MIN_ALPHA = 1e-4  # floor of 1 / alpha: a component of less weight gets a gradient shrunk in proportion


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recursion(Algorithm):
    """The recursion above, for any reward in the place of BKL.

    Args:
        update: "joint" (one forward and one backward pass) or "sequential" (the paper's loop). A decoder that mixes
            the rows of its batch needs the loop: each stage then normalizes over the codes that it decodes.
        decoder_weights: theta ascends the average of log p(x, z_m) over the components, weighted by "alpha", as
            E_Q[log p(x, z)] is, or "uniform": then a component of little weight teaches the decoder no less.
        polish_epoch: from this epoch of the model's life on, counted from 0, all ascend ELBO(Q) as in `ELBO`,
            the mixing weights too, and the decoder by alpha. None: never.
        weights_from_polish: whether learned mixing weights wait for that epoch: they begin uniform, and until then
            stay. The recursion then breaks the symmetry of the components before one of them can take all the weight.
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive: see `Algorithm`.

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    To be implemented by subclasses:
        * `reward_beside(log_q, log_before)`: what component m > 0 gains from being apart from Q_{m-1}.
    """

    honors: ClassVar[frozenset[str]] = capabilities.SETTINGS - {"refinement"}

    update: str = "joint"
    decoder_weights: str = "alpha"
    polish_epoch: int | None = None
    weights_from_polish: bool = False
    warm_start_epochs: int = 3

    def __post_init__(self):
        super().__post_init__()
        lookup(UPDATES, self.update, "update")
        lookup(DECODER_WEIGHTS, self.decoder_weights, "weights of the components for the decoder (`decoder_weights`)")
        epoch, least = self.polish_epoch, self.warm_start_epochs + 1
        if epoch is not None and (not isinstance(epoch, int) or epoch < least):
            raise ValueError(
                "`polish_epoch` must be None or an integer greater than `warm_start_epochs`, or there is no "
                f"recursion. Expected: at least {least}. Received: {epoch!r}."
            )
        if self.weights_from_polish and epoch is None:
            raise ValueError("`weights_from_polish` needs a `polish_epoch`. Received: None.")

    def phase(self, epochs_trained: int) -> int:
        """Returns 1 from `polish_epoch` on, 0 before."""
        return int(self.polish_epoch is not None and epochs_trained >= self.polish_epoch)

    def begin(self, model):
        """Makes mixing weights uniform that wait for the polish; raises ValueError if they cannot be made so."""
        if self.weights_from_polish and model.mixing_network is not None:
            begin_with_equal_weights(model)

    def moves_weights(self, model) -> bool:
        """Returns whether the recursion has mixing weights to learn."""
        return model.mixing.learned and not self.weights_from_polish

    def check(self, model):
        """Raises ValueError where the recursion cannot tell whose the weights of a posterior family or prior are."""
        super().check(model)
        if self.free_bits is not None and model.prior.trainable_variables:
            raise ValueError(
                "Free bits in recursive mixture estimation need a prior without weights of its own. "
                f"Received: {type(model.prior).__name__}."
            )
        if model.posterior_family.trainable_variables and model.num_components > 1:
            raise ValueError(
                "Recursive mixture estimation needs a posterior family without weights of its own, or one component. "
                f"Received: {model.num_components} of {type(model.posterior_family).__name__}. "
                "Train it with the ELBO algorithm."
            )

    def exact_for_any_decoder(self, model):
        """Returns the paper's loop: the joint update of several components rescales the gradient at each code."""
        return {"update": "sequential"} if self.update == "joint" and model.num_components > 1 else {}

    def check_optimizer(self, optimizer):
        """Raises ValueError for the paper's loop and an optimizer whose gradients wait for later minibatches."""
        if self.update == "sequential":
            refuse_accumulation(optimizer, instead="`update='joint'`")

    def step(self, model, x, seed):
        """Moves every weight up its own objective; returns `LogProbs`."""
        if model.phase == 1:
            shared = {field.name: getattr(self, field.name) for field in dataclasses.fields(ELBO)}
            return ELBO(**shared).step(model, x, seed)
        return UPDATES[self.update](self, model, x, seed)

    def generative_weights(self, log_alpha):
        """Returns by what theta weighs the components' log p(x, z_m): [B, K], summing to one, without gradient."""
        return tf.stop_gradient(DECODER_WEIGHTS[self.decoder_weights](log_alpha))

    def reward(self, log_q, log_q_all, log_alpha, m: int):
        """Returns what component m ascends beside ELBO(q_m), in nats, shape [B]; zero for m = 0.

        Args:
            log_q: log q_m(z_m), differentiable in q_m. Shape [S, B].
            log_q_all: log q_j(z_m), gradients through z_m alone. Shape [S, B, J], J >= m.
            log_alpha: Shape [B, J].
            m: the component.
        """
        if m == 0:
            return tf.zeros_like(log_q[0])
        log_alpha = tf.stop_gradient(objectives.prefix_log_alpha(log_alpha, m))
        return self.reward_beside(log_q, objectives.log_mixture(log_alpha, log_q_all[..., :m]))

    def reward_beside(self, log_q, log_before):
        """Returns the reward [B, ...], in nats, from log q_m(z_m) and log Q_{m-1}(z_m), each [S, B, ...]."""
        raise NotImplementedError


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class RecursiveMixture(Recursion):
    """Recursive mixture estimation (RME).

    Args:
        kl_bound: C in nats, the barrier on the reward KL(q_m || Q_{m-1}). Of the order of log M plus a
            few nats: far beyond that the components leave the posterior.
        bound: "skew" (smooth, KL to a mixture that holds a share exp(-C) of q_m itself), "clamp"
            (the paper's min(KL, C)) or "none".
        update, decoder_weights, polish_epoch, weights_from_polish: see `Recursion`.
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive: see `Algorithm`.

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    References:
        Kim and Pavlovic (2020), https://arxiv.org/abs/2011.08544
    """

    kl_bound: float = 3.0
    bound: str = "skew"

    def __post_init__(self):
        super().__post_init__()
        if not is_number(self.kl_bound) or not self.kl_bound >= 0.0:
            raise ValueError(f"`kl_bound` must be a number that is not negative. Received: {self.kl_bound!r}.")
        lookup(objectives.KL_BOUNDS, self.bound, "bound on the KL")

    def reward_beside(self, log_q, log_before):
        """Returns BKL(q_m || Q_{m-1})."""
        return objectives.bounded_kl(log_q, log_before, bound=self.bound, kl_bound=self.kl_bound)


def _sequential(algorithm: Recursion, model, x, seed) -> LogProbs:
    """The paper's loop: every stage sees what the stages before it have just learned."""
    update = OneUpdate(model.optimizer)  # of all stages: schedules do not run once a stage
    kl_weight = algorithm.kl_weight_now(model)
    lent = functools.partial(_lent_to_the_prior, algorithm, model, x, seed)
    stage = functools.partial(update.part, ascend, model)

    def draw(num_components, first=0, prior=model.prior.held):
        """Encodes with the first components, samples and decodes those from `first` on."""
        encoding = model.encode(x, num_components=num_components, training=True, mixing_moves_trunk=False)
        z = model.sample_components(encoding.params[:, first:], algorithm.num_samples, seed, first)
        log_lik, log_prior = model.log_joint(x, z, training=True, prior=prior())
        return encoding, z, log_lik, log_prior

    def component_objective(first, last):
        """Returns the sum of ELBO(q_m) + BKL(q_m || Q_{m-1}) over m = first ... last."""
        encoding, z, log_lik, log_prior = draw(last + 1, first)
        params = encoding.params[:, first:]
        log_q = model.posterior_family.log_prob(params, z)  # of its own component, [S, B, last - first + 1]
        log_q_all = model.component_log_probs(tf.stop_gradient(encoding.params), z)
        bound = objectives.elbo(log_lik + kl_weight * log_prior, kl_weight * log_q)
        value = tf.reduce_sum(bound + kl_weight * algorithm.kl_below_floor(model, params, z), axis=-1)  # components
        for i, m in enumerate(range(first, last + 1)):
            value += kl_weight * algorithm.reward(log_q[..., i], log_q_all[:, :, i], encoding.log_alpha, m)
        return value + lent(), None

    def mixing_objective(m):
        """Returns ELBO(Q_m)."""
        encoding, z, log_lik, log_prior = draw(m + 1)
        log_q_all = model.component_log_probs(encoding.params, z)
        value = objectives.joining_elbo(log_lik + kl_weight * log_prior, log_q_all, encoding.log_alpha, m, kl_weight)
        # The network has one penalty and one part in p(z), but many stages.
        once = lent() - model.mixing.penalty(encoding.log_alpha) if m + 1 == model.active_components else 0.0
        return value + once, None

    def generative_objective():
        """Returns E_Q[log p(x, z)], or the uniform average, and the `LogProbs`."""
        encoding, z, log_lik, log_prior = draw(model.active_components, prior=model.prior.distribution)
        log_q_all = model.component_log_probs(encoding.params, z)
        weights = algorithm.generative_weights(encoding.log_alpha)
        value = tf.reduce_sum(weights * tf.reduce_mean(log_lik + kl_weight * log_prior, axis=0), axis=-1)
        return value, LogProbs(log_lik, log_prior, log_q_all, encoding.log_alpha)

    for m in range(model.active_components):
        stage(_own_variables(model, m), lambda m=m: component_objective(m, m))
        if m > 0 and algorithm.moves_weights(model):
            last = m + 1 == model.active_components  # the network has one weight decay, but many stages
            stage(model.mixing_network.trainable_variables, lambda m=m: mixing_objective(m), regularise=last)
    if model.trunk is not None:
        stage(model.trunk.trainable_variables, lambda: component_objective(0, model.active_components - 1))
    log_probs = stage(model.generative_variables, generative_objective)
    update.end()
    return log_probs


def _own_variables(model, m: int) -> list:
    """Returns the variables that component m has for itself: no encoder where one network serves all of them."""
    own = model.encoders[m].trainable_variables if model.encoders else []
    return own + model.posterior_family.trainable_variables  # a family has some only where m = 0 is alone: see `check`


def _lent_to_the_prior(algorithm: Recursion, model, x, seed):
    """Returns E_Q[log p(z)] [B], weighted, Q held fixed: what a prior made of the inference networks asks of them."""
    if not model.prior.uses_posterior:
        return 0.0
    params, log_alpha = model.encode(x, num_components=model.active_components, training=True)
    z = tf.stop_gradient(model.sample_components(params, algorithm.num_samples, seed))
    log_prior = tf.reduce_mean(model.prior.distribution().log_prob(z), axis=0)  # samples
    return algorithm.kl_weight_now(model) * tf.reduce_sum(tf.stop_gradient(tf.exp(log_alpha)) * log_prior, axis=-1)


def _joint(algorithm: Recursion, model, x, seed) -> LogProbs:
    """The same gradients at equal parameters from one pass.

    theta needs the gradient of sum_m alpha_m log p(x, z_m), component m that of log p(x, z_m) alone: the
    weighted sum is back-propagated, and the gradient that arrives at z_m is divided by alpha_m (by whatever weighs
    it for theta, see `decoder_weights`). That is exact as long as the decoder mixes no rows: see `check`.
    """
    kl_weight, count = algorithm.kl_weight_now(model), model.active_components

    def objective():
        """Returns what every network ascends at once, and the `LogProbs`."""
        params, log_alpha = model.encode(x, num_components=count, training=True, mixing_moves_trunk=False)
        weights = algorithm.generative_weights(log_alpha)
        z = model.sample_components(params, algorithm.num_samples, seed)
        scale = 1.0 / tf.maximum(weights, MIN_ALPHA)
        share = weights * scale  # one, but for a weight below the floor  [B, K]
        rescaled = _scale_gradient(z, scale[..., tf.newaxis])
        log_lik, log_prior = model.log_joint(x, rescaled, training=True)
        log_joint = log_lik + kl_weight * log_prior
        log_q = model.posterior_family.log_prob(params, z)  # of its own component, [S, B, K]
        log_q_all = model.component_log_probs(tf.stop_gradient(params), z)  # gradients through z alone

        value = tf.reduce_sum(weights * tf.reduce_mean(log_joint, axis=0), axis=-1)
        own = kl_weight * (algorithm.kl_below_floor(model, params, z) - tf.reduce_mean(log_q, axis=0))
        value += tf.reduce_sum(share * own, axis=-1)
        if count > 1:
            log_before = objectives.log_mixtures_before(tf.stop_gradient(log_alpha), log_q_all)
            rewards = algorithm.reward_beside(log_q[..., 1:], log_before)
            value += kl_weight * tf.reduce_sum(share[:, 1:] * rewards, axis=-1)
        if algorithm.moves_weights(model):
            for m in range(1, count):
                value += objectives.joining_elbo(log_joint, log_q_all, log_alpha, m, kl_weight)
        value -= model.mixing.penalty(log_alpha)
        return value, LogProbs(log_lik, log_prior, log_q_all, log_alpha)

    waits = model.mixing_network is not None and not algorithm.moves_weights(model)
    waiting = {id(variable) for variable in model.mixing_network.trainable_variables} if waits else set()
    return ascend(model, [each for each in model.active_variables if id(each) not in waiting], objective)


def _scale_gradient(x, scale):
    """Returns x, whose gradient is multiplied by `scale`."""
    return tf.stop_gradient(x) + scale * (x - tf.stop_gradient(x))


DECODER_WEIGHTS = {"alpha": tf.exp, "uniform": lambda log_alpha: tf.nn.softmax(tf.zeros_like(log_alpha))}
UPDATES = {"joint": _joint, "sequential": _sequential}

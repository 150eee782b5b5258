"""The importance-weighted bound: the IWAE for one component, its stratified form (SIWAE) for several."""

import dataclasses

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.base import Algorithm, ascend
from rme_tf.core.registry import lookup
from rme_tf.core.types import LogProbs


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportanceWeighted(Algorithm):
    """All parameters ascend the importance-weighted bound on log p(x), in nats, stratified over the components.

        log sum_m alpha_m mean_s w_ms,   w = p(x|z) (p(z) / Q(z|x))^kl_weight

    It lies between ELBO(Q) and log p(x), which it tends to as S grows. One component and one sample make it the
    ELBO. With several components the logarithm is outside the sum over them, so one sample is enough for a bound
    above ELBO(Q), which with uniform weights is the MISELBO of Kviman et al. of one sample a component, and what `ELBO`
    ascends. Their MISELBO of several, (1/M) sum_m E log mean_s w_ms, has the logarithm inside the sum over components
    and outside that over samples: it lies between the two, and is not offered. The epoch log shows ELBO(Q), as for
    every algorithm.

    Args:
        num_samples: S, samples of each component in a step.
        kl_weight: see `Algorithm`. The bound has no KL term: this is the power of p(z) / Q(z|x) in each weight, and
            unless it is 1 the value is no bound on log p(x).
        gradient: of the encoders: "pathwise", or "dreg", doubly reparameterised: the same on average, with less
            variance, for one component. (Of several, the samples of one component weigh the densities of the
            others, and to these no path leads back.)
        warm_start_epochs, warm_start_noise, aggressive: see `Algorithm`. Free bits are refused.

    Raises:
        ValueError: if a number is out of range, a name is unknown, or free bits are given.

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
        Morningstar et al. (2021), https://arxiv.org/abs/2003.01687
        Tucker et al. (2019), https://arxiv.org/abs/1810.04152
        Kviman et al. (2022), https://arxiv.org/abs/2202.10951
    """

    num_samples: int = 5
    gradient: str = "pathwise"

    def __post_init__(self):
        super().__post_init__()
        lookup(GRADIENTS, self.gradient, "gradient")
        if self.free_bits is not None:
            raise ValueError(
                "`free_bits` is a floor under a KL term, and the importance-weighted bound has none. "
                f"Expected: None. Received: {self.free_bits}."
            )

    def check(self, model):
        """Raises ValueError for "dreg" with several components, or with a posterior family that owns weights."""
        super().check(model)
        if self.gradient == "dreg" and (model.num_components > 1 or model.posterior_family.trainable_variables):
            raise ValueError(
                "The doubly reparameterised gradient is of one component, from a family without weights of its own. "
                f"Received: {model.num_components} of {type(model.posterior_family).__name__}. "
                "Pass `gradient='pathwise'`."
            )

    def exact_for_any_decoder(self, model):
        """Returns the pathwise gradient: "dreg" rescales the gradient at each code."""
        return {"gradient": "pathwise"} if self.gradient == "dreg" else {}

    def step(self, model, x, seed):
        """Moves every weight one step up the bound; returns `LogProbs`."""

        def objective():
            """Returns the bound and the `LogProbs`."""
            encoding = model.encode(x, num_components=model.active_components, training=True)
            value, log_probs = self.bound(model, x, encoding, seed)
            return value - model.mixing.penalty(encoding.log_alpha), log_probs

        return ascend(model, model.active_variables, objective)

    def bound(self, model, x, encoding, seed):
        """Returns the bound, in nats, shape [B], with the wanted gradient, and the `LogProbs` of its draw.

        Args:
            model: a compiled `VAE`.
            x: Shape [B, ...].
            encoding: the `Encoding` of x.
            seed: Shape [2].
        """
        return GRADIENTS[self.gradient](self, model, x, encoding, seed)

    def log_weighted(self, model, log_probs: LogProbs):
        """Returns what `objectives.importance_weighted_bound` takes: log_joint, log Q [S, B, K], log_alpha [B, K]."""
        kl_weight = self.kl_weight_now(model)
        log_alpha = log_probs.log_alpha
        log_density = kl_weight * objectives.log_mixture(log_alpha[:, tf.newaxis], log_probs.log_q_all)
        return log_probs.log_lik + kl_weight * log_probs.log_prior, log_density, log_alpha


def _pathwise(algorithm: ImportanceWeighted, model, x, encoding, seed):
    draws = model.sample_with_log_probs(encoding.params, algorithm.num_samples, seed)
    log_probs = model.log_probs_at(x, encoding, *draws, training=True)
    return objectives.importance_weighted_bound(*algorithm.log_weighted(model, log_probs)), log_probs


def _doubly_reparameterised(algorithm: ImportanceWeighted, model, x, encoding, seed):
    """The bound with the gradient of Tucker et al., for v_s = w_s / sum_s w_s and b the weight of the KL term.

        sum_s (b v_s^2 + (1 - b) v_s) (d log w_s / dz_s) (dz_s / dphi)

    The pathwise gradient has v_s instead, and beside it -b v_s (d log q(z_s) / dphi at fixed z_s), a score
    function, which is reparameterised in its turn. That of theta is as it was.
    """
    z = model.sample_components(encoding.params, algorithm.num_samples, seed)
    z, factor = _scale_gradient_later(z)
    stopped = encoding._replace(params=tf.stop_gradient(encoding.params))
    log_probs = model.log_probs_at(x, stopped, z, training=True)
    log_joint, log_density, log_alpha = algorithm.log_weighted(model, log_probs)
    shares = tf.nn.softmax(tf.stop_gradient(log_joint - log_density), axis=0)  # samples  [S, B, 1]
    kl_weight = algorithm.kl_weight_now(model)
    factor.append((kl_weight * shares + 1.0 - kl_weight)[..., tf.newaxis])
    return objectives.importance_weighted_bound(log_joint, log_density, log_alpha), log_probs


def _scale_gradient_later(x):
    """Returns x, and an empty list: by what is put there, its gradient is multiplied when it is taken."""
    factor: list = []

    @tf.custom_gradient
    def identity(x):
        return tf.identity(x), lambda upstream: upstream * factor[0]

    return identity(x), factor


GRADIENTS = {"dreg": _doubly_reparameterised, "pathwise": _pathwise}

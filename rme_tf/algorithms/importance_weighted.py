"""The importance-weighted bound of one component (IWAE) or several (SIWAE)."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.bound import BoundAlgorithm, Draw, weighted
from rme_tf.core.registry import lookup


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportanceWeighted(BoundAlgorithm):
    """Ascent of all parameters on the stratified importance-weighted bound.

    In nats,

        log sum_m alpha_m mean_s w_ms,   w = p(x|z) (p(z) / Q(z|x))^kl_weight

    It lies between ELBO(Q) and log p(x), which it tends to as S grows. One component and one sample make it the
    ELBO. With several components the logarithm is outside the sum over them, so one sample is enough for a bound
    above ELBO(Q), which with uniform weights is the MISELBO of Kviman et al. of one sample a component, and what `ELBO`
    ascends. Their MISELBO of several, (1/M) sum_m E log mean_s w_ms, has the logarithm inside the sum over components
    and outside that over samples: it lies between the two, and is not offered. The epoch log shows ELBO(Q), as for
    every algorithm.

    With `components_per_step` the sum is over K drawn components, of weights M / K alpha_m. Its mean is the sum over
    all, so its log is still a bound on log p(x) on average, but a looser one: with one component and one sample
    E_m[log M alpha_m w_m] for uniform m, which draws learned weights to uniform ones, where it is the ELBO.

    Args:
        num_samples: S, samples of each component in a step.
        kl_weight: see `Algorithm`. The bound has no KL term: this is the power of p(z) / Q(z|x) in each weight, and
            unless it is 1 the value is no bound on log p(x).
        gradient: gradient of the encoders: "pathwise", or "dreg", doubly reparameterized: the same on average, with
            less variance, for one component. (Of several, the samples of one component weigh the densities of the
            others, and to these no path leads back.)
        warm_start_epochs, warm_start_noise, aggressive, components_per_step: see `Algorithm`.

    Raises:
        ValueError: if a number is out of range, a name is unknown, or there are free bits: the bound has no KL term.

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
        Morningstar et al. (2021), https://arxiv.org/abs/2003.01687
        Tucker et al. (2019), https://arxiv.org/abs/1810.04152
        Kviman et al. (2022), https://arxiv.org/abs/2202.10951
    """

    honors: ClassVar[frozenset[str]] = BoundAlgorithm.honors | {"components_per_step"}

    num_samples: int = 5
    gradient: str = "pathwise"

    def __post_init__(self):
        super().__post_init__()
        lookup(GRADIENTS, self.gradient, "gradient")

    def check(self, model):
        """Raises ValueError for "dreg" with several components, or a family with weights."""
        super().check(model)
        if self.gradient == "dreg" and (model.num_components > 1 or model.posterior_family.trainable_variables):
            raise ValueError(
                "The doubly reparameterized gradient is of one component, from a family without weights of its own. "
                f"Received: {model.num_components} of {type(model.posterior_family).__name__}. "
                "Pass `gradient='pathwise'`."
            )

    def exact_for_any_decoder(self, model):
        """Returns the pathwise gradient: "dreg" rescales the gradient at each code."""
        return {"gradient": "pathwise"} if self.gradient == "dreg" else {}

    def bound(self, log_joint, log_mixture_density, log_alpha):
        """Returns the importance-weighted bound."""
        return objectives.importance_weighted_bound(log_joint, log_mixture_density, log_alpha)

    def draw(self, model, x, encoding, seed):
        """Returns samples of each component, with the gradient of that name."""
        return GRADIENTS[self.gradient](self, model, x, encoding, seed)


def _doubly_reparameterized(algorithm: ImportanceWeighted, model, x, encoding, seed) -> Draw:
    """Samples with the gradient of Tucker et al., for v_s = w_s / sum_s w_s and b the weight of the KL term.

        sum_s (b v_s^2 + (1 - b) v_s) (d log w_s / dz_s) (dz_s / dphi)

    The pathwise gradient has v_s instead, and in addition -b v_s (d log q(z_s) / dphi at fixed z_s), a score
    function, which is reparameterized again. The gradient of theta does not change.
    """
    z, factor = _scaled_gradient(model.posterior_of(encoding).sample_components(algorithm.num_samples, seed))
    stopped = encoding._replace(params=tf.stop_gradient(encoding.params))
    log_probs = model.log_probs_at(x, stopped, z, training=True)
    log_density = objectives.log_mixture(log_probs.log_alpha[:, tf.newaxis], log_probs.log_q_all)
    kl_weight = algorithm.kl_weight_now(model)
    log_joint, weighted_density, _ = weighted(log_probs, log_density, kl_weight)
    shares = tf.nn.softmax(tf.stop_gradient(log_joint - weighted_density), axis=0)  # samples  [S, B, 1]
    factor.append((kl_weight * shares + 1.0 - kl_weight)[..., tf.newaxis])
    return Draw(encoding.params, z, log_probs, log_density)


def _scaled_gradient(x):
    """Returns the identity of x and an empty list, whose first entry, filled in later, multiplies x's gradient."""
    factor: list = []

    @tf.custom_gradient
    def identity(x):
        return tf.identity(x), lambda upstream: upstream * factor[0]

    return identity(x), factor


GRADIENTS = {"dreg": _doubly_reparameterized, "pathwise": BoundAlgorithm.draw}

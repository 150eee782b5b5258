"""The ELBO of a mixture from some of its components a step (MISVAE): hundreds of them at the cost of a few."""

import dataclasses
import math

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.base import Algorithm, ascend
from rme_tf.core.registry import lookup
from rme_tf.core.types import Encoding
from rme_tf.posteriors import UniformMixing


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class SubsetELBO(Algorithm):
    """All parameters ascend an estimate of ELBO(Q) from a subset I of S of the A components, drawn anew each step.

        s2a   1/S sum_{m in I} E_{q_m}[log p(x, z) - log 1/A sum_{all j} q_j(z)], on average ELBO(Q)
        s2s   1/S sum_{m in I} E_{q_m}[log p(x, z) - log 1/S sum_{j in I} q_j(z)], the ELBO of the mixture of I, on
              average a lower bound on ELBO(Q), which it meets where the components are the same or S = A

    The decoder runs S times, not A times; the densities of all components are cheap beside it. The weights of the
    mixture must be uniform. Best with a posterior from one network, `trunk="amortised"`. In training the log shows
    the ELBO of the mixture of I, and nothing of single components.

    Args:
        subset_size: S; with A or more it is the ELBO.
        estimator: "s2a" (some to all) or "s2s" (some to some).
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive: see `Algorithm`.

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    References:
        Hotti, Kviman, Molen, Elvira and Lagergren (2024), https://arxiv.org/abs/2406.15083
    """

    subset_size: int = 1
    estimator: str = "s2a"

    def __post_init__(self):
        super().__post_init__()
        lookup(ESTIMATORS, self.estimator, "estimator")
        if not isinstance(self.subset_size, int) or self.subset_size < 1:
            raise ValueError(f"`subset_size` must be an integer of at least 1. Received: {self.subset_size!r}.")

    def check(self, model):
        """Raises ValueError for a mixture whose weights are not uniform."""
        super().check(model)
        if not isinstance(model.mixing, UniformMixing):
            raise ValueError(
                "A subset of the components stands for all where the weights are uniform. Expected mixing='uniform'. "
                f"Received: {type(model.mixing).__name__}."
            )

    def step(self, model, x, seed):
        """Moves every weight one step up the estimate; returns the `LogProbs` of the components of the subset."""
        kl_weight = self.kl_weight_now(model)

        def objective():
            """Returns the estimate and the `LogProbs`."""
            encoding = model.encode(x, num_components=model.active_components, training=True)
            chosen, params = self.choose(encoding, seed)
            z = model.sample_components(chosen.params, self.num_samples, seed)
            log_probs = model.log_probs_at(x, chosen, z, training=True)
            log_q = ESTIMATORS[self.estimator](model, params, z, log_probs)  # of all, or of those chosen
            log_density = tf.reduce_logsumexp(log_q, axis=-1) - math.log(log_q.shape[-1])
            log_joint = log_probs.log_lik + kl_weight * log_probs.log_prior
            bound = objectives.mixture_elbo(log_joint, kl_weight * log_density, chosen.log_alpha)
            refund = kl_weight * self.refund(model, chosen.params, z)
            return bound + tf.reduce_mean(refund, axis=-1), log_probs

        return ascend(model, model.active_variables, objective)

    def choose(self, encoding: Encoding, seed):
        """Returns the encoding of the subset that the seed draws, with equal weights, and all params [B, A, P]."""
        params, size = encoding.params, encoding.params.shape[1]
        count = min(self.subset_size, size)
        chosen = params
        if count < size:
            order = tf.argsort(tf.random.stateless_uniform([size], tf.random.fold_in(seed, SUBSET_FOLD)))
            chosen = tf.gather(params, order[:count], axis=1)
            chosen = tf.ensure_shape(chosen, [params.shape[0], count, params.shape[2]])
        log_alpha = tf.fill([tf.shape(params)[0], count], -math.log(count))
        return Encoding(chosen, log_alpha), params


SUBSET_FOLD = 0x5B5E7  # keeps the draw of the subset apart from that of z
# What the densities in the mixture are, [S, B, K, A] or [S, B, K, K].
ESTIMATORS = {
    "s2a": lambda model, params, z, log_probs: model.component_log_probs(params, z),
    "s2s": lambda model, params, z, log_probs: log_probs.log_q_all,
}

"""The ELBO of a mixture from a subset of its components (MISVAE)."""

import dataclasses
import math
from typing import ClassVar

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.bound import BoundAlgorithm, Draw
from rme_tf.algorithms.capabilities import SETTINGS
from rme_tf.core.registry import lookup
from rme_tf.core.types import Encoding
from rme_tf.core.validation import check_count
from rme_tf.posteriors import UniformMixing


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class SubsetELBO(BoundAlgorithm):
    """Ascent of all parameters on an estimate of ELBO(Q) from some components.

    Each step draws a subset I of S of the A components.

        s2a   1/S sum_{m in I} E_{q_m}[log p(x, z) - log 1/A sum_{all j} q_j(z)], on average ELBO(Q)
        s2s   1/S sum_{m in I} E_{q_m}[log p(x, z) - log 1/S sum_{j in I} q_j(z)], the ELBO of the mixture of I, on
              average a lower bound on ELBO(Q), which it meets where the components are the same or S = A

    The decoder runs S times, not A times; the densities of all components are cheap in comparison. The weights of the
    mixture must be uniform. Best with a posterior from one network, `trunk="amortised"`. In training the log shows
    the ELBO of the mixture of I, and nothing of single components.

    Args:
        subset_size: S; with A or more it is the ELBO.
        estimator: "s2a" (some to all) or "s2s" (some to some).
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive: see `Algorithm`.

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    References:
        Hotti, Kviman, Molen, Elvira and Lagergren (2024), https://arxiv.org/abs/2406.07083
    """

    honors: ClassVar[frozenset[str]] = SETTINGS - {
        "components_per_step",  # which `subset_size` is
        "learned_mixing",
        "mixing_penalty",
        "refinement",
    }

    subset_size: int = 1
    estimator: str = "s2a"

    def __post_init__(self):
        super().__post_init__()
        lookup(ESTIMATORS, self.estimator, "estimator")
        check_count("subset_size", self.subset_size)

    def check(self, model):
        """Raises ValueError for a mixture whose weights are not uniform."""
        super().check(model)
        if not isinstance(model.mixing, UniformMixing):
            raise ValueError(
                "A subset of the components stands for all where the weights are uniform. Expected mixing='uniform'. "
                f"Received: {type(model.mixing).__name__}."
            )

    def bound(self, log_joint, log_mixture_density, log_alpha):
        """Returns the mean over the subset."""
        return objectives.mixture_elbo(log_joint, log_mixture_density, log_alpha)

    def draw(self, model, x, encoding, seed):
        """Returns samples of the components of the subset."""
        chosen = self.choose(encoding, seed)
        q = model.posterior_of(chosen)
        draws = q.draw(self.num_samples, seed)
        log_probs = model.log_probs_at(x, chosen, draws.z, q.log_probs_of(draws), training=True)
        log_q = ESTIMATORS[self.estimator](model.posterior_of(encoding), draws, log_probs)
        log_density = tf.reduce_logsumexp(log_q, axis=-1) - math.log(log_q.shape[-1])
        return Draw(chosen.params, draws, log_probs, log_density)

    def component_mean(self, values, log_alpha):
        """Returns the plain mean [B] of values [B, K] over the subset."""
        del log_alpha
        return tf.reduce_mean(values, axis=-1)

    def choose(self, encoding: Encoding, seed):
        """Returns the encoding of a random subset, with equal weights."""
        params, size = encoding.params, encoding.params.shape[1]
        count = min(self.subset_size, size)
        chosen = params
        if count < size:
            order = tf.argsort(tf.random.stateless_uniform([size], tf.random.fold_in(seed, SUBSET_FOLD)))
            chosen = tf.gather(params, order[:count], axis=1)
            chosen = tf.ensure_shape(chosen, [params.shape[0], count, params.shape[2]])
        log_alpha = tf.fill([tf.shape(params)[0], count], -math.log(count))
        return Encoding(chosen, log_alpha)


SUBSET_FOLD = 0x5B5E7  # makes the draw of the subset independent of the draw of z
# Densities in the mixture: of all components [S, B, K, A], or of the subset [S, B, K, K].
ESTIMATORS = {
    "s2a": lambda q, draws, log_probs: q.log_probs_of(draws),
    "s2s": lambda q, draws, log_probs: log_probs.log_q_all,
}

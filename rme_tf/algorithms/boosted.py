"""Amortized boosted variational inference: the recursion with an entropy term."""

import dataclasses

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.recursive_mixture import Recursion
from rme_tf.core.validation import check_number


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Boosted(Recursion):
    """Boosted variational inference (BVI) by the networks and updates of the recursion.

    Component m > 0 ascends, in nats and with Q_{m-1} held fixed,

        E_q[log p(x, z) - log Q_{m-1}(z|x)] + entropy_weight H(q)
            = ELBO(q) + KL(q || Q_{m-1}) + entropy_weight H(q)

    whose optimum over all densities is q ~ (p(z|x) / Q_{m-1}(z|x))^(1 / entropy_weight). The optimum exists only if
    Q_{m-1} has the heavier tails. The reward has no bound, and Gaussians narrower than the prior have lighter tails
    than most posteriors: then q_m diverges from Q_{m-1} for every weight of the entropy, to an ELBO of thousands of
    nats. The bound of `RecursiveMixture` is for that case. q_0 ascends ELBO(q_0).

    Args:
        entropy_weight: lambda, weight of the entropy of q_m; positive. Small values make q_m a spike.
        update, decoder_weights, polish_epoch, weights_from_polish: see `Recursion`.
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive, components_per_step: see
            `Algorithm`.

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    References:
        Guo et al. (2016), https://arxiv.org/abs/1611.05559
        Miller, Foti and Adams (2017), https://arxiv.org/abs/1611.06585
        Locatello et al. (2018), https://arxiv.org/abs/1806.02185
    """

    entropy_weight: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        check_number("entropy_weight", self.entropy_weight, above=0.0)

    def diversity_reward(self, log_q, log_mixture_before):
        """Returns KL(q_m || Q_{m-1}) + entropy_weight H(q_m)."""
        return objectives.unbounded_kl(log_q, log_mixture_before) - self.entropy_weight * tf.reduce_mean(log_q, axis=0)

"""The evidence lower bound of a VAE or a mixture encoder (ME)."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.bound import BoundAlgorithm
from rme_tf.algorithms.capabilities import SETTINGS


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class ELBO(BoundAlgorithm):
    """Ascent of all parameters on ELBO(Q), stratified over the components.

    With one component this is the VAE. With several it is the mixture encoder, the baseline that ascends
    the evaluated bound itself; with learned weights it is known to collapse to one component. With
    `components_per_step` the estimate of ELBO(Q) is unbiased: the one of MISVAE from some components to all, with a
    subset for each observation.

    Args:
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive, components_per_step: see
            `Algorithm`.

    References:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114
        Morningstar et al. (2021), https://arxiv.org/abs/2003.01687
        Hotti, Kviman, Molen, Elvira and Lagergren (2024), https://arxiv.org/abs/2406.07083
    """

    honors: ClassVar[frozenset[str]] = SETTINGS

    def bound(self, log_joint, log_mixture_density, log_alpha):
        """Returns ELBO(Q)."""
        return objectives.mixture_elbo(log_joint, log_mixture_density, log_alpha)

    def drawn_bound(self, log_joint, log_mixture_density, log_weights, drawn):
        """Returns an estimate of ELBO(Q) with less noise in its gradient."""
        alpha = drawn.num_drawn / drawn.num_components * tf.exp(log_weights)
        return drawn.weighted_sum(alpha, objectives.elbo(log_joint, log_mixture_density))

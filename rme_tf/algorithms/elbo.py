"""The evidence lower bound of a VAE or a mixture encoder (ME)."""

import dataclasses
from typing import ClassVar

import keras

from rme_tf import objectives
from rme_tf.algorithms.bound import BoundAlgorithm
from rme_tf.algorithms.capabilities import SETTINGS


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class ELBO(BoundAlgorithm):
    """Ascent of all parameters on ELBO(Q), stratified over the components.

    With one component this is the VAE. With several it is the mixture encoder, the baseline that ascends
    the evaluated bound itself; with learned weights it is known to collapse to one component.

    Args:
        num_samples, warm_start_epochs, warm_start_noise, kl_weight, free_bits, aggressive: see `Algorithm`.

    References:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114
        Morningstar et al. (2021), https://arxiv.org/abs/2003.01687
    """

    honors: ClassVar[frozenset[str]] = SETTINGS

    def bound(self, log_joint, log_mixture_density, log_alpha):
        """Returns ELBO(Q)."""
        return objectives.mixture_elbo(log_joint, log_mixture_density, log_alpha)

"""Priors over latent codes and the table of them."""

from rme_tf.priors.base import Prior
from rme_tf.priors.mixture import Mixture
from rme_tf.priors.standard_normal import StandardNormal
from rme_tf.priors.vamp import Vamp

PRIORS: dict[str, type[Prior]] = {
    "mixture": Mixture,
    "standard_normal": StandardNormal,
    "vamp": Vamp,
}

__all__ = ["Mixture", "PRIORS", "Prior", "StandardNormal", "Vamp"]

"""Priors over latent codes and the table of them."""

from rme_tf.priors.base import Prior
from rme_tf.priors.hierarchical import Hierarchical, as_upper_dim
from rme_tf.priors.mixture import Mixture
from rme_tf.priors.standard_normal import StandardNormal
from rme_tf.priors.vamp import Vamp

PRIORS: dict[str, type[Prior]] = {
    "hierarchical": Hierarchical,
    "mixture": Mixture,
    "standard_normal": StandardNormal,
    "vamp": Vamp,
}

__all__ = ["Hierarchical", "Mixture", "PRIORS", "Prior", "StandardNormal", "Vamp", "as_upper_dim"]

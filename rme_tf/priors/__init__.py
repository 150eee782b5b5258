"""Priors over latent codes and the table of them."""

from rme_tf.priors.base import Prior
from rme_tf.priors.standard_normal import StandardNormal

PRIORS: dict[str, type[Prior]] = {"standard_normal": StandardNormal}

__all__ = ["PRIORS", "Prior", "StandardNormal"]

"""Likelihoods p(x|z) and the table of them."""

from rme_tf.likelihoods.base import Likelihood
from rme_tf.likelihoods.bernoulli import Bernoulli
from rme_tf.likelihoods.normal import Normal

LIKELIHOODS: dict[str, type[Likelihood]] = {"bernoulli": Bernoulli, "normal": Normal}

__all__ = [
    "Bernoulli",
    "LIKELIHOODS",
    "Likelihood",
    "Normal",
]

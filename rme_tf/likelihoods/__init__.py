"""Likelihoods p(x|z) and the table of them."""

from rme_tf.likelihoods.base import Likelihood
from rme_tf.likelihoods.bernoulli import Bernoulli
from rme_tf.likelihoods.categorical_sequence import CategoricalSequence
from rme_tf.likelihoods.normal import Normal

LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "categorical_sequence": CategoricalSequence,
    "normal": Normal,
}

__all__ = [
    "Bernoulli",
    "CategoricalSequence",
    "LIKELIHOODS",
    "Likelihood",
    "Normal",
]

"""Likelihoods p(x|z) and the table of them."""

from rme_tf.likelihoods.base import Likelihood
from rme_tf.likelihoods.bernoulli import Bernoulli
from rme_tf.likelihoods.categorical_pixels import CategoricalPixels
from rme_tf.likelihoods.categorical_sequence import CategoricalSequence
from rme_tf.likelihoods.columns import Columns
from rme_tf.likelihoods.continuous_bernoulli import ContinuousBernoulli
from rme_tf.likelihoods.discretized_logistic import DiscretizedLogistic, DiscretizedLogisticMixture
from rme_tf.likelihoods.negative_binomial import NegativeBinomial
from rme_tf.likelihoods.normal import Normal
from rme_tf.likelihoods.observed import Observed
from rme_tf.likelihoods.poisson import Poisson
from rme_tf.likelihoods.student_t import StudentT

LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "categorical_pixels": CategoricalPixels,
    "categorical_sequence": CategoricalSequence,
    "columns": Columns,
    "continuous_bernoulli": ContinuousBernoulli,
    "discretized_logistic": DiscretizedLogistic,
    "discretized_logistic_mixture": DiscretizedLogisticMixture,
    "negative_binomial": NegativeBinomial,
    "normal": Normal,
    "poisson": Poisson,
    "student_t": StudentT,
}

__all__ = [
    "Bernoulli",
    "CategoricalPixels",
    "CategoricalSequence",
    "Columns",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "LIKELIHOODS",
    "Likelihood",
    "NegativeBinomial",
    "Normal",
    "Observed",
    "Poisson",
    "StudentT",
]

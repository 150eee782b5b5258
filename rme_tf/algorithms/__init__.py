"""Training algorithms: rules for which parameters ascend which objective."""

from rme_tf.algorithms.aggressive import Aggressive, StopAggressive
from rme_tf.algorithms.base import Algorithm
from rme_tf.algorithms.boosted import Boosted
from rme_tf.algorithms.bound import BoundAlgorithm
from rme_tf.algorithms.elbo import ELBO
from rme_tf.algorithms.free_bits import FreeBits
from rme_tf.algorithms.importance_weighted import ImportanceWeighted
from rme_tf.algorithms.kl_annealing import CyclicalAnnealing, LinearAnnealing, SigmoidAnnealing
from rme_tf.algorithms.recursive_mixture import RecursiveMixture
from rme_tf.algorithms.renyi import Renyi
from rme_tf.algorithms.subset_elbo import SubsetELBO

ALGORITHMS: dict[str, type[Algorithm]] = {
    "boosted": Boosted,
    "elbo": ELBO,
    "importance_weighted": ImportanceWeighted,
    "recursive_mixture": RecursiveMixture,
    "renyi": Renyi,
    "subset_elbo": SubsetELBO,
}

__all__ = [
    "ALGORITHMS",
    "Aggressive",
    "Algorithm",
    "Boosted",
    "BoundAlgorithm",
    "CyclicalAnnealing",
    "ELBO",
    "FreeBits",
    "ImportanceWeighted",
    "LinearAnnealing",
    "RecursiveMixture",
    "Renyi",
    "SigmoidAnnealing",
    "StopAggressive",
    "SubsetELBO",
]

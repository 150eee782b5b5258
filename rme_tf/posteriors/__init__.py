"""Posterior families, mixing weights, and the mixture posterior, with their tables."""

from rme_tf.posteriors.base import PosteriorFamily
from rme_tf.posteriors.diag_normal import DiagNormal
from rme_tf.posteriors.diagonal import DiagonalFamily
from rme_tf.posteriors.draws import Draws, as_draws
from rme_tf.posteriors.flow import FlowFamily
from rme_tf.posteriors.full_normal import FullNormal
from rme_tf.posteriors.householder import Householder
from rme_tf.posteriors.iaf import IAF
from rme_tf.posteriors.laplace import DiagLaplace
from rme_tf.posteriors.mixing import Mixing, RecursiveMixing, UniformMixing
from rme_tf.posteriors.mixture import MixturePosterior
from rme_tf.posteriors.noise import check_noise
from rme_tf.posteriors.student_t import DiagStudentT
from rme_tf.posteriors.sylvester import Sylvester
from rme_tf.posteriors.transformed import TransformedFamily

POSTERIORS: dict[str, type[PosteriorFamily]] = {
    "diag_normal": DiagNormal,
    "full_normal": FullNormal,
    "householder": Householder,
    "iaf": IAF,
    "laplace": DiagLaplace,
    "student_t": DiagStudentT,
    "sylvester": Sylvester,
}

MIXINGS: dict[str, type[Mixing]] = {
    "learned": RecursiveMixing,
    "uniform": UniformMixing,
}

__all__ = [
    "DiagLaplace",
    "DiagNormal",
    "DiagStudentT",
    "DiagonalFamily",
    "Draws",
    "FlowFamily",
    "FullNormal",
    "Householder",
    "IAF",
    "MIXINGS",
    "Mixing",
    "MixturePosterior",
    "POSTERIORS",
    "PosteriorFamily",
    "RecursiveMixing",
    "Sylvester",
    "TransformedFamily",
    "UniformMixing",
    "as_draws",
    "check_noise",
]

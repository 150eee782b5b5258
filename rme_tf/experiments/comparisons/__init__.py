"""Comparisons of methods with a design that is fixed before the runs."""

from rme_tf.experiments.comparisons.comparison import run_design
from rme_tf.experiments.comparisons.design import Design

__all__ = ["Design", "run_design"]

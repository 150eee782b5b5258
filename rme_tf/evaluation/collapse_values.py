"""The values of a report on collapse."""

import dataclasses
import math

import numpy as np

from rme_tf.core.estimates import short
from rme_tf.evaluation.collapse_advice import NO_ADVICE, Advice
from rme_tf.evaluation.collapse_summary import summary_of


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class CollapseReport:
    """Information in the posterior, in its components, and in the decoder.

    All values are means over observations in nats, except counts, `usage` and `largest_share`. Standard errors are over
    the observations, with the aggregate posterior held fixed. `print` shows `summary()`, the report in words.
    """

    num_observations: int  # N: also the size of the aggregate posterior q(z) = 1/N sum_n Q(z|x_n)
    batch_size: int  # minibatch size B of `mutual_information_batch`
    kl: float  # E_Q[log Q(z|x) - log p(z)]
    kl_aggregate: float  # KL(q(z) || p(z)) = kl - mutual_information
    kl_per_component: np.ndarray  # KL(q_m || p)  [M]
    kl_per_dimension: np.ndarray | None  # closed form  [M, D]; None unless q is a diagonal Gaussian and p N(0, I)
    active_units: int  # of D
    mutual_information: float  # I_q(x; z), at most log N, and underestimated near log N
    mutual_information_batch: float  # I_q(x; z) within minibatches of B, at most log B
    mixing_entropy: float  # mean_x H(alpha(x))
    usage_entropy: float  # H(mean_x alpha(x)); the difference of the two is I(m; x)
    usage: np.ndarray  # mean_x alpha_m(x)  [M]
    largest_share: np.ndarray  # fraction of observations whose largest weight is alpha_m; ties are split  [M]
    component_kl: np.ndarray  # KL(q_m || q_j)  [M, M]
    component_information: float  # I(m; z|x), from the densities of the components
    reconstruction: float  # E_Q[log p(x|z)]
    prior_log_likelihood: float  # E_p[log p(x|z)], for codes that are independent of x
    reliance: float  # loss of log p(x|z) with the code of another observation; NaN if every batch is one row
    kl_standard_error: float = math.nan
    mutual_information_standard_error: float = math.nan
    reliance_standard_error: float = math.nan
    usage_standard_error: np.ndarray | None = None  # [M]
    component_kl_standard_error: np.ndarray | None = None  # [M, M]
    code_variance: np.ndarray | None = None  # Var_x(E_Q[z_d])  [D]
    of_probabilities: bool = False  # whether p(x|z) are probabilities of pixels or tokens, and no densities
    advice: Advice = NO_ADVICE  # remedies that are off and on, and the state of the training

    def as_dict(self) -> dict[str, float]:
        """Returns a dict of floats, with an entry for each array entry.

        The names of array entries are such as `usage_0` or `component_kl_0_1`. Values of None, the advice, the kind of
        p(x|z), the variances of the codes and the standard errors of arrays are left out.
        """
        flat = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or field.name in OF_SUMMARY:
                continue
            for index, entry in np.ndenumerate(value):
                flat["_".join([field.name, *map(str, index)])] = float(entry)
        return flat

    def summary(self) -> str:
        """Returns the report in words: parts in use, certainty, and remedies."""
        return summary_of(self)

    def __str__(self):
        return self.summary()

    def __repr__(self):
        numbers = ("kl", "mutual_information", "reliance", "component_information")
        values = ", ".join(f"{name}={short(getattr(self, name))}" for name in numbers)
        return f"CollapseReport({self.num_observations} observations, {values}, active_units={self.active_units})"


OF_SUMMARY = ("usage_standard_error", "component_kl_standard_error", "code_variance", "of_probabilities", "advice")

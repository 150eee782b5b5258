"""The variational Renyi bound, from the ELBO to the importance-weighted bound."""

import dataclasses
from typing import ClassVar

import keras

from rme_tf import objectives
from rme_tf.algorithms.bound import BoundAlgorithm
from rme_tf.core.validation import check_number, require


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Renyi(BoundAlgorithm):
    """Ascent of all parameters on the stratified variational Renyi bound.

    With `components_per_step` the mean is over K drawn components, of weights M / K alpha_m. On average that is nearer
    to the ELBO, as with fewer samples.

    Args:
        order: alpha of Renyi's divergence. 1 is the ELBO, 0 the importance-weighted bound; between them the posterior
            covers more of the mass the smaller the order is, above 1 it seeks the mode. Negative orders estimate an
            upper bound on log p(x).
        num_samples: S, samples of each component in a step. One sample of one component makes every order the ELBO.
        kl_weight: see `Algorithm`; the power of p(z) / Q(z|x) in each weight.
        warm_start_epochs, warm_start_noise, aggressive, components_per_step: see `Algorithm`.

    Raises:
        ValueError: if a number is out of range, if the order is within 0.001 of 1 but not 1 (float32 has no digits
            left of such a bound), or if there are free bits: the bound has no KL term.

    References:
        Li and Turner (2016), https://arxiv.org/abs/1602.02311
    """

    honors: ClassVar[frozenset[str]] = BoundAlgorithm.honors | {"components_per_step"}

    order: float = 0.5
    num_samples: int = 5

    def __post_init__(self):
        super().__post_init__()
        distance = abs(check_number("order", self.order) - 1.0)
        require(distance == 0.0 or distance >= 0.999e-3, "order", "be 1 or at least 0.001 away from it", self.order)

    def check(self, model):
        """Raises ValueError for drawn components, learned weights and orders above 1."""
        super().check(model)
        if self.order > 1.0 and model.mixing.learned and self.draws_some(model.num_components):
            raise ValueError(
                "Renyi's bound of an order above 1 from drawn components has no maximum in learned mixing weights. "
                "Expected: mixing='uniform', an order of at most 1, or components_per_step=None. "
                f"Received: order={self.order}, components_per_step={self.components_per_step}, "
                f"{type(model.mixing).__name__}."
            )

    def bound(self, log_joint, log_mixture_density, log_alpha):
        """Returns the bound of this order."""
        return objectives.renyi_bound(log_joint, log_mixture_density, log_alpha, order=self.order)

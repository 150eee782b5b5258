"""Refinement of the encoders' output by steps up each observation's ELBO.

An encoder leaves an amortization gap: for one x there are better params of Q(z|x) than its output. All three methods
start there and take the gradient of ELBO(Q) in the params `steps` times; the refined params are the model's posterior,
in training and in use. They differ in the step, and in the objectives of the networks:

    sa    gradient steps with momentum. All networks ascend the ELBO at the refined params, through the steps: their
          second derivatives enter, as Hessian-vector products.
    dsvi  the same steps, which are not differentiated. The decoder ascends the ELBO at the refined
          params, the encoders at their own output.
    iai   a network is fed params and gradient and emits the update: no step size, no second derivative. The decoder
          ascends the ELBO at the refined params, the encoders and the network its mean over the path there.

Of a mixture, the params of all components are refined together, on ELBO(Q); the mixing weights stay as they are.
The recursion of `RecursiveMixture` has one objective a component instead, and refuses a refinement.
"""

from rme_tf.core.registry import check_options, instantiate, lookup
from rme_tf.refinements.base import Refinement
from rme_tf.refinements.dsvi import DSVI
from rme_tf.refinements.gradient import GradientSteps, elbo_gradient
from rme_tf.refinements.iterative import IterativeAmortised
from rme_tf.refinements.semi_amortised import SemiAmortised

REFINEMENTS: dict[str, type[Refinement]] = {"dsvi": DSVI, "iai": IterativeAmortised, "sa": SemiAmortised}


def as_refinement(choice, num_params: int, options: dict | None = None) -> Refinement | None:
    """Returns the `Refinement` of a name or None, built for its params.

    Args:
        choice: a name in `REFINEMENTS`, a `Refinement`, or None.
        num_params: P, number of params of a component.
        options: arguments of a refinement by name.

    Raises:
        ValueError: for an unknown name, and for options without a name.
    """
    if options and not isinstance(choice, str):
        raise ValueError(f"`refinement_options` are for a refinement by name. Received: {options} and {choice!r}.")
    if choice is None:
        return None
    if options:
        check_options(
            lookup(REFINEMENTS, choice, "refinement", base=Refinement), options, f"refinement {choice!r}", first=0
        )
    refinement = instantiate(REFINEMENTS, choice, "refinement", base=Refinement, **(options or {}))
    if not refinement.built:
        refinement.build((None, None, num_params))
    return refinement


__all__ = [
    "DSVI",
    "GradientSteps",
    "IterativeAmortised",
    "REFINEMENTS",
    "Refinement",
    "SemiAmortised",
    "as_refinement",
    "elbo_gradient",
]

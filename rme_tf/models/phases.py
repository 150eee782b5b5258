"""The phase of a training in words."""

from rme_tf.algorithms.kl_annealing import Annealing
from rme_tf.core.estimates import short
from rme_tf.core.optimizer_updates import updates_made


def phase_of(model) -> str:
    """Returns the phase of the last epoch in words.

    Examples are "warm start, component 0 of 5" and "recursion, 5 components, KL weight 0.35".

    Args:
        model: compiled `VAE`.
    """
    parts = [_components(model)]
    if kl_weight_rises(model):
        parts.append(f"KL weight {short(kl_weight_of(model))}")
    if model.algorithm.aggressive is not None and float(model.inner_loop.on.numpy()) > 0.0:
        parts.append("aggressive")
    return ", ".join(filter(None, parts))


def unsettled(model) -> list[str]:
    """Returns the reasons for which diagnostics of collapse are early, in words.

    Args:
        model: `VAE`; without an algorithm, only its components count.
    """
    reasons = []
    if is_warming(model):
        reasons.append(f"the warm start is not over: only component 0 of {model.num_components} is in use")
    if kl_weight_rises(model):
        reasons.append(f"the KL weight, {short(kl_weight_of(model))} now, is not at its end")
    return reasons


def is_warming(model) -> bool:
    """Returns whether a warm start is not over."""
    active = getattr(model, "num_active", None)
    return active is not None and int(active.numpy()) < model.num_components


def kl_weight_rises(model) -> bool:
    """Returns whether an annealing of the KL weight is not over."""
    weight = getattr(getattr(model, "algorithm", None), "kl_weight", None)
    return isinstance(weight, Annealing) and not weight.is_over(int(updates_made(model.optimizer)))


def kl_weight_of(model) -> float:
    """Returns the present weight of the KL term."""
    return float(model.algorithm.kl_weight_now(model))


def _components(model) -> str:
    """Returns the components that train, and the algorithm's phase; "" for one component without phases."""
    count = model.num_components
    if is_warming(model):
        return f"warm start, component 0 of {count}"
    name = model.algorithm.phase_name(model.phase)
    if count == 1:
        return name if model.phase else ""
    return f"{name}, {count} components" if name else f"{count} components"

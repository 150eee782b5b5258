"""Settings of training that an algorithm honors, and refusal of the others."""

import numpy as np

# Argument of every algorithm -> its meaning, and the value that asks for nothing.
ARGUMENTS = {
    "num_samples": ("the number of samples that a step draws from each component", 1),
    "warm_start_epochs": ("the number of epochs in which only the first component trains", 0),
    "kl_weight": ("the weight of the KL term", 1.0),
    "free_bits": ("a floor under the KL term of each component", None),
    "aggressive": ("a schedule of the decoder's updates", None),
    "components_per_step": ("the number of components that a step draws for each observation", None),
}
# Part of a model that asks something of the algorithm.
PARTS = ("learned_mixing", "mixing_penalty", "refinement")
SETTINGS = frozenset({*ARGUMENTS, *PARTS})


def check_declared(algorithm: type) -> None:
    """Raises ValueError for an unknown setting in the `honors` of an algorithm."""
    honors = algorithm.honors  # type: ignore[attr-defined]
    unknown = sorted(set(honors) - SETTINGS)
    if unknown:
        raise ValueError(
            f"`honors` of {algorithm.__name__} must be a set of settings. Expected some of: {sorted(SETTINGS)}. "
            f"Received: {unknown}."
        )


def refused_arguments(algorithm: type) -> frozenset[str]:
    """Returns the arguments of an algorithm that it does not honor."""
    return frozenset(ARGUMENTS) - algorithm.honors  # type: ignore[attr-defined]


def check_arguments(algorithm) -> None:
    """Raises ValueError for an argument that the algorithm does not honor."""
    for name, (meaning, neutral) in ARGUMENTS.items():
        value = getattr(algorithm, name)
        if name not in algorithm.honors and value != neutral:
            raise ValueError(
                f"`{name}` is {meaning}, which {type(algorithm).__name__} does not honor. "
                f"Expected: {neutral}. Received: {value!r}. {_remedy(name)}"
            )


def check_parts(algorithm, model) -> None:
    """Raises ValueError for a model's parts that the algorithm does not honor."""
    name = type(algorithm).__name__
    if "refinement" not in algorithm.honors and model.refinement is not None:
        raise ValueError(
            f"{name} does not train a model with a refinement, which ascends ELBO(Q) in all components at once. "
            f"Expected algorithm='elbo'. Received: refinement {type(model.refinement).__name__}. "
            f"{_remedy('refinement')}"
        )
    mixing = type(model.mixing).__name__
    if "learned_mixing" not in algorithm.honors and model.mixing.learned and model.num_components > 1:
        raise ValueError(
            f"{name} does not train mixing weights. Expected mixing='uniform'. Received: {mixing}. "
            f"{_remedy('learned_mixing')}"
        )
    if "mixing_penalty" not in algorithm.honors and _has_penalty(model):
        raise ValueError(
            f"The mixing {mixing} has a penalty on the mixing weights, which {name} does not "
            f"honor. Expected: a mixing without one. {_remedy('mixing_penalty')}"
        )


def _remedy(name: str) -> str:
    return f"An algorithm whose step honors it has {name!r} in its `honors`."


def _has_penalty(model) -> bool:
    """Returns whether the model's mixing penalizes weights that are not equal."""
    log_alpha = np.log(np.arange(1.0, model.num_components + 1.0, dtype=np.float32))[np.newaxis]
    log_alpha -= np.log(np.sum(np.exp(log_alpha)))
    return bool(np.any(model.mixing.penalty(log_alpha)))

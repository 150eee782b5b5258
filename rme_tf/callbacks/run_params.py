"""Parameters of a training by name, for trackers of runs."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from rme_tf.core.optimizer_updates import leaves


def params_of(model) -> dict[str, Any]:
    """Returns the choices of a compiled model, by dotted names.

    Args:
        model: compiled `VAE`.
    """
    parts = {
        "posterior": model.posterior_family,
        "prior": model.prior,
        "likelihood": model.likelihood,
        "mixing": model.mixing,
        "refinement": model.refinement,
        "optimizer": leaves(model.optimizer)[0],
        "algorithm": model.algorithm,
    }
    settings = dataclasses.asdict(model.algorithm)
    optimizer = leaves(model.optimizer)[0].get_config()
    return flat(
        {
            "num_components": model.num_components,
            "latent_dim": model.latent_dim,
            **{name: None if part is None else type(part).__name__ for name, part in parts.items()},
            **{f"algorithm.{name}": value for name, value in settings.items()},
            "optimizer.learning_rate": optimizer.get("learning_rate"),
            "num_weights": int(model.count_params()),
        }
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested values by dotted names; lists and other objects are text.

    Args:
        values: mapping of values, which may be mappings.
        prefix: prefix of the names.
    """
    result: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            plain = value if isinstance(value, bool | int | float | str) else str(value)
            result[f"{prefix}{name}"] = plain
    return result

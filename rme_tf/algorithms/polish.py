"""The polish: a last phase in which all weights ascend ELBO(Q)."""

import dataclasses

import numpy as np

from rme_tf.algorithms.elbo import ELBO
from rme_tf.core.validation import check_count, optional


def check_polish(epoch, warm_start_epochs: int, weights_from_polish: bool) -> None:
    """Raises ValueError for an impossible epoch of the polish.

    There must be a recursion before it, and a polish if mixing weights wait for it.

    Args:
        epoch: epoch of the model's life in which the polish begins, counted from 0, or None.
        warm_start_epochs: number of epochs before the recursion.
        weights_from_polish: whether the mixing weights wait for the polish.
    """
    least = warm_start_epochs + 1
    remedy = "It is None, or greater than `warm_start_epochs`; else there is no recursion."
    optional(check_count, "polish_epoch", epoch, least, remedy=remedy)
    if weights_from_polish and epoch is None:
        raise ValueError("`weights_from_polish` needs a `polish_epoch`. Received: None.")


def polishing(algorithm) -> ELBO:
    """Returns the algorithm of the polish: `ELBO` with the same arguments."""
    return ELBO(**{field.name: getattr(algorithm, field.name) for field in dataclasses.fields(ELBO)})


def begin_with_equal_weights(model) -> None:
    """Sets the last layer of the mixing network to zero: equal weights.

    Raises:
        ValueError: if the mixing weights are not equal then.
    """
    layer = model.mixing_network
    while getattr(layer, "layers", None):
        layer = layer.layers[-1]
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape))
    log_alpha = model.encode(model.likelihood.example(), num_components=model.num_components).log_alpha.numpy()
    equal = model.mixing.log_alpha(np.zeros([1, model.num_components - 1], np.float32)).numpy()
    if not np.array_equal(log_alpha, equal):
        raise ValueError(
            "Mixing weights that wait for the polish need a mixing network whose last layer is a linear one. "
            f"Received: {type(layer).__name__}, with which log alpha is {log_alpha[0]} where {equal[0]} was expected."
        )

"""Checks of observations and codes as arguments of public methods."""

import functools
import inspect

import numpy as np
import tensorflow as tf

from rme_tf.core.arrays import as_array, is_symbolic
from rme_tf.core.forks import refuse_fork
from rme_tf.core.outer_calls import InnerCalls, is_outer_call
from rme_tf.core.validation import require

OBSERVED = ("x", "x_first", "x_second")
LATENT = ("z",)


def check_model(model, has: str = "likelihood") -> None:
    """Check that an argument is a model.

    Args:
        model: `VAE`, or an object with the members that a function uses.
        has: one of these members.

    Raises:
        ValueError: for another argument.
        RuntimeError: see `refuse_fork`.
    """
    refuse_fork()
    if not hasattr(model, has) or isinstance(model, type):
        raise ValueError(f"`model` must be a `VAE`. Received: {type(model).__name__}.")


def checks_inputs(method=None, *, lead: bool = False):
    """Decorate a method of a `VAE`, to check observations and codes.

    The arguments named in `OBSERVED` and `LATENT` are checked, and arrays of every kind become tensors. Methods called
    by the method do not check again.

    Args:
        method: method of a model with a `likelihood` and a `latent_dim`.
        lead: whether x may have any leading axes.

    Raises:
        ValueError: in a call, if observations are outside of the support, or codes have another size or are not finite.
    """
    if method is None:
        return functools.partial(checks_inputs, lead=lead)
    signature = inspect.signature(method)
    taken = [name for name in signature.parameters if name in (*OBSERVED, *LATENT)]

    @tf.autograph.experimental.do_not_convert
    def checked_arguments(model, args, kwargs):
        """Returns the checked arguments."""
        bound = signature.bind(model, *args, **kwargs)
        for name in taken:
            value = bound.arguments.get(name)
            if name not in bound.arguments or (value is None and signature.parameters[name].default is None):
                continue
            if name in LATENT:
                bound.arguments[name] = as_codes(value, model.latent_dim, name)
            else:
                bound.arguments[name] = model.likelihood.observations(value, name, lead=lead)
        return bound.args[1:], bound.kwargs

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        if is_outer_call():
            args, kwargs = checked_arguments(self, args, kwargs)
        with InnerCalls():
            return method(self, *args, **kwargs)

    return call


@tf.autograph.experimental.do_not_convert
def as_codes(z, latent_dim: int, name: str = "z", *, rank: int | None = None):
    """Return checked latent codes [..., D] as a float32 tensor.

    Only the shape is checked for a tensor in a graph, whose values are unknown.

    Args:
        z: array, tensor, any object with `__array__`, or nested lists of numbers. Shape [..., D].
        latent_dim: number of latent dimensions D.
        name: name of the argument, for messages.
        rank: number of axes; None for any number from 1 on.

    Raises:
        ValueError: if the shape or the number of axes differs, there are no codes, or values are not finite real
            numbers.
    """
    expected = f"latent codes of shape [{'...' if rank is None else 'N'}, {latent_dim}]"
    z = as_array(_from_lists(z), name, expected)
    if not isinstance(z, tf.Tensor):
        z = np.asarray(z)
    if isinstance(z, tf.Tensor) and z.shape.rank is None:
        return tf.cast(z, tf.float32)
    fits = len(z.shape) > 0 if rank is None else len(z.shape) == rank
    require(fits and z.shape[-1] in (None, latent_dim), name, f"be {expected}", z.shape)
    if is_outer_call() and not is_symbolic(z):
        _check_finite(z, name)
    return tf.cast(z, tf.float32)


def _from_lists(z):
    """Returns nested lists of numbers as an array, and other objects unchanged."""
    if not isinstance(z, list | tuple):
        return z
    try:
        return np.asarray(z)
    except ValueError:  # of different lengths
        return z


def _check_finite(z, name: str) -> None:
    with tf.init_scope():
        values = np.asarray(tf.cast(z, tf.float32))
    if values.size == 0:
        raise ValueError(f"`{name}` is empty. Expected at least one latent code.")
    finite = np.isfinite(values)
    if not finite.all():
        share = 100.0 * (1.0 - finite.mean())
        received = f"{values[~finite].flat[0]} among its values ({share:.2f}% of them)"
        require(False, name, "be finite", received)

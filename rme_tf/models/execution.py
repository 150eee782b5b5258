"""Choice of XLA for a model's steps, and checks for GPUs."""

import warnings
from typing import NamedTuple

import keras
import tensorflow as tf

from rme_tf.core.keras_compat import layers_of
from rme_tf.posteriors import DiagNormal

HALF = {"bfloat16", "float16"}


class Choice(NamedTuple):
    """Default of `jit_compile` for a model, with the reason; see docs/gpu.md."""

    jit_compile: bool
    reason: str


def default_jit_compile(model) -> Choice:
    """Returns the choice of `compile(jit_compile="auto")` for a compiled model.

    The choice follows measurements, and is the graph without measurements. Models that Keras excludes from XLA stay
    excluded.
    """
    reasons = {
        "there is no GPU": not tf.config.list_physical_devices("GPU"),
        "Keras compiles no such model by XLA": not model.jit_compile,
        "a variable is int32, which TensorFlow keeps in the host's memory": bool(_int32_variables(model)),
        "recurrent layers run on cuDNN": bool(recurrent_layers(model)),
        "a refinement was not measured": model.refinement is not None,
        "no posterior but the diagonal normal was measured": not isinstance(model.posterior_family, DiagNormal),
        "an autoregressive decoder was not measured": model.autoregressive,
        "one step an execution is as fast in the graph": model.steps_per_execution == 1 and not model.chooses_steps,
    }
    for reason, holds in reasons.items():
        if holds:
            return Choice(False, reason)
    return Choice(True, "several steps an execution are faster")


def recurrent_layers(model) -> list:
    """Returns the LSTM and GRU layers of a model, at any depth."""
    return [layer for layer in layers_of(model) if isinstance(layer, keras.layers.LSTM | keras.layers.GRU)]


def check_precision(model) -> None:
    """Checks the dtypes of a model that is compiled.

    Raises:
        ValueError: see `check_recurrent_precision`.

    Warns:
        UserWarning: if weights are stored in 16 bits, which round their updates away.
    """
    check_recurrent_precision(model)
    short = sorted({str(variable.dtype) for variable in model.trainable_variables} & HALF)
    if short:
        warnings.warn(
            f"The weights are {short[0]}, in which small updates round to none, so that the model hardly trains. "
            f"Expected weights in float32: the policy 'mixed_{short[0]}' keeps them there, and computes in 16 bits.",
            stacklevel=3,
        )


def check_recurrent_precision(model) -> None:
    """Checks that cuDNN computes no recurrent layer in bfloat16.

    The gradient of such a layer was 0 on a GPU.

    Raises:
        ValueError: if there is a GPU and such a layer.
    """
    if not tf.config.list_physical_devices("GPU"):
        return
    wrong = [layer.name for layer in recurrent_layers(model) if layer.compute_dtype == "bfloat16" and _on_cudnn(layer)]
    if wrong:
        raise ValueError(
            "On a GPU the gradient of a recurrent layer in bfloat16 is 0 where cuDNN computes it. Expected "
            f"`dtype='float32'` for that layer, or `use_cudnn=False`. Received: the dtype policy of {', '.join(wrong)}."
        )


def _on_cudnn(layer) -> bool:
    """Returns whether a recurrent layer meets Keras's requirements for cuDNN."""
    return (
        layer.use_cudnn is not False
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and layer.use_bias
        and not layer.unroll
        and not layer.recurrent_dropout
        and getattr(layer, "reset_after", True)
    )


def _int32_variables(model) -> list:
    return [variable.path for variable in model.variables if variable.dtype == "int32"]

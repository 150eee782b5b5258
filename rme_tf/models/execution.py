"""Whether the steps of a model are compiled by XLA, and which networks a GPU would compute wrongly."""

from typing import NamedTuple

import keras
import tensorflow as tf

from rme_tf.core.keras_compat import layers_of
from rme_tf.posteriors import DiagNormal


class Choice(NamedTuple):
    """Whether XLA compiles the steps of a model by default, and the reason; docs/gpu.md has the table."""

    jit_compile: bool
    reason: str


def default_jit_compile(model) -> Choice:
    """Returns what `compile(jit_compile="auto")` chooses for a model that has just been compiled so.

    By measurement, and the graph where none was made. What Keras finds impossible for XLA stays so.
    """
    reasons = {
        "there is no GPU": not tf.config.list_physical_devices("GPU"),
        "Keras compiles no such model by XLA": not model.jit_compile,
        "a variable is int32, which TensorFlow keeps in the host's memory": bool(_int32_variables(model)),
        "recurrent layers run on cuDNN": bool(recurrent_layers(model)),
        "a refinement was not measured": model.refinement is not None,
        "no posterior but the diagonal normal was measured": not isinstance(model.posterior_family, DiagNormal),
        "an autoregressive decoder was not measured": model.autoregressive,
        "one step an execution is as fast in the graph": model.steps_per_execution == 1,
    }
    for reason, holds in reasons.items():
        if holds:
            return Choice(False, reason)
    return Choice(True, "several steps an execution are faster")


def recurrent_layers(model) -> list:
    """Returns the layers of a model that have a cuDNN kernel: LSTM and GRU, however deep they are."""
    return [layer for layer in layers_of(model) if isinstance(layer, keras.layers.LSTM | keras.layers.GRU)]


def check_recurrent_precision(model) -> None:
    """Raises ValueError if cuDNN would compute a recurrent layer in bfloat16: its gradient was 0 on a GPU."""
    if not tf.config.list_physical_devices("GPU"):
        return
    wrong = [layer.name for layer in recurrent_layers(model) if layer.compute_dtype == "bfloat16" and _on_cudnn(layer)]
    if wrong:
        raise ValueError(
            "On a GPU the gradient of a recurrent layer in bfloat16 is 0 where cuDNN computes it. Expected "
            f"`dtype='float32'` for that layer, or `use_cudnn=False`. Received: the dtype policy of {', '.join(wrong)}."
        )


def _on_cudnn(layer) -> bool:
    """Returns whether a recurrent layer meets cuDNN's terms, as Keras states them."""
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

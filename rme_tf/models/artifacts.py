"""Export of a model's forward pass: SavedModel, ONNX, LiteRT or OpenVINO."""

import contextlib
import pathlib
import re
import warnings
from collections.abc import Callable

from rme_tf.core import invalid_inputs
from rme_tf.core.keras_compat import layers_of
from rme_tf.likelihoods import Likelihood
from rme_tf.models.description import DescribedModel

REMEDY = "`rme_tf.export_saved_model(model, path)` writes any model, for TensorFlow to serve."


class ArtifactModel(DescribedModel):
    """A model whose forward pass can be written as a file.

    To be implemented by subclasses:
        * `likelihood`: the specification of x, and its support.
    """

    likelihood: Likelihood

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Write the forward pass as a file, like Keras.

        The file computes the dict of `call` from x [B, *event_shape], for any B. The result for a row of x outside of
        the likelihood's support is NaN. For a SavedModel that also samples, decodes and evaluates, see
        `rme_tf.export_saved_model`.

        Args:
            filepath: path of the file, or of the directory of a SavedModel.
            format: "tf_saved_model", "onnx", "litert" or "openvino".
            verbose: whether to print a message.
            input_signature: list with the `tf.TensorSpec` of x; None for [None, *event_shape].
            **kwargs: further arguments of `keras.Model.export`.

        Raises:
            ValueError: if Keras cannot write the model in that format, or not as a file that its runtime accepts.
        """
        write = super().export
        write_artifact(self, write, filepath, format=format, verbose=verbose, input_signature=input_signature, **kwargs)


def write_artifact(model, write: Callable, filepath, *, format, input_signature, **options) -> None:
    """Writes the function `model(x)` as a file.

    The batch size is arbitrary, and the result for a row of x outside of the likelihood's support is NaN.

    Args:
        model: `VAE` to write.
        write: Keras's `export` of the model.
        filepath: path of the file, or of the directory of a SavedModel.
        format: one of Keras's formats except "torch".
        input_signature: list with the `tf.TensorSpec` of x; None for [None, *event_shape].
        **options: further arguments of `write`.

    Raises:
        ValueError: if Keras cannot write the model in that format, or not as a file that its runtime accepts.

    Warns:
        UserWarning: if a LiteRT file needs an interpreter with TensorFlow's operations.
    """
    if format == "torch":
        raise ValueError(f"PyTorch programs are written by Keras on PyTorch alone; this is TensorFlow. {REMEDY}")
    if input_signature is None:
        input_signature = [model.likelihood.spec(name="x")]
    path = str(filepath)
    try:
        with without_cudnn(model), _refusing(model):
            write(path, format=format, input_signature=input_signature, **options)
    except (ImportError, OSError, TypeError, ValueError):  # a package or an argument: the message has the remedy
        raise
    except Exception as error:  # converters raise errors of many classes
        raise ValueError(_refusal(format, f"{type(error).__name__}: {error}")) from error
    if format == "onnx":
        _check_onnx(path)
    if format == "litert":
        _warn_of_flex(path)


@contextlib.contextmanager
def without_cudnn(model):
    """Returns a context without cuDNN, which needs a GPU to serve.

    Recurrent layers of the model that are traced in the context do not use cuDNN.
    """
    layers = [layer for layer in layers_of(model) if hasattr(layer, "use_cudnn")]
    before = [layer.use_cudnn for layer in layers]
    try:
        for layer in layers:
            layer.use_cudnn = False
        yield
    finally:
        for layer, use_cudnn in zip(layers, before, strict=True):
            layer.use_cudnn = use_cudnn


@contextlib.contextmanager
def _refusing(model):
    """Returns a context in which the model returns NaN for invalid rows of x, like the served `encode`."""
    call = model.call

    def refusing(x, training=False):
        valid = invalid_inputs.valid_observations(model.likelihood, x)
        return invalid_inputs.masked(call(invalid_inputs.filled(x, valid), training=training), valid)

    model.call = refusing
    try:
        yield
    finally:
        del model.call  # restores the method of the class


def _check_onnx(path: str) -> None:
    """Raises ValueError for a file that ONNX Runtime would refuse, and deletes it; tf2onnx writes it without error."""
    import onnx  # a requirement of tf2onnx

    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        pathlib.Path(path).unlink()
        raise ValueError(_refusal("onnx", str(error))) from error


def _warn_of_flex(path: str) -> None:
    """Warns of operations that LiteRT leaves to TensorFlow, which not every interpreter has."""
    names = sorted(set(re.findall(rb"Flex[A-Z]\w+", pathlib.Path(path).read_bytes())))
    if names:
        warnings.warn(
            f"{path} runs only where the interpreter has TensorFlow's own operations (the Flex delegate), for "
            f"{', '.join(name.decode() for name in names)}. Recurrent networks need none for a fixed shape: "
            "`input_signature=[tf.TensorSpec([1, 50], tf.int32)]`.",
            stacklevel=4,
        )


def _refusal(format, reason) -> str:
    """Returns the message for a model with operations that a format lacks."""
    missing = sorted(set(re.findall(r"'tf\.(\w+)' op|No Op registered for (\w+)|operation '\w+\.(\w+)'", reason)))
    names = ", ".join("".join(groups) for groups in missing)
    reason = f"refused operation: {names}" if names else reason.strip().splitlines()[0]
    return f"This model cannot be written as {format!r} ({reason}). {REMEDY}"

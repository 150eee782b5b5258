"""The forward pass of a model as a file: SavedModel, ONNX, LiteRT or OpenVINO, as `keras.Model.export` writes them."""

import contextlib
import pathlib
import re
import warnings
from collections.abc import Callable

import keras

from rme_tf.core import invalid_inputs
from rme_tf.core.keras_compat import layers_of
from rme_tf.likelihoods import Likelihood

REMEDY = "`rme_tf.export_saved_model(model, path)` writes any model, for TensorFlow to serve."


class ArtifactModel(keras.Model):
    """A model whose forward pass can be written as a file.

    To be implemented by subclasses:
        * `likelihood`: the specification of x, and its support.
    """

    likelihood: Likelihood

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Write the forward pass as a file, as Keras does: x [B, *event_shape] to the dict of `call`, any B.

        The answer for a row of x outside the likelihood's support is NaN.

        For a SavedModel that also samples, decodes and evaluates, see `rme_tf.export_saved_model`.

        Args:
            filepath: path of the file, or of the directory of a SavedModel.
            format: "tf_saved_model", "onnx", "litert" or "openvino".
            verbose: whether to print a message.
            input_signature: a list of one `tf.TensorSpec`, of x; None for [None, *event_shape].
            **kwargs: further arguments of `keras.Model.export`.

        Raises:
            ValueError: if Keras cannot write the model in that format, or not as a file that its runtime accepts.
        """
        write = super().export
        write_artifact(self, write, filepath, format=format, verbose=verbose, input_signature=input_signature, **kwargs)


def write_artifact(model, write: Callable, filepath, *, format, input_signature, **options) -> None:
    """Writes what `model(x)` computes, for x of any batch size; NaN for a row outside the likelihood's support.

    Args:
        model: a `VAE`.
        write: Keras's own `export` of that model.
        filepath: path of the file, or of the directory of a SavedModel.
        format: one of Keras's formats but "torch".
        input_signature: a list of one spec of x; None for the likelihood's own, [None, *event_shape].
        **options: further arguments of `write`.

    Raises:
        ValueError: if Keras cannot write the model in that format, or not as a file that its runtime accepts.

    Warns:
        UserWarning: if a LiteRT file needs an interpreter with TensorFlow's own operations.
    """
    if format == "torch":
        raise ValueError(f"PyTorch programs are written by Keras on PyTorch alone; this is TensorFlow. {REMEDY}")
    if input_signature is None:
        input_signature = [model.likelihood.spec(name="x")]
    path = str(filepath)
    try:
        with without_cudnn(model), _refusing(model):
            write(path, format=format, input_signature=input_signature, **options)
    except (ImportError, OSError, TypeError, ValueError):  # a package or an argument: the message says what to do
        raise
    except Exception as error:  # converters have classes of their own
        raise ValueError(_refusal(format, f"{type(error).__name__}: {error}")) from error
    if format == "onnx":
        _check_onnx(path)
    if format == "litert":
        _warn_of_flex(path)


@contextlib.contextmanager
def without_cudnn(model):
    """Within it no recurrent layer of the model is traced as cuDNN's, which a host without a GPU could not serve."""
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
    """Within it the model answers NaN for a row of x that it was not made for, as `export_saved_model`'s `encode`."""
    call = model.call

    def refusing(x, training=False):
        valid = invalid_inputs.valid_observations(model.likelihood, x)
        return invalid_inputs.masked(call(invalid_inputs.filled(x, valid), training=training), valid)

    model.call = refusing
    try:
        yield
    finally:
        del model.call  # the method is seen again


def _check_onnx(path: str) -> None:
    """Removes a file that ONNX Runtime would refuse, which tf2onnx writes without an error, and raises ValueError."""
    import onnx  # which tf2onnx has installed

    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        pathlib.Path(path).unlink()
        raise ValueError(_refusal("onnx", str(error))) from error


def _warn_of_flex(path: str) -> None:
    """Warns of operations that LiteRT leaves to TensorFlow: not every interpreter has them."""
    names = sorted(set(re.findall(rb"Flex[A-Z]\w+", pathlib.Path(path).read_bytes())))
    if names:
        warnings.warn(
            f"{path} runs only where the interpreter has TensorFlow's own operations (the Flex delegate), for "
            f"{', '.join(name.decode() for name in names)}. Recurrent networks need none for a fixed shape: "
            "`input_signature=[tf.TensorSpec([1, 50], tf.int32)]`.",
            stacklevel=4,
        )


def _refusal(format, reason) -> str:
    """Returns the message on a model that a format has no operations for."""
    missing = sorted(set(re.findall(r"'tf\.(\w+)' op|No Op registered for (\w+)|operation '\w+\.(\w+)'", reason)))
    names = ", ".join("".join(groups) for groups in missing)
    reason = f"refused operation: {names}" if names else reason.strip().splitlines()[0]
    return f"This model cannot be written as {format!r} ({reason}). {REMEDY}"

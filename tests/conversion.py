"""What ONNX Runtime and the interpreter of LiteRT answer, for a graph function or a file."""

import contextlib
import os

import numpy as np
import pytest
import tensorflow as tf


def from_onnx(source, x, path=None):
    """Returns the answer, by name, of a graph function with an input signature, or of an ONNX file, for x."""
    runtime = pytest.importorskip("onnxruntime")
    if callable(source):
        tf2onnx = pytest.importorskip("tf2onnx")
        with quiet():
            converted, _ = tf2onnx.convert.from_function(source, source.input_signature)
        content = converted.SerializeToString()
    else:
        content = str(source)
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (only,) = session.get_inputs()
    return dict(zip((output.name for output in session.get_outputs()), session.run(None, {only.name: x}), strict=True))


def from_litert(source, x, signature=None):
    """Returns the answer, by name, of a graph function, or of the bytes of a LiteRT model, for x; no TF Select."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    if not callable(source):
        runner = interpreter(model_content=source).get_signature_runner(signature)
        (only,) = runner.get_input_details()
        return runner(**{only: x})
    function = source.get_concrete_function()
    with quiet():
        content = tf.lite.TFLiteConverter.from_concrete_functions([function], source).convert()
    model = interpreter(model_content=content)
    (only,) = model.get_input_details()
    model.resize_tensor_input(only["index"], x.shape)
    model.allocate_tensors()
    model.set_tensor(only["index"], x)
    model.invoke()
    values = (model.get_tensor(output["index"]) for output in model.get_output_details())
    return dict(zip(sorted(function.structured_outputs), values, strict=True))


@contextlib.contextmanager
def quiet():
    """Drops what converters write to the standard error, by whatever way."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def check_equal(answer, expected, atol=1e-5):
    """Checks that an answer has the names of another, and its numbers."""
    assert set(answer) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(answer[name], value, atol=atol, rtol=0, err_msg=name)

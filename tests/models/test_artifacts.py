"""`model.export`, in each of Keras's formats: it answers as the model does, or names what to call."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from conversion import check_equal, from_litert, from_onnx, quiet
from rme_tf.models.artifacts import write_artifact
from test_export import Recoded
from test_lstm import ROWS, build_text_model

SUFFIXES = {"tf_saved_model": "", "onnx": ".onnx", "openvino": ".xml", "litert": ".tflite", "torch": ".pt2"}
REMEDY = r".*`rme_tf.export_saved_model\(model, path\)` writes any model"


def answer(model, x, format, folder, **options):
    """Returns the answer of the file that `model.export` writes."""
    path = folder / f"model{SUFFIXES[format]}"
    with quiet():
        model.export(path, format=format, verbose=False, **options)
    if format == "tf_saved_model":
        served = tf.saved_model.load(str(path))
        return served.signatures["serving_default"](tf.constant(x))
    return from_onnx(path, x) if format == "onnx" else from_litert(path.read_bytes(), x)


def test_keras_has_these_formats(tiny_model, tmp_path):
    with pytest.raises(ValueError, match="Supported formats are") as error:
        tiny_model(1).export(tmp_path / "x", format="paper")
    assert set(re.findall(r"'(\w+)'", str(error.value))) == set(SUFFIXES)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["tf_saved_model", "onnx", "litert"])
def test_a_model_never_called_is_written(format, tiny_model, binary_data, tmp_path):
    pytest.importorskip("tf2onnx" if format == "onnx" else "tensorflow")
    model, x = tiny_model(2, mixing="learned"), binary_data(batch=4)
    expected = {name: np.array(value) for name, value in model(x).items()}
    x[1, 0] = 255.0  # no observation
    for value in expected.values():
        value[1] = np.nan
    check_equal(answer(model, x, format, tmp_path), expected)
    assert "call" not in vars(model)


@pytest.mark.slow
def test_a_model_is_written_after_training_and_after_it_was_loaded(tiny_model, binary_data, tmp_path):
    model, x = tiny_model(2), binary_data(batch=4)
    model.compile("adam", "elbo")
    model.fit(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model(x)
    for each in (model, loaded):
        check_equal(answer(each, x, "tf_saved_model", tmp_path), expected)


@pytest.mark.slow
@pytest.mark.parametrize("choices", [{"refinement": "sa"}, {"encoder": [Recoded()]}, {"posterior": "iaf"}], ids=str)
def test_a_saved_model_is_written_of_every_kind(choices, tiny_model, tmp_path):
    model, x = tiny_model(1, **choices), np.eye(4, 5, dtype=np.float32)
    check_equal(answer(model, x, "tf_saved_model", tmp_path), model(x))


@pytest.mark.slow
def test_sentences_of_any_length_are_written(tmp_path):
    model = build_text_model(2)
    check_equal(answer(model, ROWS, "tf_saved_model", tmp_path), model(ROWS))
    signature = [tf.TensorSpec(ROWS.shape, tf.int32, name="x")]  # LiteRT has recurrent layers of a fixed shape alone
    check_equal(answer(model, ROWS, "litert", tmp_path, input_signature=signature), model(ROWS))


def test_a_format_of_another_backend_is_refused(tiny_model, tmp_path):
    with pytest.raises(ValueError, match="PyTorch" + REMEDY):
        tiny_model(1).export(tmp_path / "model.pt2", format="torch")


def test_the_arguments_of_keras_are_checked_by_keras(tiny_model, tmp_path):
    with pytest.raises(ValueError, match=r"filepath to end with '\.tflite'"):
        tiny_model(1).export(tmp_path / "model", format="litert")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choices", "missing"), [({"refinement": "sa"}, "StatelessRandom"), ({"encoder": [Recoded()]}, "LookupTable")]
)
def test_an_operation_that_onnx_lacks_is_named(choices, missing, tiny_model, tmp_path):
    pytest.importorskip("tf2onnx")
    with quiet(), pytest.raises(ValueError, match=f"cannot be written as 'onnx' .*{missing}" + REMEDY):
        tiny_model(1, **choices).export(tmp_path / "model.onnx", format="onnx", verbose=False)
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.slow
def test_types_that_onnx_does_not_mix_are_named(tiny_model, tmp_path):
    pytest.importorskip("tf2onnx")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny_model(1)
    finally:
        keras.config.set_dtype_policy("float32")
    with quiet(), pytest.raises(ValueError, match="cannot be written as 'onnx' .*bfloat16" + REMEDY):
        model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    assert not (tmp_path / "model.onnx").exists()


def test_what_stops_a_converter_is_named(tiny_model, tmp_path):
    def write(path, **options):
        raise RuntimeError("<unknown>:0: error: failed to legalize operation 'tfl.select_v2' that was explicitly")

    with pytest.raises(ValueError, match=r"as 'litert' \(refused operation: select_v2\)" + REMEDY):
        write_artifact(tiny_model(1), write, tmp_path / "x", format="litert", input_signature=None)


@pytest.mark.slow
def test_operations_that_litert_leaves_to_tensorflow_are_named(tiny_model, tmp_path):
    with quiet(), pytest.warns(UserWarning, match="the Flex delegate.*FlexHashTableV2"):
        tiny_model(1, encoder=[Recoded()]).export(tmp_path / "model.tflite", format="litert", verbose=False)

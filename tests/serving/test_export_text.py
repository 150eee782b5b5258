"""A VAE of sentences, served on token ids by TensorFlow alone."""

import sys

import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.core.keras_compat import layers_of
from rme_tf.serving.saved_model import without_cudnn
from test_export import answers_of
from test_lstm import ROWS, build_text_model

QUESTIONS = """
answers["padded"] = served.encode(np.pad(x[:2], [[0, 0], [0, 4]]))["means"]
answers["reconstructed"] = served.reconstruct(x, 7)["tokens"]
answers["decoded"] = served.decode(answers["means"][:, 0])["tokens"]
answers["prior"] = served.sample_prior(4, 7)["tokens"]
answers["log_likelihood"] = served.log_likelihood(x, 20, 7)["log_likelihood"]
"""


@pytest.mark.slow
def test_the_served_answers_are_the_models(tmp_path):
    model = build_text_model(2, decoder_options={"skip": True})
    answers = answers_of(model, ROWS, QUESTIONS, tmp_path, max_length=6)
    expected = {name: value.numpy() for name, value in model(tf.constant(ROWS)).items()}
    for name, value in expected.items():
        np.testing.assert_allclose(answers[name], value, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(answers["padded"], expected["means"][:2], atol=1e-5)
    choices = {"max_length": 6}
    np.testing.assert_array_equal(answers["reconstructed"], model.reconstruct(ROWS, seed=(7, 0), **choices))
    np.testing.assert_array_equal(answers["decoded"], model.render(tf.constant(expected["means"][:, 0]), **choices))
    np.testing.assert_array_equal(answers["prior"], model.sample(4, seed=(7, 0), **choices))
    assert np.isfinite(answers["log_likelihood"]).all()


def flags(model):
    return [layer.use_cudnn for layer in layers_of(model) if hasattr(layer, "use_cudnn")]


def test_recurrent_layers_do_without_cudnn_while_they_are_exported():
    model = build_text_model(2, encoder_options={"bidirectional": True})
    model.decoder.lstm.use_cudnn = True
    before = flags(model)
    assert before == ["auto"] * 4 + [True]
    with pytest.raises(KeyError), without_cudnn(model):
        assert flags(model) == [False] * 5
        raise KeyError
    assert flags(model) == before


@pytest.mark.slow
def test_a_host_with_a_gpu_writes_what_one_without_can_serve(tmp_path, monkeypatch):
    """Keras is told that there is one: then a graph has cuDNN's operations, unless it is asked for none."""
    model = build_text_model(1, encoder_options={"bidirectional": True})
    monkeypatch.setattr(sys.modules["keras.src.backend.tensorflow.rnn"], "_is_gpu_available", lambda: True)
    traced = tf.function(model.encode).get_concrete_function(tf.TensorSpec([None, None], tf.int32))
    assert any("Cudnn" in operation.type for operation in traced.graph.get_operations())
    rme_tf.export_saved_model(model, tmp_path / "saved_model", max_length=6)
    assert b"CudnnRNN" not in (tmp_path / "saved_model" / "saved_model.pb").read_bytes()

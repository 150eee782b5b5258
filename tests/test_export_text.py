"""A VAE of sentences, served on token ids by TensorFlow alone."""

import numpy as np
import pytest
import tensorflow as tf

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

"""A VAE of sentences, served on token ids by TensorFlow alone."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from test_lstm import ROWS, build_text_model

SERVER = """
import sys
for name in ("keras", "tf_keras", "tensorflow_probability", "rme_tf"):
    sys.modules[name] = None  # importing it raises
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
x = np.load(folder + "/x.npy")
served = tf.saved_model.load(folder + "/saved_model")
answers = dict(served.encode(x))
answers["padded"] = served.encode(np.pad(x[:2], [[0, 0], [0, 4]]))["means"]
answers["reconstructed"] = served.reconstruct(x, 7)["tokens"]
answers["decoded"] = served.decode(answers["means"][:, 0])["tokens"]
answers["prior"] = served.sample_prior(4, 7)["tokens"]
answers["log_likelihood"] = served.log_likelihood(x, 20, 7)["log_likelihood"]
np.savez(folder + "/answers.npz", **answers)
"""


@pytest.mark.slow
def test_the_served_answers_are_the_models(tmp_path):
    model = build_text_model(2, decoder_options={"skip": True})
    np.save(tmp_path / "x.npy", ROWS)
    rme_tf.export_saved_model(model, tmp_path / "saved_model", max_length=6)
    command = [sys.executable, "-c", SERVER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    answers = np.load(tmp_path / "answers.npz")
    expected = {name: value.numpy() for name, value in model(tf.constant(ROWS)).items()}
    for name, value in expected.items():
        np.testing.assert_allclose(answers[name], value, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(answers["padded"], expected["means"][:2], atol=1e-5)
    choices = {"max_length": 6}
    np.testing.assert_array_equal(answers["reconstructed"], model.reconstruct(ROWS, seed=(7, 0), **choices))
    np.testing.assert_array_equal(answers["decoded"], model.render(tf.constant(expected["means"][:, 0]), **choices))
    np.testing.assert_array_equal(answers["prior"], model.sample(4, seed=(7, 0), **choices))
    assert np.isfinite(answers["log_likelihood"]).all()

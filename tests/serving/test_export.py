"""A SavedModel answers as its model does, in a process that can import TensorFlow alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from processes import in_each, with_tensorflow_alone
from rme_tf.evaluation import chunking, likelihood_bounds
from rme_tf.serving import saved_model

LOADED = """
import numpy as np
import tensorflow as tf

x = np.load("x.npy")
served = tf.saved_model.load("saved_model")
answers = dict(served.encode(x))
"""
QUESTIONS = """
answers["default"] = served.signatures["serving_default"](x=tf.constant(x))["means"]
answers["drawn"] = served.sample_posterior(x, 5, 7)["z"]
answers["reconstructed"] = served.signatures["reconstruct"](x=tf.constant(x), seed=tf.constant(7))["mean"]
answers["decoded"] = served.decode(answers["means"][:, 0])["mean"]
answers["prior"] = served.sample_prior(3, 7)["mean"]
answers["log_likelihood"] = served.log_likelihood(x[:1], 5000, 7)["log_likelihood"]
"""


def answers_of(model, x, questions, folder, **options):
    """Returns what a process that can import TensorFlow alone makes of the exported model."""
    return answers_of_each({folder: (model, x)}, questions, **options)[folder]


def answers_of_each(exported, questions, **options):
    """Returns the answers of several models, by one process; `exported` has of each, by its folder, model and x."""
    for folder, (model, x) in exported.items():
        np.save(folder / "x.npy", x)
        rme_tf.export_saved_model(model, folder / "saved_model", **options)
    program = LOADED + questions + '\nnp.savez("answers.npz", **answers)'
    with_tensorflow_alone(in_each(exported, program))
    return {folder: np.load(folder / "answers.npz") for folder in exported}


@pytest.fixture(scope="module", params=["uniform", "learned"])
def served(request, tmp_path_factory):
    """Returns a model, observations, and what another process makes of the exported model."""
    folder = tmp_path_factory.mktemp("served")
    model = rme_tf.VAE.from_names(
        encoder="mlp",
        decoder="mlp",
        input_shape=(4, 4, 1),
        latent_dim=2,
        num_components=3,
        mixing=request.param,
        encoder_options={"units": (8,)},
        decoder_options={"units": (8,)},
    )
    x = (np.random.default_rng(0).random((7, 4, 4, 1)) > 0.5).astype(np.float32)
    return model, x, answers_of(model, x, QUESTIONS, folder)


def test_a_path_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    for path in (tmp_path / "file", tmp_path / "file" / "saved_model"):
        with pytest.raises(ValueError, match="`path` must be a directory that can be written. Received: .*file"):
            rme_tf.export_saved_model(None, path)  # which there is no time to find out


@pytest.mark.slow
def test_the_served_answers_are_the_models(served):
    model, x, answers = served
    expected = {name: value.numpy() for name, value in model(x).items()}
    expected["default"] = expected["means"]
    expected["drawn"] = model.posterior(x).sample(5, seed=(7, 0)).numpy()
    expected["reconstructed"] = model.reconstruct(x, seed=(7, 0)).numpy()
    expected["decoded"] = model.decode(tf.constant(expected["means"][:, 0])).mean().numpy()
    expected["prior"] = model.sample(3, seed=(7, 0)).numpy()
    for name, value in expected.items():
        np.testing.assert_allclose(answers[name], value, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_the_served_log_likelihood_is_the_models(served):
    """By the same samples, taken in the same chunks; and an estimate of what many more of them say."""
    model, x, answers = served
    chunk = chunking.chunks(model, saved_model._CHUNK_BATCH).draws
    count = likelihood_bounds.draws_per_component(5000, 3)
    bounds_of_batch = tf.function(likelihood_bounds.bounds_of_batch, autograph=False)
    same = bounds_of_batch(model, tf.constant(x[:1]), count, tf.constant([7, 0]), chunk)
    np.testing.assert_allclose(answers["log_likelihood"], same.log_likelihood, atol=1e-5)
    many = bounds_of_batch(model, tf.constant(x[:1]), 20_000, tf.constant([1, 2]), 1000)
    # 5,000 samples of a model that has not learned: 0.1 nats is wide.
    np.testing.assert_allclose(answers["log_likelihood"], many.log_likelihood, atol=0.1)


class Recoded(keras.layers.Layer):
    """An encoder that looks the first pixel up in a table."""

    def __init__(self):
        super().__init__()
        values = tf.lookup.KeyValueTensorInitializer([0, 1], [0.25, -1.5])
        self.table = tf.lookup.StaticHashTable(values, 0.0)

    def call(self, x):
        found = self.table.lookup(tf.cast(x[:, :1], tf.int32))
        return tf.concat([found, x[:, 1:4]], axis=1)


def test_tables_are_found_wherever_they_hang(tiny_model):
    def table():
        return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([0], [1.0]), 0.0)

    encoder, module = Recoded(), tf.Module()
    module.table = table()
    encoder.many, encoder.pair, encoder.named, encoder.module = [table()], (table(),), {"it": [table()]}, module
    encoder.listed = [keras.layers.StringLookup(vocabulary=["a"])]
    expected = [encoder.table, *encoder.many, *encoder.pair, *encoder.named["it"], module.table]
    expected.append(encoder.listed[0].lookup_table)
    found = saved_model.resources_of(tiny_model(1, encoder=[encoder]))
    assert sorted(map(id, found)) == sorted(map(id, expected))


@pytest.mark.slow
def test_the_tables_of_an_encoder_are_served(tiny_model, tmp_path):
    model, x = tiny_model(1, encoder=[Recoded()]), np.eye(4, 5, dtype=np.float32)
    answers = answers_of(model, x, "", tmp_path)
    np.testing.assert_allclose(answers["means"], model(x)["means"], atol=1e-6)
    assert answers["means"][:, 0, 0].tolist() == [-1.5, 0.25, 0.25, 0.25]

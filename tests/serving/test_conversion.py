"""What a served model answers, converted as in docs/conversion.md: of every family, likelihood and network."""

import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from conftest import build_tiny_model
from conversion import check_equal, from_litert, from_onnx, quiet
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import COMPONENT_NETWORKS, DECODERS, ENCODERS
from rme_tf.posteriors import MIXINGS, POSTERIORS
from rme_tf.serving.saved_model import Endpoints, without_cudnn
from test_lstm import ROWS, build_text_model

pytestmark = pytest.mark.slow
CODES = np.random.default_rng(1).normal(size=(3, 2)).astype(np.float32)


def endpoint(model, name, spec):
    """Returns what a SavedModel has under that name, as a graph function."""
    return tf.function(getattr(Endpoints(model, 6), name), input_signature=[spec], autograph=False)


def check_encode(model, x, runtimes=(from_onnx, from_litert)):
    function = endpoint(model, "encode", model.likelihood.spec(name="x"))
    for answer in runtimes:
        check_equal(answer(function, x), model(x))


def check_decode(model):
    function = endpoint(model, "decode", tf.TensorSpec([None, model.latent_dim], tf.float32, name="z"))
    for answer in (from_onnx, from_litert):
        check_equal(answer(function, CODES), {"mean": model.render(tf.constant(CODES))})


@pytest.mark.parametrize("mixing", sorted(MIXINGS))
@pytest.mark.parametrize("posterior", sorted(POSTERIORS))
def test_what_is_inferred_converts_with_every_posterior(posterior, mixing, binary_data):
    model = build_tiny_model(2, posterior=posterior, mixing=mixing, spread=0.1)
    check_encode(model, binary_data(batch=4))


@pytest.mark.parametrize("name", sorted(set(LIKELIHOODS) - {"categorical_sequence"}))
def test_the_mean_converts_with_every_likelihood(name):
    check_decode(build_tiny_model(1, likelihood=name))


def test_the_mean_of_colored_pixels_converts():
    model = rme_tf.VAE.from_names(
        encoder="mlp", decoder="mlp", input_shape=(4, 4, 3), latent_dim=2, likelihood="discretized_logistic_mixture"
    )
    check_decode(model)


@pytest.mark.parametrize("name", sorted((set(ENCODERS) | set(DECODERS)) - {"lstm", "pixelcnn"}))
def test_every_network_of_images_and_signals_converts(name):
    shape = (17, 2) if name == "conv1d" else (8, 8, 1)
    x = np.random.default_rng(0).integers(0, 2, (3, *shape)).astype(np.float32)
    encoder, decoder = (name if name in table else "mlp" for table in (ENCODERS, DECODERS))
    model = rme_tf.VAE.from_names(encoder=encoder, decoder=decoder, input_shape=x.shape[1:], latent_dim=2)
    check_encode(model, x)
    check_decode(model)


@pytest.mark.parametrize("trunk", ["shared", *sorted(COMPONENT_NETWORKS)])
def test_every_trunk_converts(trunk, binary_data):
    check_encode(build_tiny_model(2, trunk=trunk, spread=0.1), binary_data(batch=4))


def test_encoders_of_missing_entries_convert(binary_data):
    x = rme_tf.hide(binary_data(batch=4), [1, 0, 1, 1, 0])
    check_encode(build_tiny_model(2, missing=True, spread=0.1), x)


def test_sentences_convert_to_onnx():
    model = build_text_model(2, encoder_options={"bidirectional": True})
    z = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    with without_cudnn(model):
        check_encode(model, ROWS, [from_onnx])
        answer = from_onnx(endpoint(model, "decode", tf.TensorSpec([None, 3], tf.float32, name="z")), z)
    check_equal(answer, {"tokens": model.render(tf.constant(z), max_length=6)}, atol=0)


def test_the_encoders_of_sentences_convert_to_litert_for_a_fixed_shape():
    model = build_text_model(2)
    answer = from_litert(endpoint(model, "encode", tf.TensorSpec(ROWS.shape, tf.int32, name="x")), ROWS)
    check_equal(answer, model(ROWS))


def test_a_saved_model_converts(tmp_path, binary_data):
    """Its refusals, too: NaN for a row that is no observation, or no code."""
    model, x, z = build_tiny_model(3, mixing="learned"), binary_data(batch=4), CODES.copy()
    x[1, 0], z[1, 0] = 255.0, np.inf
    rme_tf.export_saved_model(model, tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    for name, question in {"encode": x, "decode": z}.items():
        expected = getattr(served, name)(question)
        assert all(np.isnan(value[1]).all() and np.isfinite(value[2]).all() for value in expected.values())
        check_equal(from_onnx(getattr(served, name), question), expected)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "served"), signature_keys=[name])
        with quiet():
            content = converter.convert()
        check_equal(from_litert(content, question, name), expected)


@pytest.mark.parametrize(("name", "options"), [("poisson", {}), ("columns", {"kinds": ["count", "real"] * 2})])
def test_the_encoders_of_counts_convert(name, options):
    x = np.random.default_rng(0).poisson(20.0, (4, 4)).astype(np.float32)
    check_encode(build_tiny_model(1, pixels=4, likelihood=name, likelihood_options=options), x)

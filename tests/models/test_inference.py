"""`VAE.infer`, the mixture posterior of a batch, for every kind of model; and the seeds of calls that draw."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from conftest import build_tiny_model
from rme_tf.networks import COMPONENT_NETWORKS
from rme_tf.posteriors import MixturePosterior
from test_lstm import ROWS, build_text_model

X = np.random.default_rng(0).integers(0, 2, (4, 5)).astype("float32")
SA = {"refinement": "sa", "refinement_options": {"steps": 2}}
MODELS = {
    "one component": lambda: build_tiny_model(1),
    "learned weights": lambda: build_tiny_model(3, mixing="learned"),
    "shared trunk": lambda: build_tiny_model(3, trunk="shared", mixing="learned"),
    **{f"trunk {name}": lambda name=name: build_tiny_model(3, trunk=name) for name in COMPONENT_NETWORKS},
    "refined": lambda: build_tiny_model(2, **SA),
    "laplace": lambda: build_tiny_model(2, posterior="laplace"),
    "tokens": lambda: build_text_model(2),
}

every_model = pytest.mark.parametrize("kind", MODELS)


def model_and_data(kind):
    return MODELS[kind](), ROWS if kind == "tokens" else X


@every_model
def test_infer_returns_the_posterior_that_encode_describes(kind):
    model, x = model_and_data(kind)
    q, encoding = model.infer(x), model.encode(x)
    assert isinstance(q, MixturePosterior)
    assert q.family is model.posterior_family
    assert q.params.dtype == q.log_alpha.dtype == tf.float32
    np.testing.assert_array_equal(q.params, encoding.params)
    np.testing.assert_array_equal(q.log_alpha, encoding.log_alpha)
    outputs = model(x)
    for name, value in q.moments().items():
        np.testing.assert_array_equal(value, outputs[name])
    z = q.sample(5, seed=0)
    np.testing.assert_array_equal(z, model.posterior(x).sample(5, seed=(0, 0)))
    np.testing.assert_allclose(q.log_prob(z), model.posterior(x).log_prob(z), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(q.mean(), model.codes(x), rtol=1e-5, atol=1e-6)


@every_model
def test_infer_works_in_a_graph(kind):
    model, x = model_and_data(kind)

    def answers(x):
        q = model.infer(x)
        return q.mean(), q.stddev(), q.log_prob(q.mean())

    for in_graph, expected in zip(tf.function(answers)(x), answers(x), strict=True):
        np.testing.assert_allclose(in_graph, expected, rtol=1e-4, atol=1e-5)


def test_infer_compiles_under_xla():
    model = build_tiny_model(2, mixing="learned")
    mean, draws = tf.function(lambda x: (model.infer(x).mean(), model.infer(x).sample(3, seed=1)), jit_compile=True)(X)
    np.testing.assert_allclose(mean, model.infer(X).mean(), rtol=1e-5, atol=1e-5)
    assert np.isfinite(draws).all()


def test_infer_refines_with_the_same_noise_unless_there_is_a_seed():
    model = MODELS["refined"]()
    params = model.infer(X).params
    assert (params.numpy() != model.amortised(X).params.numpy()).any()
    np.testing.assert_array_equal(model.infer(X).params, params)
    np.testing.assert_array_equal(model.infer(X, seed=3).params, model.infer(X, seed=(3, 0)).params)
    assert (model.infer(X, seed=3).params.numpy() != params.numpy()).any()


def test_infer_can_stop_at_some_of_the_components():
    model = MODELS["learned weights"]()
    q = model.infer(X, num_components=2)
    assert q.num_components == 2
    np.testing.assert_array_equal(q.params, model.infer(X).params[:, :2])
    np.testing.assert_allclose(tf.reduce_sum(q.weights, axis=-1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_answers_are_float32_under_every_policy(policy):
    keras.config.set_dtype_policy(policy)
    try:
        q = build_tiny_model(2, mixing="learned").infer(X)
    finally:
        keras.config.set_dtype_policy("float32")
    z = q.sample(3, seed=0)
    answers = [z, q.log_prob(z), q.mean(), q.stddev(), q.weights, q.sample_components(2, 0), *q.moments().values()]
    assert {answer.dtype for answer in answers} == {tf.float32}


# Seeds.

CALLS = {
    "sample of the posterior": lambda model, seed: model.infer(X).sample(3, seed=seed),
    "sample_components": lambda model, seed: model.infer(X).sample_components(3, seed),
    "sample_with_log_probs": lambda model, seed: model.infer(X).sample_with_log_probs(3, seed)[0],
    "log_probs": lambda model, seed: model.log_probs(X, seed=seed).log_lik,
    "sample": lambda model, seed: model.sample(3, seed),
    "reconstruct": lambda model, seed: model.reconstruct(X, seed),
    "interpolate": lambda model, seed: model.interpolate(X, X[::-1], steps=2, draw=True, seed=seed),
    "render": lambda model, seed: sentences().render(np.ones([2, 3], "float32"), seed, strategy="sample"),
    "generate": lambda model, seed: rme_tf.generate(
        sentences(), np.ones([2, 3], "float32"), seed=seed, strategy="sample"
    ),
}
_SENTENCES: list = []


def sentences():
    if not _SENTENCES:
        _SENTENCES.append(build_text_model())
    return _SENTENCES[0]


@pytest.mark.parametrize("call", sorted(CALLS))
def test_seeds_are_integers_pairs_or_none(call):
    model = build_tiny_model(2)

    def drawn(seed):
        return np.asarray(CALLS[call](model, seed))

    np.testing.assert_array_equal(drawn(7), drawn((7, 0)))
    np.testing.assert_array_equal(drawn(7), drawn(tf.constant([7, 0])))
    assert not np.array_equal(drawn(7), drawn(8))
    keras.utils.set_random_seed(0)
    first, second = drawn(None), drawn(None)
    assert not np.array_equal(first, second)
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(drawn(None), first)
    with pytest.raises(ValueError, match="`seed` must be an integer, a stateless seed of two integers, or None"):
        drawn("7")


def test_codes_are_drawn_by_an_integer():
    model = build_tiny_model(2)
    np.testing.assert_array_equal(model.codes(X, seed=7), model.infer(X).sample(seed=(7, 0)))

"""The model's forward maths, what it hands to people, and its life on disk."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf import ELBO, VAE, RecursiveMixture
from rme_tf.likelihoods import Bernoulli
from rme_tf.posteriors import DiagNormal, RecursiveMixing

SEED = (5, 6)
CHOICES = {
    "uniform": {},
    "learned": {"mixing": RecursiveMixing(eps_min=0.1, uniform_pull=0.5)},
    "full_normal": {"posterior": "full_normal", "mixing": "learned"},
    "normal_likelihood": {"likelihood": "normal"},
}


class Custom(keras.Model):
    """An encoder that nobody registered with Keras."""

    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.hidden, self.last = keras.layers.Dense(width, "tanh"), keras.layers.Dense(4)

    def call(self, x):
        return self.last(self.hidden(x))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def custom_vae(num_components=2):
    decoder = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(5)])
    return VAE(Custom(), decoder, posterior=DiagNormal(2), likelihood=Bernoulli((5,)), num_components=num_components)


def assert_same_weights(one, other):
    for a, b in zip(one.variables, other.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


@pytest.mark.parametrize("choice", sorted(CHOICES))
def test_predictions_are_arrays_that_describe_the_posterior(tiny_model, binary_data, choice):
    model, x = tiny_model(3, **CHOICES[choice]), binary_data(7)
    result = model.predict(x, batch_size=4, verbose=0)
    assert all(isinstance(value, np.ndarray) and value.dtype == np.float32 for value in result.values())
    assert result["weights"].shape == (7, 3)  # B, M
    assert result["means"].shape == result["scales"].shape == (7, 3, 2)  # B, M, D
    np.testing.assert_allclose(result["weights"].sum(axis=-1), 1.0, rtol=1e-6)  # float32
    assert (result["scales"] > 0.0).all()
    posterior = model.posterior(x)
    # Another order of the same float32 operations in graph and eager mode.
    tolerance = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(result["weights"], posterior.mixture_distribution.probs_parameter(), **tolerance)
    np.testing.assert_allclose(result["means"], posterior.components_distribution.mean(), **tolerance)
    np.testing.assert_allclose(result["scales"], posterior.components_distribution.stddev(), **tolerance)


@pytest.mark.parametrize("choice", sorted(CHOICES))
def test_the_posterior_is_the_mixture_whose_density_training_uses(tiny_model, binary_data, choice):
    model, x = tiny_model(3, **CHOICES[choice]), binary_data(4)
    posterior = model.posterior(x)
    assert isinstance(posterior, tfp.distributions.MixtureSameFamily)
    assert posterior.batch_shape == (4,)
    assert posterior.event_shape == (2,)
    log_probs = model.log_probs(x, num_samples=6, seed=SEED)
    assert log_probs.log_lik.shape == log_probs.log_prior.shape == (6, 4, 3)  # S, B, M
    assert log_probs.log_q_all.shape == (6, 4, 3, 3)
    z = model.infer(x).sample_components(6, SEED)
    for m in range(3):
        expected = posterior.log_prob(z[:, :, m])
        mixed = tf.reduce_logsumexp(log_probs.log_alpha + log_probs.log_q_all[:, :, m], axis=-1)
        np.testing.assert_allclose(mixed, expected, rtol=1e-5, atol=1e-5)  # sums of float32 logs of order 10
    log_lik = model.decode(z).log_prob(x[:, np.newaxis])
    np.testing.assert_allclose(log_probs.log_lik, log_lik, rtol=1e-5)


def test_components_that_have_not_joined_have_no_weight(tiny_model, binary_data):
    model, x = tiny_model(3, mixing="learned"), binary_data()
    full = model.encode(x).log_alpha.numpy()
    first = model.encode(x, num_components=2).log_alpha.numpy()
    renormalised = full[:, :2] - np.logaddexp(full[:, 0], full[:, 1])[:, np.newaxis]
    np.testing.assert_allclose(first, renormalised, rtol=1e-5, atol=1e-6)  # float32
    model.num_active.assign(2)
    weights = model(x)["weights"].numpy()
    np.testing.assert_array_equal(weights[:, 2], 0.0)
    np.testing.assert_allclose(weights[:, :2], np.exp(first), rtol=1e-5)
    model.num_active.assign(1)
    np.testing.assert_array_equal(model(x)["weights"], [[1.0, 0.0, 0.0]] * 3)
    assert np.isfinite(model.posterior(x).log_prob(np.zeros((3, 2), np.float32))).all()


def test_decoding_keeps_the_leading_axes(tiny_model, rng):
    model = tiny_model(2)
    z = rng.normal(size=(4, 3, 2, 2)).astype("float32")  # S, B, M, D
    distribution = model.decode(tf.constant(z))
    assert distribution.batch_shape == (4, 3, 2)
    assert distribution.event_shape == (5,)
    one = model.decode(tf.constant(z[1, 2, 0])).mean()
    np.testing.assert_allclose(distribution.mean()[1, 2, 0], one, rtol=1e-5)  # float32


def test_reconstructions_and_samples_follow_their_seed(tiny_model, binary_data):
    model, x = tiny_model(2), binary_data(4)
    for draw, shape in (
        (lambda seed: model.reconstruct(x, seed), (4, 5)),
        (lambda seed: model.sample(6, seed), (6, 5)),
    ):
        first, again, other = (np.asarray(draw(seed)) for seed in ((1, 2), (1, 2), (1, 3)))
        assert first.shape == shape
        assert ((first > 0.0) & (first < 1.0)).all()  # means of Bernoullis
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 1e-3
    assert len(np.unique(np.asarray(model.sample(6)), axis=0)) == 6


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("dtype", ["float64", "int64", "uint8", "bool"])
def test_observations_of_every_dtype_are_understood(binary_data, dtype):
    model, x = custom_vae(), binary_data()
    expected = model.predict(x, verbose=0)
    for given in (x.astype(dtype), tf.data.Dataset.from_tensor_slices(x.astype(dtype)).batch(2)):
        result = model.predict(given, verbose=0)
        np.testing.assert_allclose(result["means"], expected["means"], rtol=1e-5, atol=1e-6)  # float32
    np.testing.assert_allclose(model.posterior(x.astype(dtype)).mean(), model.posterior(x).mean(), rtol=1e-5)


def test_the_summary_counts_every_weight_once(tiny_model):
    lines = []
    model = tiny_model(2, mixing="learned")
    model.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    # 5 -> 8 -> 4 for each encoder, 5 -> 8 -> 1 for the mixing network, 2 -> 8 -> 5 for the decoder.
    trainable = 2 * (5 * 8 + 8 + 8 * 4 + 4) + (5 * 8 + 8 + 8 + 1) + (2 * 8 + 8 + 8 * 5 + 5)
    assert f"Trainable params: {trainable} " in text
    assert all(name in text for name in ("encoder_0", "encoder_1", "decoder", "mixing_network"))


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["learned", "normal_likelihood"])
def test_a_saved_model_is_the_same_and_goes_on_alike(tiny_model, binary_data, tmp_path, choice):
    model, x = tiny_model(2, **CHOICES[choice]), binary_data(8)
    algorithm = RecursiveMixture(kl_bound=2.5, bound="clamp", num_samples=2, warm_start_epochs=1, warm_start_noise=0.2)
    model.compile(keras.optimizers.Adam(0.01), algorithm, run_eagerly=True)  # cheaper than tracing
    model.fit(x, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, VAE)
    assert loaded.algorithm == algorithm
    assert loaded.run_eagerly
    assert int(loaded.num_active) == 2
    assert int(loaded.epochs_trained) == 2
    assert int(loaded.optimizer.iterations) == 2
    assert_same_weights(model.optimizer, loaded.optimizer)
    predicted, again = model.predict(x, verbose=0), loaded.predict(x, verbose=0)
    for name, value in predicted.items():
        np.testing.assert_array_equal(again[name], value)
    loaded.seed_generator.state.assign(model.seed_generator.state)  # not part of Keras's format
    for one in (model, loaded):
        one.fit(x, epochs=1, verbose=0, shuffle=False)
    for a, b in zip(model.trainable_variables, loaded.trainable_variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


@pytest.mark.slow
def test_a_model_saved_in_its_warm_start_is_still_warming(tiny_model, binary_data, tmp_path):
    model, x = tiny_model(2), binary_data(8)
    model.compile("sgd", RecursiveMixture(warm_start_epochs=2), run_eagerly=True)
    with pytest.warns(UserWarning, match="warm start"):
        model.fit(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="warm start"):
        assert np.isnan(loaded.fit(x, verbose=0).history["elbo_1"][0])
    assert np.isfinite(loaded.fit(x, verbose=0).history["elbo_1"][0])


def test_an_uncompiled_model_is_saved_too(tiny_model, binary_data, tmp_path):
    model, x = tiny_model(3, mixing="learned"), binary_data()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not loaded.compiled
    for name, value in model(x).items():
        np.testing.assert_array_equal(loaded(x)[name], value)


def test_weights_alone_are_saved_and_loaded(tiny_model, binary_data, tmp_path):
    model, other = tiny_model(2, mixing="learned"), tiny_model(2, mixing="learned", seed=7)
    model.save_weights(tmp_path / "model.weights.h5")
    x = binary_data()
    assert np.abs(model(x)["means"] - other(x)["means"]).max() > 0.01
    other.load_weights(tmp_path / "model.weights.h5")
    for a, b in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


def test_an_encoder_that_is_not_registered_is_loaded_by_custom_objects(binary_data, tmp_path):
    model, x = custom_vae(), binary_data()
    model.compile("sgd", ELBO())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"Custom": Custom})
    assert all(isinstance(encoder, Custom) for encoder in loaded.encoders)
    for name, value in model(x).items():
        np.testing.assert_array_equal(loaded(x)[name], value)

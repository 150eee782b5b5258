"""A prior made of the posterior: its density, whom its gradient reaches, and its life in a model."""

import copy
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
from definition import (
    UPDATES,
    Definition,
    algorithm,
    assert_same_gradients,
    gradients_by_definition,
    recorded_gradients,
)
from rme_tf import ELBO, FreeBits, ImportanceWeighted
from rme_tf.algorithms import ALGORITHMS, Aggressive
from rme_tf.priors import PRIORS, Vamp
from rme_tf.serving.saved_model import Endpoints
from test_export import answers_of_each

K = 4
SEED = (3, 4)
MODELS = {
    "uniform": {"num_components": 2},
    "learned": {"num_components": 3, "mixing": "learned"},
    "shared": {"num_components": 3, "mixing": "learned", "trunk": "shared"},
    "single": {"num_components": 1},
}

every_model = pytest.mark.parametrize("choice", sorted(MODELS))


@pytest.fixture
def vamp(tiny_model):
    """Builder of tiny models with this prior, by the names of `MODELS`, or with another, of its own default size."""

    def build(choice="learned", prior="vamp", **more):
        options = {"prior_options": {"num_components": K}} if prior == "vamp" else {}
        return tiny_model(**{"prior": prior, **options, **MODELS[choice], **more})

    return build


def by_hand(model, z):
    """log 1/K sum_k sum_m alpha_m(u_k) q_m(z|u_k), component by component."""
    u = 1.0 / (1.0 + np.exp(-model.prior.raw_inputs.numpy().astype(np.float64)))
    features = u.astype(np.float32) if model.trunk is None else model.trunk(u.astype(np.float32))
    means, scales = [], []
    for encoder in model.encoders:
        mean, raw = np.split(np.asarray(encoder(features), np.float64), 2, axis=-1)
        means.append(mean)
        scales.append(np.log1p(np.exp(raw)) + 1e-5)
    weights = np.exp(np.asarray(model.amortised(u.astype(np.float32)).log_alpha, np.float64))
    densities = [
        [reference.mixture_log_prob(row, weights[k], [m[k] for m in means], [s[k] for s in scales]) for row in z]
        for k in range(K)
    ]
    return np.logaddexp.reduce(np.asarray(densities), axis=0) - math.log(K)


# The density.


@every_model
def test_the_density_is_the_mean_of_the_posteriors_at_the_pseudo_inputs(vamp, rng, choice):
    model, z = vamp(choice), rng.normal(size=(6, 2))
    prior = model.prior.distribution()
    result = prior.log_prob(tf.constant(z, tf.float32))
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, by_hand(model, z), rtol=1e-4, atol=1e-5)  # float32 params
    posteriors = model.posterior_of(model.amortised(model.prior.pseudo_inputs())).distribution()  # batch [K]
    table = np.stack([posteriors.log_prob(tf.constant(np.tile(row, (K, 1)), tf.float32)) for row in z])
    np.testing.assert_allclose(result, np.logaddexp.reduce(table, axis=-1) - math.log(K), rtol=1e-4, atol=1e-5)


def test_in_a_warm_start_it_is_made_of_the_first_component(vamp, rng):
    model, z = vamp("learned"), rng.normal(size=(6, 2))
    model.num_active.assign(1)
    np.testing.assert_allclose(
        model.prior.distribution().log_prob(tf.constant(z, tf.float32)), by_hand(model, z), rtol=1e-4, atol=1e-5
    )


def test_dropout_does_not_touch_it(vamp):
    encoder = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dropout(0.5), keras.layers.Dense(4)])
    model, z = vamp("single", encoder=encoder), tf.zeros([1, 2])
    one, other = (
        np.asarray(model.log_joint(tf.zeros([1, 5]), z[:, None, None], training=training)[1])
        for training in (False, True)
    )
    np.testing.assert_array_equal(one, other)


# Gradients.


class VampDefinition(Definition):
    """The objectives with this prior written out: fixed for the components, moving for theta."""

    live = False

    def hold(self):
        super().hold()
        self.fixed = [tf.stop_gradient(part) for part in self.parts()]

    def parts(self):
        """Weights, means and scales of the K M Gaussians: [K, M], [K, M, D], [K, M, D]."""
        there = copy.copy(self)
        there.x = 1.0 / (1.0 + tf.exp(-tf.cast(self.model.prior.raw_inputs.value, tf.float64)))
        components = range(self.model.num_components)
        alpha = tf.ones([K, 1], tf.float64)
        for m in components[1:]:
            eps = there.eps(m)[:, None]
            alpha = tf.concat([(1 - eps) * alpha, eps], axis=-1)
        means, scales = zip(*(there.moments(m) for m in components), strict=True)
        return alpha, tf.stack(means, axis=1), tf.stack(scales, axis=1)

    def log_prior(self, z):
        alpha, means, scales = self.parts() if self.live else self.fixed
        standard = (z[..., None, None, :] - means) / scales
        normal = tf.reduce_sum(-0.5 * standard**2 - tf.math.log(scales * math.sqrt(2 * math.pi)), axis=-1)
        return tf.reduce_logsumexp(tf.math.log(alpha) + normal, axis=[-2, -1]) - math.log(K)

    def generative_objective(self):
        self.live = True
        value = super().generative_objective()
        self.live = False
        return value

    def stages(self):
        yield from super().stages()
        model = self.model
        networks = [*model.encoders, *filter(None, [model.trunk, model.mixing_network])]
        yield self.generative_objective, [v for network in networks for v in network.trainable_variables]


@pytest.mark.parametrize(("choice", "num_samples"), [("uniform", 1), ("learned", 2), ("shared", 1), ("single", 2)])
def test_both_updates_have_the_gradients_of_the_definition(vamp, binary_data, choice, num_samples):
    model, x = vamp(choice), binary_data()
    expected = gradients_by_definition(VampDefinition(model, algorithm(num_samples=num_samples), x))
    joint, sequential = (recorded_gradients(model, algorithm(update=u, num_samples=num_samples), x) for u in UPDATES)
    assert set(expected) == {variable.path for variable in model.trainable_variables}
    assert_same_gradients(joint, sequential, tolerance=1e-5)  # float32, as in test_recursive_mixture
    assert_same_gradients(joint, expected, tolerance=2e-5)


@pytest.mark.parametrize("update", UPDATES)
def test_of_one_component_the_recursion_is_the_elbo(vamp, binary_data, update):
    model, x = vamp("single"), binary_data()
    expected = recorded_gradients(model, ELBO(), x)
    assert_same_gradients(recorded_gradients(model, algorithm(update=update), x), expected, tolerance=1e-5)


def test_the_encoders_get_the_gradient_of_the_prior(vamp, binary_data):
    model, x = vamp("uniform"), binary_data()
    z = tf.random.stateless_normal([1, 3, 2, 2], SEED)
    parts = [model.prior.raw_inputs, model.encoders[0].trainable_variables[0]]
    for held in (False, True):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model.log_joint(x, z, prior=model.prior.held() if held else None)[1])
        gradients = tape.gradient(value, [part.value for part in parts], unconnected_gradients="zero")
        assert all((np.abs(gradient).max() == 0.0) == held for gradient in gradients)


def test_the_doubly_reparameterised_gradient_is_that_of_one_sample_too(vamp, binary_data):
    """One sample has weight one: the paths through q and z agree but for the score, which is zero on average."""
    model, x = vamp("single"), binary_data()
    pathwise, dreg = (
        recorded_gradients(model, ImportanceWeighted(num_samples=1, gradient=gradient), x)
        for gradient in ("pathwise", "dreg")
    )
    path = model.prior.raw_inputs.path
    np.testing.assert_allclose(dreg[path], pathwise[path], rtol=1e-4, atol=1e-7)  # theta's is the same


# Training.


RULES = [(name, {}) for name in sorted(ALGORITHMS)]
RULES += [(name, {"update": "sequential"}) for name in ("boosted", "recursive_mixture")]


@pytest.mark.slow
@pytest.mark.parametrize("prior", sorted(set(PRIORS) - {"standard_normal"}))
@pytest.mark.parametrize(("name", "options"), RULES, ids=str)
def test_every_algorithm_trains_it_with_theta(vamp, binary_data, name, options, prior):
    model = vamp("learned" if "learned_mixing" in ALGORITHMS[name].honors else "uniform", prior=prior)
    model.compile(keras.optimizers.Adam(0.01), ALGORITHMS[name](warm_start_epochs=0, **options), run_eagerly=True)
    owned = {id(variable) for variable in model.prior.trainable_variables}
    assert owned <= {id(variable) for variable in model.generative_variables}
    assert len({id(variable) for variable in model.variables}) == len(model.variables)
    before = model.prior.get_weights()
    history = model.fit(binary_data(8), epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for old, new in zip(before, model.prior.get_weights(), strict=True):
        assert np.abs(new - old).max() > 1e-3


@pytest.mark.parametrize("update", UPDATES)
def test_in_an_inner_loop_it_waits_for_the_encoders(vamp, binary_data, update):
    model, x = vamp("uniform"), binary_data()
    record = recorded_gradients(model, algorithm(update=update, aggressive=Aggressive()), x)
    assert model.prior.raw_inputs.path not in record
    assert model.encoders[0].trainable_variables[0].path in record


def test_free_bits_of_each_dimension_are_refused(vamp, binary_data):
    model = vamp("single")
    model.compile("sgd", ELBO(free_bits=FreeBits(nats=0.1)), run_eagerly=True)
    with pytest.raises(ValueError, match="independent over latent dimensions. Received: Vamp. Pass `groups=1`"):
        model.fit(binary_data(4), verbose=0)
    model.compile("sgd", ELBO(free_bits=FreeBits(nats=0.1, groups=1)), run_eagerly=True)
    assert np.isfinite(model.fit(binary_data(4), verbose=0).history["loss"]).all()


@pytest.mark.slow
def test_it_is_compiled_with_mixed_precision(vamp, binary_data):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = vamp("uniform")
        model.compile("sgd", algorithm(), jit_compile=True)
        assert np.isfinite(model.fit(binary_data(4), batch_size=4, verbose=0).history["loss"]).all()
        assert model.prior.distribution().log_prob(tf.zeros([1, 2])).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy("float32")


# The start.


def test_it_starts_from_observations(vamp, binary_data):
    model, x = vamp("uniform"), binary_data(20)
    model.prior.initialize(x, seed=1)
    u = model.prior.pseudo_inputs().numpy()
    distances = np.abs(u[:, None] - x[None]).max(axis=-1)  # [K, N]
    np.testing.assert_allclose(distances.min(axis=-1), 0.02, atol=1e-5)  # no nearer to 0 and 1
    other = vamp("uniform")
    other.prior.initialize(x, seed=1)
    np.testing.assert_array_equal(other.prior.pseudo_inputs(), u)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: x[:3], "at least 4 observations. Received: 3"),
        (lambda x: x[:, :4], "must have shape"),
        (lambda x: x + 0.5, "Bernoulli expects"),
    ],
)
def test_it_does_not_start_from_what_is_no_observation(vamp, binary_data, make, message):
    model = vamp("single")
    with pytest.raises(ValueError, match=message):
        model.prior.initialize(make(binary_data(20)))


def test_it_belongs_to_one_model(vamp):
    prior = Vamp(2, num_components=K)
    with pytest.raises(ValueError, match="belongs to no `VAE` yet"):
        prior.distribution()
    vamp("single", prior=prior, prior_options=None)
    with pytest.raises(ValueError, match="one model's encoders"):
        vamp("single", prior=prior, prior_options=None)


# Its life on disk.


@pytest.mark.parametrize("prior", sorted(PRIORS))
def test_a_saved_model_has_the_same_prior(vamp, binary_data, tmp_path, prior):
    model, z = vamp("shared", prior=prior, prior_options=None), tf.random.stateless_normal([7, 2], SEED)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(loaded.variables) == len(model.variables)
    np.testing.assert_array_equal(loaded.prior.distribution().log_prob(z), model.prior.distribution().log_prob(z))
    np.testing.assert_array_equal(loaded.sample(5), model.sample(5))


QUESTIONS = """
answers["prior"] = served.sample_prior(3, 7)["mean"]
answers["bound"] = served.log_likelihood(x, 4000, 7)["log_likelihood"]
"""


@pytest.mark.slow
def test_an_exported_model_has_the_same_prior(vamp, binary_data, tmp_path):
    x, models = binary_data(2), {}
    for prior in sorted(set(PRIORS) - {"standard_normal"}):
        (tmp_path / prior).mkdir()
        models[tmp_path / prior] = (vamp("learned", prior=prior), x)
    for folder, answers in answers_of_each(models, QUESTIONS).items():
        model, _ = models[folder]
        np.testing.assert_allclose(answers["prior"], model.sample(3, seed=(7, 0)), atol=1e-5, err_msg=folder.name)
        expected = tf.function(Endpoints(model, 50).log_likelihood)(tf.constant(x), 4000, 7)["log_likelihood"]
        np.testing.assert_allclose(answers["bound"], expected, atol=1e-3, err_msg=folder.name)  # float32, reordered

"""Refinement of the posterior: what the steps reach, and what each method trains on."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from definition import RealNormal
from rme_tf import objectives
from rme_tf.core.types import Encoding
from rme_tf.evaluation.likelihood_bounds import bounds_of_batch
from rme_tf.posteriors import POSTERIORS
from rme_tf.refinements import DSVI, REFINEMENTS, elbo_gradient
from rme_tf.refinements.base import EVALUATION_SEED
from rme_tf.refinements.semi_amortised import check_second_derivatives
from test_oracles import (
    PIXELS,
    SHIFT,
    SIGMA,
    D,
    dense,
    encoder_of,
    every_case,
    exact_log_likelihood,
    exact_posterior,
    observations,
    wrong_posterior,
)

every_refinement = pytest.mark.parametrize("name", sorted(REFINEMENTS))
STEPS = {"learning_rate": 0.1, "clip_norm": None}
OPTIONS = {"sa": STEPS, "dsvi": STEPS, "iai": {"units": (8,)}}
SEED = (3, 4)


def refined_model(tiny_model, name, num_components=2, steps=3, **choices):
    options = {"steps": steps, **OPTIONS[name]}
    return tiny_model(num_components, refinement=name, refinement_options=options, **choices)


def keyed(model):
    """The trainable variables by names that are the same in every model: the network and a number."""
    networks = {**{f"encoder {m}": e for m, e in enumerate(model.encoders)}, "decoder": model.decoder}
    networks |= {"mixing": model.mixing_network, "likelihood": model.likelihood, "refinement": model.refinement}
    present = [(name, network) for name, network in networks.items() if network is not None]
    return {f"{name}/{i}": v for name, network in present for i, v in enumerate(network.trainable_variables)}


def with_networks_of(other, model):
    """Gives a model the weights of another that may have no refinement, or another one."""
    sources = keyed(other)
    for key, variable in keyed(model).items():
        if not key.startswith("refinement"):
            variable.assign(sources[key].value)
    return model


def one_step(model, x):
    """The weights, by name, after a step of the ELBO from those that the model has; and the bound before it."""
    start = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), "elbo")
    log_probs = model.algorithm.step(model, tf.constant(x), tf.constant(SEED))
    ends = {key: np.asarray(v.value) for key, v in keyed(model).items()}
    model.set_weights(start)
    moves = {key: ends[key] - np.asarray(v.value) for key, v in keyed(model).items()}
    return moves, float(tf.reduce_mean(objectives.mixture_terms(log_probs)["elbo"]))


def check_equal(moves, expected, names, atol=2e-6):  # float32
    for name in names:
        np.testing.assert_allclose(moves[name], expected[name], atol=atol, err_msg=name)


# Where the steps lead: the posterior of a linear-Gaussian model is known.


def linear_model(name, kernel, refinement):
    return rme_tf.VAE(
        [wrong_posterior(name, kernel)],
        dense(kernel, SHIFT),
        posterior=POSTERIORS[name](D),
        likelihood=RealNormal((PIXELS,), initial_scale=SIGMA),
        refinement=refinement,
    )


def elbos_of(model, x, num_samples):
    """The ELBO of each observation."""
    return bounds_of_batch(model, x, num_samples, (1, 2), num_samples).elbo


@pytest.mark.slow
@every_case
def test_many_steps_reach_the_exact_posterior(name, kernel):
    model = linear_model(name, kernel, DSVI(steps=500, learning_rate=0.05))
    x = observations(kernel)
    covariance, gain, offset = exact_posterior(kernel)
    compiled = tf.function(lambda x: (model.encode(x).params, elbos_of(model, x, 10)), autograph=False)
    params, elbos = compiled(tf.constant(x))
    posterior = model.posterior_family.distribution(params[:, 0])
    np.testing.assert_allclose(posterior.mean(), x @ gain + offset, atol=1e-3)
    np.testing.assert_allclose(posterior.covariance(), np.tile(covariance, (3, 1, 1)), atol=1e-3)
    np.testing.assert_allclose(elbos, exact_log_likelihood(x, kernel), atol=2e-3)


@pytest.mark.slow
@every_case
def test_no_number_of_steps_is_worse_than_the_encoder(name, kernel):
    x, elbos = tf.constant(observations(kernel, batch=20)), []
    for steps in (0, 1, 3, 10, 40):
        model = linear_model(name, kernel, DSVI(steps=steps, learning_rate=0.03))
        elbos.append(np.mean(elbos_of(model, x, 200)))
    assert elbos == sorted(elbos)
    assert elbos[-1] > elbos[0] + 0.1


@every_case
def test_the_gradient_has_no_variance_at_the_exact_posterior(name, kernel):
    model = linear_model(name, kernel, None)
    x = tf.constant(observations(kernel))
    exact = encoder_of(name, *exact_posterior(kernel))(x)[:, tf.newaxis]
    gradient = elbo_gradient(model, x, Encoding(exact, tf.zeros([3, 1])), SEED)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)  # float32, of terms up to 10


def test_the_gradient_is_that_of_the_bound_on_average(tiny_model, binary_data):
    """For a mixture, where the scores of its components add up to zero, weights and all."""
    model, x = tiny_model(2, mixing="learned", spread=1.0), tf.constant(binary_data(batch=2))
    encoding = model.encode(x)
    with tf.GradientTape() as tape:
        tape.watch(encoding.params)
        z = model.posterior_of(encoding).sample_components(100_000, SEED)
        log_lik, log_prior, log_q_all, log_alpha = model.log_probs_at(x, encoding, z)
        log_density = objectives.log_mixture(log_alpha[:, None], log_q_all)
        bound = objectives.mixture_elbo(log_lik + log_prior, log_density, log_alpha)
    expected = tape.gradient(bound, encoding.params)
    gradient = elbo_gradient(model, x, encoding, (5, 6), num_samples=100_000)
    assert np.abs(expected).max() > 0.2
    np.testing.assert_allclose(gradient, expected, atol=0.03)  # terms of size 2: 4 * 2 / sqrt(100,000)


# What training ascends.


@every_refinement
def test_no_steps_are_the_plain_model(name, tiny_model, binary_data):
    x, plain = binary_data(), tiny_model(2, mixing="learned")
    model = refined_model(tiny_model, name, steps=0, mixing="learned")
    with_networks_of(plain, model)
    for a, b in zip(model.encode(x), plain.encode(x), strict=True):
        np.testing.assert_array_equal(a, b)
    (moves, _), (expected, _) = one_step(model, x), one_step(plain, x)
    check_equal(moves, expected, expected)


def split(model):
    """Names of the variables of inference and of the generative model."""
    generative = {key for key in keyed(model) if key.startswith(("decoder", "likelihood"))}
    return set(keyed(model)) - generative, generative


def bound_at(model, x, encoding):
    """The mean bound, by the draw of a step."""
    z = model.posterior_of(encoding).sample_components(1, SEED)
    return tf.reduce_mean(objectives.mixture_terms(model.log_probs_at(x, encoding, z))["elbo"])


def refined_bound(model, x):
    """The mean bound where the steps of training lead."""
    return bound_at(model, x, model.refinement.training_path(model, x, model.amortised(x), SEED)[-1])


def refined_gradient(model, x, encoding):
    """The gradient of the mean bound at fixed params, in the decoder's weights, by name."""
    with tf.GradientTape() as tape:
        loss = bound_at(model, x, encoding)
    variables = {key: v for key, v in keyed(model).items() if key in split(model)[1]}
    gradients = tape.gradient(loss, [v.value for v in variables.values()])
    return {key: np.asarray(g) for key, g in zip(variables, gradients, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
def test_dsvi_trains_the_encoder_where_it_is_and_the_decoder_where_the_steps_led(mixing, tiny_model, binary_data):
    x = binary_data()
    plain, model = tiny_model(2, mixing=mixing), refined_model(tiny_model, "dsvi", mixing=mixing)
    (moves, _), (expected, _) = one_step(model, x), one_step(plain, x)
    inference, generative = split(model)
    check_equal(moves, expected, inference)
    path = model.refinement.training_path(model, x, model.amortised(x), SEED)
    check_equal(moves, refined_gradient(model, x, path[-1]), generative)
    assert any(np.abs(moves[name] - expected[name]).max() > 1e-3 for name in generative)


def test_iai_trains_every_update_and_the_decoder_where_they_led(tiny_model, binary_data):
    x = binary_data()
    model = refined_model(tiny_model, "iai")
    plain = with_networks_of(model, tiny_model(2))
    (moves, _), (expected, _) = one_step(model, x), one_step(plain, x)
    inference, generative = split(model)
    of_four = {key: 4.0 * move for key, move in moves.items()}  # encodings on the path, of which one is the encoders'
    check_equal(of_four, expected, inference & set(expected), atol=1e-5)
    path = model.refinement.training_path(model, x, model.amortised(x), SEED)
    check_equal(moves, refined_gradient(model, x, path[-1]), generative)
    new = inference - set(expected)
    assert len(new) == 2 * 2 + 2 + 4
    assert all((moves[name] != 0.0).any() for name in new)


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_sa_is_differentiated_through_the_steps(mixing, clip_norm, tiny_model, binary_data):
    """The move of every network against finite differences of the whole refined objective."""
    x = binary_data()
    options = {"steps": 3, "learning_rate": 0.5, "clip_norm": clip_norm}
    model = tiny_model(2, mixing=mixing, refinement="sa", refinement_options=options)
    moves, bound = one_step(model, x)
    objective = tf.function(lambda: refined_bound(model, x), autograph=False)
    assert float(objective()) == pytest.approx(bound, abs=1e-5)  # float32
    generator = np.random.default_rng(0)
    keys, through = {id(v): key for key, v in keyed(model).items()}, 0.0
    for network in filter(None, [*model.encoders, model.decoder, model.mixing_network]):
        start = network.get_weights()
        direction = [generator.normal(size=w.shape).astype("float32") for w in start]
        ends = []
        for sign in (1.0, -1.0):
            network.set_weights([w + sign * 2e-3 * d for w, d in zip(start, direction, strict=True)])
            ends.append(float(objective()))
        network.set_weights(start)
        expected = (ends[0] - ends[1]) / 4e-3
        slope = sum(np.sum(moves[keys[id(v)]] * d) for v, d in zip(network.trainable_variables, direction, strict=True))
        # Float32: 1e-6 of a bound of size 5, over 4e-3.
        np.testing.assert_allclose(slope, expected, rtol=5e-3, atol=2e-3)
        through = max(through, abs(expected))
    assert through > 0.1


def test_sa_and_dsvi_take_the_same_steps(tiny_model, binary_data):
    x = binary_data()
    first, second = (refined_model(tiny_model, name).encode(x) for name in ("sa", "dsvi"))
    np.testing.assert_array_equal(first.params, second.params)


# The posterior of the model.


@pytest.mark.slow
@every_refinement
def test_the_posterior_is_a_function_of_x_alone(name, tiny_model, binary_data):
    model, x = refined_model(tiny_model, name, steps=2, mixing="learned"), binary_data(batch=4)
    model.run_eagerly = True  # compiled, it is in test_refined_models
    inferred = model.predict(x, batch_size=3, verbose=0)
    np.testing.assert_allclose(inferred["means"], model(x)["means"], atol=1e-6)
    np.testing.assert_allclose(inferred["means"][2:3], model(x[2:3])["means"], atol=1e-6)
    own = model.posterior_family.distribution(model.amortised(x).params).mean()
    assert np.abs(inferred["means"] - own).max() > 1e-2
    refined = model.encode(x)
    np.testing.assert_array_equal(model.amortised(x).log_alpha, refined.log_alpha)
    assert (model.encode(x, seed=SEED).params != refined.params).numpy().any()
    np.testing.assert_array_equal(model.encode(x, seed=EVALUATION_SEED).params, refined.params)


def test_components_that_have_not_joined_stay_out(tiny_model, binary_data):
    model, x = refined_model(tiny_model, "sa"), binary_data()
    model.num_active.assign(1)
    own, refined = model.amortised(x), model.encode(x)
    np.testing.assert_allclose(refined.params[:, 1], own.params[:, 1], atol=1e-6)
    alone = model.encode(x, num_components=1)
    assert alone.params.shape == (3, 1, 4)
    assert np.isfinite(refined.params).all()


@pytest.mark.parametrize("name", ["dsvi", "sa"])
def test_steps_go_through_the_derivatives_of_an_lstm(name):
    model = rme_tf.VAE.from_names(
        encoder="lstm",
        decoder="lstm",
        input_shape=(None,),
        latent_dim=2,
        likelihood="categorical_sequence",
        likelihood_options={"vocabulary_size": 7, "features": 4},
        encoder_options={"units": 4, "embedding_size": 3},
        refinement=name,
        refinement_options={"steps": 2, "learning_rate": 0.5},
    )
    moves, elbo = one_step(model, np.array([[4, 5, 2], [5, 2, 0]], np.int32))
    assert np.isfinite(elbo)
    assert all(np.isfinite(move).all() and (move != 0.0).any() for move in moves.values())


def test_sa_refuses_cudnn(monkeypatch):
    decoder = keras.Sequential([keras.layers.LSTM(3, use_cudnn=False)])
    check_second_derivatives(keras.Sequential([keras.layers.LSTM(3)]))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    check_second_derivatives(decoder)
    with pytest.raises(ValueError, match="use_cudnn=False"):
        check_second_derivatives(keras.Sequential([decoder, keras.layers.LSTM(3)]))

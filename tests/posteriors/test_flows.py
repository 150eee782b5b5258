"""The flexible single posteriors against autodiff Jacobians, quadrature and explicit matrices."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
from rme_tf.posteriors import IAF, POSTERIORS, FlowFamily, Householder, Sylvester, noise
from rme_tf.posteriors.made import Made
from test_posteriors import family_of, random_params

D = 4
FLOWS = sorted(name for name in POSTERIORS if issubclass(POSTERIORS[name], FlowFamily))

every_flow = pytest.mark.parametrize("name", FLOWS)


def jacobian_of(function, z):
    """[N, D, D]: d function(z)_i / d z_j for each row of z."""
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = function(z)
    return np.asarray(tape.batch_jacobian(value, z), np.float64)


# What all flows are.


@every_flow
@pytest.mark.parametrize("lead", [(), (2, 1)])
def test_densities_obey_the_change_of_variables(name, lead):
    family = family_of(name, D)
    params = random_params(family, lead, spread=0.7)
    bijector = family.bijector(params[..., 2 * D :])
    noise = tf.random.stateless_normal([6, *lead, D], seed=(0, 2))
    base = family.distribution(params).distribution
    z_0 = base.mean() + base.stddev() * noise
    flat = tf.reshape(z_0, [6, -1])
    jacobian = jacobian_of(lambda z: tf.reshape(bijector.forward(tf.reshape(z, z_0.shape)), [6, -1]), flat)
    size = jacobian.shape[-1] // D
    blocks = np.stack([jacobian[:, D * i : D * (i + 1), D * i : D * (i + 1)] for i in range(size)], axis=1)
    log_det = np.linalg.slogdet(blocks)[1].reshape(6, *lead)
    assert np.abs(log_det).max() > 0.1  # no identity
    expected = np.asarray(base.log_prob(z_0)) - log_det
    z = tf.constant(bijector.forward(z_0).numpy())  # which no cache knows
    np.testing.assert_allclose(family.distribution(params).log_prob(z), expected, rtol=1e-4, atol=1e-4)  # float32


@every_flow
def test_the_inverse_undoes_the_flow(name):
    family = family_of(name, D)
    params = random_params(family, (3,))
    z = tf.random.stateless_normal([5, 3, D], seed=(0, 3)) * 3.0
    z_0 = family.bijector(params[..., 2 * D :]).inverse(z)
    assert np.abs(z_0 - z).max() > 0.1
    again = family.bijector(params[..., 2 * D :]).forward(tf.constant(z_0.numpy()))
    np.testing.assert_allclose(again, z, atol=1e-4)  # float32


@every_flow
def test_the_density_at_any_code_has_the_gradients_of_its_values(name):
    """Of z and of every param, central differences: an inverse that is found by iteration must have them too."""
    family = family_of(name, 3)
    params, z = random_params(family, (), spread=0.5), tf.constant([0.3, -0.8, 0.5])

    def log_prob(params, z):
        return family.distribution(params).log_prob(z)

    with tf.GradientTape() as tape:
        tape.watch([params, z])
        value = log_prob(params, z)
    by_params, by_z = tape.gradient(value, [params, z])
    step = 1e-2  # step^2, 1e-6 / step
    shifts = step * np.eye(family.num_params, dtype="float32")
    differences = np.asarray(log_prob(params + shifts, z) - log_prob(params - shifts, z)) / (2 * step)
    assert differences == pytest.approx(by_params.numpy(), rel=2e-3, abs=2e-3)
    shifts = step * np.eye(3, dtype="float32")
    differences = np.asarray(log_prob(params, z + shifts) - log_prob(params, z - shifts)) / (2 * step)
    assert differences == pytest.approx(by_z.numpy(), rel=2e-3, abs=2e-3)


@every_flow
def test_samples_have_the_moments_of_the_density(name):
    family = family_of(name, 2)
    q = family.distribution(random_params(family, (), seed=5, spread=0.7))
    grid, weight = reference.grid_2d(9.0, 301)
    log_density = np.asarray(q.log_prob(tf.constant(grid, tf.float32)), np.float64)
    mean = [reference.expectation(grid[:, i], log_density, weight) for i in range(2)]
    draws = np.asarray(q.sample(20_000, seed=(0, 1)), np.float64) - mean
    for powers in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (0, 3)):
        values = np.prod(draws**powers, axis=-1)
        expected = reference.expectation(np.prod((grid - mean) ** powers, axis=-1), log_density, weight)
        assert abs(values.mean() - expected) < 4.5 * values.std() / np.sqrt(len(values)), powers
    # 128 draws, of which the affine part of the flow leaves no error.
    np.testing.assert_allclose(q.mean(), mean, atol=0.1 * q.stddev().numpy().max())
    np.testing.assert_allclose(q.stddev(), draws.std(axis=0), rtol=0.15)
    np.testing.assert_allclose(q.variance(), q.stddev() ** 2, rtol=1e-4)


@pytest.mark.parametrize("latent_dim", [1, 3, 100])
def test_the_noise_of_the_estimated_moments_is_white_and_symmetric(latent_dim):
    numbers = noise.white_noise(latent_dim).astype(np.float64)
    np.testing.assert_allclose(numbers.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(numbers.T @ numbers / len(numbers), np.eye(latent_dim), atol=1e-5)  # float32
    np.testing.assert_array_equal(numbers, noise.white_noise(latent_dim))


@pytest.mark.parametrize("name", sorted(name for name in POSTERIORS if POSTERIORS[name].depth_argument))
def test_a_number_of_transforms_is_taken_and_checked(name):
    argument = POSTERIORS[name].depth_argument
    for count in (1, 3):
        family = POSTERIORS[name](2, **{argument: count})
        assert family.get_config()[argument] == count
        assert np.isfinite(family.distribution(random_params(family, (3,))).log_prob(np.zeros(2, "float32"))).all()
    for count in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"`{argument}` must be an integer of at least 1. Received: {count}"):
            POSTERIORS[name](2, **{argument: count})


# Householder.


@pytest.mark.parametrize("num_reflections", [1, 2, 5])
def test_householder_is_the_product_of_its_reflections(num_reflections):
    family = Householder(D, num_reflections=num_reflections)
    params = np.asarray(random_params(family, (3,)), np.float64)
    q = family.distribution(tf.constant(params, tf.float32))
    z = np.linspace(-1.0, 2.0, D)
    for row, (mean, raw, *axes) in enumerate(np.split(params[b], 2 + num_reflections) for b in range(3)):
        turn = np.eye(D)
        for k, axis in enumerate(axes):
            axis = axis + np.eye(D)[k % D]
            turn = (np.eye(D) - 2 * np.outer(axis, axis) / (axis @ axis)) @ turn
        np.testing.assert_allclose(turn @ turn.T, np.eye(D), atol=1e-12)
        scale = np.log1p(np.exp(raw)) + 1e-5
        covariance = turn @ np.diag(scale**2) @ turn.T
        np.testing.assert_allclose(q.mean()[row], turn @ mean, atol=1e-5)  # float32
        np.testing.assert_allclose(q.covariance()[row], covariance, atol=1e-5)
        np.testing.assert_allclose(q.stddev()[row], np.sqrt(np.diag(covariance)), rtol=1e-5)
        # Volume is preserved: the density is that of z_0.
        undone = reference.diag_normal_log_prob(turn.T @ z, mean, scale)
        assert float(q.log_prob(z.astype("float32"))[row]) == pytest.approx(undone, rel=1e-4)
        assert undone == pytest.approx(reference.full_normal_log_prob(z, turn @ mean, covariance), rel=1e-9)


def test_a_reflection_axis_of_zero_is_no_reflection():
    family = Householder(2, num_reflections=1, initial_scale=1.0)
    q = family.distribution(tf.constant([0.5, -0.5, 0.0, 0.0, -1.0, 0.0]))  # v = -e_1 + e_1
    np.testing.assert_allclose(q.mean(), [0.5, -0.5], rtol=1e-6)
    assert np.isfinite(q.log_prob(np.zeros(2, "float32")))


# Inverse autoregressive flow.


@pytest.mark.slow
@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_a_step_of_iaf_is_autoregressive(num_steps):
    """The Jacobian of each step is triangular, in one order and the other in turn, and full on its side."""
    family = IAF(D, num_steps=num_steps, units=(12, 9), context_size=3)
    for made in family.networks:
        for variable in made.trainable_variables:
            variable.assign(tf.random.stateless_normal(variable.shape, seed=(1, variable.shape.rank)))
    context = tf.random.stateless_normal([3], seed=(0, 4))
    z = tf.random.stateless_normal([5, D], seed=(0, 5))
    for k, made in enumerate(family.networks):
        for part in (0, 1):
            jacobian = jacobian_of(lambda z, made=made, part=part: made.shift_and_log_scale(z, context)[part], z)
            seen = np.abs(jacobian).max(axis=0) > 0.0
            expected = np.tri(D, k=-1, dtype=bool)
            np.testing.assert_array_equal(seen, expected.T if k % 2 else expected)
    with tf.GradientTape() as tape:
        tape.watch(context)
        first = family.networks[0].shift_and_log_scale(z, context)[0][0, 0]
    assert (np.asarray(tape.gradient(first, context)) != 0).all()  # the first entry sees the context too


def test_iaf_begins_as_a_diagonal_gaussian_whatever_the_context():
    family, plain = IAF(D), POSTERIORS["diag_normal"](D)
    params = random_params(family, (3,))
    z = np.linspace(-1, 1, D).astype("float32")
    np.testing.assert_allclose(
        family.distribution(params).log_prob(z), plain.distribution(params[:, : 2 * D]).log_prob(z), rtol=1e-5
    )


@pytest.mark.parametrize("choices", [{"context_size": 0}, {"units": ()}, {"units": (8, 0)}])
def test_sizes_of_iaf_below_one_are_refused(choices):
    with pytest.raises(ValueError, match=f"`{next(iter(choices))}`"):
        IAF(2, **choices)


def test_weights_of_iaf_are_keras_weights_of_its_networks():
    family = IAF(3, num_steps=2, context_size=5, units=(7, 6))
    per_network = (3 * 7 + 5 * 7 + 7) + (7 * 6 + 6) + (6 * 6 + 6)
    assert family.count_params() == 2 * per_network
    assert all(isinstance(network, Made) for network in family.networks)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(family))
    assert [v.shape for v in copy.weights] == [v.shape for v in family.weights]


# Sylvester flow.


def test_a_step_of_sylvester_is_its_formula():
    family = Sylvester(3, num_steps=2)
    params = np.asarray(random_params(family, ()), np.float64)[6:]
    z = np.array([0.3, -1.2, 0.7])
    expected = z
    for k, step in enumerate(np.split(params, 2)):
        matrix, diagonal, bias = step[:9].reshape(3, 3), step[9:12], step[12:]
        outer = np.triu(matrix, 1) + np.diag(0.999 * np.tanh(np.diag(matrix)))
        inner = np.triu(matrix.T, 1) + np.diag(0.999 * np.tanh(diagonal))
        turn = np.eye(3)[::-1] if k == 1 else np.eye(3)
        expected = expected + turn @ outer @ np.tanh(inner @ turn.T @ expected + bias)
    result = family.bijector(tf.constant(params, tf.float32)).forward(tf.constant(z, tf.float32))
    np.testing.assert_allclose(result, expected, rtol=1e-5)  # float32

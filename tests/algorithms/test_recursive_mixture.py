"""The gradients of the method's two updates, against each other and against its definition."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import rme_tf
from definition import (
    DF,
    KL_BOUND,
    SEED,
    UPDATES,
    Definition,
    Recorder,
    algorithm,
    assert_same_gradients,
    gradients_by_definition,
    recorded_gradients,
)
from rme_tf import RecursiveMixture
from rme_tf.likelihoods import Bernoulli
from rme_tf.posteriors import DiagLaplace, DiagNormal, DiagStudentT, RecursiveMixing, UniformMixing
from rme_tf.priors import StandardNormal

tfd = tfp.distributions

PIXELS = 5
MIXINGS = {
    "uniform": UniformMixing,
    "learned": RecursiveMixing,
    "bounded": lambda: RecursiveMixing(eps_min=0.1),
    "pulled": lambda: RecursiveMixing(uniform_pull=0.7),
}
BOUNDS = ("clamp", "none", "skew")

# Every mixing with every bound for M = 2, once each for M = 3, all but one for the slow M = 4; S alternates.
CASES = [
    (mixing, 2, bound, 3 if (i + k) % 2 else 1)
    for (i, mixing), (k, bound) in itertools.product(enumerate(sorted(MIXINGS)), enumerate(BOUNDS))
]
CASES += [
    (mixing, num_components, BOUNDS[(i + num_components) % 3], 3 if (i + num_components) % 2 else 1)
    for num_components, (i, mixing) in itertools.product((3, 4), enumerate(sorted(MIXINGS)))
]
CASES.remove(("bounded", 4, "none", 1))
CASES += [("uniform", 1, "skew", 1), ("learned", 1, "clamp", 3)]
CASES = [pytest.param(*case, marks=pytest.mark.slow if case[1] == 4 else ()) for case in CASES]


@pytest.mark.slow
@pytest.mark.parametrize(("mixing", "num_components", "bound", "num_samples"), CASES)
def test_both_updates_have_the_gradients_of_the_definition(
    tiny_model, binary_data, mixing, num_components, bound, num_samples
):
    model, x = tiny_model(num_components, mixing=MIXINGS[mixing]()), binary_data()
    check_gradients(model, x, bound=bound, num_samples=num_samples)


def check_gradients(model, x, **choices):
    joint = recorded_gradients(model, algorithm(update="joint", **choices), x)
    sequential = recorded_gradients(model, algorithm(update="sequential", **choices), x)
    expected = gradients_by_definition(Definition(model, algorithm(**choices), x))
    assert set(expected) == {variable.path for variable in model.trainable_variables}
    # float32 has an epsilon of 1.2e-7; sums of about a hundred terms, each a difference of logs up to 30.
    assert_same_gradients(joint, sequential, tolerance=1e-5)
    assert_same_gradients(joint, expected, tolerance=2e-5)
    assert_same_gradients(sequential, expected, tolerance=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("bound", ["clamp", "skew"])
@pytest.mark.parametrize("posterior", [DiagLaplace(2), DiagStudentT(2, DF)], ids=["laplace", "student_t"])
def test_both_updates_have_the_gradients_of_the_definition_for_components_that_are_not_gaussian(
    tiny_model, binary_data, posterior, bound
):
    check_gradients(tiny_model(3, mixing="learned", posterior=posterior), binary_data(), bound=bound)


class ShiftedNormal(StandardNormal):
    """N(centre, I) with a centre to learn: p(z) is part of theta."""

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.centre = self.add_weight(name="centre", shape=(latent_dim,), initializer="ones")

    def distribution(self):
        return tfd.MultivariateNormalDiag(tf.convert_to_tensor(self.centre), tf.ones([self.latent_dim]))


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
def test_theta_includes_the_scale_of_the_likelihood_and_the_prior(tiny_model, rng, mixing):
    model = tiny_model(2, mixing=mixing, likelihood="normal", prior=ShiftedNormal(2))
    check_gradients(model, rng.uniform(size=(3, PIXELS)).astype("float32"), num_samples=2)


def test_the_cases_meet_the_clamp_on_both_sides(tiny_model, binary_data):
    definition = Definition(tiny_model(3), algorithm(bound="none"), binary_data())
    kls = []
    for m in (1, 2):
        mean, scale, z = definition.means[m], definition.scales[m], definition.samples[m]
        log_q = tfd.MultivariateNormalDiag(mean, scale_diag=scale).log_prob(z)
        kls.append(definition.bounded_kl(m, mean, scale, z, log_q))
    assert np.min(kls) < KL_BOUND < np.max(kls)


@pytest.mark.slow
def test_updates_agree_for_correlated_components(tiny_model, binary_data):
    model, x = tiny_model(3, mixing="learned", posterior="full_normal"), binary_data()
    joint, sequential = (recorded_gradients(model, algorithm(update=update), x) for update in UPDATES)
    assert_same_gradients(joint, sequential, tolerance=1e-5)


class ShiftingFamily(DiagNormal):
    """A family that owns a weight, as the contract of `PosteriorFamily` allows."""

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.shift = self.add_weight(name="shift", shape=(latent_dim,), initializer="ones")

    def distribution(self, params):
        q = super().distribution(params)
        return tfd.MultivariateNormalDiag(q.mean() + self.shift.value, scale_diag=q.stddev())


def test_updates_agree_for_a_family_that_owns_weights_or_refuse_it(tiny_model, binary_data):
    model, x = tiny_model(2, posterior=ShiftingFamily(2)), binary_data()
    try:
        joint, sequential = (recorded_gradients(model, algorithm(update=update), x) for update in UPDATES)
    except ValueError as error:
        assert "weights" in str(error)
    else:
        assert_same_gradients(joint, sequential, tolerance=1e-5)


def test_updates_agree_for_networks_with_weight_decay(tiny_model, binary_data):
    """A regularisation loss reaches each variable once a step, whatever the number of stages."""
    model, x = regularised_model(), binary_data()
    joint, sequential = (recorded_gradients(model, algorithm(update=update), x) for update in UPDATES)
    assert_same_gradients(joint, sequential, tolerance=1e-5)


def regularised_model():
    def network(inputs, outputs):
        layer = keras.layers.Dense(outputs, kernel_regularizer=keras.regularizers.L2(1.0))
        return keras.Sequential([keras.layers.Input((inputs,)), layer])

    return rme_tf.VAE(
        [network(PIXELS, 4) for _ in range(3)],
        network(2, PIXELS),
        posterior=DiagNormal(2),
        likelihood=Bernoulli((PIXELS,)),
        mixing="learned",
        mixing_network=network(PIXELS, 2),
    )


@pytest.mark.parametrize("update", UPDATES)
def test_a_component_does_not_see_the_later_ones(tiny_model, binary_data, update):
    model, x = tiny_model(3), binary_data()
    before = recorded_gradients(model, algorithm(update=update), x)
    for variable in model.encoders[2].trainable_variables:
        variable.assign(-variable.value)
    after = recorded_gradients(model, algorithm(update=update), x)
    for variable in [*model.encoders[0].trainable_variables, *model.encoders[1].trainable_variables]:
        np.testing.assert_allclose(after[variable.path], before[variable.path], rtol=1e-4, atol=1e-6)
    changed = model.decoder.trainable_variables[0].path  # the decoder does see it
    assert np.abs(after[changed] - before[changed]).max() > 1e-3


@pytest.mark.parametrize("update", UPDATES)
def test_only_the_active_components_train(tiny_model, binary_data, update):
    model, x = tiny_model(3), binary_data()
    parts = {"posterior": model.posterior_family, "likelihood": model.likelihood}
    smaller = rme_tf.VAE(model.encoders[:2], model.decoder, **parts)
    model.active_components = 2
    result = recorded_gradients(model, algorithm(update=update), x)
    idle = {variable.path for variable in model.encoders[2].trainable_variables}
    assert all(not np.any(result.pop(path, 0.0)) for path in idle)
    assert_same_gradients(result, recorded_gradients(smaller, algorithm(update=update), x), tolerance=1e-6)


@pytest.mark.parametrize("update", UPDATES)
def test_a_step_returns_the_draw_that_it_used(tiny_model, binary_data, update):
    model, x = tiny_model(3, mixing="learned"), tf.constant(binary_data())
    model.compile(Recorder({}), "elbo")  # nothing moves, so all stages see the same draw
    result = algorithm(update=update, num_samples=2).step(model, x, tf.constant(SEED))
    for term, expected in zip(result, model.log_probs(x, num_samples=2, seed=tf.constant(SEED)), strict=True):
        np.testing.assert_allclose(term, expected, rtol=1e-5, atol=1e-5)


# Small weights.


def with_share(tiny_model, eps):
    """A mixture of two in which q_1 has the weight eps, for every x."""
    model = tiny_model(2, mixing="learned")
    kernel, bias = model.mixing_network.trainable_variables[-2:]
    kernel.assign(tf.zeros_like(kernel.value))
    bias.assign(tf.fill(bias.shape, np.log(eps / (1 - eps))))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("eps", [2e-4, 1 - 2e-4])
def test_the_joint_update_is_exact_for_small_weights(tiny_model, binary_data, eps):
    model, x = with_share(tiny_model, eps), binary_data()
    check_gradients(model, x)


@pytest.mark.parametrize("eps", [1e-5, 1e-8])
def test_a_component_below_the_floor_is_slowed_down_but_goes_the_same_way(tiny_model, binary_data, eps):
    """The floor of 1 / alpha may shorten the gradient of q_1; it must not leave the entropy alone with it."""
    model, x = with_share(tiny_model, eps), binary_data()
    joint, sequential = (recorded_gradients(model, algorithm(update=update), x) for update in UPDATES)
    paths = [variable.path for variable in model.encoders[1].trainable_variables]
    slow, full = (np.concatenate([record[path].ravel() for path in paths]) for record in (joint, sequential))
    cosine = slow @ full / (np.linalg.norm(slow) * np.linalg.norm(full))
    assert cosine > 0.999
    assert np.linalg.norm(slow) <= np.linalg.norm(full) * 1.001


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("logit", [-1e3, 1e3])
def test_a_weight_of_zero_leaves_all_gradients_finite(tiny_model, binary_data, update, logit):
    model, x = tiny_model(3, mixing="learned"), binary_data()
    bias = model.mixing_network.trainable_variables[-1]
    bias.assign(tf.fill(bias.shape, logit))
    for gradient in recorded_gradients(model, algorithm(update=update), x).values():
        assert np.isfinite(gradient).all()


def test_a_bound_on_the_kl_of_no_effect_is_refused_and_saved_ones_are_loaded():
    with pytest.raises(ValueError, match="`kl_bound` has no effect with bound='none'. Expected: 3.0.* Received: 5.0"):
        RecursiveMixture(bound="none", kl_bound=5.0)
    unbounded = RecursiveMixture(bound="none", num_samples=2)
    assert RecursiveMixture.from_config({**unbounded.get_config(), "kl_bound": 5.0}) == unbounded

"""The method's two updates against each other and against its definition, written out once more."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import rme_tf
from rme_tf import ELBO, RecursiveMixture
from rme_tf.likelihoods import Bernoulli
from rme_tf.posteriors import DiagNormal, RecursiveMixing, UniformMixing
from rme_tf.priors import StandardNormal

tfd = tfp.distributions

SEED = (3, 4)
PIXELS = 5
MIXINGS = {
    "uniform": UniformMixing,
    "learned": RecursiveMixing,
    "bounded": lambda: RecursiveMixing(eps_min=0.1),
    "pulled": lambda: RecursiveMixing(uniform_pull=0.7),
}
BOUNDS = ("clamp", "none", "skew")
UPDATES = ("joint", "sequential")
# 2 nats: of the order of the KL terms here, so that some observations are beyond the clamp and some below.
KL_BOUND = 2.0


def algorithm(**choices):
    return RecursiveMixture(**{"warm_start_epochs": 0, "kl_bound": KL_BOUND, **choices})


class Recorder(keras.optimizers.SGD):
    """Moves nothing; adds up the gradients that reach each variable.

    A variable that got none is missing from the record.
    """

    def __init__(self, record):
        super().__init__(learning_rate=0.0)
        self._record = lambda variable, g: record.__setitem__(variable.path, record.get(variable.path, 0.0) + g)

    def apply(self, grads, trainable_variables=None):
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self._record(variable, np.asarray(gradient, np.float64))
        super().apply(grads, trainable_variables)


def recorded_gradients(model, rule, x, seed=SEED):
    record = {}
    model.compile(Recorder(record), rule)
    rule.step(model, tf.constant(x), tf.constant(seed))
    return record


def assert_same_gradients(result, expected, tolerance):
    """Compares norms variable by variable, relative to the largest of the model."""
    assert set(result) == set(expected)
    largest = max(np.linalg.norm(gradient) for gradient in expected.values())
    for path, gradient in expected.items():
        error = np.linalg.norm(result[path] - gradient)
        assert error <= tolerance * (largest + np.linalg.norm(gradient)) / 2, f"{path}: {error} of {largest}"


class Definition:
    """The objectives of method.md in float64, on TFP's own mixtures.

    It shares the networks and the noise with the model, and no other code. What an objective holds
    fixed is a constant here: the values at the time of `__init__` or of the last `hold()`.
    """

    def __init__(self, model, rule, x, seed=SEED):
        self.model, self.rule = model, rule
        self.x = tf.constant(x, tf.float64)
        params = model.encode(tf.constant(x)).params
        z = tf.cast(model.sample_components(params, rule.num_samples, tf.constant(seed)), tf.float64)
        self.noise = []  # as the library drew it, undone
        for m in range(model.num_components):
            mean, scale = self._normal(params[:, m])
            self.noise.append((z[:, :, m] - mean) / scale)
        self.hold()

    def hold(self):
        """Reads off the model what the objectives hold fixed: components, samples, weights."""
        components = range(self.model.num_components)
        self.means, self.scales = zip(*(self.moments(m) for m in components), strict=True)
        self.samples = [self.means[m] + self.scales[m] * self.noise[m] for m in components]
        self.weights = [tf.ones(self.x.shape[:1], tf.float64)[:, None]]  # alpha of Q_0, Q_1, ...
        for m in components[1:]:
            eps = self.eps(m)[:, None]
            self.weights.append(tf.concat([(1 - eps) * self.weights[-1], eps], axis=-1))

    @staticmethod
    def _normal(params):
        mean, raw = tf.split(tf.cast(params, tf.float64), 2, axis=-1)
        return mean, tf.math.log(1.0 + tf.exp(raw) * (math.e - 1.0)) + 1e-5

    def moments(self, m):
        """Mean and scale [B, D] of q_m."""
        return self._normal(self.model.encoders[m](tf.cast(self.x, tf.float32)))

    def eps(self, m):
        """eps_m [B], for m >= 1."""
        mixing = self.model.mixing
        if isinstance(mixing, UniformMixing):
            return tf.fill(self.x.shape[:1], tf.constant(1.0 / (m + 1), tf.float64))
        logit = tf.cast(self.model.mixing_network(tf.cast(self.x, tf.float32)), tf.float64)[:, m - 1]
        return mixing.eps_min + (1 - 2 * mixing.eps_min) / (1 + tf.exp(-logit) * m)

    def log_joint(self, z):
        """log p(x, z) [S, B]."""
        lead, likelihood = z.shape[:-1], self.model.likelihood
        outputs = self.model.decoder(tf.reshape(tf.cast(z, tf.float32), [-1, z.shape[-1]]))
        outputs = tf.cast(tf.reshape(outputs, [*lead, PIXELS]), tf.float64)
        if isinstance(likelihood, Bernoulli):
            pixels = self.x * outputs - tf.math.log(1.0 + tf.exp(outputs))
        else:
            raw = tf.cast(likelihood.raw_scale.value, tf.float64)
            scale = tf.math.log(1.0 + tf.exp(raw)) + likelihood.min_scale
            pixels = -0.5 * ((self.x - outputs) / scale) ** 2 - tf.math.log(scale * math.sqrt(2 * math.pi))
        centre = tf.cast(self.model.prior.centre.value, tf.float64) if self.model.prior.weights else 0.0
        prior = -0.5 * (z - centre) ** 2 - 0.5 * math.log(2 * math.pi)
        return tf.reduce_sum(pixels, axis=-1) + tf.reduce_sum(prior, axis=-1)

    def component_objective(self, m):
        """ELBO(q_m) + BKL(q_m || Q_{m-1}) [B], Q_{m-1} fixed."""
        mean, scale = self.moments(m)
        z = mean + scale * self.noise[m]
        log_q = tfd.MultivariateNormalDiag(mean, scale_diag=scale).log_prob(z)
        elbo = tf.reduce_mean(self.log_joint(z) - log_q, axis=0)
        return elbo + self.bounded_kl(m, mean, scale, z, log_q) if m > 0 else elbo

    def bounded_kl(self, m, mean, scale, z, log_q):
        """BKL(q_m || Q_{m-1}) [B], Q_{m-1} fixed."""
        before, means, scales = self.weights[m - 1], self.means[:m], self.scales[:m]
        if self.rule.bound == "skew":
            share = tf.fill([before.shape[0], 1], tf.constant(math.exp(-self.rule.kl_bound), tf.float64))
            skewed = mixture(tf.concat([before * (1 - share), share], axis=-1), [*means, mean], [*scales, scale])
            return tf.reduce_mean(log_q - skewed.log_prob(z), axis=0)
        kl = tf.reduce_mean(log_q - mixture(before, means, scales).log_prob(z), axis=0)
        return kl if self.rule.bound == "none" else tf.where(kl < self.rule.kl_bound, kl, self.rule.kl_bound)

    def mixing_objective(self, m):
        """ELBO(Q_m) [B] as a function of eps_m alone; minus the penalty on all weights for the last m."""
        eps = self.eps(m)[:, None]
        alpha = tf.concat([(1 - eps) * self.weights[m - 1], eps], axis=-1)
        z = tf.stack(self.samples[: m + 1], axis=1)  # [S, m + 1, B, D]
        log_density = mixture(alpha, self.means[: m + 1], self.scales[: m + 1]).log_prob(z)
        gain = tf.reduce_mean(self.log_joint(z) - log_density, axis=0)  # [m + 1, B]
        value = tf.reduce_sum(alpha * tf.transpose(gain), axis=-1)
        if m + 1 < self.model.num_components:
            return value
        log_alpha = [0.0]
        for j in range(1, m + 1):
            log_alpha = [tf.math.log(1 - self.eps(j)) + term for term in log_alpha] + [tf.math.log(self.eps(j))]
        kl = -math.log(m + 1) - sum(log_alpha) / (m + 1)
        return value - getattr(self.model.mixing, "uniform_pull", 0.0) * kl

    def generative_objective(self):
        """E_{Q_{M-1}}[log p(x, z)] [B], Q fixed."""
        z = tf.stack(self.samples, axis=1)
        gain = tf.reduce_mean(self.log_joint(z), axis=0)  # [M, B]
        return tf.reduce_sum(self.weights[-1] * tf.transpose(gain), axis=-1)

    def stages(self):
        """Pairs of an objective and the variables that ascend it, in the paper's order."""
        model = self.model
        for m in range(model.num_components):
            yield lambda m=m: self.component_objective(m), model.encoders[m].trainable_variables
            if m > 0 and model.mixing_network is not None:
                yield lambda m=m: self.mixing_objective(m), model.mixing_network.trainable_variables
        theta = [model.decoder, model.likelihood, model.prior]
        yield self.generative_objective, [v for part in theta for v in part.trainable_variables]


def mixture(alpha, means, scales):
    """TFP's mixture, batch [B], for alpha [B, M] and M means and scales [B, D]."""
    components = tfd.MultivariateNormalDiag(tf.stack(means, axis=1), scale_diag=tf.stack(scales, axis=1))
    return tfd.MixtureSameFamily(tfd.Categorical(probs=alpha), components)


def descent_direction(objective, variables):
    """Gradients of minus the batch's mean, by path; zero where there is none."""
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(objective())
    values = [variable.value for variable in variables]
    gradients = tape.gradient(loss, values, unconnected_gradients="zero")
    return {v.path: np.asarray(g, np.float64) for v, g in zip(variables, gradients, strict=True)}


def gradients_by_definition(definition):
    total = {}
    for objective, variables in definition.stages():
        for path, gradient in descent_direction(objective, variables).items():
            total[path] = total.get(path, 0.0) + gradient
    return total


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


class ShiftedNormal(StandardNormal):
    """N(centre, I) with a centre to learn: p(z) is part of theta."""

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.centre = self.add_weight(name="centre", shape=(latent_dim,), initializer="ones")

    def distribution(self):
        return tfd.MultivariateNormalDiag(tf.convert_to_tensor(self.centre), tf.ones([self.latent_dim]))


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


# Whole steps.


def state(model):
    return [np.asarray(variable.value) for variable in model.trainable_variables]


def test_one_component_makes_the_joint_update_the_vae_step_for_step(tiny_model, binary_data):
    x = tf.constant(binary_data())
    runs = []
    for rule in (algorithm(num_samples=2), ELBO(num_samples=2)):
        model = tiny_model(1, likelihood="normal")
        model.compile(keras.optimizers.Adam(0.05), rule)
        for step in range(5):
            rule.step(model, x, tf.constant([0, step]))
        runs.append(state(model))
    start = state(tiny_model(1, likelihood="normal"))
    for first, result, vae in zip(start, *runs, strict=True):
        assert np.abs(vae - first).max() > 0.05
        # Adam divides by the gradient's size, so float32's rounding shows more where that is small.
        np.testing.assert_allclose(result, vae, atol=2e-4)


@pytest.mark.parametrize("update", UPDATES)
def test_one_component_has_the_gradients_of_the_vae(tiny_model, binary_data, update):
    """The sequential update is no VAE step for step: its decoder sees the encoder that has just moved."""
    model, x = tiny_model(1, mixing="learned"), binary_data()
    expected = recorded_gradients(model, ELBO(), x)
    assert_same_gradients(recorded_gradients(model, algorithm(update=update), x), expected, tolerance=1e-6)


@pytest.mark.parametrize(("update", "frozen"), [("joint", ""), ("sequential", ""), ("sequential", "decoder")])
def test_a_step_counts_as_one_iteration(tiny_model, binary_data, update, frozen):
    """Else schedules and Adam's bias correction run too fast, or stand still."""
    model, x = tiny_model(2, mixing="learned"), tf.constant(binary_data())
    model.decoder.trainable = frozen != "decoder"
    rule = algorithm(update=update)
    model.compile(keras.optimizers.Adam(1e-3), rule)
    for step in (1, 2):
        rule.step(model, x, tf.constant(SEED))
        assert int(model.optimizer.iterations.value) == step


class Clock(keras.optimizers.SGD):
    """Notes the iteration at which each apply takes place."""

    def __init__(self, note):
        super().__init__(learning_rate=0.0)
        self._note = note

    def apply(self, grads, trainable_variables=None):
        self._note(int(self.iterations.value))
        super().apply(grads, trainable_variables)


def test_all_stages_of_a_step_are_at_the_same_iteration(tiny_model, binary_data):
    model, rule, times = tiny_model(2, mixing="learned"), algorithm(update="sequential"), []
    model.compile(Clock(lambda time: times.append(time)), rule)
    for _ in range(2):
        rule.step(model, tf.constant(binary_data()), tf.constant(SEED))
    assert times == [0, 0, 0, 0, 1, 1, 1, 1]  # q_0, q_1, eps_1, theta


def ascent_by_definition(model, x, rate, *, update):
    """Plain gradient ascent, stage by stage or all at once."""
    definition = Definition(model, algorithm(), x)
    moves = []
    for objective, variables in definition.stages():
        directions = descent_direction(objective, variables)
        moves += [(variable, directions[variable.path]) for variable in variables]
        if update == "sequential":
            apply(moves, rate)
            moves = []
            definition.hold()
    apply(moves, rate)


def apply(moves, rate):
    for variable, direction in moves:
        variable.assign(np.asarray(variable.value) - rate * direction)


def test_the_stages_of_the_sequential_update_see_what_the_earlier_ones_learned(tiny_model, binary_data):
    x, rate = binary_data(), 0.1
    results = {}
    for update in UPDATES:
        by_definition = tiny_model(3, mixing="learned")
        ascent_by_definition(by_definition, x, rate, update=update)
        results[update] = state(by_definition)
        model, rule = tiny_model(3, mixing="learned"), algorithm(update=update)
        model.compile(keras.optimizers.SGD(rate), rule)
        rule.step(model, tf.constant(x), tf.constant(SEED))
        for variable, expected in zip(model.trainable_variables, results[update], strict=True):
            # float32, at rate times the gradient's error
            np.testing.assert_allclose(variable.value, expected, atol=5e-6, err_msg=f"{update} {variable.path}")
    gap = max(np.abs(a - b).max() for a, b in zip(results["joint"], results["sequential"], strict=True))
    assert gap > 1e-4  # so the comparison above can tell the two apart


def test_a_compiled_step_is_the_eager_one(tiny_model, binary_data):
    """For the joint update see `test_algorithms`."""
    model, x = tiny_model(2, mixing="learned"), binary_data()
    rule = algorithm(update="sequential")
    model.compile(keras.optimizers.SGD(0.1), rule)
    start = model.get_weights()
    rule.step(model, tf.constant(x), tf.constant(SEED))
    eager = state(model)
    model.set_weights(start)
    tf.function(rule.step)(model, tf.constant(x), tf.constant(SEED))
    assert int(model.optimizer.iterations.value) == 2  # one eager, one compiled
    for result, expected in zip(state(model), eager, strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-6)


# Choices.


@pytest.mark.parametrize(
    "choices",
    [
        {"kl_bound": -1.0},
        {"kl_bound": math.nan},
        {"bound": "soft"},
        {"update": "parallel"},
        {"num_samples": 0},
        {"warm_start_epochs": -1},
        {"warm_start_noise": -0.1},
        {"warm_start_noise": math.nan},
    ],
)
def test_a_choice_out_of_range_raises(choices):
    with pytest.raises(ValueError, match=next(iter(choices)).removeprefix("kl_")):
        RecursiveMixture(**choices)


@pytest.mark.parametrize("bound", ["clamp", "skew"])
def test_an_infinite_bound_is_none_and_a_bound_of_zero_no_reward(tiny_model, binary_data, bound):
    model, x = tiny_model(2), binary_data()
    path = model.encoders[1].trainable_variables[0].path
    none = recorded_gradients(model, algorithm(bound="none"), x)[path]
    unbounded = recorded_gradients(model, algorithm(bound=bound, kl_bound=math.inf), x)[path]
    np.testing.assert_allclose(unbounded, none, rtol=1e-4, atol=1e-6)

    definition = Definition(model, algorithm(), x)

    def own_elbo():
        mean, scale = definition.moments(1)
        z = mean + scale * definition.noise[1]
        log_q = tfd.MultivariateNormalDiag(mean, scale_diag=scale).log_prob(z)
        return tf.reduce_mean(definition.log_joint(z) - log_q, axis=0)

    alone = descent_direction(own_elbo, model.encoders[1].trainable_variables)[path]
    unrewarded = recorded_gradients(model, algorithm(bound=bound, kl_bound=0.0), x)[path]
    np.testing.assert_allclose(unrewarded, alone, rtol=1e-4, atol=1e-6)

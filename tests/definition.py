"""The method's objectives, written out once more, and the gradients that a step really applies."""

import math

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf import RecursiveMixture
from rme_tf.likelihoods import Bernoulli, Normal
from rme_tf.posteriors import DiagLaplace, DiagStudentT, UniformMixing

tfd = tfp.distributions

SEED = (3, 4)
UPDATES = ("joint", "sequential")
# 2 nats: of the order of the KL terms here, so that some observations are beyond the clamp and some below.
KL_BOUND = 2.0
DF = 3.0
# Family -> the distribution of a dimension, by its mean and standard deviation; Gaussian else.
MARGINALS = {
    DiagLaplace: lambda mean, stddev: tfd.Laplace(mean, stddev / math.sqrt(2.0)),
    DiagStudentT: lambda mean, stddev: tfd.StudentT(tf.constant(DF, tf.float64), mean, stddev * math.sqrt(1 - 2 / DF)),
}


class RealNormal(Normal):
    """A Gaussian of any real values, as exact models have it."""

    support = "real values"
    interval = None

    def in_support(self, x):
        return tf.math.is_finite(tf.cast(x, tf.float32))


def algorithm(**choices):
    bounded = {} if choices.get("bound") == "none" else {"kl_bound": KL_BOUND}
    return RecursiveMixture(**{"warm_start_epochs": 0, **bounded, **choices})


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


# The definition.


class Definition:
    """The objectives of method.md in float64, on TFP's own mixtures.

    It shares the networks and the noise with the model, and no other code. What an objective holds
    fixed is a constant here: the values at the time of `__init__` or of the last `hold()`.
    """

    def __init__(self, model, rule, x, seed=SEED):
        self.model, self.rule = model, rule
        self.x = tf.constant(x, tf.float64)
        self.marginal = MARGINALS.get(type(model.posterior_family), tfd.Normal)
        q = model.infer(tf.constant(x))
        z = tf.cast(q.sample_components(rule.num_samples, tf.constant(seed)), tf.float64)
        self.noise = []  # as the library drew it, undone
        for m in range(model.num_components):
            mean, scale = self._normal(q.params[:, m])
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
        return mean, tf.math.log(1.0 + tf.exp(raw)) + 1e-5

    def moments(self, m):
        """Mean and scale [B, D] of q_m."""
        if not self.model.encoders:  # one network for all components
            return self._normal(self.model.trunk(self.features())[:, m])
        return self._normal(self.model.encoders[m](self.features()))

    def features(self):
        """What the encoders and the mixing network read: x, or what a trunk makes of it."""
        x = tf.cast(self.x, tf.float32)
        return x if self.model.trunk is None or not self.model.encoders else self.model.trunk(x)

    def eps(self, m):
        """eps_m [B], for m >= 1."""
        mixing = self.model.mixing
        if isinstance(mixing, UniformMixing):
            return tf.fill(self.x.shape[:1], tf.constant(1.0 / (m + 1), tf.float64))
        logit = tf.cast(self.model.mixing_network(self.features()), tf.float64)[:, m - 1]
        return mixing.eps_min + (1 - 2 * mixing.eps_min) / (1 + tf.exp(-logit) * m)

    def log_joint(self, z):
        """log p(x, z) [S, B]."""
        lead, likelihood = z.shape[:-1], self.model.likelihood
        outputs = self.model.decoder(tf.reshape(tf.cast(z, tf.float32), [-1, z.shape[-1]]))
        outputs = tf.cast(tf.reshape(outputs, [*lead, self.x.shape[-1]]), tf.float64)
        if isinstance(likelihood, Bernoulli):
            pixels = self.x * outputs - tf.math.log(1.0 + tf.exp(outputs))
        else:
            raw = tf.cast(likelihood.raw_scale.value, tf.float64)
            scale = tf.math.log(1.0 + tf.exp(raw)) + likelihood.min_scale
            pixels = -0.5 * ((self.x - outputs) / scale) ** 2 - tf.math.log(scale * math.sqrt(2 * math.pi))
        return tf.reduce_sum(pixels, axis=-1) + self.log_prior(z)

    def log_prior(self, z):
        """log p(z) [S, B]."""
        centre = tf.cast(self.model.prior.centre.value, tf.float64) if self.model.prior.weights else 0.0
        return tf.reduce_sum(-0.5 * (z - centre) ** 2 - 0.5 * math.log(2 * math.pi), axis=-1)

    def component_objective(self, m):
        """ELBO(q_m) + BKL(q_m || Q_{m-1}) [B], Q_{m-1} fixed."""
        mean, scale = self.moments(m)
        z = mean + scale * self.noise[m]
        log_q = independent(self.marginal, mean, scale).log_prob(z)
        elbo = tf.reduce_mean(self.log_joint(z) - log_q, axis=0)
        return elbo + self.bounded_kl(m, mean, scale, z, log_q) if m > 0 else elbo

    def bounded_kl(self, m, mean, scale, z, log_q):
        """BKL(q_m || Q_{m-1}) [B], Q_{m-1} fixed."""
        before, means, scales = self.weights[m - 1], self.means[:m], self.scales[:m]
        if self.rule.bound == "skew":
            share = tf.fill([before.shape[0], 1], tf.constant(math.exp(-self.rule.kl_bound), tf.float64))
            weights, moments = tf.concat([before * (1 - share), share], axis=-1), ([*means, mean], [*scales, scale])
            skewed = mixture(weights, *moments, self.marginal)
            return tf.reduce_mean(log_q - skewed.log_prob(z), axis=0)
        kl = tf.reduce_mean(log_q - mixture(before, means, scales, self.marginal).log_prob(z), axis=0)
        return kl if self.rule.bound == "none" else tf.where(kl < self.rule.kl_bound, kl, self.rule.kl_bound)

    def mixing_objective(self, m):
        """ELBO(Q_m) [B] as a function of eps_m alone; minus the penalty on all weights for the last m."""
        eps = self.eps(m)[:, None]
        alpha = tf.concat([(1 - eps) * self.weights[m - 1], eps], axis=-1)
        z = tf.stack(self.samples[: m + 1], axis=1)  # [S, m + 1, B, D]
        log_density = mixture(alpha, self.means[: m + 1], self.scales[: m + 1], self.marginal).log_prob(z)
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
        """Pairs of an objective and the variables that ascend it, in the paper's order; then a trunk."""
        model = self.model
        for m in range(model.num_components):
            own = model.encoders[m].trainable_variables if model.encoders else []
            yield lambda m=m: self.component_objective(m), own
            if m > 0 and model.mixing_network is not None:
                yield lambda m=m: self.mixing_objective(m), model.mixing_network.trainable_variables
        if model.trunk is not None:
            components = range(model.num_components)
            yield lambda: sum(self.component_objective(m) for m in components), model.trunk.trainable_variables
        theta = [model.decoder, model.likelihood, model.prior]
        yield self.generative_objective, [v for part in theta for v in part.trainable_variables]


def independent(marginal, mean, scale):
    """Independent dimensions, batch [...] and event [D], of mean and standard deviation [..., D]."""
    return tfd.Independent(marginal(mean, scale), reinterpreted_batch_ndims=1)


def mixture(alpha, means, scales, marginal=tfd.Normal):
    """TFP's mixture, batch [B], for alpha [B, M] and M means and scales [B, D]."""
    components = independent(marginal, tf.stack(means, axis=1), tf.stack(scales, axis=1))
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

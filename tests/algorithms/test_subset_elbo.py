"""The ELBO from some of the components: its value, what it is on average, what it costs and tells."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from definition import SEED, assert_same_gradients, recorded_gradients
from rme_tf import ELBO, FreeBits, SubsetELBO
from rme_tf.algorithms.subset_elbo import ESTIMATORS
from rme_tf.posteriors import MixturePosterior

tfd = tfp.distributions
every_estimator = pytest.mark.parametrize("estimator", sorted(ESTIMATORS))


def value_by_definition(model, rule, x, seed):
    """The estimate [B] of the subset that the rule draws, on TFP's own mixtures in float64."""
    encoding = model.encode(x)
    return value_of_subset(model, rule, x, seed, rule.choose(encoding, seed).params, encoding.params)


def value_of_subset(model, rule, x, seed, chosen, every):
    """The estimate [B] from the components of params `chosen` [B, S, P], of `every` [B, A, P]."""
    q = MixturePosterior(model.posterior_family, chosen, tf.zeros(chosen.shape[:2]))
    z = tf.cast(q.sample_components(rule.num_samples, seed), tf.float64)
    log_lik, log_prior = model.log_joint(x, tf.cast(z, tf.float32))
    log_joint = tf.cast(log_lik + rule.kl_weight * log_prior, tf.float64)
    mean, raw = tf.split(tf.cast(every if rule.estimator == "s2a" else chosen, tf.float64), 2, axis=-1)
    scale = tf.math.log(1.0 + tf.exp(raw)) + 1e-5
    count = mean.shape[1]
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(probs=tf.fill([x.shape[0], count], tf.constant(1 / count, tf.float64))),
        tfd.MultivariateNormalDiag(mean, scale_diag=scale),
    )
    log_density = tf.stack([mixture.log_prob(z[:, :, m]) for m in range(z.shape[2])], axis=-1)
    return tf.reduce_mean(log_joint - rule.kl_weight * log_density, axis=[0, 2])


@every_estimator
@pytest.mark.parametrize("kl_weight", [1.0, 0.3])
def test_every_weight_ascends_the_estimate(tiny_model, binary_data, estimator, kl_weight):
    model, x = tiny_model(4), binary_data()
    rule = SubsetELBO(subset_size=2, estimator=estimator, num_samples=3, kl_weight=kl_weight)
    recorded = recorded_gradients(model, rule, x)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(value_by_definition(model, rule, tf.constant(x), tf.constant(SEED)))
    variables = [v for v in model.trainable_variables if v.path in recorded]
    gradients = tape.gradient(loss, [v.value for v in variables])
    expected = {v.path: np.asarray(g, np.float64) for v, g in zip(variables, gradients, strict=True)}
    assert_same_gradients(recorded, expected, tolerance=2e-5)
    encoders = {path.split("/")[0] for path, each in recorded.items() if path.startswith("encoder") and each.any()}
    assert len(encoders) == (4 if estimator == "s2a" else 2)


@every_estimator
@pytest.mark.parametrize("size", [3, 5])
def test_all_of_them_are_the_elbo(tiny_model, binary_data, estimator, size):
    model, x = tiny_model(3), binary_data()
    shared = {"num_samples": 2, "kl_weight": 0.5, "free_bits": FreeBits(nats=0.2)}
    found = recorded_gradients(model, SubsetELBO(subset_size=size, estimator=estimator, **shared), x)
    assert_same_gradients(found, recorded_gradients(model, ELBO(**shared), x), tolerance=1e-6)


@pytest.mark.slow
def test_some_to_all_is_the_elbo_on_average_and_some_to_some_below(tiny_model, binary_data):
    """Over all pairs of four components, with noise whose error is below a hundredth of a nat."""
    model, x = tiny_model(4), tf.constant(binary_data(batch=2))
    every = model.encode(x).params
    exact = value_of_subset(model, SubsetELBO(num_samples=20_000), x, SEED, every, every)
    for estimator in ("s2a", "s2s"):
        rule, values = SubsetELBO(estimator=estimator, num_samples=20_000), []
        for index, pair in enumerate(itertools.combinations(range(4), 2)):
            values.append(value_of_subset(model, rule, x, (7, index), tf.gather(every, pair, axis=1), every))
        gap = np.mean(values, axis=0) - np.asarray(exact)
        if estimator == "s2a":
            assert np.abs(gap).max() < 0.05
        else:
            assert (gap < -0.1).all()


@pytest.mark.slow
def test_subsets_differ_by_the_seed_and_draw_every_component_alike(tiny_model, binary_data):
    model = tiny_model(5)
    encoding = model.encode(tf.constant(binary_data(batch=1)))
    places = {float(encoding.params[0, m, 0]): m for m in range(5)}
    counts = np.zeros(5)
    for seed in range(400):
        chosen = SubsetELBO(subset_size=2).choose(encoding, (3, seed))
        members = {places[float(value)] for value in chosen.params[0, :, 0]}
        assert len(members) == 2
        counts[list(members)] += 1
    assert np.abs(counts - 160).max() < 3.5 * np.sqrt(400 * 0.4 * 0.6)


@pytest.mark.usefixtures("eagerly")
def test_the_log_tells_of_the_whole_and_not_of_single_components(tiny_model, binary_data):
    model, x = tiny_model(3), binary_data(4)
    model.compile(keras.optimizers.SGD(0.01), SubsetELBO(subset_size=2))
    logs = model.fit(x, validation_data=x, epochs=1, verbose=0).history
    assert np.isfinite([logs["elbo"][0], logs["kl"][0], logs["val_elbo_2"][0]]).all()
    assert np.isnan([logs[f"{name}_{m}"][0] for name in ("elbo", "alpha") for m in range(3)]).all()


@pytest.mark.usefixtures("eagerly")
def test_hundreds_of_components_train_and_are_not_listed(tiny_model, binary_data):
    model, x = tiny_model(100, trunk="amortised", trunk_options={"units": 8}), binary_data(4)
    model.compile(keras.optimizers.SGD(0.01), SubsetELBO(subset_size=2))
    logs = model.fit(x, epochs=1, verbose=0).history
    assert sorted(logs) == ["elbo", "kl", "loss", "reconstruction"]
    assert np.isfinite(logs["loss"]).all()
    assert model.predict(x, verbose=0)["weights"].shape == (4, 100)


def test_learned_weights_and_impossible_sizes_are_refused(tiny_model):
    model = tiny_model(3, mixing="learned")
    with pytest.raises(ValueError, match="Expected mixing='uniform'. Received: RecursiveMixing"):
        model.compile("sgd", SubsetELBO())
    for choices, message in (
        ({"subset_size": 0}, "`subset_size` must be an integer of at least 1. Received: 0"),
        ({"subset_size": 1.5}, "`subset_size`"),
        ({"estimator": "a2a"}, "Unknown estimator.*'s2a', 's2s'"),
    ):
        with pytest.raises(ValueError, match=message):
            SubsetELBO(**choices)

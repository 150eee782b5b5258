"""Likelihoods of real values: the interval as an option, and Student's t beside the Gaussian."""

import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import rme_tf
from rme_tf.evaluation import bits_per_dimension
from rme_tf.likelihoods import Normal, StudentT
from rme_tf.likelihoods.location_scale import SCALES

F, B = 4, 6
every_kind = pytest.mark.parametrize("kind", [Normal, StudentT], ids=lambda kind: kind.__name__)


@pytest.fixture
def standardized(rng):
    return rng.normal(size=(B, F)).astype("float32")


# The interval.


def test_by_default_pixels_are_in_0_1_and_other_values_anywhere():
    assert Normal((F,)).interval == (0.0, 1.0)
    assert StudentT((F,)).interval is None
    assert Normal((F,)).bits_offset == 8.0


def test_values_outside_are_refused_with_the_option_that_takes_them(tiny_model, standardized):
    message = (
        re.escape("Normal expects real values in [0, 1].") + ".*" + re.escape("likelihood_options=dict(interval=None)")
    )
    with pytest.raises(ValueError, match=message):
        tiny_model(1, pixels=F, likelihood="normal").predict(standardized, verbose=0)
    model = tiny_model(1, pixels=F, likelihood="normal", likelihood_options={"interval": None})
    assert np.isfinite(model.predict(standardized, verbose=0)["means"]).all()


def test_a_batch_of_a_pipeline_is_refused_with_the_same_words(tiny_model, standardized):
    model = tiny_model(1, pixels=F, likelihood="normal")
    model.compile("sgd", "elbo", run_eagerly=True)
    data = tf.data.Dataset.from_tensor_slices(standardized).batch(2)
    with pytest.raises(ValueError, match=re.escape("likelihood_options=dict(interval=None)).") + "$"):
        model.evaluate(data, verbose=0)


@every_kind
@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_what_is_no_finite_number_is_refused_with_a_remedy(kind, value, standardized):
    standardized[2, 1] = value
    message = re.escape(f"expects finite real values. Received: `x` with {np.float32(value)}")
    with pytest.raises(ValueError, match=message + ".*Standardize the data"):
        kind((F,), interval=None).check(standardized)


@every_kind
@pytest.mark.parametrize("interval", [(1.0, 1.0), (2.0, 0.0), (0.0,), (0.0, math.inf), (0, "1"), "01", 1.0], ids=str)
def test_an_interval_is_two_increasing_numbers(kind, interval):
    with pytest.raises(ValueError, match="`interval` must be two finite numbers, the lower one first, or None"):
        kind((F,), interval=interval)


@every_kind
def test_bits_are_of_pixels_scaled_to_the_interval(kind, rng):
    """The same pixels on [0, 1] and on [-1, 1] have the same bits; real values have none."""
    x, mean = rng.uniform(size=(B, F)).astype("float32"), tf.random.stateless_uniform([B, F], (1, 2))
    unit, wide = kind((F,), interval=(0, 1), initial_scale=0.3), kind((F,), interval=[-1, 1], initial_scale=0.6)
    wide.raw_scale.assign(np.log(np.expm1(2.0 * float(unit.scale) - wide.min_scale)))
    wide.check(2.0 * x - 1.0)
    bits = [
        bits_per_dimension(float(tf.reduce_mean(likelihood.log_prob(params, values))), likelihood)
        for likelihood, params, values in ((unit, mean, x), (wide, 2.0 * mean - 1.0, 2.0 * x - 1.0))
    ]
    assert bits[0] == pytest.approx(bits[1], rel=1e-5)
    assert math.isnan(bits_per_dimension(-1.0, kind((F,), interval=None)))


@every_kind
@pytest.mark.parametrize("interval", [None, (0.0, 1.0), (-3, 5)], ids=str)
def test_the_interval_is_part_of_the_configuration(kind, interval):
    likelihood = kind((F,), interval=interval)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert (copy.interval, copy.support) == (likelihood.interval, likelihood.support)


def test_a_configuration_of_before_the_option_has_the_interval_of_then():
    config = Normal((F,), interval=None).get_config()
    del config["interval"]
    assert Normal.from_config(config).interval == (0.0, 1.0)


def test_pseudo_inputs_are_anywhere_if_observations_are(tiny_model, standardized):
    options = {"likelihood_options": {"interval": None}, "prior": "vamp", "prior_options": {"num_components": B}}
    model = tiny_model(1, pixels=F, likelihood="normal", **options)
    model.prior.initialize(standardized)
    found = np.sort(model.prior.pseudo_inputs(), axis=0)
    np.testing.assert_allclose(found, np.sort(standardized, axis=0), rtol=1e-5)


# Student's t.


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("options", [{"df": 1.5}, {"df": 4.0, "learned_df": True}, {"df": 1e6}], ids=str)
def test_the_density_is_student_s(scale, options, standardized):
    likelihood = StudentT((F,), scale=scale, initial_scale=0.7, **options)
    params = tf.random.stateless_normal([B, *likelihood.params_shape], seed=(1, 2))
    p = likelihood.distribution(params).distribution
    x = 20.0 * standardized
    expected = stats.t.logpdf(x, options["df"], np.asarray(p.loc, float), np.asarray(p.scale, float))
    np.testing.assert_allclose(likelihood.log_prob(params, x), expected.sum(axis=-1), rtol=2e-5)
    np.testing.assert_allclose(likelihood.log_prob_of(x)(params), expected.sum(axis=-1), rtol=2e-5)


def test_an_outlier_moves_the_location_less_than_a_gaussian_s():
    x = tf.constant([[0.1, -0.2, 0.0, 50.0]])
    gradients = []
    for kind in (Normal, StudentT):
        likelihood, params = kind((F,), interval=None, initial_scale=1.0), tf.zeros([1, F])
        with tf.GradientTape() as tape:
            tape.watch(params)
            log_prob = likelihood.log_prob(params, x)
        gradients.append(np.abs(tape.gradient(log_prob, params)[0, -1]))
    assert gradients[0] == pytest.approx(50.0, rel=1e-4)
    assert gradients[1] == pytest.approx(6.0 * 50.0 / (5.0 + 2500.0), rel=1e-4)


def test_learned_degrees_of_freedom_start_at_df_have_a_gradient_and_stay_above_one(standardized):
    likelihood = StudentT((F,), df=3.0, learned_df=True)
    assert float(likelihood.df) == pytest.approx(3.0, rel=1e-6)
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_sum(likelihood.log_prob(tf.zeros([B, F]), standardized))
    assert abs(float(tape.gradient(log_prob, likelihood.raw_df.value))) > 0.0
    likelihood.raw_df.assign(-1e3)
    assert float(likelihood.df) == 1.0
    assert len(likelihood.trainable_variables) == 1 + len(StudentT((F,)).trainable_variables)


@pytest.mark.parametrize(("options", "words"), [({"df": 1.0}, "`df` must be .* above 1"), ({"learned_df": 1}, "True")])
def test_options_of_student_s_are_checked(options, words):
    with pytest.raises(ValueError, match=words):
        StudentT((F,), **options)


def test_a_mean_exists_where_a_variance_does_not():
    p = StudentT((F,), df=1.5).distribution(tf.constant([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(p.mean(), [1.0, 2.0, 3.0, 4.0])
    draws = np.asarray(p.sample(2001, seed=(1, 2)))
    np.testing.assert_allclose(np.median(draws, axis=0), p.mean(), atol=0.05)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_standardized_features_train_and_have_no_bits(tiny_model, standardized, tmp_path):
    model = tiny_model(2, pixels=F, likelihood="student_t", likelihood_options={"learned_df": True})
    model.compile("adam", rme_tf.RecursiveMixture(warm_start_epochs=0))
    assert np.isfinite(model.fit(standardized, verbose=0).history["loss"]).all()
    bounds = rme_tf.bounds(model, standardized, num_samples=4, progress=False)
    assert math.isnan(rme_tf.evaluation.summarize(model, standardized, bounds)["bits_per_dimension"])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    again = rme_tf.bounds(loaded, standardized, num_samples=4, progress=False)
    np.testing.assert_allclose(again.log_likelihood, bounds.log_likelihood, rtol=1e-5)

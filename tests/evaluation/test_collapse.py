"""The report of collapse: models whose answer is known, plain loops, and every kind of data."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import reference
from rme_tf import bounds, posteriors
from rme_tf.core.compiled import compiled
from rme_tf.evaluation import collapse
from rme_tf.evaluation.collapse import collapse_report
from rme_tf.posteriors import POSTERIORS
from test_monitor import dense

EVERY_ROW = np.array(list(itertools.product([0.0, 1.0], repeat=5)), np.float32)  # 32 observations


def linear_model(tiny_model, kernels, biases, decoder_kernel=0.0):
    """Component m is N(kernel x + bias, scale^2): kernels [5, 4] and biases [4] give 2 means, 2 raw scales."""
    encoders = [dense(5, 4, kernel, bias) for kernel, bias in zip(kernels, biases, strict=True)]
    return tiny_model(len(encoders), encoder=encoders, decoder=dense(2, 5, decoder_kernel), spread=0.0)


def raw_scale(scale):
    """The raw param that `DiagNormal` turns into a scale, by its own inverse on a grid."""
    raws = np.linspace(-12.0, 5.0, 100_001, dtype=np.float32)
    stddevs = posteriors.DiagNormal(1).distribution(tf.stack([tf.zeros_like(raws), raws], axis=-1)).stddev()
    return float(np.interp(scale, stddevs[:, 0], raws))


NAMING = np.zeros((5, 4))
NAMING[:, 0] = 20.0 * 2.0 ** np.arange(5)  # another mean for every row, 20 apart


@pytest.mark.usefixtures("eagerly")
def test_posteriors_far_apart_name_their_observation(tiny_model):
    model = linear_model(tiny_model, [NAMING], [0.0])
    report = collapse_report(model, EVERY_ROW, batch_size=8)
    assert (report.num_observations, report.batch_size) == (32, 8)
    assert report.mutual_information == pytest.approx(math.log(32), abs=1e-6)  # float32 densities
    assert report.mutual_information_batch == pytest.approx(math.log(8), abs=1e-6)
    assert report.active_units == 1


def test_observations_twice_in_the_data_are_told_apart_no_more(tiny_model):
    report = collapse_report(linear_model(tiny_model, [NAMING], [0.0]), np.repeat(EVERY_ROW, 2, axis=0), batch_size=4)
    assert report.mutual_information == pytest.approx(math.log(32), abs=1e-6)
    assert report.mutual_information_batch == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_a_posterior_that_is_the_prior_has_collapsed(tiny_model):
    one = raw_scale(1.0)
    model = linear_model(tiny_model, [0.0], [(0.0, 0.0, one, one)])
    report = collapse_report(model, EVERY_ROW, num_samples=3)
    assert report.kl == pytest.approx(0.0, abs=1e-4)  # a scale of one to float32
    assert report.kl_aggregate == pytest.approx(report.kl, abs=1e-6)
    assert report.mutual_information == pytest.approx(0.0, abs=1e-6)
    assert report.mutual_information_batch == pytest.approx(0.0, abs=1e-6)
    assert report.active_units == 0
    assert report.reliance == 0.0
    assert report.reconstruction == report.prior_log_likelihood == pytest.approx(-5 * math.log(2), abs=1e-5)


def test_a_posterior_that_does_not_look_at_x_has_a_kl_but_no_information(tiny_model):
    one = raw_scale(1.0)
    report = collapse_report(linear_model(tiny_model, [0.0], [(2.0, 0.0, one, one)]), EVERY_ROW, num_samples=200)
    assert report.mutual_information == pytest.approx(0.0, abs=1e-6)
    assert report.kl == report.kl_aggregate
    # KL = 2^2 / 2; a standard deviation of 2 over 32 * 200 samples.
    assert report.kl == pytest.approx(2.0, abs=0.1)
    np.testing.assert_allclose(report.kl_per_dimension, [[2.0, 0.0]], atol=1e-4)
    assert report.active_units == 0


@pytest.mark.parametrize(("offset", "expected"), [(0.0, 0.0), (5.0, math.log(2))])
def test_the_components_tell_how_far_they_are_apart(tiny_model, offset, expected):
    scale = 0.2
    raw = (raw_scale(scale),) * 2
    model = linear_model(tiny_model, [0.0, 0.0], [(-offset, 0.0, *raw), (offset, 0.0, *raw)])
    report = collapse_report(model, EVERY_ROW, num_samples=20)
    assert report.component_information == pytest.approx(expected, abs=1e-4)  # float32
    np.testing.assert_allclose(report.usage, [0.5, 0.5], rtol=1e-6)
    assert report.mixing_entropy == pytest.approx(math.log(2), abs=1e-6)
    closed = (2 * offset / scale) ** 2 / 2
    # z varies by one scale: relative standard deviation 2 / sqrt(2 closed) over 640 samples.
    np.testing.assert_allclose(report.component_kl, [[0.0, closed], [closed, 0.0]], rtol=0.02, atol=1e-5)


# Against plain loops.


@pytest.fixture
def mixture(tiny_model):
    """A mixture of two with learned weights and no symmetry."""
    return tiny_model(2, mixing="learned", spread=1.0)


def draws_of(model, x):
    """Returns what a report on one batch is computed from, of the same seed."""
    return compiled(collapse._draw, model)(tf.constant(x), tf.constant([0, 0]))


def test_the_report_agrees_with_plain_loops(mixture, binary_data):
    x = binary_data(6)
    report, draws = collapse_report(mixture, x), draws_of(mixture, x)
    inferred, z = mixture.predict(x, verbose=0), draws.z.numpy()
    alpha, means, scales = inferred["weights"], inferred["means"], inferred["scales"]
    kl = information = aggregate_kl = divergence = 0.0
    for n, m in itertools.product(range(6), range(2)):
        densities = [reference.mixture_log_prob(z[n, m], alpha[i], means[i], scales[i]) for i in range(6)]
        log_prior = reference.standard_normal_log_prob(z[n, m])
        log_aggregate = reference.log_sum_exp(densities) - math.log(6)
        weight = alpha[n, m] / 6
        kl += weight * (densities[n] - log_prior)
        aggregate_kl += weight * (log_aggregate - log_prior)
        information += weight * (densities[n] - log_aggregate)
        own = reference.diag_normal_log_prob(z[n, m], means[n, m], scales[n, m])
        divergence += weight * (own - densities[n])
    # float32 densities of order 10.
    assert report.kl == pytest.approx(kl, abs=1e-5)
    assert report.kl_aggregate == pytest.approx(aggregate_kl, abs=1e-5)
    assert report.mutual_information == pytest.approx(information, abs=1e-5)
    assert report.component_information == pytest.approx(divergence, abs=1e-5)
    assert report.kl - report.kl_aggregate == pytest.approx(report.mutual_information, abs=1e-9)


@pytest.mark.usefixtures("eagerly")
def test_the_code_of_the_row_before_takes_its_weights_along(mixture, binary_data):
    x = binary_data(4)
    report, draws = collapse_report(mixture, x), draws_of(mixture, x)
    alpha, z = np.exp(draws.log_alpha), draws.z
    expected = 0.0
    for n, m in itertools.product(range(4), range(2)):
        for source, sign in ((n, 1.0), ((n - 1) % 4, -1.0)):
            logits = mixture.decoder(z[source, m][np.newaxis])[0]
            expected += sign * alpha[source, m] * reference.bernoulli_log_prob(x[n], logits.numpy()) / 4
    assert report.reliance == pytest.approx(expected, abs=1e-5)  # float32


@pytest.mark.usefixtures("eagerly")
def test_minibatches_are_blocks_of_the_observations(mixture, binary_data):
    x = binary_data(10)
    draws = draws_of(mixture, x)
    monolith = collapse_report(mixture, x, batch_size=10)
    assert monolith.mutual_information_batch == pytest.approx(monolith.mutual_information, abs=1e-12)
    report = collapse_report(mixture, tf.data.Dataset.from_tensors(x), batch_size=4)  # blocks of 4, 4 and 2
    inferred = mixture.predict(x, verbose=0)
    mixtures = list(zip(inferred["weights"], inferred["means"], inferred["scales"], strict=True))
    expected = 0.0
    for n, m in itertools.product(range(10), range(2)):
        block = range(n // 4 * 4, min(n // 4 * 4 + 4, 10))
        z = draws.z[n, m].numpy()
        densities = {i: reference.mixture_log_prob(z, *mixtures[i]) for i in block}
        log_aggregate = reference.log_sum_exp(densities.values()) - math.log(len(block))
        expected += float(inferred["weights"][n, m]) * (densities[n] - log_aggregate) / 10
    assert report.mutual_information_batch == pytest.approx(expected, abs=1e-5)  # float32
    assert report.mutual_information == pytest.approx(monolith.mutual_information, abs=1e-12)


@pytest.mark.slow
def test_the_report_agrees_with_the_bounds(mixture, binary_data):
    x = binary_data(16)
    report = collapse_report(mixture, x, num_samples=500)
    values = bounds(mixture, x, num_samples=2000, progress=False)
    # Two estimates from 16 * 500 samples of each component, of standard deviations of some 4 nats.
    assert report.kl == pytest.approx(values.kl.mean(), abs=0.2)
    assert report.reconstruction == pytest.approx(values.reconstruction.mean(), abs=0.2)
    gained = np.mean(values.elbo - np.sum(values.alpha * values.component_elbo, axis=-1))
    assert report.component_information == pytest.approx(gained, abs=0.05)  # of a term that is below log 2
    np.testing.assert_allclose(report.kl_per_component, report.kl_per_dimension.sum(axis=-1), atol=0.2)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("num_components", [1, 3])
def test_information_keeps_its_bounds(tiny_model, binary_data, num_components, spread):
    report = collapse_report(tiny_model(num_components, spread=spread), binary_data(20), batch_size=5)
    assert report.mutual_information <= math.log(20) + 1e-9
    assert report.mutual_information_batch <= math.log(5) + 1e-9
    assert report.component_information <= report.mixing_entropy + 1e-5 <= report.usage_entropy + 2e-5


@pytest.mark.usefixtures("eagerly")
def test_memory_is_cut_without_a_trace(mixture, binary_data, monkeypatch):
    x = binary_data(12)
    whole = collapse_report(mixture, x, num_samples=2).as_dict()
    monkeypatch.setattr(collapse, "CHUNK", 1)
    cut = collapse_report(mixture, x, num_samples=2).as_dict()
    assert cut == pytest.approx(whole, abs=1e-6)  # float32 sums in another order


# Data and models of other kinds.


@pytest.mark.slow
def test_arrays_and_data_sets_give_the_same(mixture, binary_data):
    x = binary_data(10)
    expected = collapse_report(mixture, x, batch_size=4).as_dict()
    batches = tf.data.Dataset.from_tensor_slices(x).batch(4)
    labelled = tf.data.Dataset.from_tensor_slices((x, np.arange(10))).batch(4)
    for data in (x.astype("float64"), x.astype("int64"), tf.constant(x), batches, labelled):
        assert collapse_report(mixture, data, batch_size=4).as_dict() == expected


@pytest.mark.usefixtures("eagerly")
def test_the_first_observations_are_taken_even_of_endless_data(mixture, binary_data):
    x = binary_data(10)
    expected = collapse_report(mixture, x[:7], batch_size=4).as_dict()
    endless = tf.data.Dataset.from_tensor_slices(x).batch(4).repeat()
    for data in (x, endless):
        report = collapse_report(mixture, data, batch_size=4, max_observations=7)
        assert report.as_dict() == expected


@pytest.mark.slow
def test_a_row_alone_in_its_batch_has_no_code_to_swap(mixture, binary_data):
    x = binary_data(5)
    alone = collapse_report(mixture, tf.data.Dataset.from_tensor_slices(x).batch(1))
    assert math.isnan(alone.reliance)
    assert math.isfinite(alone.reconstruction)
    assert math.isfinite(collapse_report(mixture, x, batch_size=4).reliance)  # 4 rows and 1


class Uniform(posteriors.DiagNormal):
    """Of the same moments as the family that it derives from."""

    def distribution(self, params):
        mean, stddev = self.mean_and_stddev(params)
        reach = math.sqrt(3.0) * stddev
        return tfp.distributions.Independent(tfp.distributions.Uniform(mean - reach, mean + reach), 1)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("posterior", [*sorted(set(POSTERIORS) - {"diag_normal"}), Uniform])
def test_a_family_without_a_closed_form_has_no_kl_per_dimension(tiny_model, binary_data, posterior):
    posterior = posterior if isinstance(posterior, str) else posterior(2)
    report = collapse_report(tiny_model(2, posterior=posterior), binary_data(6))
    assert report.kl_per_dimension is None
    assert not any(name.startswith("kl_per_dimension") for name in report.as_dict())
    if not isinstance(posterior, Uniform):  # whose density is zero at the draws of others
        assert np.isfinite(report.kl_per_component).all()


@pytest.mark.usefixtures("eagerly")
def test_components_that_have_not_joined_have_no_weight(mixture, binary_data):
    mixture.num_active.assign(1)
    report = collapse_report(mixture, binary_data(6))
    np.testing.assert_array_equal(report.usage, [1.0, 0.0])
    np.testing.assert_array_equal(report.largest_share, [1.0, 0.0])
    assert report.usage_entropy == 0.0
    assert report.component_information == pytest.approx(0.0, abs=1e-6)
    assert all(math.isfinite(value) for value in report.as_dict().values())


def test_a_report_is_plain_numbers(mixture, binary_data):
    values = collapse_report(mixture, binary_data(6)).as_dict()
    assert {type(value) for value in values.values()} == {float}
    assert {"kl", "usage_1", "component_kl_0_1", "kl_per_dimension_1_0", "mutual_information"} <= set(values)


def test_a_report_is_of_its_seed_and_of_the_weights_as_they_are(mixture, binary_data):
    x = binary_data(6)
    first = collapse_report(mixture, x).as_dict()
    assert collapse_report(mixture, x).as_dict() == first
    assert collapse_report(mixture, x, seed=1).as_dict() != first
    mixture.encoders[0].trainable_variables[0].assign_add(tf.ones_like(mixture.encoders[0].trainable_variables[0]))
    assert collapse_report(mixture, x).as_dict() != first


@pytest.mark.parametrize("name", ["num_samples", "max_observations", "batch_size"])
def test_numbers_below_one_are_refused(mixture, binary_data, name):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1. Received: 0"):
        collapse_report(mixture, binary_data(6), **{name: 0})


def test_one_observation_is_too_few(mixture, binary_data):
    for data, message in (
        (binary_data(1), "at least two observations"),
        (tf.data.Dataset.from_tensor_slices(binary_data(0)).batch(2), "`data` is an empty data set"),
    ):
        with pytest.raises(ValueError, match=message):
            collapse_report(mixture, data)

"""Inference gaps against closed forms: linear Gaussian models, and decoders of |z| with two modes."""

import re

import keras
import numpy as np
import pytest

import reference
import rme_tf
from definition import RealNormal
from rme_tf.evaluation import LocalSearch, gap_table, inference_gaps
from rme_tf.evaluation.gaps import decomposition as gap_decomposition
from rme_tf.posteriors import POSTERIORS, MixturePosterior
from test_oracles import (
    PIXELS,
    dense,
    exact_log_likelihood,
    exact_posterior,
    linear_model,
    observations,
)

CORRELATED = np.array([[1.0, -0.5, 0.3, 0.8], [0.8, -0.4, 0.6, 1.0]])  # dimensions depend on each other given x
SEARCH = LocalSearch(steps=1000, starts=2)
X = observations(CORRELATED, batch=4)
POOR = np.array([0.3, -0.2])  # mean of an encoder that does not look at x


def poor_encoder(num_params):
    return dense(np.zeros((PIXELS, num_params)), np.concatenate([POOR, np.zeros(num_params - 2)]))


def exact_kl(mean, covariance):
    """KL(N(mean, covariance) || p(z|x)) of each observation, in nats."""
    exact, gain, offset = exact_posterior(CORRELATED)
    precision, means = np.linalg.inv(exact), X @ gain + offset
    apart = np.broadcast_to(mean, means.shape) - means
    log_dets = np.linalg.slogdet(exact)[1] - np.linalg.slogdet(covariance)[1]
    return 0.5 * (np.trace(precision @ covariance) - 2 + np.einsum("nd,de,ne->n", apart, precision, apart) + log_dets)


@pytest.fixture(scope="module")
def of_diagonal():
    """Gaps of diagonal Gaussians, whose encoder is the same for all x."""
    model = linear_model("diag_normal", CORRELATED, [poor_encoder(4)])
    exact = exact_log_likelihood(X, CORRELATED)
    return inference_gaps(model, X, log_likelihood=exact, num_samples=20_000, progress=False, search=SEARCH)


def test_both_gaps_of_a_diagonal_gaussian_are_those_of_the_closed_form(of_diagonal):
    """The best diagonal Gaussian has the mean and the conditional variances of the posterior."""
    exact, gain, offset = exact_posterior(CORRELATED)
    variances = 1.0 / np.diag(np.linalg.inv(exact))
    approximation = exact_kl(X @ gain + offset, np.diag(variances))
    inference = exact_kl(POOR, np.eye(2) * np.log(2.0) ** 2)
    assert approximation.min() > 0.5  # there is something to see
    assert of_diagonal.converged.all()
    for found, expected, errors in (
        (of_diagonal.approximation_gap, approximation, of_diagonal.approximation_error),
        (of_diagonal.amortization_gap, inference - approximation, of_diagonal.amortization_error),
        (of_diagonal.inference_gap, inference, of_diagonal.elbo_error),
    ):
        assert (np.abs(found - expected) < 5.0 * errors + 0.01).all()  # of the draws, and the search's tolerance
    q = MixturePosterior(POSTERIORS["diag_normal"](2), of_diagonal.params, of_diagonal.log_alpha)
    np.testing.assert_allclose(q.mean(), X @ gain + offset, atol=0.05)
    np.testing.assert_allclose(q.stddev(), np.broadcast_to(np.sqrt(variances), (4, 2)), atol=0.02)


def test_the_gaps_add_up(of_diagonal):
    total = of_diagonal.approximation_gap + of_diagonal.amortization_gap
    np.testing.assert_allclose(total, of_diagonal.inference_gap, atol=1e-9)


@pytest.mark.slow
def test_a_family_with_the_exact_posterior_has_no_approximation_gap():
    """Reflections of a plane turn the axes of a diagonal Gaussian anywhere."""
    family = POSTERIORS["householder"](2)
    model = linear_model("householder", CORRELATED, [poor_encoder(family.num_params)])
    gaps = inference_gaps(model, X, num_samples=2000, progress=False, search=LocalSearch(steps=300))
    exact = exact_log_likelihood(X, CORRELATED)
    np.testing.assert_allclose(gaps.optimal_elbo, exact, atol=0.01)  # the search's tolerance
    assert (np.abs(gaps.log_likelihood - exact) < 5.0 * gaps.log_likelihood_error).all()  # half of the draws are poor
    assert (np.abs(gaps.approximation_gap) < 5.0 * gaps.approximation_error + 0.01).all()


# A decoder of |z - SHIFT|: on each side of SHIFT the posterior is a Gaussian.

SHIFT, NOISE = 0.3, 0.1
FAR = np.array([[1.2], [1.7]], "float32")


def two_sided(num_components, mixing="uniform"):
    """A VAE whose encoders do not look at x, and begin on the less likely side."""
    inputs = keras.Input((1,))
    decoder = keras.Model(inputs, keras.ops.abs(inputs - SHIFT))
    encoders = [dense(np.zeros((1, 2)), [0.8 + 0.1 * m, -1.0]) for m in range(num_components)]
    parts = {"posterior": POSTERIORS["diag_normal"](1), "likelihood": RealNormal((1,), initial_scale=NOISE)}
    if mixing == "learned":
        parts |= {"mixing": "learned", "mixing_network": dense(np.zeros((1, 1)), [0.5])}
    return rme_tf.VAE(encoders, decoder, **parts)


def sides():
    """Returns log p(x) [2] and the probabilities of both sides given x [2, 2], in float64."""
    spread = np.array([[1.0 + NOISE**2]])
    logs = np.array([[reference.full_normal_log_prob(x * sign + SHIFT, 0.0, spread) for sign in (1, -1)] for x in FAR])
    total = np.logaddexp(*logs.T)
    return total, np.exp(logs - total[:, np.newaxis])


GAPS_OF_SIDES = {
    (1, "uniform"): lambda shares: -np.log(shares.max(axis=-1)),  # the Gaussian of the more likely side
    (2, "uniform"): lambda shares: -0.5 * np.log(4.0 * shares).sum(axis=-1) + 0.5 * np.log(4.0),
    (2, "learned"): lambda shares: np.zeros(2),
}


@pytest.mark.slow
@pytest.mark.parametrize("choices", GAPS_OF_SIDES, ids=str)
def test_a_mixture_closes_the_gap_of_two_modes_as_far_as_its_weights_allow(choices):
    total, shares = sides()
    assert shares.max() < 0.8
    gaps = inference_gaps(two_sided(*choices), FAR, num_samples=4000, progress=False, search=LocalSearch(steps=300))
    expected = GAPS_OF_SIDES[choices](shares)
    np.testing.assert_allclose(gaps.approximation_gap + (total - gaps.log_likelihood), expected, atol=0.01)
    assert gaps.amortization_gap.min() > 0.0
    if choices == (2, "learned"):
        order = np.argsort(-gaps.params[..., 0], axis=-1)  # the right side first
        weights = np.take_along_axis(np.exp(gaps.log_alpha), order, axis=-1)
        np.testing.assert_allclose(weights, shares, atol=0.02)
        np.testing.assert_allclose(gaps.log_likelihood, total, atol=0.01)


# What the caller sees.


def test_a_given_log_likelihood_takes_the_place_of_the_estimate():
    model = linear_model("diag_normal", CORRELATED, [poor_encoder(4)])
    options = {"num_samples": 50, "progress": False, "search": LocalSearch(steps=2, starts=1, rounds=2)}
    exact = exact_log_likelihood(X, CORRELATED)
    gaps = inference_gaps(model, X, log_likelihood=exact, **options)
    np.testing.assert_array_equal(gaps.log_likelihood, exact)
    assert np.isnan(gaps.log_likelihood_error).all()
    np.testing.assert_allclose(gaps.approximation_error, gaps.optimal_elbo_error)
    assert "a lower bound" not in gaps.summary()
    assert "a lower bound" in inference_gaps(model, X, **options).summary()


@pytest.mark.slow
def test_the_errors_are_the_spread_over_seeds():
    """The search gets the same seed by a step of rate nearly zero: the draws alone differ."""
    model = linear_model("diag_normal", CORRELATED, [poor_encoder(4)])
    still = LocalSearch(steps=1, starts=1, rounds=2, learning_rate=1e-6)
    x = np.repeat(X[:1], 400, axis=0)
    gaps = inference_gaps(model, x, num_samples=200, progress=False, search=still)
    for value, error in (("elbo", "elbo_error"), ("log_likelihood", "log_likelihood_error")):
        spread = getattr(gaps, value).std()
        assert 0.8 < spread / getattr(gaps, error).mean() < 1.25, value
    assert 0.8 < gaps.approximation_gap.std() / gaps.approximation_error.mean() < 1.25


@pytest.mark.slow
def test_an_interrupted_call_resumes_bit_for_bit(tmp_path, monkeypatch):
    model, path = linear_model("diag_normal", CORRELATED, [poor_encoder(4)]), tmp_path / "kept" / "gaps.npz"
    options = {"num_samples": 20, "batch_size": 3, "progress": False}
    options["search"] = LocalSearch(steps=3, rounds=2)
    whole = inference_gaps(model, X, **options)
    module = gap_decomposition
    gaps_of_batch, calls = module._gaps_of_batch, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return gaps_of_batch(*args)

    monkeypatch.setattr(module, "_gaps_of_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        inference_gaps(model, X, path=path, **options)
    resumed = inference_gaps(model, X, path=path, **options)
    assert len(calls) == 3  # the first batch was kept
    for name, one, other in zip(whole._fields, whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
    for changed in ({"seed": 1}, {"num_samples": 30}, {"search": LocalSearch(steps=4, rounds=2)}):
        with pytest.raises(ValueError, match="`path` must be a new file"):
            inference_gaps(model, X, path=path, **{**options, **changed})
    for other, message in ((X[::-1], "for these observations"), (X[:3], "for these 1 batches")):
        with pytest.raises(ValueError, match=message):
            inference_gaps(model, other, path=path, **options)
    model.decoder.layers[-1].bias.assign(np.ones(PIXELS))
    with pytest.raises(ValueError, match="weights"):
        inference_gaps(model, X, path=path, **options)


def test_a_table_has_each_split_and_its_difference_from_the_first(of_diagonal):
    lower = of_diagonal._replace(elbo=of_diagonal.elbo - 1.0)
    lines = gap_table({"train": of_diagonal, "test": lower}).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| train", "| test", "| test - train"]
    differences = [float(value.split(" ")[0]) for value in lines[-1].strip("| ").split(" | ")[1:]]
    np.testing.assert_allclose(differences, [0.0, 0.0, -1.0, 1.0, 0.0, 1.0], atol=1e-6)
    with pytest.raises(ValueError, match="dict of `InferenceGaps`"):
        gap_table({})


FAULTS = {
    "`search.rounds` must be an integer of at least 2": {"search": LocalSearch(rounds=1)},
    "`search.starts` must be an integer of at least 1": {"search": LocalSearch(starts=0)},
    "`search.learning_rate` must be a finite number above 0": {"search": LocalSearch(learning_rate=0.0)},
    "`search` must be a `LocalSearch`": {"search": {"steps": 3}},
    "`num_samples` must be an integer of at least 2": {"num_samples": 1},
    "`log_likelihood` must have a finite value for each of the 4 observations. Received: (3,)": {
        "log_likelihood": np.zeros(3)
    },
    "Received: values that are not finite": {"log_likelihood": np.full(4, np.nan)},
    "`refined` must be True or False": {"refined": 1},
}


@pytest.mark.parametrize("message", FAULTS)
def test_faults_are_named_before_any_work(message):
    model = linear_model("diag_normal", CORRELATED, [poor_encoder(4)])
    with pytest.raises(ValueError, match=re.escape(message)):
        inference_gaps(model, X, **FAULTS[message])

"""The best posterior of each observation: against the grid and SciPy, in every family, for models of every kind."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import tensorflow as tf

from rme_tf.core.types import Encoding
from rme_tf.evaluation import LocalSearch, inference_gaps
from rme_tf.evaluation.gaps import local_optimum, local_search, local_starts
from rme_tf.posteriors import IAF, POSTERIORS, RecursiveMixing, UniformMixing
from test_lstm import ROWS, build_text_model
from test_refined_families import family_of

QUICK = {"num_samples": 20, "progress": False, "search": LocalSearch(steps=2, rounds=2, num_samples=2)}

# A model of two latent dimensions on a grid.

STEP = 1.0 / 20.0
WITHIN = [(-4.0, 4.0)] * 2 + [(-2.0, 0.5)] * 2  # means and log scales that the grid has
AXIS = np.linspace(-10.0, 10.0, 401)  # fine enough for the peak of a Laplace density
DENSITIES = {
    "diag_normal": lambda mean, stddev: scipy.stats.norm(mean, stddev),
    "laplace": lambda mean, stddev: scipy.stats.laplace(mean, stddev / np.sqrt(2.0)),
}


def log_joint_on_grid(model, row):
    codes = np.stack(np.meshgrid(AXIS, AXIS, indexing="ij"), axis=-1)
    logits = np.asarray(model.decoder(codes.reshape(-1, 2).astype("float32")), float)
    log_lik = (row @ logits.T - np.logaddexp(0.0, logits).sum(axis=-1)).reshape(len(AXIS), -1)
    return log_lik + scipy.stats.norm.logpdf(codes).sum(axis=-1)


def elbo_on_grid(params, log_joint, density):
    """The mean over both marginals on the grid, and their entropies."""
    marginals = [density(params[d], np.exp(params[2 + d])) for d in range(2)]
    weights = [marginal.pdf(AXIS) * STEP for marginal in marginals]
    return weights[0] @ log_joint @ weights[1] + sum(marginal.entropy() for marginal in marginals)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DENSITIES))
def test_gaps_of_a_plane_are_those_of_the_grid(name, tiny_model, binary_data):
    model, x = tiny_model(1, posterior=POSTERIORS[name](2)), binary_data()
    model.decoder.layers[-2].kernel.assign(3.0 * model.decoder.layers[-2].kernel)
    gaps = inference_gaps(model, x, num_samples=100_000, progress=False, search=LocalSearch(steps=300, starts=2))
    means, stddevs = (np.asarray(part, float)[:, 0] for part in model.posterior_family.moments(model.encode(x).params))
    for index, row in enumerate(x):
        log_joint = log_joint_on_grid(model, row)
        total = np.log(np.exp(log_joint).sum() * STEP**2)
        first = np.concatenate([means[index], np.log(stddevs[index])])
        bound = lambda params, log_joint=log_joint: -elbo_on_grid(params, log_joint, DENSITIES[name])  # noqa: E731
        tries = [scipy.optimize.minimize(bound, at, bounds=WITHIN) for at in (first, np.zeros(4))]
        best = -min(tried.fun for tried in tries)
        assert gaps.approximation_gap[index] == pytest.approx(total - best, abs=0.02)
        assert gaps.amortization_gap[index] == pytest.approx(best + bound(first), abs=0.02)
    assert gaps.converged.all()


# Every family, and models of every kind.


def check_order(gaps, size, num_components):
    """ELBO(q) is at most ELBO(q*), and that at most log p(x), up to noise."""
    assert gaps.params.shape[:2] == gaps.log_alpha.shape == (size, num_components)
    assert all(np.isfinite(value).all() for value in gaps)
    assert (gaps.amortization_gap >= -5.0 * gaps.amortization_error - 1e-6).all()
    assert (gaps.approximation_gap >= -5.0 * gaps.approximation_error - 1e-6).all()
    np.testing.assert_allclose(np.exp(gaps.log_alpha).sum(axis=-1), 1.0, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(("name", "num_components"), [*((name, 2) for name in sorted(POSTERIORS)), ("iaf", 1)])
def test_the_search_runs_in_every_family(name, num_components, tiny_model, binary_data):
    model = tiny_model(num_components, mixing="learned", posterior=family_of(name))
    gaps = inference_gaps(model, binary_data(), **QUICK)
    check_order(gaps, 3, num_components)
    assert (gaps.start >= 0).any()


KINDS = {
    "shared flow": {"posterior": IAF(2, shared=True, units=(4,), context_size=3), "trunk": "shared"},
    "vamp": {"prior": "vamp", "prior_options": {"num_components": 2}},
    "refined": {"refinement": "dsvi", "refinement_options": {"steps": 2}},
    "missing": {"missing": True},
}


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_search_runs_for_models_of_every_kind(kind, tiny_model, binary_data):
    model, x = tiny_model(2, **KINDS[kind]), binary_data()
    if kind == "missing":
        x[:, 0] = np.nan
    gaps = inference_gaps(model, x, **QUICK)
    check_order(gaps, 3, 2)
    if kind == "shared flow":
        np.testing.assert_array_equal(gaps.params[:, 0, 4:], gaps.params[:, 1, 4:])


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore:Even though the .* option is set")
def test_the_search_runs_for_sentences_of_several_lengths():
    model = build_text_model()
    parts = [ROWS[1:2, :2], ROWS[::2]]
    data = tf.data.Dataset.from_generator(lambda: iter(parts), output_signature=model.likelihood.spec())
    check_order(inference_gaps(model, data, **QUICK), 3, 1)


@pytest.mark.usefixtures("eagerly")
def test_a_refined_posterior_is_what_is_amortized_or_the_encoders_output_is(tiny_model, binary_data):
    model, x = tiny_model(1, refinement="dsvi", refinement_options={"steps": 5, "learning_rate": 0.1}), binary_data()
    for refined, expected in ((True, model.encode(x)), (False, model.amortized(x))):
        found = local_search.encoding_of(model, tf.constant(x), refined=refined)
        np.testing.assert_allclose(found.params, expected.params, rtol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_components_that_wait_in_a_warm_start_take_no_part(tiny_model, binary_data):
    model = tiny_model(3)
    model.num_active.assign(1)
    check_order(inference_gaps(model, binary_data(), **QUICK), 3, 1)


# Parts of the search.


def test_the_gradient_is_unbiased(tiny_model, binary_data):
    """In all params and logits, against central differences of the ELBO, both by many draws."""
    model, row = tiny_model(2, mixing="learned"), tf.constant(binary_data(batch=1))
    local, num_samples, step = local_optimum.local_posterior(model, model.encode(row)), 20_000, 1e-2
    found = local_optimum.elbo_gradient(model, row, local, (0, 1), num_samples)
    for part in range(2):
        for entry in np.ndindex(*local[part].shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = [np.array(values) for values in local]
                moved[part][entry] += sign * step
                encoding = local_optimum.encoding_of(model, local_optimum.LocalPosterior(*map(tf.constant, moved)))
                ratios = local_search.log_ratios(model, row, encoding, tf.constant([0, 2]), num_samples)
                ends.append(local_search.weighted(ratios.of_mixture, encoding).mean(axis=0).sum())
            assert found[part][entry].numpy() == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=0.03)


@pytest.mark.parametrize("mixing", [UniformMixing(), RecursiveMixing(), RecursiveMixing(eps_min=0.1)], ids=str)
def test_an_encoding_is_the_one_of_its_coordinates(mixing, tiny_model, rng):
    model = tiny_model(3, mixing=mixing)
    log_alpha = mixing.log_alpha(tf.constant(rng.normal(size=(5, 2)), tf.float32))
    encoding = Encoding(tf.constant(rng.normal(size=(5, 3, 4)), tf.float32), log_alpha)
    found = local_optimum.encoding_of(model, local_optimum.local_posterior(model, encoding))
    np.testing.assert_allclose(found.log_alpha, log_alpha, rtol=1e-4, atol=1e-5)  # float32 of a sigmoid's inverse
    np.testing.assert_array_equal(found.params, encoding.params)


def test_resampled_codes_follow_the_posterior_and_lie_apart(tiny_model, binary_data):
    """With a decoder that ignores z the posterior is the prior; the second code is far from the first."""
    model = tiny_model(2)
    model.decoder.layers[-2].kernel.assign(np.zeros((8, 5)))
    x = np.repeat(binary_data(batch=1), 4000, axis=0)
    codes = local_starts.resampled(model, tf.constant(x), model.encode(x), (1, 2)).numpy()  # [B, K, D]
    # The moments of N(0, I), within five standard errors, and the error of 64 candidates.
    np.testing.assert_allclose(codes[:, 0].mean(axis=0), 0.0, atol=0.1)
    np.testing.assert_allclose(codes[:, 0].std(axis=0), 1.0, atol=0.1)
    distances = np.linalg.norm(codes[:, 1] - codes[:, 0], axis=-1)
    assert np.median(distances) > 2.0  # of independent pairs it is 1.67

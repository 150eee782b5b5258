"""Reports on decoders, against linear ones and NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from conftest import build_tiny_model
from rme_tf.evaluation import DecoderReport, decoder_report
from rme_tf.likelihoods import Normal, Observed
from test_oracles import GENERAL, SHIFT, SIGMA, encoder_of, exact_posterior, linear_model, observations

OPTIONS = {"progress": False}


def exact_model():
    return linear_model("full_normal", GENERAL, [encoder_of("full_normal", *exact_posterior(GENERAL))])


def test_the_jacobian_of_a_linear_decoder_is_its_matrix():
    report = decoder_report(exact_model(), observations(GENERAL), num_samples=3, **OPTIONS)
    np.testing.assert_allclose(report.frobenius_norm, np.linalg.norm(GENERAL), rtol=1e-5)
    np.testing.assert_allclose(report.spectral_norm, np.linalg.norm(GENERAL, 2), rtol=1e-5)
    ((path, norm),) = report.weight_norms.items()
    assert path.endswith("kernel")
    assert norm == pytest.approx(np.linalg.norm(GENERAL), rel=1e-6)


def test_the_jacobian_of_a_nonlinear_decoder_is_that_of_finite_differences(tiny_model, binary_data):
    model, x = tiny_model(2, latent_dim=3, likelihood="bernoulli"), binary_data(3)
    found = decoder_report(model, x, num_samples=4, **OPTIONS)
    z = model.infer(x).sample(4, seed=0).numpy()  # of the only batch
    step = 1e-2 * np.eye(3, dtype="float32")
    columns = [(model.decode(z + e).mean() - model.decode(z - e).mean()).numpy() / 2e-2 for e in step]
    jacobian = np.stack(columns, axis=-1)  # [S, B, 5, 3]
    expected = [np.linalg.norm(jacobian, axis=(-2, -1)), np.linalg.norm(jacobian, 2, axis=(-2, -1))]
    # Central differences of float32: errors of step^2 and of 1e-7 / step.
    np.testing.assert_allclose(found[:2], [norm.mean(axis=0) for norm in expected], rtol=2e-3)
    assert found.squared_residual is None
    assert math.isnan(found.optimal_scale)
    assert math.isnan(found.trained_scale)


def test_the_residuals_under_the_exact_posterior_have_their_closed_form():
    """E (x - W z - c)^2 = |x - c - W m|^2 + tr(W V W^T)."""
    x, (covariance, gain, offset) = observations(GENERAL, batch=200), exact_posterior(GENERAL)
    report = decoder_report(exact_model(), x, num_samples=200, batch_size=100, **OPTIONS)
    residual = x - SHIFT - (x @ gain + offset) @ GENERAL
    expected = (residual**2).sum(axis=1) + np.trace(GENERAL.T @ covariance @ GENERAL)
    assert report.squared_residual.mean() == pytest.approx(expected.mean(), rel=0.02)
    assert report.optimal_scale == pytest.approx(math.sqrt(expected.mean() / 4), rel=0.01)
    assert report.trained_scale == pytest.approx(SIGMA, rel=1e-5)


def test_the_optimal_scale_maximizes_the_likelihood():
    model, x = exact_model(), observations(GENERAL, batch=50)
    z = model.infer(x).sample(10, seed=0)
    mean = model.decode(z).mean().numpy()
    report = decoder_report(model, x, num_samples=10, **OPTIONS)
    residual = x - mean  # of the same draws
    assert report.optimal_scale == pytest.approx(math.sqrt(np.mean(residual**2)), rel=1e-5)
    scales = report.optimal_scale * np.array([0.99, 1.0, 1.01])
    log_lik = [np.mean(-0.5 * (residual / scale) ** 2 - math.log(scale)) for scale in scales]
    assert np.argmax(log_lik) == 1


@pytest.mark.parametrize("scale", ["decoded", "per_image", "per_pixel", "fixed"])
def test_the_trained_scale_is_the_root_mean_variance(scale, binary_data):
    likelihood = Normal((5,), scale=scale)
    model, x = build_tiny_model(1, likelihood=likelihood), binary_data(4)
    report = decoder_report(model, x, num_samples=6, **OPTIONS)
    p = model.decode(model.infer(x).sample(6, seed=0))
    assert report.trained_scale == pytest.approx(math.sqrt(np.mean(p.stddev().numpy() ** 2)), rel=1e-5)


def test_missing_entries_are_left_out(binary_data):
    model = build_tiny_model(1, likelihood=Observed(Normal((5,))))
    x = binary_data(4)
    x[0, :4] = np.nan
    report = decoder_report(model, x, num_samples=6, **OPTIONS)
    np.testing.assert_array_equal(report.num_entries, [1, 5, 5, 5])
    residual = x - model.decode(model.infer(x).sample(6, seed=0)).mean().numpy()
    assert report.optimal_scale == pytest.approx(math.sqrt(np.nanmean(residual**2)), rel=1e-5)
    assert report.trained_scale == pytest.approx(float(model.likelihood.likelihood.scale), rel=1e-5)


def test_a_decoder_that_ignores_z_has_the_norm_zero(tiny_model, binary_data):
    model = tiny_model(1)
    for variable in model.decoder.trainable_variables:
        variable.assign(tf.zeros_like(variable.value))
    report = decoder_report(model, binary_data(3), num_samples=2, **OPTIONS)
    np.testing.assert_array_equal(report.frobenius_norm, 0.0)
    np.testing.assert_array_equal(report.spectral_norm, 0.0)


def test_batches_of_every_size_have_their_own_draws(tiny_model, binary_data):
    model, x = tiny_model(1), np.tile(binary_data(1), [5, 1])
    report = decoder_report(model, x, num_samples=2, batch_size=2, **OPTIONS)
    assert len(np.unique(report.frobenius_norm)) == 5


def test_the_summary_names_scales_and_norms():
    report = DecoderReport(
        np.array([2.0, 4.0]), np.array([1.0, 1.0]), np.array([0.32, 0.32]), np.array([0.72, 0.72]), np.array([8, 8]),
        {"dense/kernel": 3.5},
    )  # fmt: skip
    text = report.summary()
    assert "Frobenius norm 3.0 ± 1.0, spectral norm 1.00 ± 0." in text
    assert "the root mean squared residual, is 0.2; the trained one is 0.3, above it." in text
    assert text.endswith("Frobenius norms of weights: dense/kernel 3.50.")
    assert "Output scale" not in report._replace(squared_residual=None, variance=None).summary()


def test_an_autoregressive_decoder_is_refused():
    options = {"units": 3, "embedding_size": 3}
    model = rme_tf.VAE.from_names(
        encoder="lstm", decoder="lstm", input_shape=(None,), latent_dim=2, likelihood="categorical_sequence",
        likelihood_options={"vocabulary_size": 6, "features": 3}, encoder_options=options, decoder_options=options,
    )  # fmt: skip
    with pytest.raises(ValueError, match="`model` must have a decoder of z alone. Received: an autoregressive decoder"):
        decoder_report(model, np.ones([2, 4], "int32"))

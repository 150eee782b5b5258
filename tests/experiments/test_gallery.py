"""The panels that show true posteriors, on models whose posterior is known in closed form."""

import numpy as np
import pytest
import tensorflow_probability as tfp

from rme_tf import plots
from rme_tf.evaluation.modes import grid_densities
from rme_tf.experiments.recipes import image_gallery
from rme_tf.posteriors import POSTERIORS
from test_oracles import ORTHOGONAL, PIXELS, SHIFT, SIGMA, encoder_of, exact_posterior, linear_model, observations

tfd = tfp.distributions
FAMILY = "diag_normal"


@pytest.mark.slow
@pytest.mark.parametrize(("widened", "moved"), [(1.0, 0.0), (1.7, 0.2)])
def test_a_panel_holds_the_true_posterior_and_its_gap(widened, moved):
    covariance, gain, offset = exact_posterior(ORTHOGONAL)
    model = linear_model(FAMILY, ORTHOGONAL, [encoder_of(FAMILY, widened * covariance, gain, offset + moved)])
    x = observations(ORTHOGONAL)[0]
    panel, kl = image_gallery.posterior_panel(model, x, num=90)  # 8,100 codes: chunks of one size

    mean = x @ gain + offset
    posterior = tfd.MultivariateNormalFullCovariance(mean, covariance)
    expected = tfd.kl_divergence(tfd.MultivariateNormalFullCovariance(mean + moved, widened * covariance), posterior)
    assert kl == pytest.approx(float(expected), abs=1e-3)  # quadrature, float32

    marginal = tfd.MultivariateNormalFullCovariance(SHIFT, ORTHOGONAL.T @ ORTHOGONAL + SIGMA**2 * np.eye(PIXELS))
    z = np.stack(np.meshgrid(panel.grid_x, panel.grid_y), axis=-1)
    expected = posterior.log_prob(z) + marginal.log_prob(x.astype(np.float64))
    np.testing.assert_allclose(panel.log_joint, expected, rtol=1e-4, atol=1e-3)  # rows are of y
    np.testing.assert_allclose(panel.means[0], mean + moved, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("posterior", sorted(set(POSTERIORS) - {"iaf", "sylvester"}))
def test_a_panel_has_the_density_of_a_mixture_of_other_components_than_diagonal_gaussians(tiny_model, posterior):
    model, x = tiny_model(2, posterior=posterior, spread=0.3), np.ones(5, np.float32)
    panel, _ = image_gallery.posterior_panel(model, x, num=30)
    if posterior == "diag_normal":  # which its moments determine
        assert panel.log_mixture is None
        return
    z = np.stack(np.meshgrid(panel.grid_x, panel.grid_y), axis=-1).reshape(-1, 1, 2).astype(np.float32)
    expected = model.posterior(x[np.newaxis]).log_prob(z).numpy().reshape(30, 30)
    np.testing.assert_allclose(panel.log_mixture, expected, rtol=1e-4, atol=1e-4)
    panel = panel._replace(image=np.zeros((2, 2, 1)))
    axes = plots.posterior_2d({"RME": [panel]}).axes[1]
    assert not axes.patches  # ellipses
    densities = [expected, *(q.log_prob(z).numpy().reshape(30, 30) for q in model.infer(x[np.newaxis]).components)]
    for log_q, contour, mass in zip(densities, axes.collections[1:], [0.99, 0.865, 0.865], strict=True):
        inside = log_q >= log_q.max() + contour.levels[0]  # by the outermost contour
        share = np.exp(log_q)[inside].sum() / np.exp(log_q).sum()
        assert share == pytest.approx(mass, abs=0.04)  # cells of the grid


def test_chunks_of_a_grid_change_nothing(monkeypatch):
    model = linear_model(FAMILY, ORTHOGONAL, [encoder_of(FAMILY, *exact_posterior(ORTHOGONAL)) for _ in range(2)])
    x = observations(ORTHOGONAL)[0]
    whole, kl = image_gallery.posterior_panel(model, x, num=20)
    monkeypatch.setattr(grid_densities, "CODES_PER_CHUNK", 150)  # the last one is smaller
    cut, same = image_gallery.posterior_panel(model, x, num=20)
    np.testing.assert_allclose(cut.log_joint, whole.log_joint, rtol=1e-6)
    assert same == pytest.approx(kl, abs=1e-6)

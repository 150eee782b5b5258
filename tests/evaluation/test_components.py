"""Distances of components, against closed forms."""

import numpy as np

from rme_tf.evaluation import component_distances


def test_the_distances_of_gaussian_components_have_their_closed_form(tiny_model, binary_data):
    model, x = tiny_model(3, spread=0.5), binary_data(2)
    found = component_distances(model, x, num_samples=20000)
    moments = model.infer(x).moments()
    mean, scale = (np.asarray(moments[name], np.float64) for name in ("means", "scales"))  # [B, M, D]
    ratio = scale[:, :, None] / scale[:, None]
    shift = (mean[:, :, None] - mean[:, None]) / scale[:, None]
    expected = np.sum(0.5 * (ratio**2 + shift**2 - 1.0) - np.log(ratio), axis=-1)
    np.testing.assert_allclose(found, expected, rtol=0.03, atol=0.02)  # standard errors of 20,000 draws
    np.testing.assert_array_equal(np.einsum("nmm->nm", found), 0.0)

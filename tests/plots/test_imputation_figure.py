"""The figure of imputations: originals, seen pixels, and rows of draws for each model."""

import numpy as np
import pytest

from rme_tf import plots

ORIGINALS = np.random.default_rng(0).uniform(size=(3, 8, 8, 1))
SEEN = np.arange(8)[:, np.newaxis, np.newaxis] < 4


def test_hidden_pixels_are_gray_and_models_have_their_rows():
    draws = {"VAE": np.zeros([2, *ORIGINALS.shape]), "RME": np.ones([1, *ORIGINALS.shape])}
    figure = plots.imputations(ORIGINALS, SEEN, draws)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["original", "seen", "VAE", "RME"]
    image = np.asarray(figure.axes[0].images[0].get_array())
    height, middle = image.shape[0] // 5, image.shape[1] // 6  # of a row; inside of the first image
    above, below = (np.arange(5) * height + height // 2 + shift for shift in (-20, 20))
    assert image[below[1], middle, 0] == 0.5
    assert image[above[1], middle, 0] == image[above[0], middle, 0]
    assert image[below[2:], middle, 0].tolist() == [0.0, 0.0, 1.0]
    ticks = np.asarray(figure.axes[0].get_yticks()) / height
    np.testing.assert_allclose(ticks, [0.5, 1.5, 3.0, 4.5], atol=0.1)


def test_draws_of_other_images_are_refused():
    with pytest.raises(ValueError, match=r"RME.*must have the originals' shape \(3, 8, 8, 1\) after an axis of draws"):
        plots.imputations(ORIGINALS, SEEN, {"RME": ORIGINALS})

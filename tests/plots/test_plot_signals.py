"""Figures of signals: a panel for each, with holes where nothing is measured."""

import numpy as np
import pytest

from rme_tf import plots


def test_a_panel_has_a_signal_and_its_reconstruction():
    x = np.array([[1.0, np.nan, 3.0], [0.0, 1.0, 0.0], [2.0, 2.0, 2.0]])
    figure = plots.signals(x, x + 1.0, columns=2)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert len(panels) == 3
    for axes, signal in zip(panels, x, strict=True):
        for line, values in zip(axes.get_lines(), (signal, signal + 1.0), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), values)
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])


def test_signals_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="`originals` must be \\[N, T\\], not empty"):
        plots.signals(np.zeros((2, 3, 1)), np.zeros((2, 3, 1)))
    with pytest.raises(ValueError, match=r"`reconstructed` must be \(2, 3\)"):
        plots.signals(np.zeros((2, 3)), np.zeros((2, 4)))

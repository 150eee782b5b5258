"""Figures of quantities against a setting, and rows of panels."""

import pytest

from rme_tf import plots

MEANS = {"ELBO": [3.0, 2.0, -90.0], "KL": [1.0, 9.0, 80.0], "I": [1.0, 1.2, 1.3], "alpha": [0.3, 0.2, 0.0]}
SWEEPS = {name: {"clamp": ([1, 10, 100], means, [0.1] * 3)} for name, means in MEANS.items()}


def test_sweeps_have_an_axis_that_suits_their_values():
    shown = plots.sweeps(SWEEPS, x="C").axes
    assert [axes.get_yscale() for axes in shown[:4]] == ["symlog", "log", "linear", "linear"]
    assert len(shown) == 4
    with pytest.raises(ValueError, match="`panels` must hold at least one line each"):
        plots.sweeps({"ELBO": {}}, x="C")


def test_differences_are_in_rows_of_three_panels():
    panels = {str(panel): {"b less a": [1.0, 2.0]} for panel in range(4)}
    first, *_ = axes = plots.differences(panels).axes
    assert [bool(each.get_yticklabels()[0].get_text()) for each in axes[:4]] == [True, False, False, True]
    assert len(axes) == 4
    assert first.get_subplotspec().get_gridspec().ncols == 3


def test_a_figure_is_written_as_the_same_bytes_again(tmp_path):
    """Although the ticks of logarithmic axes move the layout."""
    figures = [plots.sweeps(SWEEPS, x="C", references={"ELBO": {"VAE": -2.0}})] * 2
    figures.append(plots.sweeps(SWEEPS, x="C", references={"ELBO": {"VAE": -2.0}}))
    for index, figure in enumerate(figures):
        plots.save(figure, tmp_path / f"{index}.png")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1

"""Curves of several diagnostics, a panel each; and of many methods, each of a look of its own."""

import numpy as np
import pytest

from rme_tf import plots

HISTORIES = {
    "VAE": {"mi": [0.5, float("nan"), 0.25], "kl": [1.0, 2.0, 3.0]},
    "RME": {"mi": [1.0, None, 2.0], "component_mi": [0.0, 0.5, 1.0]},
}
METRICS = {"mi": "I(x; z), nats", "kl": "KL, nats", "component_mi": "I(m; z), nats", "none": "nothing"}


def test_every_metric_has_a_panel_with_a_line_for_each_model():
    figure = plots.diagnostic_curves(HISTORIES, METRICS, columns=3)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_ylabel() for axes in panels] == list(METRICS.values())
    lines = [line.get_xydata().tolist() for line in panels[0].lines]
    assert lines == [[[1.0, 0.5], [3.0, 0.25]], [[1.0, 1.0], [3.0, 2.0]]]  # what was not measured is passed over
    assert [len(line.get_xdata()) for line in panels[2].lines] == [0, 3]
    colours = [[line.get_color() for line in axes.lines] for axes in panels]
    assert all(row == colours[0] for row in colours)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["VAE", "RME"]
    assert [handle.get_color() for handle in figure.legends[0].get_lines()] == colours[0]


def test_a_figure_without_models_is_refused():
    with pytest.raises(ValueError, match="at least one model"):
        plots.diagnostic_curves({}, METRICS)


def test_it_is_as_wide_as_its_metrics(tmp_path):
    narrow, wide = (plots.diagnostic_curves(HISTORIES, dict(list(METRICS.items())[:n])) for n in (1, 3))
    assert narrow.get_size_inches()[0] < wide.get_size_inches()[0]
    np.testing.assert_allclose(narrow.get_size_inches()[1], wide.get_size_inches()[1])
    plots.save(wide, tmp_path / "wide.png")
    assert (tmp_path / "wide.png").exists()


@pytest.mark.slow
def test_thirty_methods_can_be_told_apart(tmp_path):
    histories = {f"method_{n}": {"val_elbo": [-100.0 - n, -90.0 - n], "seconds": [1.0, 1.0]} for n in range(30)}
    curves = plots.curves_by_time(histories, "val_elbo", label="validation ELBO (nats)")
    diagnostics = plots.diagnostic_curves(histories, {"val_elbo": "validation ELBO (nats)"})
    looks = [
        [(line.get_color(), line.get_linestyle()) for line in lines]
        for lines in (*(axes.lines for axes in (*curves.axes, *diagnostics.axes)), diagnostics.legends[0].get_lines())
    ]
    assert all(row == looks[0] for row in looks)
    assert len(set(looks[0])) == 30
    points = {name: ([1.0 + n], [-90.0 - n]) for n, name in enumerate(histories)}
    trade_off = plots.trade_off(points, x="ms", y="nats")
    dots = trade_off.axes[0].collections
    assert len({(tuple(dot.get_facecolor()[0]), dot.get_paths()[0].vertices.tobytes()) for dot in dots}) == 30
    for figure in (curves, trade_off):
        (legend,) = figure.legends
        plots.save(figure, tmp_path / "figure.png")  # which lays it out
        assert legend.get_window_extent().height < figure.get_size_inches()[1] * figure.dpi  # it does not stick out
    assert not plots.trade_off(dict(list(points.items())[:9]), x="ms", y="nats").legends  # few are named in place


def test_times_that_are_almost_equal_lie_close_together():
    axes = plots.trade_off({"a": ([0.89], [-91.0]), "b": ([0.92], [-90.6])}, x="ms", y="nats").axes[0]
    low, high = axes.get_xlim()
    assert high / low == pytest.approx(10.0)
    assert low * high == pytest.approx(0.89 * 0.92)


def test_a_curve_that_falls_out_of_the_world_does_not_flatten_the_others():
    curves = {"a": [-150.0, -110.0, -100.0], "b": [-140.0, -120.0, -105.0], "c": [-160.0, -9e5, -3e6]}
    histories = {name: {"val_elbo": values, "seconds": [1.0] * 3} for name, values in curves.items()}
    axes = plots.curves_by_time(histories, "val_elbo", label="validation ELBO (nats)").axes[0]
    low, high = axes.get_ylim()
    assert -170.0 < low < -150.0  # with few epochs the first counts
    assert -100.0 < high < -90.0
    assert len(axes.lines) == 3


def test_differences_have_a_mean_and_two_standard_errors():
    gaps = {"a less b": [1.0, 2.0, 6.0], "a less c": [-1.0]}
    figure = plots.differences({"log p(x)": gaps, "ELBO": {"a less b": [0.0, 4.0], "a less c": []}})
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == list(gaps)
    (mean, _), bars = first.containers[0].lines[0].get_xydata()[0], first.containers[0].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(mean, 3.0)
    np.testing.assert_allclose(bars[:, 0], 3.0 + 2 * np.std([1, 2, 6], ddof=1) / np.sqrt(3) * np.array([-1, 1]))
    assert [len(axes.containers) for axes in (first, second)] == [2, 1]  # nothing to show of no seed
    with pytest.raises(ValueError, match="at least one difference"):
        plots.differences({})

"""SVG charts and data URIs from arrays."""

import base64
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from rme_tf.plots import data_uris, svg, svg_charts


def parsed(chart):
    return ElementTree.fromstring(chart)


def lines_of(root):
    return [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()] for line in root.iter("polyline")
    ]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-312.5, -287.1), (1e-7, 3e-7), (0.0, 4e6), (-0.3, 0.7)])
def test_ticks_are_few_round_numbers_within_the_limits(low, high):
    found = svg.ticks(low, high)
    assert 2 <= len(found) <= 9
    assert min(found) >= low - 1e-9 * (high - low)
    assert max(found) <= high + 1e-9 * (high - low)
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0])
    assert float(f"{steps[0]:.0e}") == pytest.approx(steps[0])  # one digit


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (12500.0, "12,500"), (-0.25, "-0.25"), (2e7, "2e7"), (3e-5, "3e-5")]
)
def test_ticks_have_short_texts(value, text):
    assert svg.tick_text(value) == text


def test_higher_values_are_higher_and_later_ones_to_the_right():
    root = parsed(svg_charts.curves([svg_charts.Line("a", [1.0, 2.0, 3.0])], "title"))
    ((first, second, third),) = lines_of(root)
    assert first[0] < second[0] < third[0]
    assert first[1] > second[1] > third[1]  # the origin is above
    assert second[1] == pytest.approx((first[1] + third[1]) / 2, abs=0.1)
    assert root.find("title").text == "title"
    assert [spot.find("title").text for spot in root.iter("circle")] == [f"a, epoch {n}: {n}" for n in (1, 2, 3)]


def test_a_line_has_a_hole_where_nothing_was_measured():
    values = [1.0, 1.5, None, float("nan"), 2.0, 2.5]
    stretches = lines_of(parsed(svg_charts.curves([svg_charts.Line("a", values)], "title")))
    assert [len(stretch) for stretch in stretches] == [2, 2]


def test_the_first_epochs_do_not_flatten_the_rest():
    values = [-1e6, *np.linspace(-10.0, -9.0, 20)]
    ((_, *later),) = lines_of(parsed(svg_charts.curves([svg_charts.Line("a", values)], "title")))
    heights = [y for _, y in later]
    assert max(heights) - min(heights) > 0.5 * svg.HEIGHT


def test_a_line_ends_where_it_leaves_the_chart():
    pieces = svg.pieces(np.arange(5.0), np.array([-30.0, 10.0, 20.0, 60.0, 0.0]), 0.0, 40.0)
    expected = [[(0.75, 0.0), (1.0, 10.0), (2.0, 20.0), (2.5, 40.0)], [(3.0 + 1.0 / 3.0, 40.0), (4.0, 0.0)]]
    for piece, points in zip(pieces, expected, strict=True):
        np.testing.assert_allclose(piece, points)
    assert not svg.pieces(np.arange(2.0), np.array([-1e30, -2.0]), 0.0, 1.0)
    np.testing.assert_allclose(svg.pieces(np.zeros(1), np.ones(1), 0.0, 1.0), [[(0.0, 1.0)]])


def test_values_outside_a_chart_are_neither_drawn_nor_silent():
    lines = [svg_charts.Line("a", [-1e6, -9.5, *np.linspace(-10.0, -9.0, 20)])]
    root = parsed(svg_charts.curves(lines, "title"))
    assert "epoch 1:" not in "".join(spot.find("title").text for spot in root.iter("circle"))
    ((first, second, *_),) = lines_of(root)
    assert second[0] - first[0] < 0.1  # a steep line, from the limit on
    assert svg_charts.outside(lines) == "1 value is below the chart, at -1e+06."
    assert svg_charts.outside([svg_charts.Line("a", [90.0, 80.0, *np.linspace(1.0, 2.0, 20)])]) == (
        "2 values are above the chart, to 90."
    )
    assert svg_charts.outside([svg_charts.Line("a", [1.0, 2.0, 3.0])]) == ""


def test_a_constant_has_ticks_that_differ():
    root = parsed(svg_charts.curves([svg_charts.Line("a", [8.0] * 5)], "title"))
    texts = [text.text for text in root.iter("text") if text.get("text-anchor") == "end"]
    assert len(set(texts)) == len(texts)


def test_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="finite"):
        svg_charts.curves([svg_charts.Line("a", [None])], "title")


def test_points_keep_their_places_colors_and_captions():
    xy = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    root = parsed(svg_charts.points([svg_charts.Points(xy, [0, 1, 12], ["a", "<b>", "c & d\x00"])], "title"))
    spots = list(root.iter("circle"))
    places = [(float(spot.get("cx")), float(spot.get("cy"))) for spot in spots]
    assert places[0][0] < places[1][0]
    assert places[0][1] > places[2][1]
    assert [spot.get("class").split()[-1] for spot in spots] == ["c0", "c1", "c2"]
    assert [spot.find("title").text for spot in spots] == ["a", "<b>", "c & d\ufffd"]
    assert [spot.get("data-i") for spot in spots] == ["0", "1", "2"]


def test_points_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="`positions` must be finite"):
        svg_charts.points([svg_charts.Points(np.array([[0.0, np.nan]]))], "title")


def test_bars_are_as_long_as_their_shares():
    root = parsed(svg_charts.bars([0.1, 0.4, 0.0], ["a", "b", "c"], "title", reference=0.3))
    first, second, third = (float(bar.get("width")) for bar in root.iter("rect"))
    assert second == pytest.approx(4 * first, rel=0.01)
    assert 0.0 < third < first


def test_a_histogram_counts_every_finite_value():
    values = np.array([0.0, 0.1, 0.1, 0.9, 1.0, np.nan])
    root = parsed(svg_charts.histogram(values, "title", label="x", bins=2))
    heights = [float(bar.get("height")) for bar in root.iter("rect")]
    assert heights[0] == pytest.approx(heights[1] * 3 / 2, rel=0.01)
    parsed(svg_charts.histogram([2.0, 2.0], "title", label="x"))  # all equal


def opened(uri):
    head, body = uri.split(",", 1)
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB"))


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_kept_in_its_uri(rng, channels):
    image = rng.random((5, 7, channels)).astype(np.float32)
    np.testing.assert_array_equal(opened(data_uris.image_uri(image)), np.broadcast_to(np.round(255 * image), (5, 7, 3)))


def test_a_large_image_is_reduced_in_proportion():
    assert opened(data_uris.image_uri(np.zeros((300, 150, 1), np.float32), most=100)).shape == (100, 50, 3)


def test_a_figure_with_a_layout_has_its_size_and_all_of_it_inside():
    figure = Figure((3.0, 2.0), layout="constrained")
    figure.add_subplot(title="a title", xlabel="below", ylabel="beside")
    pixels = opened(data_uris.figure_uri(figure))
    assert pixels.shape == (2 * data_uris.FIGURE_DPI, 3 * data_uris.FIGURE_DPI, 3)
    assert (pixels[[0, -1]] == 255).all()
    assert (pixels[:, [0, -1]] == 255).all()


def test_a_sheet_has_its_thumbnails_row_by_row():
    images = np.linspace(0.0, 1.0, 30, dtype=np.float32).reshape(-1, 1, 1, 1) * np.ones((1, 4, 6, 1), np.float32)
    sheet = data_uris.sheet(images)
    pixels = opened(sheet.uri)
    assert (sheet.columns, sheet.rows, sheet.width, sheet.height) == (25, 2, 6, 4)
    assert pixels.shape == (8, 150, 3)
    for index in (0, 24, 25, 29):
        row, column = divmod(index, 25)
        assert pixels[4 * row, 6 * column, 0] == round(255 * float(images[index, 0, 0, 0]))

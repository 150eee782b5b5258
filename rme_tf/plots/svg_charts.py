"""SVG charts from arrays, for HTML pages: curves, points, bars, histograms."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rme_tf.core.validation import require
from rme_tf.plots import svg
from rme_tf.plots.curves import later_range

MOST_MARKS = 150  # values of a line that can be pointed at
NEAR = 0.5  # distance of an early value from the range of the later ones, relative to it, up to which it is shown
SIDE = 330  # of a chart of points


class Line(NamedTuple):
    """One line of a chart of curves."""

    name: str
    values: Sequence  # one an epoch; None and values that are not finite are left out
    color: int = 0
    dashed: bool = False


class Points(NamedTuple):
    """Points of one kind in a chart."""

    positions: np.ndarray  # [N, 2]
    colors: Sequence[int] | None = None  # [N]; None for gray
    captions: Sequence[str] = ()  # [N], shown for the point under the pointer
    radius: float = 2.8
    of: str = "point"  # class


def curves(lines: Sequence[Line], title: str, *, label: str = "", marks: Sequence[tuple[float, str]] = ()) -> str:
    """Returns a chart of values by epoch.

    The vertical range covers the later epochs, so that the first do not flatten the rest: see `outside`.

    Args:
        lines: lines to draw.
        title: text for readers that do not see the chart.
        label: label of the vertical axis.
        marks: epochs with a vertical line, and its text.
    """
    require(lines, "lines", "have at least one line", lines)
    values = [_numbers(line) for line in lines]
    epochs = max(map(len, values))
    low, high = _limits(values)
    x = svg.Axis(1, max(2, epochs), svg.LEFT, svg.WIDTH - svg.RIGHT)
    y = svg.Axis(low, high, svg.HEIGHT - svg.BOTTOM, svg.TOP + 10)
    root = svg.chart(title, hover=True)
    whole = [tick for tick in svg.ticks(1, max(2, epochs), 5) if tick == int(tick)]
    svg.frame(root, x, y, x_label="epoch", y_label=label, x_ticks=sorted({1, *whole}) if epochs < 12 else whole)
    for epoch, text in marks:
        svg.add(root, "line", of="mark", x1=x(epoch), x2=x(epoch), y1=y.start, y2=y.end)
        svg.add(root, "text", text, of="muted", x=x(epoch) + 4, y=y.end + 9)
    for line, row in zip(lines, values, strict=True):
        _draw_line(root, line, row, x, y)
    return svg.text_of(root)


def outside(lines: Sequence[Line]) -> str:
    """Returns a sentence on values above and below a chart of curves.

    The sentence is empty without such values.

    Args:
        lines: lines of the chart.
    """
    values = [_numbers(line) for line in lines]
    low, high = _limits(values)
    parts = []
    for place, farthest, beyond in (("below", min, lambda row: row < low), ("above", max, lambda row: row > high)):
        hidden = np.concatenate([row[beyond(row)] for row in values])
        if len(hidden):
            count = f"{len(hidden):,} value is" if len(hidden) == 1 else f"{len(hidden):,} values are"
            parts.append(f"{count} {place} the chart, {'at' if len(hidden) == 1 else 'to'} {farthest(hidden):,.4g}.")
    return " ".join(parts)


def _numbers(line: Line) -> np.ndarray:
    """Returns the values of a line, NaN where it has none."""
    return np.array([np.nan if value is None else value for value in line.values], dtype=float)


def _limits(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """Returns the vertical limits of the later values of lines, and of earlier ones that are not far from them."""
    every = np.concatenate([row[np.isfinite(row)] for row in values])
    require(len(every) > 0, "lines", "have a finite value", "none")
    later = [row[len(row) // 5 :] for row in values]
    shown = np.concatenate([row[np.isfinite(row)] for row in later])
    low, high = _range(shown if len(shown) else every)
    span = high - low
    near = every[(every > low - NEAR * span) & (every < high + NEAR * span)]
    margin = 0.04 * span
    return min(low, near.min() - margin), max(high, near.max() + margin)


def _range(values) -> tuple[float, float]:
    """Returns the limits of most values, apart by a twentieth of the largest at least."""
    low, high = later_range(values)
    missing = 0.05 * max(abs(low), abs(high)) - (high - low)
    slack = max(0.0, missing) / 2.0
    return low - slack, high + slack


def _draw_line(root, line: Line, row, x: svg.Axis, y: svg.Axis) -> None:
    """Draws the finite stretches of a line within the chart, and a circle with a caption at some of its values."""
    (measured,) = np.isfinite(row).nonzero()
    of = f"line c{line.color % svg.NUM_COLORS}{' dashed' if line.dashed else ''}"
    for stretch in np.split(measured, np.flatnonzero(np.diff(measured) > 1) + 1):
        for piece in svg.pieces(stretch + 1.0, row[stretch], y.low, y.high):
            svg.add(root, "polyline", of=of, points=" ".join(f"{x(epoch)},{y(value)}" for epoch, value in piece))
    radius = 2.6 if len(row) <= 20 else 1.2
    (seen,) = ((row >= y.low) & (row <= y.high)).nonzero()
    for epoch in seen[:: -(-len(seen) // MOST_MARKS) or 1]:
        spot = svg.add(
            root, "circle", of=f"c{line.color % svg.NUM_COLORS}", cx=x(epoch + 1), cy=y(row[epoch]), r=radius
        )
        svg.add(spot, "title", f"{line.name}, epoch {epoch + 1}: {row[epoch]:,.5g}")


def points(layers: Sequence[Points], title: str, labels: tuple[str, str] = ("", "")) -> str:
    """Returns a chart of points in a plane.

    Args:
        layers: points to draw, the later ones on top.
        title: text for readers that do not see the chart.
        labels: labels of the horizontal and the vertical axis.
    """
    require(layers, "layers", "have at least one kind of points", layers)
    every = np.concatenate([layer.positions for layer in layers])
    require(every.ndim == 2 and every.shape[-1] == 2 and len(every), "positions", "be [N, 2]", every.shape)
    require(np.isfinite(every).all(), "positions", "be finite", "others")
    x = svg.axis(every[:, 0], 8, SIDE - 8)
    y = svg.axis(every[:, 1], SIDE - 26, 8)
    text = " · ".join(filter(None, labels))
    height = SIDE if text else SIDE - 18
    root = svg.chart(title, SIDE, height, hover=any(len(layer.captions) for layer in layers))
    svg.add(root, "rect", of="panel", x=1, y=1, width=SIDE - 2, height=SIDE - 20)
    for layer in layers:
        for index, (across, up) in enumerate(layer.positions):
            color = "muted" if layer.colors is None else f"c{layer.colors[index] % svg.NUM_COLORS}"
            spot = svg.add(root, "circle", of=f"{layer.of} {color}", cx=x(across), cy=y(up), r=layer.radius)
            if len(layer.captions):
                spot.set("data-i", str(index))
                svg.add(spot, "title", layer.captions[index])
    svg.add(root, "text", text, of="label", x=SIDE - 4, y=SIDE - 5, text_anchor="end")
    return svg.text_of(root)


def bars(values: Sequence[float], names: Sequence[str], title: str, *, reference: float | None = None) -> str:
    """Returns horizontal bars of shares, each in a color of its own.

    Args:
        values: lengths of the bars, not negative.
        names: names of the bars.
        title: text for readers that do not see the chart.
        reference: value of a vertical line, or None.
    """
    step, left = 24, 92
    height = step * len(values) + 8
    x = svg.Axis(0.0, 1.08 * max([*values, reference or 0.0, 1e-12]), left, svg.WIDTH - 44)
    root = svg.chart(title, svg.WIDTH, height)
    for index, (value, name) in enumerate(zip(values, names, strict=True)):
        top = step * index + 6
        svg.add(root, "text", name, x=left - 6, y=top + 12, text_anchor="end")
        length = max(0.5, x(value) - left)
        svg.add(root, "rect", of=f"bar c{index % svg.NUM_COLORS}", x=left, y=top, width=length, height=16, rx=2)
        svg.add(root, "text", f"{value:.2f}", x=left + length + 5, y=top + 12)
    if reference is not None:
        svg.add(root, "line", of="mark", x1=x(reference), x2=x(reference), y1=2, y2=height - 2)
    return svg.text_of(root)


def histogram(values, title: str, *, label: str, bins: int = 24) -> str:
    """Returns a histogram with a line at the mean.

    The highest 1% of the values are in its last bar.

    Args:
        values: numbers to count; others than finite ones are left out.
        title: text for readers that do not see the chart.
        label: label of the horizontal axis.
        bins: number of bars.
    """
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    require(len(values), "values", "have a finite value", "none")
    low, high = values.min(), np.percentile(values, 99)
    if high <= low:
        low, high = low - 0.5, low + 0.5
    counts, edges = np.histogram(values.clip(low, high), bins=bins, range=(low, high))
    x = svg.Axis(edges[0], edges[-1], svg.LEFT, svg.WIDTH - svg.RIGHT)
    y = svg.Axis(0.0, 1.08 * counts.max(), svg.HEIGHT - svg.BOTTOM, svg.TOP + 10)
    root = svg.chart(title)
    svg.frame(root, x, y, x_label=label, y_label="observations")
    for count, first, last in zip(counts, edges[:-1], edges[1:], strict=True):
        if count:
            place = {"x": x(first), "y": y(count), "width": round(max(1.0, x(last) - x(first) - 1.0), 1)}
            svg.add(root, "rect", of="bar c0", height=round(y.start - y(count), 1), **place)
    mean = x(values.mean())
    svg.add(root, "line", of="mark", x1=mean, x2=mean, y1=y.start, y2=y.end)
    return svg.text_of(root)

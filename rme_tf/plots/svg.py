"""Elements of SVG charts for HTML pages.

A chart is 360 units wide, so that it is shown at about its own size in a column of a page and on a phone. The classes
`c0` to `c9` are colors of series, `grid`, `axis`, `mark` and `muted` colors of the chart.
"""

import math
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

NUM_COLORS = 10  # classes `c0` to `c9`
WIDTH, HEIGHT = 360, 216
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 12, 36  # margins


class Axis(NamedTuple):
    """A linear axis from data to the coordinates of a chart."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value) -> float:
        """Returns the coordinate of a value, kept within the chart."""
        share = (float(value) - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)


def axis(values, start: float, end: float, slack: float = 0.05) -> Axis:
    """Returns the axis that covers finite values.

    Args:
        values: numbers to cover.
        start: coordinate of the lowest value.
        end: coordinate of the highest value.
        slack: share of the range that is added at both ends.
    """
    values = np.asarray(values, dtype=float)
    low, high = float(values.min()), float(values.max())
    extra = slack * (high - low) or max(1e-3 * abs(high), 0.5)
    return Axis(low - extra, high + extra, start, end)


def pieces(positions, values, low: float, high: float) -> list[np.ndarray]:
    """Returns the pieces of a polyline between two heights, [K, 2] each.

    A line that leaves ends where it crosses the limit.

    Args:
        positions: horizontal positions, increasing. Shape [N].
        values: heights. Shape [N].
        low: lower limit.
        high: upper limit.
    """
    before, after = values[:-1], values[1:]
    across, up = [positions], [values]
    for limit in (low, high):
        (at,) = ((before - limit) * (after - limit) < 0.0).nonzero()
        share = (limit - before[at]) / (after[at] - before[at])
        across.append(positions[at] + share * (positions[at + 1] - positions[at]))
        up.append(np.full(len(at), limit))
    order = np.argsort(np.concatenate(across), kind="stable")
    points = np.stack([np.concatenate(across), np.concatenate(up)], axis=-1)[order]
    (inside,) = ((points[:, 1] >= low) & (points[:, 1] <= high)).nonzero()
    stretches = np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1)
    return [points[stretch] for stretch in stretches if len(stretch)]


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Returns round numbers between two limits.

    Args:
        low: lower limit.
        high: upper limit.
        count: approximate number of ticks.
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(value: float) -> str:
    """Returns a short text of a tick's number."""
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-")
    return f"{value:,.6g}"


def chart(title: str, width: float = WIDTH, height: float = HEIGHT, hover: bool = False) -> ElementTree.Element:
    """Returns an empty chart.

    Args:
        title: text for readers that do not see the chart.
        width: width of the chart.
        height: height of the chart.
        hover: whether its circles have captions for the page's script.
    """
    root = ElementTree.Element("svg", {"viewBox": f"0 0 {width:g} {height:g}", "role": "img"})
    root.set("class", "chart hover" if hover else "chart")
    add(root, "title", title)
    return root


def add(parent: ElementTree.Element, tag: str, text: str = "", /, **attributes) -> ElementTree.Element:
    """Adds an element to a chart, and returns it.

    Args:
        parent: element that receives the new one.
        tag: name of the element.
        text: text within the element.
        **attributes: attributes with `_` for `-`; `of` is the class.
    """
    names = {"of": "class"}
    renamed = {names.get(name, name.replace("_", "-")): f"{value}" for name, value in attributes.items()}
    child = ElementTree.SubElement(parent, tag, renamed)
    child.text = _visible(text) or None
    return child


def text_of(root: ElementTree.Element) -> str:
    """Returns the chart as text for a page, with special characters escaped."""
    return ElementTree.tostring(root, encoding="unicode")


def frame(root, x: Axis, y: Axis, *, x_label: str, y_label: str, x_ticks=None) -> None:
    """Draws grid lines, ticks and labels.

    Args:
        root: chart to draw in.
        x: horizontal axis.
        y: vertical axis.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis, above the chart's left end.
        x_ticks: values of ticks; None for round numbers.
    """
    for value in ticks(y.low, y.high):
        add(root, "line", of="grid", x1=x.start, x2=x.end, y1=y(value), y2=y(value))
        add(root, "text", tick_text(value), x=x.start - 5, y=y(value) + 3.5, text_anchor="end")
    for value in ticks(x.low, x.high, 5) if x_ticks is None else x_ticks:
        add(root, "text", tick_text(value), x=x(value), y=y.start + 14, text_anchor="middle")
    add(root, "line", of="axis", x1=x.start, x2=x.end, y1=y.start, y2=y.start)
    add(root, "text", x_label, of="label", x=x.end, y=y.start + 30, text_anchor="end")
    if y_label:
        add(root, "text", y_label, of="label", x=4, y=11)


def _visible(text: str) -> str:
    """Returns a text without the control characters that XML refuses."""
    return "".join(character if character >= " " or character in "\t\n" else "\ufffd" for character in text)

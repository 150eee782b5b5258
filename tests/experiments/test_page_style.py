"""Colors of pages: readable in light and in dark."""

import re
from pathlib import Path

import pytest

from rme_tf.experiments.pages import page
from rme_tf.plots.svg import NUM_COLORS

STYLE = (Path(page.TEMPLATES) / "style.css").read_text(encoding="utf-8")
DARK = "@media (prefers-color-scheme: dark)"
TEXTS = ("ink", "soft", "accent", "good", "bad", "unsure", "none")


def colors(scheme):
    before, _, after = STYLE.partition(DARK)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", before if scheme == "light" else after))


def luminance(color):
    """Relative luminance of WCAG 2."""
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first, second):
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_highest_contrast():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_marks_are_readable(scheme):
    found = colors(scheme)
    for ground in ("card", "paper"):
        assert min(contrast(found[name], found[ground]) for name in TEXTS) >= 4.5
    assert min(contrast(found[f"c{index}"], found["card"]) for index in range(NUM_COLORS)) >= 3.0


def test_both_schemes_have_the_same_colors():
    assert set(colors("light")) == set(colors("dark"))


def test_every_color_that_is_used_is_defined():
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLE)) - {"tone", "series"}  # of an element
    assert {name for name in used if not name.startswith("c{{")} <= set(colors("light"))

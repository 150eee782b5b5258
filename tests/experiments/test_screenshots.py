"""Pages of runs in headless Chromium, at two widths: `make screenshots`."""

import os
from pathlib import Path

import pytest

import browser
from page_runs import image_run, text_run

FOLDER = os.environ.get("RME_SCREENSHOTS")
WIDTHS = (1280, 390)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FOLDER is None, reason="`make screenshots` names a folder for the pictures"),
    pytest.mark.skipif(browser.find_browser() is None, reason="no Chromium here"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of a run of images and of a run on sentences."""
    folder = tmp_path_factory.mktemp("pages")
    image_run(folder / "images")
    text_run(folder / "sentences", folder / "lines")
    return {name: folder / name / "report.html" for name in ("images", "sentences")}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["images", "sentences"])
def test_a_page_fits_its_width_fetches_nothing_and_shows_points(pages, name, width):
    seen = browser.measured(pages[name], width)
    assert seen["width"] == width
    assert seen["scrolled"] == width, seen["wide"]
    assert not seen["wide"]
    assert not seen["fetched"]
    assert seen["tip"]
    for dark in (False, True):
        path = Path(FOLDER) / f"{name}_{width}_{'dark' if dark else 'light'}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        browser.screenshot(pages[name], width, path.resolve(), dark=dark)
        assert path.stat().st_size > 20_000

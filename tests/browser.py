"""Pages in a headless Chromium: what they measure at a width, and screenshots of them."""

import html
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--allow-file-access-from-files",
)
# A window is 500 pixels wide at least: the page is in a frame of the width.
FRAME = """<!DOCTYPE html><html style="color-scheme: light dark"><body style="margin: 0">
<iframe id="page" style="border: 0; display: block; width: {width}px; height: {height}px" src="{address}"></iframe>
<pre id="seen"></pre><script>
document.getElementById("page").onload = function () {{
  var view = this.contentWindow, page = this.contentDocument, root = page.documentElement, wide = [], point, tip;
  page.querySelectorAll("body *").forEach(function (element) {{
    var within = element.closest(".scroll, svg, [hidden], #tip"), right = element.getBoundingClientRect().right;
    if (!within && right > root.clientWidth + 1) wide.push(element.outerHTML.slice(0, 80));
  }});
  point = page.querySelector("svg.hover circle[data-i]");
  if (point) {{
    point.scrollIntoView();
    var box = point.getBoundingClientRect(), at = {{ clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 }};
    point.ownerSVGElement.dispatchEvent(new view.PointerEvent("pointermove", at));
    tip = page.getElementById("tip").textContent;
  }}
  document.getElementById("seen").textContent = JSON.stringify({{
    width: root.clientWidth, scrolled: root.scrollWidth, height: root.scrollHeight, wide: wide, tip: tip || "",
    fetched: view.performance.getEntriesByType("resource").map(function (entry) {{ return entry.name; }})
  }});
}};
</script></body></html>"""


def find_browser() -> str | None:
    """Returns the path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def _run(page: Path, width: int, height: int, *options: str) -> str:
    """Returns what the browser prints for a page in a frame."""
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.html"
        frame.write_text(FRAME.format(width=width, height=height, address=html.escape(page.resolve().as_uri())))
        profile, size = f"--user-data-dir={folder}/profile", f"--window-size={max(500, width)},{height + 150}"
        command = [str(find_browser()), *OPTIONS, profile, size, *options, frame.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def measured(page: Path, width: int) -> dict:
    """Returns sizes of a page, elements that are too wide, requests, and the text at the first point of a chart."""
    dom = _run(page, width, 1200, "--virtual-time-budget=3000", "--dump-dom")
    return json.loads(html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)[1]))


def screenshot(page: Path, width: int, path: Path, *, dark: bool = False) -> Path:
    """Writes the whole page as PNG."""
    height = measured(page, width)["height"]
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    _run(page, width, height, "--virtual-time-budget=3000", f"--screenshot={path}", *scheme)
    return path

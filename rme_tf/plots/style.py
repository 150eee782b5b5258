"""Style of all figures, and the files they are written to."""

import pathlib

import matplotlib

from rme_tf.core.validation import require

DPI = 160
# Okabe and Ito's color-blind-safe set; wine and olive for its black (Q has it) and pale yellow.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")
MARKERS = "os^DvPXp"
DASHED = (0, (4, 1.5))
LINES = ("-", "--", ":", "-.")
_METADATA = {".png": {"Software": None}, ".pdf": {"CreationDate": None}}
styled = matplotlib.rc_context({"font.size": 9, "axes.titlesize": 9, "legend.frameon": False})


def save(figure, path):
    """Writes a figure as .png or .pdf, without a date.

    Equal figures give equal bytes.
    """
    path = pathlib.Path(path)
    require(path.suffix in _METADATA, "path", f"end in one of {sorted(_METADATA)}", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, bbox_inches="tight", metadata=_METADATA[path.suffix])


def color(m):
    """Returns the color of model or component m."""
    return COLORS[m % len(COLORS)]


def line(m):
    """Returns color and dashes of line m."""
    return {"color": color(m), "linestyle": LINES[m // len(COLORS) % len(LINES)]}

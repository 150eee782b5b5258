"""How all figures look, and how they are written."""

import pathlib

import matplotlib

DPI = 160
# Okabe and Ito's colour-blind-safe set; wine and olive for its black (Q has it) and pale yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")
MARKERS = "os^DvPXp"
DASHED = (0, (4, 1.5))
LINES = ("-", "--", ":", "-.")
_METADATA = {".png": {"Software": None}, ".pdf": {"CreationDate": None}}
styled = matplotlib.rc_context({"font.size": 9, "axes.titlesize": 9, "legend.frameon": False})


def save(figure, path):
    """Writes a figure as .png or .pdf, without a date: equal figures give equal bytes."""
    path = pathlib.Path(path)
    require(path.suffix in _METADATA, "path", f"end in one of {sorted(_METADATA)}", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, bbox_inches="tight", metadata=_METADATA[path.suffix])


def require(condition, name, expected, received):
    """Raises ValueError, in the library's words, unless the condition holds."""
    if not condition:
        raise ValueError(f"`{name}` must {expected}. Received: {received}.")


def colour(m):
    """Returns the colour of the m-th of several."""
    return COLOURS[m % len(COLOURS)]


def line(m):
    """Returns colour and style of the m-th of several lines, dashed or dotted where the colours come round again."""
    return {"color": colour(m), "linestyle": LINES[m // len(COLOURS) % len(LINES)]}

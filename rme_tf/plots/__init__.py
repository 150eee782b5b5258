"""Figures from plain arrays: curves, images, posteriors, component usage.

`svg_charts` and `data_uris` make the figures of HTML pages.
"""

from rme_tf.plots.codes import latent_codes
from rme_tf.plots.comparison import curves_by_time, differences, trade_off
from rme_tf.plots.curves import component_usage, diagnostic_curves, learning_curves
from rme_tf.plots.images import image_grid, imputations, reconstructions
from rme_tf.plots.inference import objectives_between, stacked_bars
from rme_tf.plots.posteriors import PosteriorPanel, grid_around, posterior_2d
from rme_tf.plots.signals import signals
from rme_tf.plots.style import save
from rme_tf.plots.sweeps import sweeps

__all__ = [
    "PosteriorPanel",
    "component_usage",
    "curves_by_time",
    "diagnostic_curves",
    "differences",
    "grid_around",
    "image_grid",
    "imputations",
    "latent_codes",
    "learning_curves",
    "objectives_between",
    "posterior_2d",
    "reconstructions",
    "save",
    "signals",
    "stacked_bars",
    "sweeps",
    "trade_off",
]

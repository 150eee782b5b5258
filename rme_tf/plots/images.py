"""Figures of images: grids of samples, reconstructions under their originals."""

import numpy as np
from matplotlib.figure import Figure

from rme_tf.core.validation import check_count, require
from rme_tf.plots.style import DPI, styled

HIDDEN = 0.5  # gray of a hidden pixel
_TILE, _GAP = 80, 4  # pixels: about an image's height once enlarged; the space between images


@styled
def image_grid(images, columns, title=None):
    """Draws images in a grid, row by row.

    Args:
        images: Images in [0, 1]. Shape [N, H, W, C], C = 1 or 3.
        columns: Number of images in a row.
        title: Text above the grid.
    """
    check_count("columns", columns)
    figure = _tiled_figure(checked_images("images", images), columns)
    figure.axes[0].set_title(title or "")
    return figure


@styled
def reconstructions(originals, reconstructions):
    """Draws images, and a row of reconstructions for each model.

    Args:
        originals: Images, clipped to [0, 1]. Shape [N, H, W, C], C = 1 or 3.
        reconstructions: Name of the model -> images of the same shape.
    """
    originals = checked_images("originals", originals)
    rows = {name: checked_images(name, images) for name, images in reconstructions.items()}
    for name, row in rows.items():
        expected = f"have the originals' shape {originals.shape}"
        require(row.shape == originals.shape, name, expected, row.shape)
    figure = _tiled_figure(np.concatenate([originals, *rows.values()]), len(originals))
    bottom, top = figure.axes[0].get_ylim()
    edges = np.linspace(top, bottom, len(rows) + 2)
    figure.axes[0].set_yticks((edges[1:] + edges[:-1]) / 2, ["original", *rows])
    return figure


@styled
def imputations(originals, seen, draws):
    """Draws images, their seen pixels, and rows of imputations for each model.

    Args:
        originals: Images, clipped to [0, 1]. Shape [N, H, W, C], C = 1 or 3.
        seen: Whether a pixel is seen; broadcasts to the images. Hidden pixels are gray.
        draws: Name of the model -> imputed images, S rows. Shape [S, N, H, W, C].
    """
    originals = checked_images("originals", originals)
    rows = [originals, np.where(seen, originals, HIDDEN).astype(originals.dtype)]
    for name, images in draws.items():
        expected = f"have the originals' shape {originals.shape} after an axis of draws"
        require(np.shape(images)[1:] == originals.shape and len(images), name, expected, np.shape(images))
        rows += [checked_images(name, row) for row in images]
    figure = _tiled_figure(np.concatenate(rows), len(originals))
    bottom, top = figure.axes[0].get_ylim()
    edges = np.linspace(top, bottom, len(rows) + 1)
    sizes = [1, 1, *(len(images) for images in draws.values())]
    ends = np.cumsum([0, *sizes])
    middles = (edges[ends[1:]] + edges[ends[:-1]]) / 2
    figure.axes[0].set_yticks(middles, ["original", "seen", *draws])
    return figure


def checked_images(name, images):
    """Returns images [N, H, W, C] clipped to [0, 1], checked."""
    images = np.asarray(images)
    valid = images.ndim == 4 and images.shape[-1] in (1, 3) and images.size
    require(valid, name, "have shape [N, H, W, C], C = 1 or 3, not empty", images.shape)
    require(images.dtype.kind == "f", name, "be floats in [0, 1]", images.dtype)
    return np.nan_to_num(images).clip(0, 1)


def _tiled_figure(images, columns):
    """Returns a figure of enlarged images, a pixel of the file for each pixel of the array."""
    scale = max(1, round(_TILE / images.shape[1]))
    columns = min(columns, len(images))
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    padding = ((0, -len(images) % columns), *[(_GAP // 2, _GAP // 2)] * 2, (0, 0))
    images = np.pad(images, padding, constant_values=1.0)
    _, height, width, channels = images.shape
    tiles = images.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    tiles = tiles.reshape(-1, columns * width, channels)
    figure = Figure(figsize=(tiles.shape[1] / DPI, tiles.shape[0] / DPI))
    show_image(figure.add_axes((0, 0, 1, 1)), tiles)
    return figure


def show_image(axes, image):
    """Draws one image [H, W, C], without ticks."""
    image = np.broadcast_to(image, (*image.shape[:2], 3))  # gray as RGB
    axes.imshow(image, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)

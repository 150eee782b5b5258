"""Images as data URIs, for pages without other files."""

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from rme_tf.core.validation import check_count
from rme_tf.plots.images import checked_images

FIGURE_DPI = 110
COLUMNS = 25  # thumbnails in a row of a sheet


class Sheet(NamedTuple):
    """Thumbnails of equal size in one image, row by row."""

    uri: str
    columns: int
    rows: int
    width: int  # of a thumbnail, in pixels
    height: int


def image_uri(image, most: int = 160) -> str:
    """Returns one image as a data URI of PNG.

    Args:
        image: values in [0, 1]. Shape [H, W, C], C = 1 or 3.
        most: largest number of pixels on a side; larger images are reduced.
    """
    return _uri(_reduced(_as_pil(checked_images("image", np.asarray(image)[np.newaxis])[0]), most))


def sheet(images, most: int = 32) -> Sheet:
    """Returns images as one `Sheet` of thumbnails; color images have 256 colors.

    Args:
        images: values in [0, 1]. Shape [N, H, W, C], C = 1 or 3.
        most: largest number of pixels on a side of a thumbnail.
    """
    check_count("most", most)
    thumbnails = [_reduced(_as_pil(image), most) for image in checked_images("images", images)]
    width, height = thumbnails[0].size
    columns = min(COLUMNS, len(thumbnails))
    rows = -(-len(thumbnails) // columns)
    whole = Image.new(thumbnails[0].mode, (columns * width, rows * height))
    for index, thumbnail in enumerate(thumbnails):
        whole.paste(thumbnail, (index % columns * width, index // columns * height))
    whole = whole.quantize(256) if whole.mode == "RGB" else whole
    return Sheet(_uri(whole), columns, rows, width, height)


def figure_uri(figure) -> str:
    """Returns a figure of Matplotlib as a data URI.

    Args:
        figure: figure with a layout, such as "constrained", that keeps all of it inside.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=FIGURE_DPI, metadata={"Software": None})
    return _encoded(buffer)


def _as_pil(image) -> Image.Image:
    """Returns a checked image [H, W, C] for Pillow."""
    pixels = np.round(255.0 * image).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _reduced(image: Image.Image, most: int) -> Image.Image:
    largest = max(image.size)
    if largest <= most:
        return image
    width, height = (max(1, round(size * most / largest)) for size in image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def _uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return _encoded(buffer)


def _encoded(buffer: io.BytesIO) -> str:
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"

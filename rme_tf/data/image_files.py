"""Decoding of image files to pixels, with a report of losses."""

import os
import re

import numpy as np

MODES = {1: "L", 3: "RGB"}  # Pillow's names

# Formats that Pillow can open, some of them through other programs, for documents, icons, data and video.
NOT_PHOTOGRAPHS = {"BUFR", "CUR", "EPS", "FITS", "FLI", "GRIB", "HDF5", "ICNS", "ICO", "IPTC", "MPEG", "PDF", "WMF"}

FRAMES = "of several frames, of which the first is read"
ALPHA = "with transparency, which is ignored"
CMYK = "in CMYK, whose colors are approximate"
DARK = "of 16 bits without a value above 4,095, nearly black if their data are of 12 bits (then say so by `bits`)"

_SMALL_BITS = 12  # 16-bit files whose values are all this small are usually 12-bit data


def image_suffixes() -> set[str]:
    """Returns the suffixes of the formats that Pillow can open, plugins included."""
    from PIL import Image  # imported here: other data sets do not need it

    Image.init()
    formats = Image.registered_extensions().items()
    return {suffix for suffix, name in formats if name in Image.OPEN and name not in NOT_PHOTOGRAPHS}


def suffix_of(name: str) -> str:
    """Returns the lowercase suffix of a file name, with its dot, or ""."""
    return os.path.splitext(name)[1].lower()


def read_image(path, size, channels, bits=None):
    """Returns only the pixels of `read_with_losses`."""
    return read_with_losses(path, size, channels, bits)[0]


def read_with_losses(path, size, channels, bits=None):
    """Returns the resized central square of an image file, and its losses.

    Args:
        path: path of the file.
        size: pixels on a side.
        channels: 1 for gray or 3 for RGB.
        bits: significant bits of the values in 16-bit files, see `load_folder`.

    Returns:
        pixels: uint8 [size, size, channels].
        losses: list with the applicable ones of `FRAMES`, `ALPHA`, `CMYK` and `DARK`.

    Raises:
        Exception: any error of Pillow for a file that is not a complete image.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        is_deep = any(re.search(r";16|65535", str(tile[3])) for tile in image.tile)
        stored = _stored_bits(image)
        image.draft(MODES[channels], (2 * size, 2 * size))  # a large JPEG is decoded at a fraction of its size
        losses = [FRAMES] if getattr(image, "is_animated", False) else []
        losses += [ALPHA] if image.has_transparency_data and _least_alpha(image) < 255 else []
        losses += [CMYK] if image.mode == "CMYK" else []
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16") or (upright.mode == "I" and image.format == "PPM"):
            values = np.asarray(upright)
            losses += [DARK] if bits is None and stored == 16 and 0 < values.max() < 2**_SMALL_BITS else []
            upright = Image.fromarray(_eight_bits(values, bits or stored))
        elif is_deep:
            losses += _losses_of_deep_colors(upright, bits)
        if upright.mode in ("F", "I"):
            raise ValueError("pixels of 32 bits, of which nobody knows what is white")
        if "transparency" in upright.info:  # in a palette: Pillow would warn
            upright = upright.convert("RGBA")
        upright = upright.convert(MODES[channels])
    pixels = np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BICUBIC))
    return pixels.reshape(size, size, channels), losses


def _stored_bits(image) -> int:
    """Returns the significant bits of a value: 16, or the smaller number that a TIFF file declares."""
    stored = getattr(image, "tag_v2", {}).get(258, 16)  # BitsPerSample
    stored = max(stored) if isinstance(stored, tuple) else stored
    return stored if 8 < stored < 16 else 16


def _eight_bits(values, bits: int):
    """Returns the upper 8 bits of the values, uint8; Pillow would clip the values at 255."""
    if values.max() >= 2**bits:
        raise ValueError(f"values of more than {bits} bits")
    return (values >> (bits - 8)).astype(np.uint8)


def _losses_of_deep_colors(image, bits) -> list[str]:
    """Returns the losses of an image with 16 bits a channel, of which Pillow reads the upper 8."""
    if bits not in (None, 16):
        raise ValueError(f"colors of 16 bits, of which Pillow keeps the upper 8: no `bits` of {bits}")
    largest = max(image.getchannel(band).getextrema()[1] for band in image.getbands() if band != "A")
    return [DARK] if 0 < largest < 2 ** (_SMALL_BITS - 8) else []


def _least_alpha(image) -> int:
    """Returns the smallest opacity of a pixel, at most 255."""
    alpha = image if "A" in image.getbands() else image.convert("RGBA")
    return alpha.getchannel("A").getextrema()[0]

"""One image file as pixels: of every format, and with what loss."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from rme_tf.data.image_files import (
    ALPHA,
    CMYK,
    DARK,
    FRAMES,
    NOT_PHOTOGRAPHS,
    image_suffixes,
    read_image,
    read_with_losses,
)

RAMP = np.repeat(np.arange(0, 256, 16, dtype=np.uint16)[:, None], 16, axis=1)  # 16 x 16, 8 bits
RED, BLUE = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")


def of_12_bits():
    """Values below 4,096 whose upper 8 bits are `RAMP`."""
    return (RAMP << 4) + 5


def png_of_16_bits(path, values):
    """Writes values [H, W, 3 or 4], which Pillow cannot."""
    height, width, channels = values.shape

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def tiff_of_12_bits(path, values):
    """Writes values [H, W], two in three bytes; W even."""
    height, width = values.shape
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = (pairs[:, 0] << 12) + pairs[:, 1]
    content = np.stack([packed >> 16, packed >> 8, packed], axis=1).astype(np.uint8).tobytes()
    tags = {256: width, 257: height, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(content)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    where = 8 + len(content)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, where) + content + directory)


def test_the_suffixes_are_those_that_pillow_can_open():
    suffixes = image_suffixes()
    assert {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"} <= suffixes
    assert (".avif" in suffixes) == features.check("avif")
    assert not {".pdf", ".mpg", ".mpeg", ".eps", ".ico", ".h5", ".svg", ".txt", ""} & suffixes
    assert not {Image.registered_extensions()[suffix] for suffix in suffixes} & NOT_PHOTOGRAPHS


def test_a_plugin_for_another_format_counts(monkeypatch):
    Image.init()
    monkeypatch.setitem(Image.OPEN, "HEIF", (None, None))
    monkeypatch.setitem(Image.EXTENSION, ".heic", "HEIF")
    assert ".heic" in image_suffixes()


def test_every_format_that_pillow_writes_is_read(tmp_path):
    """As it is written, within what a lossy format changes of one color."""
    seen = set()
    for suffix in sorted(image_suffixes()):
        name = Image.registered_extensions()[suffix]
        if name not in Image.SAVE:
            continue
        path = tmp_path / f"x{suffix}"
        try:
            RED.save(path)
        except (OSError, ValueError):  # a format that has no colors
            continue
        pixels, losses = read_with_losses(path, 8, 3)
        np.testing.assert_allclose(pixels, np.broadcast_to([255, 0, 0], (8, 8, 3)), atol=3, err_msg=suffix)
        assert losses == [], suffix
        seen.add(name)
    expected = {"BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"}
    assert seen >= expected | ({"AVIF"} if features.check("avif") else set())


def test_an_image_is_cut_to_its_middle_and_turned_upright(tmp_path):
    image = Image.new("RGB", (60, 20), "red")
    image.paste("blue", (20, 0, 40, 20))  # the middle
    image.save(tmp_path / "wide.png")
    np.testing.assert_array_equal(read_image(tmp_path / "wide.png", 10, 3)[5, 5], [0, 0, 255])
    assert (read_image(tmp_path / "wide.png", 20, 3) == [0, 0, 255]).all()
    halves = Image.new("L", (16, 16), 0)
    halves.paste(255, (0, 0, 16, 8))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    halves.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    turned = read_image(tmp_path / "turned.jpg", 16, 1)
    assert turned[:7].mean() < 10
    assert turned[9:].mean() > 245


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_every_kind_are_8_bit_grey_or_rgb(mode, channels, tmp_path):
    grey = np.repeat(np.arange(0, 256, 16, dtype=np.uint8)[:, None], 16, axis=1)
    levels = 255 * (grey >= 128).astype(np.uint8) if mode == "1" else grey
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(levels).convert(mode)
    image.save(tmp_path / "x.png")
    pixels = read_image(tmp_path / "x.png", 16, channels)
    assert (pixels.shape, pixels.dtype) == ((16, 16, channels), np.uint8)
    np.testing.assert_array_equal(pixels, np.repeat(levels[..., None], channels, axis=-1))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_32_bits_are_no_guess(mode, tmp_path):
    Image.new(mode, (4, 4)).save(tmp_path / "x.tiff")
    with pytest.raises(ValueError, match="32 bits"):
        read_image(tmp_path / "x.tiff", 4, 3)


def test_large_files_are_read_at_a_fraction_of_their_size():
    stream = io.BytesIO()
    Image.effect_noise((1024, 1024), 80).save(stream, "jpeg")
    pixels = read_image(stream, 16, 1)
    stream.seek(0)
    whole = np.asarray(Image.open(stream)).reshape(16, 64, 16, 64).mean(axis=(1, 3))
    np.testing.assert_allclose(pixels[..., 0], whole, atol=15)


@pytest.mark.parametrize("suffix", ["gif", "png", "tiff", "webp"])
def test_frames_after_the_first_are_told(suffix, tmp_path):
    RED.save(tmp_path / f"x.{suffix}", save_all=True, append_images=[BLUE])
    pixels, losses = read_with_losses(tmp_path / f"x.{suffix}", 8, 3)
    np.testing.assert_allclose(pixels[0, 0], [255, 0, 0], atol=3)
    assert losses == [FRAMES]


@pytest.mark.parametrize("mode", ["LA", "P", "RGBA"])
def test_transparency_is_told_where_there_is_any(mode, tmp_path):
    image = Image.new("RGBA", (16, 16), (200, 100, 50, 255))
    image.convert(mode).save(tmp_path / "opaque.png")
    assert read_with_losses(tmp_path / "opaque.png", 8, 3)[1] == []
    image.paste((200, 100, 50, 0), (0, 0, 4, 4))
    image.convert(mode).save(tmp_path / "x.png")
    assert read_with_losses(tmp_path / "x.png", 8, 3)[1] == [ALPHA]


def test_inks_are_told(tmp_path):
    RED.convert("CMYK").save(tmp_path / "x.jpg", quality=100)
    pixels, losses = read_with_losses(tmp_path / "x.jpg", 8, 3)
    np.testing.assert_allclose(pixels[0, 0], [255, 0, 0], atol=6)
    assert losses == [CMYK]


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_12_bits_in_a_file_of_16_are_told_and_read_as_bits_says(suffix, tmp_path):
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(of_12_bits()).save(path)
    pixels, losses = read_with_losses(path, 16, 1)
    np.testing.assert_array_equal(pixels[..., 0], RAMP >> 4)
    assert losses == [DARK]
    pixels, losses = read_with_losses(path, 16, 1, bits=12)
    np.testing.assert_array_equal(pixels[..., 0], RAMP)
    assert losses == []
    with pytest.raises(ValueError, match="values of more than 10 bits"):
        read_image(path, 16, 1, bits=10)
    Image.fromarray(RAMP * 257).save(path)
    for bits in (None, 16):
        assert read_with_losses(path, 16, 1, bits)[1] == []
        np.testing.assert_array_equal(read_image(path, 16, 1, bits)[..., 0], RAMP)


def test_a_tiff_and_a_pgm_that_say_their_bits_are_believed(tmp_path):
    tiff_of_12_bits(tmp_path / "x.tif", of_12_bits())
    (tmp_path / "x.pgm").write_bytes(b"P5 16 16 4095\n" + of_12_bits().astype(">u2").tobytes())
    for name in ("x.tif", "x.pgm"):
        pixels, losses = read_with_losses(tmp_path / name, 16, 1)
        np.testing.assert_array_equal(pixels[..., 0], RAMP)
        assert losses == []


@pytest.mark.parametrize("channels", [3, 4])
def test_12_bits_a_channel_are_told(channels, tmp_path):
    """Pillow keeps the upper 8 of 16, of which nothing is to be had any more."""
    values = np.repeat(of_12_bits()[..., None], channels, axis=-1)
    values[..., 3:] = 65535
    path = tmp_path / "x.png"
    png_of_16_bits(path, values)
    assert read_with_losses(path, 16, 3)[1] == [DARK]
    with pytest.raises(ValueError, match="colors of 16 bits, of which Pillow keeps the upper 8: no `bits` of 12"):
        read_image(path, 16, 3, bits=12)
    png_of_16_bits(path, np.repeat((RAMP * 257)[..., None], 3, axis=-1))
    assert read_with_losses(path, 16, 3)[1] == []


def test_a_black_image_is_no_mistake(tmp_path):
    Image.fromarray(np.zeros((16, 16), np.uint16)).save(tmp_path / "x.png")
    assert read_with_losses(tmp_path / "x.png", 16, 1)[1] == []

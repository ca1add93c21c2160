"""Our own PNG writer: exact, readable by others, whatever the size, depth and compressor."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
import pyvips
from PIL import Image

from kirie import _png, image
from kirie._png import png

SHAPES = ((), (3,), (4,))


def chunks(data):
    """(name, content) of every chunk; checks the checksums."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, found = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + content)
        found.append((kind.decode(), content))
        at += 12 + length
    return found


def with_libvips(data):
    made = pyvips.Image.pngload_buffer(data, fail_on="warning")
    kind = np.uint16 if made.format == "ushort" else np.uint8
    values = np.frombuffer(made.write_to_memory(), kind)
    return values.reshape(made.height, made.width, made.bands)


@pytest.fixture(params=["isal", "zlib"])
def compressor(request, monkeypatch):
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)
    else:
        pytest.importorskip("isal")


@pytest.mark.usefixtures("compressor")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (33, 46), (700, 521)])
def test_exact(size, shape, dtype):
    random = np.random.default_rng(3)
    pixels = random.integers(0, np.iinfo(dtype).max + 1, (*size, *shape), dtype)
    pixels[size[0] // 2 :, : size[1] // 2] = 0  # and something that compresses
    data = png(pixels)
    expected = pixels if shape else pixels[..., None]
    assert (with_libvips(data) == expected).all()
    if dtype == np.uint8:
        with Image.open(io.BytesIO(data)) as opened:
            assert (np.asarray(opened) == pixels).all()


def test_many_stripes_are_one_stream(monkeypatch):
    monkeypatch.setattr(_png, "STRIPE", 1000)
    ys, xs = np.mgrid[0:300, 0:200]
    pixels = np.dstack([ys, xs, ys + xs, ys * 0 + 255]).astype(np.uint8)
    data = png(pixels)
    stream = b"".join(content for kind, content in chunks(data) if kind == "IDAT")
    raw = zlib.decompress(stream)  # checks the joined Adler-32 as well
    assert len(raw) == 300 * 801
    assert {raw[row * 801] for row in range(300)} <= {1, 2}
    assert (with_libvips(data) == pixels).all()


def test_odd_layouts():
    pixels = np.random.default_rng(4).integers(0, 256, (40, 50, 4), np.uint8)
    for view in (
        pixels[::-1],
        pixels[:, ::-1],
        pixels.swapaxes(0, 1),
        pixels[3:9, 5:11],
        pixels[..., :3],
    ):
        assert (with_libvips(png(view)) == view).all()


def test_chunks_say_what_the_numbers_mean():
    colours = np.zeros((4, 4, 3), np.uint8)
    assert [kind for kind, _ in chunks(png(colours))][:2] == ["IHDR", "sRGB"]
    assert "sRGB" not in dict(chunks(png(colours[..., 0])))  # a mask is numbers
    found = dict(chunks(png(colours, icc=b"profile", exif=b"II*\x00rest", dpi=(300, 72))))
    assert zlib.decompress(found["iCCP"].split(b"\x00\x00", 1)[1]) == b"profile"
    assert "sRGB" not in found
    assert found["eXIf"] == b"II*\x00rest"
    assert struct.unpack(">IIB", found["pHYs"]) == (11811, 2835, 1)
    order = [kind for kind, _ in chunks(png(colours, icc=b"p", exif=b"II*\x00", dpi=(1, 1)))]
    assert order == ["IHDR", "iCCP", "pHYs", "eXIf", "IDAT", "IDAT", "IDAT", "IEND"]


def test_the_checksum_of_joined_parts():
    random = np.random.default_rng(5)
    total, whole = 1, b""
    for length in (0, 1, 65521, 70_000, 3):
        part = random.bytes(length)
        total = _png._joined_adler(total, zlib.adler32(part), length)
        whole += part
        assert total == zlib.adler32(whole)


def test_size_is_near_pillows():
    ys, xs = np.mgrid[0:400, 0:600]
    noise = np.random.default_rng(6).normal(0, 4, (400, 600, 3))
    smooth = np.dstack([xs * 0.3, ys * 0.5, 120 + 60 * np.sin(xs / 40) * np.cos(ys / 30)])
    pixels = np.dstack([(smooth + noise).clip(0, 255), 255 * (xs < 250)]).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    assert len(png(pixels)) < 1.15 * len(buffer.getvalue())


def test_hidden_colours_are_as_given():
    """Hiding is the business of compose; the writer changes nothing."""
    pixels = np.full((5, 5, 4), 77, np.uint8)
    pixels[..., 3] = 0
    assert (with_libvips(image.encode(pixels, "png")) == pixels).all()

"""Mask and label files as they are stored."""

import zlib

import numpy as np
import pytest
from PIL import Image

from kirie import _masks
from kirie.errors import BadInput

LEVELS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


def palette(path, *colours):
    image = Image.fromarray(LEVELS).convert("P")
    image.putdata(LEVELS.ravel())
    image.putpalette([value for colour in colours for value in colour])
    image.save(path)
    return path


@pytest.mark.parametrize(
    ("pixels", "name"),
    [
        (LEVELS * 100, "grey.png"),
        (LEVELS.astype(np.uint16) * 30000, "deep.png"),
        (LEVELS * 100, "grey.bmp"),
        (LEVELS * 100, "grey.tif"),
        (np.dstack([LEVELS * 100] * 4), "alpha.png"),
        (np.dstack([LEVELS * 100, LEVELS * 5, LEVELS]), "rgb.png"),
    ],
)
def test_numbers_stay_as_they_are(tmp_path, pixels, name):
    Image.fromarray(pixels).save(tmp_path / name)
    stored = _masks.mask(tmp_path / name)
    assert stored.values.dtype == pixels.dtype
    if stored.values.shape != pixels.shape:  # grey in three channels, or in one of one
        stored = stored._replace(values=stored.values[..., 0])
    assert np.array_equal(stored.values, pixels)
    assert stored.digest == _masks.digest_of(tmp_path / name)


def test_a_grey_profile_is_not_applied(tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(LEVELS * 100).save(tmp_path / "mask.png", icc_profile=profile)
    assert np.array_equal(_masks.mask(tmp_path / "mask.png").values, LEVELS * 100)


def test_one_bit(tmp_path):
    Image.fromarray(LEVELS > 0).save(tmp_path / "mask.png")
    assert np.array_equal(_masks.mask(tmp_path / "mask.png").values, (LEVELS > 0) * 255)
    assert np.array_equal(_masks.labels(tmp_path / "mask.png").values, LEVELS > 0)


@pytest.mark.parametrize("bits", [2, 4])
def test_labels_of_few_bits(tmp_path, bits):
    image = Image.fromarray((LEVELS * (255 // (2**bits - 1))).astype(np.uint8))
    # Pillow writes grey with 8 bits: the file is made by hand.
    rows = b""
    for row in LEVELS:
        packed = 0
        for value in row:
            packed = packed << bits | int(value)
        rest = -3 * bits % 8
        rows += b"\0" + (packed << rest).to_bytes((3 * bits + rest) // 8, "big")
    file = b"\x89PNG\r\n\x1a\n"
    for part in (
        b"IHDR" + bytes((0, 0, 0, 3, 0, 0, 0, 2, bits, 0, 0, 0, 0)),
        b"IDAT" + zlib.compress(rows),
        b"IEND",
    ):
        file += (len(part) - 4).to_bytes(4, "big") + part + zlib.crc32(part).to_bytes(4, "big")
    (tmp_path / "few.png").write_bytes(file)
    assert np.array_equal(_masks.labels(tmp_path / "few.png").values, LEVELS)
    assert np.array_equal(_masks.mask(tmp_path / "few.png").values, np.asarray(image))


def test_palettes(tmp_path):
    grey = palette(tmp_path / "grey.png", (0, 0, 0), (90, 90, 90), (255, 255, 255))
    assert _masks.mask(grey).values.tolist() == [[0, 90, 255], [255, 90, 0]]
    voc = palette(tmp_path / "voc.png", (0, 0, 0), (128, 0, 0), (0, 128, 0))
    stored = _masks.mask(voc)
    assert stored.values.tolist() == [[0, 255, 255], [255, 255, 0]]
    assert stored.notes == ("palette mask: all but entry 0",)
    other = palette(tmp_path / "other.png", (255, 255, 255), (128, 0, 0), (0, 0, 0))
    assert _masks.mask(other).values.shape == (2, 3, 3)
    for path in (grey, voc, other):
        assert np.array_equal(_masks.labels(path).values, LEVELS)


def test_labels_may_not_be_colours(tmp_path):
    Image.fromarray(np.dstack([LEVELS] * 3)).save(tmp_path / "grey.png")
    assert np.array_equal(_masks.labels(tmp_path / "grey.png").values, LEVELS)
    Image.fromarray(np.dstack([LEVELS, LEVELS, LEVELS * 2])).save(tmp_path / "rgb.png")
    with pytest.raises(BadInput, match=r"rgb\.png holds colours"):
        _masks.labels(tmp_path / "rgb.png")


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_broken_files(tmp_path, content):
    path = palette(tmp_path / "mask.png", (0, 0, 0), (9, 9, 9), (255, 255, 255))
    path.write_bytes(path.read_bytes()[:50] if content is None else content)
    for read in (_masks.mask, _masks.labels):
        with pytest.raises(BadInput, match=r"mask\.png"):
            read(path)
    with pytest.raises(BadInput, match="no such file"):
        _masks.mask(tmp_path / "none.png")

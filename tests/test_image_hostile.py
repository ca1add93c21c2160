"""Damaged, lying and oversized files; missing, forbidden and half-written ones."""

import io
import os
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kirie import image
from kirie.errors import BadInput, TooLarge

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")


def picture(size=(24, 32)):
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]]
    return np.dstack([xs * 7, ys * 9, xs + ys]).astype(np.uint8)


def saved(format_, pixels=None, **how):
    buffer = io.BytesIO()
    tags = Image.Exif()
    tags[274] = 6
    tags[271] = "Maker"
    if format_ not in ("BMP", "GIF"):
        how = {"exif": tags} | how
    Image.fromarray(picture() if pixels is None else pixels).save(buffer, format_, **how)
    return buffer.getvalue()


def attempt(data):
    """Decode, or refuse in one sentence; nothing else may happen."""
    try:
        made = image.decode(data, max_pixels=1_000_000)
    except BadInput as error:
        text = str(error)
        assert text.endswith(".")
        assert "\n" not in text
        return False
    assert made.pixels.dtype in (np.uint8, np.uint16)
    assert made.pixels.ndim == 3
    assert made.rgb.shape == made.pixels.shape
    return True


@pytest.mark.parametrize("format_", FORMATS)
def test_cut_off_anywhere(format_, capfd):
    data = saved(format_)
    for length in sorted({*range(0, 60, 7), *range(60, len(data) - 40, max(1, len(data) // 25))}):
        assert not attempt(data[:length]) or length > len(data) - 64
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("format_", FORMATS)
def test_flipped_bytes(format_, capfd):
    random = np.random.default_rng(sum(format_.encode()))
    sixteen = (
        saved("PNG") if format_ != "TIFF" else image.encode(picture().astype(np.uint16), "tiff")
    )
    for source in (saved(format_), sixteen):
        for _ in range(40):
            data = bytearray(source)
            for at in random.integers(0, len(data), random.integers(1, 6)):
                data[at] = random.integers(0, 256)
            attempt(bytes(data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("format_", FORMATS)
def test_flipped_headers(format_, capfd):
    """The first 200 bytes hold sizes, offsets and tables."""
    random = np.random.default_rng(len(format_))
    source = saved(format_)
    for _ in range(40):
        data = bytearray(source)
        data[random.integers(8, min(200, len(data)))] = random.integers(0, 256)
        attempt(bytes(data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("format_", FORMATS)
def test_random_bytes_after_a_true_beginning(format_, capfd):
    random = np.random.default_rng(7)
    head = saved(format_)[:32]
    for _ in range(10):
        attempt(head + random.bytes(500))
    assert capfd.readouterr() == ("", "")


def png_header(width, height, depth=8, colour=2):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", b"x"), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def huge(format_):
    """A small file that promises 60 000 × 60 000 pixels (or what the format can)."""
    if format_ == "PNG":
        return png_header(60000, 60000)
    data = bytearray(saved(format_))
    if format_ == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        struct.pack_into(">HH", data, at, 60000, 60000)
    elif format_ == "BMP":
        struct.pack_into("<ii", data, 18, 60000, 60000)
    elif format_ == "GIF":
        struct.pack_into("<HH", data, 6, 60000, 60000)
        struct.pack_into("<HH", data, data.index(b",\x00\x00\x00\x00") + 5, 60000, 60000)
    elif format_ == "TIFF":
        from kirie._exif import _Block

        block = _Block(bytes(data))
        for tag in (256, 257, 278):
            entry = block.find(block.first, tag)
            struct.pack_into("<HII", block.data, entry + 2, 4, 1, 60000)
        data = block.data
    return bytes(data)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "BMP", "GIF", "TIFF"])
def test_a_bomb_is_refused_by_its_header(format_, tmp_path):
    path = tmp_path / f"bomb.{format_.lower()}"
    path.write_bytes(huge(format_))
    with pytest.raises(TooLarge, match=r"bomb.*60000×60000.*limit of 200 million.*max_pixels"):
        image.decode(path)


def test_a_bomb_costs_no_memory(tmp_path):
    resource = pytest.importorskip("resource")
    del resource
    path = tmp_path / "bomb.png"
    path.write_bytes(huge("PNG"))
    script = (
        "import sys, resource; from kirie import image, errors\n"
        "image.decode(image.encode(__import__('numpy').zeros((9, 9, 3), 'uint8'), 'png'))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: image.decode(sys.argv[1])\n"
        "except errors.TooLarge: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 20_000
    assert done.stderr == ""


@pytest.mark.parametrize("format_", FORMATS)
def test_the_limit_is_counted_in_pixels(format_):
    data = saved(format_)
    assert image.decode(data, max_pixels=24 * 32).size in ((24, 32), (32, 24))
    with pytest.raises(TooLarge, match="max_pixels"):
        image.decode(data, max_pixels=24 * 32 - 1)


def test_pillows_own_limit_neither_interferes_nor_is_changed(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for format_ in ("BMP", "AVIF", "PNG", "GIF", "TIFF"):
        assert attempt(saved(format_))
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "text"),
        ("切り絵です".encode(), "text"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"  <svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "XML"),
        (b"%PDF-1.7\n%", "PDF"),
        (b"PK\x03\x04....", "ZIP"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", "video"),
        (b"\x00\x01\x02\x03\x04\xff\xfe\xfd" * 20, "not a picture"),
        (b"push graphic-context\nimage over 0,0 0,0 'x'", "text"),  # a script for ImageMagick
        (b"P6\n9 9\n255\n" + bytes(243), "not a picture"),  # libvips could; we do not ask it
        (b"\xff\xd8\xff", "damaged or cut-off JPEG"),
        (b"\x89PNG\r\n\x1a\n", "damaged or cut-off PNG"),
    ],
)
def test_what_is_no_picture_is_named(content, said, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    for source in (path, content, io.BytesIO(content)):
        with pytest.raises(BadInput, match=said):
            image.decode(source)
    with pytest.raises(BadInput, match=r"photo\.jpg"):
        image.decode(path)


def test_places_that_hold_no_picture(tmp_path):
    with pytest.raises(BadInput, match="folder"):
        image.decode(tmp_path)
    with pytest.raises(BadInput, match="no such file"):
        image.decode(tmp_path / "gone.jpg")
    with pytest.raises(BadInput, match="cannot be read"):
        image.decode("nul\0.jpg")
    with pytest.raises(BadInput, match="cannot be read"):
        image.decode("x" * 5000)
    if Path("/dev/zero").exists():
        with pytest.raises(BadInput, match="device"):
            image.decode("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(saved("PNG"))
    path.chmod(0)
    with pytest.raises(BadInput, match=r"secret\.png: permission denied"):
        image.decode(path)


@pytest.mark.parametrize(
    "name", ["a b.png", 'it\'s "so".png', "切り絵 🐱.png", "two\nlines.png", "tab\t.png"]
)
def test_names_of_every_kind(name, tmp_path):
    path = tmp_path / name
    image.write_atomic(path, saved("PNG"))
    made = image.decode(path)
    assert made.source.isprintable()
    assert "切り絵" in made.source or "切" not in name
    path.write_bytes(b"")
    with pytest.raises(BadInput) as caught:
        image.decode(path)
    assert str(caught.value).isprintable()


def test_file_objects_that_fail():
    class Broken:
        name = "pipe"

        def read(self):
            raise OSError(5, "Input/output error")

    with pytest.raises(BadInput, match="pipe cannot be read"):
        image.decode(Broken())


def test_a_lazily_opened_pillow_image_that_is_cut_off():
    data = saved("JPEG", picture((200, 200)))[:-900]
    with Image.open(io.BytesIO(data)) as opened, pytest.raises(BadInput, match="damaged"):
        image.decode(opened)


def test_a_jpeg_that_viewers_show_is_shown_and_noted():
    data = saved("JPEG", picture((80, 80)))
    table = data.index(b"\xff\xdb")
    made = image.decode(data[:table] + b"\x00\x11\x22" + data[table:])
    assert made.size == (80, 80)
    assert any("damaged" in note for note in made.notes)


# -- writing


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_written_file_has_a_new_files_permissions(tmp_path):
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_bytes(b"x")
    image.write_atomic(ours, b"data")
    assert ours.read_bytes() == b"data"
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    ours.chmod(0o640)
    image.write_atomic(str(ours), b"more")
    assert ours.read_bytes() == b"more"
    assert stat.S_IMODE(ours.stat().st_mode) == 0o640
    assert leftovers(tmp_path) == ["ours", "plain"]


def test_a_link_stays_a_link(tmp_path):
    real = tmp_path / "real.png"
    real.write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to(real)
    image.write_atomic(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["replace", "chmod"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failure, step):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")

    def fail(*_):
        raise failure

    monkeypatch.setattr(Path, step, fail)
    with pytest.raises(BadInput if isinstance(failure, OSError) else KeyboardInterrupt) as caught:
        image.write_atomic(path, b"new")
    monkeypatch.undo()
    assert isinstance(failure, KeyboardInterrupt) or "no space left" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["x.png"]


def test_places_that_cannot_be_written_to(tmp_path):
    with pytest.raises(BadInput, match=r"does not exist; choose another"):
        image.write_atomic(tmp_path / "gone" / "x.png", b"x")
    with pytest.raises(BadInput, match="is a folder"):
        image.write_atomic(tmp_path, b"x")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="cannot be written"):
        image.write_atomic(tmp_path / "file" / "x.png", b"x")
    assert leftovers(tmp_path) == ["file"]


def test_folders_are_made_where_asked(tmp_path):
    image.make_folder(tmp_path / "a" / "切り")
    image.make_folder(tmp_path / "a" / "切り")
    assert (tmp_path / "a" / "切り").is_dir()
    (tmp_path / "file").write_bytes(b"")
    for name in ("file", "file/below"):
        with pytest.raises(BadInput, match="in the way"):
            image.make_folder(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(BadInput, match="permission denied"):
        image.write_atomic(tmp_path / "x.png", b"x")
    tmp_path.chmod(0o700)

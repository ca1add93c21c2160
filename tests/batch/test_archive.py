"""Archives that mean ill, and archives that are damaged."""

import stat
import struct
import zipfile

import pytest

from kirie.batch.archive import Archive, write
from kirie.errors import BadInput


def packed(path, *members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members:
            file.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../a.jpg",
        "a/../../b.jpg",
        "/etc/a.jpg",
        "..\\a.jpg",
        "a\\..\\..\\b.jpg",
        "C:/a.jpg",
        "c:a.jpg",
    ],
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    path = packed(tmp_path / "x.zip", ("ok.jpg", b"x"), (name, b"x"))
    with pytest.raises(BadInput, match="lead out"):
        Archive(path)


def test_links_are_refused(tmp_path):
    info = zipfile.ZipInfo("link.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(BadInput, match="is a link"):
        Archive(packed(tmp_path / "x.zip", (info, b"/etc/passwd")))


def test_bombs_are_refused(tmp_path):
    with pytest.raises(BadInput, match="zip bomb"):
        Archive(packed(tmp_path / "x.zip", ("a.png", bytes(40 << 20))))
    Archive(packed(tmp_path / "y.zip", ("a.png", bytes(1 << 20)))).close()


def test_members_that_share_bytes_are_refused(tmp_path):
    path = packed(tmp_path / "x.zip", ("a.png", b"x" * 500), ("b.png", b"y" * 500), method=0)
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into(
        "<I", data, second + 42, 0
    )  # the second member begins where the first one does
    path.write_bytes(data)
    with pytest.raises(BadInput, match="share their bytes"):
        Archive(path)


def test_a_member_twice_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    with pytest.warns(UserWarning, match="Duplicate"):
        packed(path, ("a.png", b"1"), ("a.png", b"2"))
    with pytest.raises(BadInput, match="there twice"):
        Archive(path)


def test_a_header_that_lies_is_found_out(tmp_path):
    """It says 10 bytes and holds a thousand."""
    path = packed(tmp_path / "x.zip", ("a.png", b"x" * 1000))
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", data, data.index(mark) + offset, 10)
    path.write_bytes(data)
    with Archive(path) as archive, pytest.raises(BadInput, match=r"unpacked|more than"):
        archive.read("a.png")


def test_encrypted_members_are_said(tmp_path):
    path = packed(tmp_path / "x.zip", ("a.png", b"x" * 100))
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    with Archive(path) as archive, pytest.raises(BadInput, match="encrypted"):
        archive.read("a.png")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_damaged_members_are_one_sentence(tmp_path, method):
    path = packed(tmp_path / "x.zip", ("a.png", bytes(range(256)) * 30), method=method)
    data = bytearray(path.read_bytes())
    data[60:80] = b"\xff" * 20
    path.write_bytes(data)
    with Archive(path) as archive, pytest.raises(BadInput) as caught:
        archive.read("a.png")
    assert "unpacked" in str(caught.value)


def test_what_is_no_archive_is_said(tmp_path):
    for data in (b"", b"PK\x03\x04", b"hello" * 100):
        (tmp_path / "x.zip").write_bytes(data)
        with pytest.raises(BadInput, match="not a ZIP archive"):
            Archive(tmp_path / "x.zip")
    with pytest.raises(BadInput, match="no such file"):
        Archive(tmp_path / "gone.zip")


def test_the_same_files_make_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode() * 9)
    members = [("x/a.png", tmp_path / "a", "said"), ("b.png", tmp_path / "b", "")]
    write(tmp_path / "one.zip", members)
    (tmp_path / "a").touch()
    write(tmp_path / "two.zip", members)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with Archive(tmp_path / "one.zip") as archive:
        assert archive.read("x/a.png") == b"a" * 9
        assert archive.members["x/a.png"].comment == b"said"
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b", "one.zip", "two.zip"}

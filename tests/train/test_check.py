"""kirie train check: a deliberately broken folder whose every fault is listed, and sound ones that have none."""

import argparse
import io
import json

import numpy as np
import pytest
from PIL import Image

cv2 = pytest.importorskip("cv2")

from kirie.cli import train_check  # noqa: E402
from kirie.errors import BadInput  # noqa: E402
from kirie.train import check, contact, likeness  # noqa: E402

pytestmark = pytest.mark.torch


def photo(number, h=60, w=80):
    """Blobs that no other number has."""
    small = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC)


def disc(h=60, w=80):
    ys, xs = np.mgrid[:h, :w]
    return ((ys - h / 2) ** 2 + (xs - w / 2) ** 2 < (h / 4) ** 2).astype(np.uint8) * 255


def pair(folder, name, *, image=None, mask=None, ending=".png", number=None):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    number = sum(map(ord, name)) * 131 + len(name) if number is None else number
    shown = photo(number) if image is None else image
    cv2.imwrite(str(folder / "images" / f"{name}.jpg"), shown, [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(folder / "masks" / f"{name}{ending}"), disc() if mask is None else mask)


@pytest.fixture
def broken(tmp_path):
    """What is wrong, by file: {(kind, name)}; and the two folders."""
    data, val = tmp_path / "data", tmp_path / "val"
    for i in range(4):
        pair(data, f"sound_{i}")
        pair(val, f"held_{i}")
    pair(data, "text")
    (data / "images" / "text.jpg").write_text("no picture")
    pair(data, "cut")
    whole = (data / "masks" / "cut.png").read_bytes()
    (data / "masks" / "cut.png").write_bytes(whole[: len(whole) // 2])
    pair(data, "nothing")
    (data / "masks" / "nothing.png").write_bytes(b"")
    cv2.imwrite(str(data / "images" / "lonely.jpg"), photo(900))
    cv2.imwrite(str(data / "masks" / "orphan.png"), disc())
    pair(data, "small", mask=disc(30, 40))
    pair(data, "turned", mask=disc(80, 60))
    pair(data, "inverted", mask=255 - disc())
    pair(data, "empty", mask=np.zeros((60, 80), np.uint8))
    pair(data, "full", mask=np.full((60, 80), 255, np.uint8))
    pair(data, "ones", mask=disc() // 255)
    trimap = disc()
    trimap[cv2.dilate(trimap, np.ones((9, 9))) != trimap] = 128
    pair(data, "trimap", mask=trimap)
    pair(data, "numbers", mask=disc() // 255 * 17)
    pair(data, "colours", mask=np.dstack((disc(), disc() // 2, disc() // 3)))
    pair(data, "jpeg", ending=".jpg")
    pair(data, "palette")
    image = Image.fromarray(disc() // 255).convert("P")
    image.putpalette([0, 0, 0, 128, 0, 0])
    image.save(data / "masks" / "palette.png")
    pair(data, "twin_a", number=77)
    pair(data, "twin_b", image=cv2.resize(photo(77), (160, 120)), mask=disc(120, 160))
    pair(data, "mirror_a", number=78)
    pair(data, "mirror_b", image=photo(78)[:, ::-1])
    pair(data, "other_a", number=79)
    pair(data, "other_b", number=79, mask=np.roll(disc(), 38, 1))
    pair(val, "leaked", image=cv2.resize(photo(77), (100, 75)), mask=disc(75, 100))
    expected = {
        ("unreadable", "text.jpg"),
        ("unreadable", "cut.png"),
        ("unreadable", "nothing.png"),
        ("no truth", "lonely.jpg"),
        ("no picture", "orphan.png"),
        ("sizes", "small.jpg"),
        ("sizes", "turned.jpg"),
        ("values", "ones.png"),
        ("values", "trimap.png"),
        ("values", "numbers.png"),
        ("values", "colours.png"),
        ("values", "jpeg.jpg"),
        ("values", "palette.png"),
        ("empty", "empty.jpg"),
        ("full", "full.jpg"),
        ("inverted", "inverted.jpg"),
        ("duplicate", "twin_b.jpg"),
        ("duplicate", "mirror_b.jpg"),
        ("contradiction", "other_b.jpg"),
        ("leak", "leaked.jpg"),
    }
    return data, val, expected


def listed(faults):
    return {(fault.kind, fault.files[0].name) for fault in faults}


def test_every_fault_is_listed(broken):
    data, val, expected = broken
    found = check.faults([(data, 1)], [(val, 1)])
    assert listed(found) == expected
    assert {fault.kind for fault in found} == set(check.KINDS)
    order = [check.KINDS.index(fault.kind) for fault in found]
    assert order == sorted(order)
    said = {fault.files[0].name: fault.message for fault in found}
    assert "turned by a quarter" in said["turned.jpg"]
    assert "mirrored" in said["mirror_b.jpg"]
    assert "trimap" in said["trimap.png"]
    assert "0 and 1" in said["ones.png"]
    assert "17 of 255" in said["numbers.png"]
    # the picture leaked under two names: both are named
    leaks = [fault for fault in found if fault.kind == "leak"]
    assert {fault.files[1].name for fault in leaks} == {"twin_a.jpg", "twin_b.jpg"}


def test_sound_data_have_no_fault(tmp_path):
    for i in range(5):
        pair(tmp_path, f"p{i}")
    soft = cv2.GaussianBlur(disc(), (0, 0), 3)
    pair(tmp_path, "soft", mask=soft)
    pair(tmp_path, "filling", mask=cv2.rectangle(disc(), (0, 20), (79, 59), 255, -1))
    assert check.faults([(tmp_path, 1)]) == []


def test_label_maps_are_checked_as_such(tmp_path):
    labels = disc() // 255 * 7
    pair(tmp_path, "sound", mask=labels)
    pair(tmp_path, "void", mask=np.full((60, 80), 255, np.uint8))
    pair(tmp_path, "coloured", mask=np.dstack((disc(), disc() // 2, disc() // 3)))
    pair(tmp_path, "small", mask=labels[::2])
    assert listed(check.faults([(tmp_path, 1)], task="semantic")) == {
        ("empty", "void.jpg"),
        ("values", "coloured.png"),
        ("sizes", "small.jpg"),
    }


def test_cutouts_and_backgrounds_are_checked(tmp_path):
    for folder in ("train", "cutouts", "backgrounds"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "train" / "a.jpg"), photo(1))
    cv2.imwrite(str(tmp_path / "train" / "a.png"), disc())
    cv2.imwrite(str(tmp_path / "cutouts" / "opaque.png"), photo(2))
    (tmp_path / "backgrounds" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    found = check.faults([(tmp_path, 1)])
    assert listed(found) == {("unreadable", "opaque.png"), ("unreadable", "torn.jpg")}


def test_the_contact_sheet_shows_every_kind(broken):
    data, val, _ = broken
    checked = check.check([(data, 1)], [(val, 1)])
    page = np.asarray(Image.open(io.BytesIO(contact.sheet(checked))))
    less = np.asarray(Image.open(io.BytesIO(contact.sheet(checked, most=4, samples=0))))
    assert page.shape[0] > 3 * less.shape[0]
    assert len(np.unique(page.reshape(-1, 3), axis=0)) > 500
    shown = {fault.kind for fault in contact._fairly(checked.faults, len(check.KINDS))}
    assert shown == set(check.KINDS)
    nothing = contact.sheet(check.Checked((), 0))
    assert nothing.startswith(b"\x89PNG")


# Likeness


def test_the_same_picture_is_known_again():
    original = photo(5, 240, 320)
    ok, data = cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 30])
    assert ok
    again = [
        cv2.imdecode(data, cv2.IMREAD_COLOR),
        cv2.resize(original, (100, 75), interpolation=cv2.INTER_AREA),
        np.clip(original.astype(int) + 12, 0, 255).astype(np.uint8),
    ]
    prints = [likeness.print_of(image) for image in (original, *again)]
    found = list(likeness.alike(prints))
    assert {(a, b) for a, b, _ in found} == {(a, b) for b in range(4) for a in range(b)}
    assert not any(mirrored for *_, mirrored in found)


def test_other_pictures_are_not():
    prints = [likeness.print_of(photo(i)) for i in range(700)]
    assert list(likeness.alike(prints)) == []
    flat = [likeness.print_of(np.full((40, 40, 3), v, np.uint8)) for v in (0, 128, 255)]
    assert list(likeness.alike(flat)) == []
    assert list(likeness.alike([])) == []


def test_rows_beyond_one_block_are_compared(monkeypatch):
    monkeypatch.setattr(likeness, "ROWS", 4)
    prints = [likeness.print_of(photo(i % 9)) for i in range(12)]
    assert [(a, b) for a, b, _ in likeness.alike(prints)] == [(0, 9), (1, 10), (2, 11)]


# The command


def command(*arguments):
    parser = argparse.ArgumentParser()
    train_check.add_arguments(parser)
    return train_check.run(parser.parse_args([str(a) for a in arguments]))


def test_the_command(broken, tmp_path, capsys):
    data, val, expected = broken
    assert command(data, "--val", val, "--sheet", tmp_path / "sheet.png") == 1
    out = capsys.readouterr().out
    assert all(name in out for _, name in expected)
    assert "unreadable (3)" in out
    assert f"21 faults\ncontact sheet: {tmp_path / 'sheet.png'}" in out
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert command(data, "--val", val, "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["faults"]) == 21
    assert set(answer["faults"][0]) == {"kind", "files", "message"}


def test_the_command_on_sound_data(tmp_path, capsys):
    for i in range(3):
        pair(tmp_path, f"p{i}")
    assert command(tmp_path) == 0
    assert "3 pictures with a truth: no fault found" in capsys.readouterr().out
    with pytest.raises(BadInput, match="PNG"):
        command(tmp_path, "--sheet", "sheet.jpg")


def test_weights_in_folder_names(tmp_path):
    assert train_check.weighted("data:2.5") == (type(tmp_path)("data"), 2.5)
    assert train_check.weighted("data") == (type(tmp_path)("data"), 1.0)
    assert train_check.weighted("C:/data") == (type(tmp_path)("C:/data"), 1.0)
    odd = tmp_path / "a:3"
    odd.mkdir()
    assert train_check.weighted(str(odd)) == (odd, 1.0)

"""Data sets whose folders are recognised."""

import pytest
from PIL import Image

from kirie import _layouts
from kirie.errors import BadInput


def put(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("im", "gt"),
        ("Image", "Mask"),
        ("Imgs", "GT"),
        ("images", "masks"),
        ("Image", "GT_Object"),
        ("DUTS-TE-Image", "DUTS-TE-Mask"),
        ("HRSOD_test", "HRSOD_test_mask"),
        ("Test/Image", "Test/GT_Object"),
        ("DUTS-TE/DUTS-TE-Image", "DUTS-TE/DUTS-TE-Mask"),
    ],
)
def test_known_layouts(tmp_path, images, masks):
    put(tmp_path / images, "a.jpg")
    put(tmp_path / masks, "a.png")
    put(tmp_path / "Train" / "Image", "b.jpg")
    found = _layouts.find(tmp_path)
    assert (found.images, found.masks) == (tmp_path / images, tmp_path / masks)
    assert _layouts.find(tmp_path / masks)[:2] == (tmp_path / masks, tmp_path / images)


def test_a_folder_of_masks_alone(tmp_path):
    put(tmp_path / "truth", "a.png", "more/b.png", ".hidden/c.png")
    assert _layouts.find(tmp_path / "truth") == (tmp_path / "truth", None, "")
    assert list(_layouts.pictures(tmp_path / "truth")) == ["a", "more/b"]


def test_photos_and_masks_in_one_folder(tmp_path):
    put(tmp_path, "a.jpg", "a.png", "b.png")
    assert _layouts.pictures(tmp_path)["a"].suffix == ".png"
    assert _layouts.photos_beside(tmp_path) == {"a": tmp_path / "a.jpg"}


def test_several_data_sets_in_one_folder(tmp_path):
    for name in ("DIS-VD", "DIS-TE1"):
        put(tmp_path / name / "im", "a.jpg")
        put(tmp_path / name / "gt", "a.png")
    with pytest.raises(BadInput, match=r"holds data sets \(DIS-TE1, DIS-VD\): name one"):
        _layouts.find(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(BadInput, match="holds no masks"):
        _layouts.find(tmp_path)
    with pytest.raises(BadInput, match="is no folder"):
        _layouts.find(tmp_path / "none")


def test_the_wanted_part(tmp_path):
    for part in ("train", "val"):
        put(tmp_path / "one" / part / "images", "a.jpg")
        put(tmp_path / "one" / part / "masks", "a.png")
        put(tmp_path / "two" / "images" / part, "a.jpg")
        put(tmp_path / "two" / "masks" / part, "a.png")
    for parts, part in ((_layouts.TRAINS, "train"), (_layouts.TESTS, "val")):
        found = _layouts.find(tmp_path / "one", parts=parts)
        assert found.masks == tmp_path / "one" / part / "masks"
        found = _layouts.find(tmp_path / "two", parts=parts)
        assert found.images == tmp_path / "two" / "images" / part
        assert part in found.note


def test_a_part_with_photos_and_masks_in_one_folder(tmp_path):
    put(tmp_path / "train", "a.jpg", "a.png")
    assert _layouts.find(tmp_path, parts=_layouts.TRAINS)[:2] == (tmp_path / "train", None)


@pytest.mark.parametrize(
    ("images", "labels"),
    [("images", "labels"), ("images", "annotations"), ("JPEGImages", "SegmentationClass")],
)
def test_label_maps(tmp_path, images, labels):
    put(tmp_path / images, "a.jpg")
    put(tmp_path / labels, "a.png")
    found = _layouts.find(tmp_path, pairs=_layouts.LABELLED)
    assert (found.images, found.masks) == (tmp_path / images, tmp_path / labels)

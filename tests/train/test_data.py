"""The loader: pairs, the held-out tenth, premultiplied cutouts, and what is never opened."""

from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from kirie.errors import BadInput  # noqa: E402
from kirie.train import data  # noqa: E402

pytestmark = pytest.mark.torch


def test_pairs_cutouts_and_backgrounds_are_read(data_root):
    read = data.load(data_root)
    assert len(read.train) + len(read.held) == 60
    assert all(s.image.shape[:2] == s.mask.shape for s in read.train + read.held + read.cutouts)
    assert all(s.image.dtype == s.mask.dtype == np.uint8 for s in read.train)
    assert len(read.backgrounds) == 6
    assert all(s.mask is None for s in read.backgrounds)


def test_only_three_folders_are_opened(data_root, monkeypatch):
    opened = []
    original = cv2.imread
    monkeypatch.setattr(cv2, "imread", lambda p, flags: opened.append(p) or original(p, flags))
    data.load(data_root)
    folders = {Path(p).parent.relative_to(data_root).as_posix() for p in opened}
    assert folders == {"train", "cutouts", "backgrounds"}


def test_the_held_out_tenth_is_fixed_and_disjoint(data_root):
    first, second = data.load(data_root), data.load(data_root)
    held = {s.name for s in first.held}
    assert held == {s.name for s in second.held}
    assert held.isdisjoint(s.name for s in first.train)
    # By the name alone: the same wherever the folder lies and whatever else is in it.
    assert [i for i in range(40) if data.held_out(f"pet_{i}")] == HELD
    share = np.mean([data.held_out(f"x_{i}") for i in range(5000)])
    assert 0.08 < share < 0.12


HELD = [3, 21, 24]


@pytest.mark.parametrize(
    ("file", "photo"),
    [
        ("pet_Bengal_1", "pet_Bengal_1"),
        ("petbg_Bengal_1", "pet_Bengal_1"),
        ("ccpbg_0007r", "ccp_0007"),
        ("ccphead_0007", "ccp_0007"),
        ("bal_123_0", "bal_123"),
        ("bal_123", "bal_123"),
        ("ycb_banana_0", "ycb_banana_0"),
    ],
)
def test_files_of_one_photo_stand_on_one_side(file, photo):
    assert data.photo(file) == photo
    assert data.held_out(file) == data.held_out(photo)


def test_large_pictures_are_shrunk(data_root):
    read = data.load(data_root, side=40, cutout_side=20)
    assert max(max(s.image.shape[:2]) for s in read.train) == 40
    assert max(max(s.image.shape[:2]) for s in read.cutouts) == 20


def test_cutouts_are_premultiplied(tmp_path, data_root):
    """Hidden colours must not reach an edge when the cutout is resized."""
    (tmp_path / "cutouts").mkdir()
    (tmp_path / "train").symlink_to(data_root / "train")
    pixels = np.full((40, 40, 4), 255, np.uint8)  # white, hidden and visible
    pixels[..., 3] = 0
    pixels[10:30, 10:30, 3] = 128
    cv2.imwrite(str(tmp_path / "cutouts" / "emo_1.png"), pixels)
    (cutout,) = data.load(tmp_path).cutouts
    assert cutout.mask.shape == (20, 20)
    assert np.abs(cutout.image.astype(int) - cutout.mask[..., None]).max() <= 1


def test_backgrounds_with_a_subject_are_no_examples_of_nothing(data_root):
    read = data.load(data_root, with_subject=("grass_1", "grass_2"))
    assert {s.name for s in read.backgrounds} - {s.name for s in read.empty} == {
        s.name for s in read.backgrounds if s.name in ("grass_1", "grass_2")
    }


def test_a_folder_without_pictures_says_what_is_missing(tmp_path):
    with pytest.raises(BadInput, match=r"train/NAME\.jpg"):
        data.load(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(BadInput, match="holds 0 pictures"):
        data.load(tmp_path)


def test_a_mask_of_another_size_is_refused(tmp_path):
    (tmp_path / "train").mkdir()
    cv2.imwrite(str(tmp_path / "train" / "a.jpg"), np.zeros((20, 30, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "train" / "a.png"), np.zeros((20, 20), np.uint8))
    with pytest.raises(BadInput, match="30×20"):
        data.load(tmp_path)


def test_a_broken_picture_is_named(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "broken.jpg").write_text("no picture")
    with pytest.raises(BadInput, match=r"broken\.jpg"):
        data.load(tmp_path)

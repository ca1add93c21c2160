"""Decoded pictures: read once, within the memory that is allowed, and stored by content."""

import os
import pickle

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from kirie.train import augment, cache, reading, sources  # noqa: E402
from kirie.train.cache import Kept, Pictures  # noqa: E402

pytestmark = pytest.mark.torch

SMALL = Kept(squash=(32, 48))
EACH = 32 * 48 * 4


@pytest.fixture
def found(data_root):
    return sources.find([(data_root, 1)])


@pytest.fixture
def reads(monkeypatch):
    """How often pictures were really read."""
    count = []
    for name in ("read", "cutout", "picture"):
        original = getattr(cache, name)
        monkeypatch.setattr(
            cache, name, lambda *a, original=original: count.append(1) or original(*a)
        )
    return count


def test_a_picture_is_read_once(found, reads):
    pictures = Pictures(memory=1 << 20)
    first, second = (pictures(found.files[0], SMALL) for _ in range(2))
    assert len(reads) == 1
    assert first[0] is second[0]
    assert (first[0].shape, first[1].shape) == ((32, 48, 3), (32, 48))
    assert not first[0].flags.writeable
    pictures(found.files[0], Kept(longest=20))
    pictures.cutout(found.cutouts[0], SMALL)
    pictures.plain(found.backgrounds[0], SMALL)
    pictures.plain(found.backgrounds[0], SMALL)
    assert len(reads) == 4


def test_memory_is_bounded(found, reads):
    pictures = Pictures(memory=3 * EACH + 10)
    for _ in range(2):
        for example in found.files[:6]:
            pictures(example, SMALL)
    assert pictures.used == 3 * EACH
    assert len(reads) == 6 + 3  # three are held


def test_a_phase_that_is_over_makes_room(found, monkeypatch):
    monkeypatch.setattr(cache, "STALE", 5)
    pictures = Pictures(memory=3 * EACH)
    for example in found.files[:3]:
        pictures(example, SMALL)
    other = Kept(squash=(48, 32))
    for example in found.files[:8]:
        pictures(example, other)
    assert pictures.used == 3 * EACH
    assert set(pictures._held) == {other}


def test_stored_pictures_are_taken_up_by_content(found, reads, tmp_path):
    folder = tmp_path / "kept"
    one = Pictures(memory=0, folder=folder)
    first = one(found.files[0], SMALL)
    assert len(list(folder.iterdir())) == 1
    again = Pictures(memory=0, folder=folder)(found.files[0], SMALL)
    assert len(reads) == 1
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    # the same content under another name is the same; other content is not
    for example, name in ((found.files[0], "same"), (found.files[1], "changed")):
        image, truth = tmp_path / f"{name}.jpg", tmp_path / f"{name}.png"
        image.write_bytes(example.image.read_bytes())
        truth.write_bytes(example.truth.read_bytes())
    one(sources.Example("x", tmp_path / "same.jpg", tmp_path / "same.png"), SMALL)
    assert len(reads) == 1
    changed = one(sources.Example("x", tmp_path / "changed.jpg", tmp_path / "changed.png"), SMALL)
    assert len(reads) == 2
    assert not np.array_equal(changed[0], first[0])
    one.cutout(found.cutouts[0], SMALL)
    one.cutout(found.cutouts[0], SMALL)
    assert len(reads) == 3


def test_label_maps_keep_their_numbers(tmp_path):
    numbers = np.random.default_rng(0).integers(0, 12, (40, 40), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), numbers)
    example = sources.Example("a", tmp_path / "a.png", tmp_path / "a.png")
    pictures = Pictures("semantic", reading.Labels(ignored=(11,)), folder=tmp_path / "kept")
    _, labels = pictures(example, Kept(longest=20))
    assert labels.dtype == np.int16
    assert set(np.unique(labels)) <= {*range(11), 255}
    again = Pictures("semantic", reading.Labels(ignored=(11,)), folder=tmp_path / "kept")
    assert np.array_equal(again(example, Kept(longest=20))[1], labels)
    assert 11 in Pictures("semantic", folder=tmp_path / "kept")(example, Kept(longest=20))[1]


def test_sizes_that_are_kept():
    assert Kept(squash=(5, 7)).size(100, 200) == (5, 7)
    assert Kept(longest=50).size(100, 200) == (25, 50)
    assert Kept(longest=50).size(20, 30) == (20, 30)
    assert Kept(longest=100, shortest=25).size(100, 200) == (25, 50)


def test_a_copy_for_another_process_starts_empty(found):
    pictures = Pictures(memory=1 << 20)
    pictures(found.files[0], SMALL)
    copy = pickle.loads(pickle.dumps(pictures))  # noqa: S301
    assert copy.used == 0
    assert np.array_equal(copy(found.files[0], SMALL)[0], pictures(found.files[0], SMALL)[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="slow to start elsewhere")
def test_processes_make_what_threads_make(found):
    torch = pytest.importorskip("torch")
    from kirie.train.feed import Feed

    batches = []
    for processes in (False, True):
        make = augment.get("photo", found, composites=0.3)
        options = {"batch": 4, "size": 32, "seed": 1, "workers": 2, "processes": processes}
        with Feed(found, make, **options) as feed:
            batches.append([feed.batch() for _ in range(3)])
    for one, two in zip(*batches, strict=True):
        assert one.names == two.names
        assert torch.equal(one.images, two.images)

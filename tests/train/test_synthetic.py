"""Synthetic subjects and scenes: what they are, that they follow from their seed, and how they are written."""

import multiprocessing

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from kirie import image  # noqa: E402
from kirie.errors import BadInput  # noqa: E402
from kirie.train import reading  # noqa: E402
from kirie.train.synthetic import KINDS, SCENES, contact, scene, subject, write, writing  # noqa: E402

THIN = {
    "bicycle",
    "fence",
    "ladder",
    "post",
    "rope",
    "kite",
    "spider",
    "insect",
    "bare",
    "grass",
    "snake",
}


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", [*KINDS, "group"])
def test_a_subject_is_premultiplied_and_fills_a_sensible_share(kind):
    for seed in range(3):
        colours, alpha = subject(np.random.default_rng((seed, 5)), 72, kind)
        assert colours.dtype == alpha.dtype == np.uint8
        assert colours.shape == (*alpha.shape, 3)
        assert 24 <= max(alpha.shape) <= 72
        assert (colours.max(2) <= alpha).all()
        assert alpha.max() > 160
        share = alpha.mean() / 255
        assert (0.02 if kind in THIN else 0.05) < share <= 1.0, (kind, seed, share)
        straight = writing.straight(colours, alpha)[alpha > 200][:, :3]
        assert straight.mean() > 8  # lit
        assert straight.std() > 1  # not one flat colour


@pytest.mark.parametrize("kind", SCENES)
def test_a_scene_has_the_size_asked_for(kind):
    for height, width in ((80, 131), (120, 72)):
        made = scene(np.random.default_rng(height), height, width, kind)
        assert made.shape == (height, width, 3)
        assert made.dtype == np.uint8
        assert made.std() > 0.3


def test_a_seed_makes_the_same_picture_again_and_another_seed_another_one():
    for kind in ("car", "beast", "tree", "blob", "group", "kite"):
        one, two, other = (subject(np.random.default_rng(s), 64, kind) for s in (1, 1, 2))
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
        assert one[1].shape != other[1].shape or not np.array_equal(one[1], other[1])
    one, two, other = (scene(np.random.default_rng(s), 64, 64) for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_files_do_not_depend_on_the_number_of_processes(tmp_path):
    assert write(tmp_path / "one", 10, 3, seed=4, side=64, workers=1) == 13
    assert write(tmp_path / "two", 10, 3, seed=4, side=64, workers=2) == 13
    found = contents(tmp_path / "one")
    assert found == contents(tmp_path / "two")
    names = sorted(path.name for path in found)
    assert sum(name.endswith(".png") for name in names) == 10
    assert sum(name.endswith(".jpg") for name in names) == 3
    assert all(name.startswith("syn_") for name in names)
    assert multiprocessing.active_children() == []


def test_a_cutout_is_read_as_it_was_made(tmp_path):
    write(tmp_path, 4, 0, side=64, workers=1)
    for path in (tmp_path / "cutouts").iterdir():
        pixels = image.decode(path)
        colours, alpha = reading.cutout(path)
        assert pixels.alpha is not None
        assert (colours <= alpha[..., None]).all()
        assert max(alpha.shape) <= 64


def test_what_is_there_is_not_made_again(tmp_path):
    write(tmp_path, 6, 2, seed=1, side=64, workers=1)
    before = contents(tmp_path)
    kept, lost = sorted((tmp_path / "cutouts").iterdir())[:2]
    kept.write_bytes(b"mine")
    lost.unlink()
    assert write(tmp_path, 8, 2, seed=1, side=64, workers=1) == 3
    after = contents(tmp_path)
    assert after[kept.relative_to(tmp_path)] == b"mine"
    assert after[lost.relative_to(tmp_path)] == before[lost.relative_to(tmp_path)]
    assert len(after) == 10


def test_an_interruption_leaves_whole_files_alone(tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    write(whole, 6, 0, seed=2, side=64, workers=1)
    encode, calls = writing.encode, []

    def interrupted(*given, **more):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return encode(*given, **more)

    monkeypatch.setattr(writing, "encode", interrupted)
    part = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt):
        write(part, 6, 0, seed=2, side=64, workers=1)
    found = contents(part)
    assert len(found) == 3
    assert found.items() <= contents(whole).items()
    monkeypatch.setattr(writing, "encode", encode)
    assert write(part, 6, 0, seed=2, side=64, workers=1) == 3
    assert contents(part) == contents(whole)


@pytest.mark.parametrize(
    "given", [{"subjects": -1}, {"scenes": -1}, {"seed": -1}, {"side": 8}, {"workers": 0}]
)
def test_numbers_without_sense_are_refused(tmp_path, given):
    with pytest.raises(BadInput, match=next(iter(given))):
        write(tmp_path, **{"subjects": 1, "scenes": 1, **given})


def test_unknown_kinds_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="unicorn"):
        subject(rng, 64, "unicorn")
    with pytest.raises(BadInput, match="moon"):
        scene(rng, 64, 64, "moon")
    with pytest.raises(BadInput, match="too small"):
        scene(rng, 20, 64)


def test_a_contact_sheet_has_a_row_for_each_kind(tmp_path):
    contact(tmp_path / "sheet.png", 0, ["leaf", "group", "sky"])
    assert image.decode(tmp_path / "sheet.png").pixels.shape == (3 * 128, 84 + 8 * 128, 3)

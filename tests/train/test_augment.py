"""Augmentation: sizes, determinism, and that the mask always says what the picture shows."""

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from kirie.train.data import Data, Sample  # noqa: E402

from kirie.train import augment, data  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def read(data_root):
    return data.load(data_root)


def test_the_same_seed_makes_the_same_picture(read):
    for n in range(10):
        one = augment.picture(read, np.random.default_rng((7, n)), 64, 0.5, 0.1)
        two = augment.picture(read, np.random.default_rng((7, n)), 64, 0.5, 0.1)
        assert one[0] == two[0]
        assert np.array_equal(one[1], two[1])
        assert np.array_equal(one[2], two[2])


def test_pictures_are_square_bytes(read):
    for n in range(30):
        _, image, mask = augment.picture(read, np.random.default_rng(n), 48, 0.5, 0.1)
        assert (image.shape, mask.shape) == ((48, 48, 3), (48, 48))
        assert image.dtype == mask.dtype == np.uint8


def test_shares_of_the_kinds_are_kept(read):
    names = [augment.picture(read, np.random.default_rng(n), 32, 0.5, 0.2)[0] for n in range(400)]
    composites = sum("+" in name for name in names)
    empties = sum("+" not in name and name.startswith("grass") for name in names)
    assert 160 < composites < 240
    assert 50 < empties < 110


def test_a_crop_keeps_most_of_the_subject(read):
    rng = np.random.default_rng(0)
    for _ in range(50):
        sample = read.train[int(rng.integers(len(read.train)))]
        _, mask = augment.crop(sample, rng, 96)
        # A crop enlarges what it shows: a subject kept by KEEP covers at least that part of its share before.
        assert mask.mean() >= 0.9 * augment.KEEP * sample.mask.mean()


def test_mask_and_picture_move_together(read):
    """Discs are bright and grounds dark: brightness must agree with the mask before colours are changed."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        sample = read.train[int(rng.integers(len(read.train)))]
        image, mask = augment.turn(*augment.crop(sample, rng, 96), rng)
        bright = image.max(2) > 120
        assert (bright == (mask > 127)).mean() > 0.97


def test_a_composites_mask_is_what_is_visible(read):
    rng = np.random.default_rng(2)
    agreements = []
    for _ in range(40):
        _, image, mask = augment.composite(read, rng, 96)
        agreements.append(((image.max(2) > 100) == (mask > 127)).mean())
    assert np.mean(agreements) > 0.97


def test_a_shadow_is_not_part_of_the_subject():
    rng = np.random.default_rng(0)
    white = np.full((64, 64, 3), 255, np.uint8)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[20:40, 20:40] = 255
    colours = np.dstack([alpha // 2] * 3)
    darker = 0
    for _ in range(20):
        out = augment.lay(white, colours, alpha, rng)
        assert (out[alpha == 255] == 127).all()
        darker += bool((out[alpha == 0] < 250).any())
    assert 1 <= darker <= 15


def test_an_empty_picture_has_an_empty_mask(read):
    _, image, mask = augment.empty(read, np.random.default_rng(0), 40)
    assert image.shape == (40, 40, 3)
    assert not mask.any()


def test_without_cutouts_every_picture_is_a_photo(read):
    only = Data(read.train, read.held)
    for n in range(10):
        name, _, _ = augment.picture(only, np.random.default_rng(n), 32, 0.9, 0.1)
        assert name.startswith("pet_")


def test_a_grey_ramp_survives_the_jitter_in_order():
    """Colour changes never invert: a ramp stays a ramp (noise, blur and JPEG aside)."""
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    for n in range(20):
        out = augment.jitter(ramp, np.random.default_rng(n)).astype(float).mean((0, 2))
        assert np.corrcoef(out, np.arange(64))[0, 1] > 0.8


def test_a_sample_without_a_mask_is_an_error_of_ours():
    bare = Sample("x", np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(ValueError, match="no mask"):
        augment.crop(bare, np.random.default_rng(0), 16)

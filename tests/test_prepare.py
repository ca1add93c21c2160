import numpy as np
import pytest

from kirie.prepare import prepare
from kirie.spec import Preparation

RNG = np.random.default_rng(1)


def smooth(height, width):
    ys, xs = np.mgrid[0:height, 0:width] / max(height, width)
    planes = [np.sin(7 * xs + k) * np.cos(5 * ys - k) * 100 + 120 for k in range(3)]
    return np.stack(planes, -1).astype(np.uint8)


@pytest.mark.parametrize(
    "how", ["bilinear", "bicubic", "lanczos", "shrink", "skimage", "skimage-plain", "torch"]
)
@pytest.mark.parametrize("size", [(700, 501), (31, 90), (1, 1), (64, 48)])
def test_shape_type_and_geometry(how, size):
    batch, geometry = prepare(smooth(*size), Preparation(size=(64, 48), filter=how))
    assert batch.shape == (1, 3, 64, 48)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    assert geometry.picture == size
    assert geometry.network == (64, 48)


def test_normalisation_is_by_the_card():
    grey = np.full((8, 8, 3), 51, np.uint8)
    batch, _ = prepare(grey, Preparation(size=(8, 8), mean=(0.1, 0.2, 0.3), std=(0.1, 0.5, 2.0)))
    np.testing.assert_allclose(
        batch[0, :, 0, 0], [(0.2 - 0.1) / 0.1, 0, (0.2 - 0.3) / 2], atol=1e-6
    )


@pytest.mark.parametrize("how", ["bilinear", "shrink", "skimage", "torch"])
def test_pixels_stay_pixels_where_the_file_normalises(how):
    picture = smooth(90, 70)
    pixels, _ = prepare(picture, Preparation(size=(64, 48), filter=how, scale="none"))
    plain = Preparation(size=(64, 48), filter=how, mean=(0, 0, 0), std=(1, 1, 1))
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - 255 * prepare(picture, plain)[0]).max() <= 0.51


def test_maximum_scales_by_the_picture_and_survives_black():
    dark = np.full((8, 8, 3), 10, np.uint8)
    plain = Preparation(size=(8, 8), scale="maximum", mean=(0, 0, 0), std=(1, 1, 1))
    np.testing.assert_allclose(prepare(dark, plain)[0], 1, atol=1e-6)
    np.testing.assert_allclose(prepare(np.zeros_like(dark), plain)[0], 0)


def test_shrink_stays_within_a_few_levels_of_bilinear():
    picture = smooth(1111, 977)
    exact, _ = prepare(picture, Preparation(size=(128, 128), filter="bilinear"))
    quick, _ = prepare(picture, Preparation(size=(128, 128), filter="shrink"))
    assert np.abs(exact - quick).max() * 0.229 * 255 < 3

import numpy as np
import pytest
from PIL import Image

from kirie import compose

RNG = np.random.default_rng(3)
DEPTHS = pytest.mark.parametrize("dtype", [np.uint8, np.uint16])


def picture(dtype=np.uint8, size=(900, 70)):
    return RNG.integers(0, np.iinfo(dtype).max, (*size, 3), dtype, endpoint=True)


@DEPTHS
def test_cutout_is_straight_and_hides_for_good(dtype):
    colours = picture(dtype)
    alpha = RNG.random((900, 70), np.float32)
    alpha[100:200] = 0
    alpha[300:400] = 1
    out = compose.cutout(colours, alpha)
    assert out.dtype == dtype
    assert (out[100:200] == 0).all()
    assert (out[300:400, :, :3] == colours[300:400]).all()
    assert (out[300:400, :, 3] == np.iinfo(dtype).max).all()
    seen = out[..., 3] > 0
    assert (out[seen][:, :3] == colours[seen]).all()  # straight: not darkened by alpha


@DEPTHS
def test_on_is_the_compositing_equation(dtype):
    colours, background = picture(dtype), picture(dtype)
    alpha = RNG.random((900, 70), np.float32)
    expected = colours * alpha[..., None].astype(float) + background * (
        1 - alpha[..., None].astype(float)
    )
    np.testing.assert_allclose(compose.on(colours, alpha, background), expected, atol=0.51)


def test_mask_rounds():
    alpha = np.array([[0, 0.4999 / 255, 0.5001 / 255, 1]], np.float32)
    assert compose.mask(alpha, np.dtype(np.uint8)).tolist() == [[0, 0, 1, 255]]


def test_trimap_marks_a_band_around_the_edge():
    alpha = np.zeros((400, 400), np.float32)
    alpha[100:300, 100:300] = 1
    alpha[100:300, 99] = 0.5
    out = compose.trimap(alpha)
    assert set(np.unique(out)) == {0, 128, 255}
    assert out[200, 97] == out[200, 99] == out[200, 101] == 128
    assert (out[200, 96], out[200, 102]) == (0, 255)


def test_overlay_leaves_the_subject_alone():
    colours = picture()
    alpha = np.zeros((900, 70), np.float32)
    alpha[:450] = 1
    out = compose.overlay(colours, alpha)
    assert (out[:450] == colours[:450]).all()
    assert not (out[450:] == colours[450:]).all()


def test_depths():
    eight = picture()
    assert (compose.eight_bits(compose.deepen(eight, np.dtype(np.uint16))) == eight).all()
    assert Image.fromarray(compose.eight_bits(picture(np.uint16))).mode == "RGB"

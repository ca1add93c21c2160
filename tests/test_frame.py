"""Where the picture comes to lie: pixel-exact where nothing is scaled."""

import numpy as np
import pytest

from kirie import CutOptions
from kirie._frame import frame, mirrored, moved

PIXELS = np.random.default_rng(2).integers(0, 256, (100, 200, 3), np.uint8)


@pytest.fixture
def alpha():
    """A subject of 40×20 pixels at (60, 30) of a picture of 200×100."""
    plane = np.zeros((100, 200), np.float32)
    plane[30:50, 60:100] = 1
    return plane


def placed(alpha, **options):
    place = frame(alpha, CutOptions(**options).resolved())
    colours, share = moved(PIXELS, alpha, place)
    rows, columns = (np.flatnonzero((share > 0.5).any(axis=axis)) for axis in (1, 0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return colours, share, box


def test_without_options_nothing_moves(alpha):
    colours, share, _ = placed(alpha)
    assert colours is PIXELS
    assert share is alpha


@pytest.mark.parametrize(("margin", "pixels"), [(0, 0), (7, 7), ("10%", 4)])
def test_crop_leaves_the_subject_and_its_margin(alpha, margin, pixels):
    colours, share, box = placed(alpha, crop=margin)
    assert share.shape == (20 + 2 * pixels, 40 + 2 * pixels)
    assert box == (pixels, pixels, 40 + pixels, 20 + pixels)
    inner = np.s_[pixels : pixels + 20, pixels : pixels + 40]
    assert (colours[inner] == PIXELS[30:50, 60:100]).all()


def test_a_margin_goes_on_beyond_the_picture(alpha):
    colours, share, box = placed(alpha, crop=50)
    assert share.shape == (120, 140)
    assert box == (50, 50, 90, 70)
    assert not colours[:20].any()


def test_on_its_own_background_a_picture_is_not_cropped_beyond_itself(alpha):
    assert placed(alpha, crop=50, background="blur")[1].shape == (100, 140)


@pytest.mark.parametrize(
    ("options", "box"),
    [
        ({"canvas": "400x400", "crop": 0}, (0, 100, 400, 300)),
        ({"canvas": "400x400", "scale": "50%"}, (100, 150, 300, 250)),
        ({"canvas": "400x400", "scale": "50%", "position": "left top"}, (0, 0, 200, 100)),
        ({"canvas": "400x400", "scale": "50%", "position": "bottom"}, (100, 300, 300, 400)),
        ({"canvas": "400x400", "scale": "50%", "position": "25%,100%"}, (50, 300, 250, 400)),
        ({"canvas": "400x300", "scale": "original", "position": "center"}, (180, 140, 220, 160)),
        ({"canvas": "400x400"}, (120, 160, 200, 200)),  # the whole picture, twice as large
        ({"canvas": "100x100"}, (30, 40, 50, 50)),
        ({"position": "right bottom"}, (160, 80, 200, 100)),
        ({"scale": "25%"}, (75, 38, 125, 62)),
    ],
)
def test_canvas_scale_and_position(alpha, options, box):
    _, share, found = placed(alpha, **options)
    if "canvas" in options:
        assert share.shape == CutOptions(**options).canvas[::-1]
    assert found == pytest.approx(box, abs=1)


def test_nothing_to_see_leaves_the_whole_picture():
    empty = np.zeros((100, 200), np.float32)
    place = frame(empty, CutOptions(crop=5))
    assert place.still


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("scale", ["20%", "90%", "300%"])
def test_scaling_mixes_nothing_hidden_into_what_is_seen(alpha, dtype, scale):
    """The subject is one colour, everything hidden is another: the result shows the first alone."""
    top = np.iinfo(dtype).max
    colours = np.full((100, 200, 3), top, dtype)
    colours[alpha > 0] = (top // 4, top // 2, top // 8)
    place = frame(alpha, CutOptions(scale=scale, canvas="333x333"))
    out, share = moved(colours, alpha, place)
    seen = share > 0.02
    assert seen.any()
    assert (
        np.abs(out[seen] - np.array([top // 4, top // 2, top // 8], float)).max() <= 1 + top / 2000
    )


def test_beyond_its_border_a_background_is_mirrored(alpha):
    place = frame(alpha, CutOptions(canvas="300x140", scale="original"))
    out = mirrored(PIXELS, place)
    assert out.shape == (140, 300, 3)
    assert (out[20:120, 50:250] == PIXELS).all()
    assert (out[20:120, 40:50] == PIXELS[:, 9::-1]).all()
    assert (out[120:, 50:250] == PIXELS[:-21:-1]).all()


@pytest.mark.parametrize("canvas", ["600x300", "100x50", "150x400"])
def test_a_scaled_background_keeps_its_place(alpha, canvas):
    """A ramp, scaled with its picture, is the same ramp where the picture is."""
    ramp = np.repeat(np.linspace(20, 220, 200)[None], 100, 0).astype(np.uint8)
    pixels = np.stack([ramp] * 3, axis=2)
    place = frame(alpha, CutOptions(canvas=canvas))
    behind = mirrored(pixels, place)
    shown, _ = moved(pixels, np.ones_like(alpha), place)
    rows = slice(max(0, place.top) + 4, place.top + place.scaled[0] - 4)
    columns = slice(max(0, place.left) + 4, place.left + place.scaled[1] - 4)
    difference = behind[rows, columns].astype(int) - shown[rows, columns]
    assert np.abs(difference).max() <= 2

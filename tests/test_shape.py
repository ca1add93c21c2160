import numpy as np
import pytest

from kirie import _shape

RNG = np.random.default_rng(5)


def soft(size=(90, 150)):
    """Blobs with soft edges, and flat areas."""
    plane = _shape.blur(RNG.random(size).astype(np.float32), 3)
    return ((plane - plane.mean()) * 4).clip(0, 1)


def disc(radius, size=(200, 260)):
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]]
    return (np.hypot(ys - size[0] / 2, xs - size[1] / 2) < radius).astype(np.float32)


def brute(alpha, radius):
    """The largest value within a distance, by its definition; beyond the border its last pixel."""
    wide = np.pad(alpha, radius, "edge")
    out = np.zeros_like(alpha)
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            if down * down + right * right <= radius * radius:
                top, left = radius + down, radius + right
                part = wide[top : top + alpha.shape[0], left : left + alpha.shape[1]]
                out = np.maximum(out, part)
    return out


@pytest.mark.parametrize("size", [(90, 150), (7, 200), (65, 64), (1, 1)])
@pytest.mark.parametrize("radius", [1, 2, 3, 9])
def test_shift_is_the_largest_value_within_a_distance(size, radius):
    alpha = soft(size)
    assert (_shape.shift(alpha, radius) == brute(alpha, radius)).all()
    np.testing.assert_allclose(
        _shape.shift(alpha, -radius), 1 - brute(1 - alpha, radius), atol=1e-6
    )


@pytest.mark.parametrize("pixels", [-40, -7, 5, 30])
def test_shift_moves_a_round_edge_by_as_many_pixels(pixels):
    area = _shape.shift(disc(60), pixels).sum()
    assert np.sqrt(area / np.pi) == pytest.approx(60 + pixels, abs=0.5)


def test_shift_knows_parts_of_pixels_and_nothing_moves_by_zero():
    alpha = soft()
    assert _shape.shift(alpha, 0) is alpha
    areas = [float(_shape.shift(alpha, pixels).sum()) for pixels in (2, 2.25, 2.5, 3)]
    assert areas == sorted(areas)
    assert areas[1] - areas[0] == pytest.approx((areas[3] - areas[0]) / 4, rel=1e-3)


def test_a_subject_that_the_frame_cuts_off_is_not_eaten_from_there():
    alpha = np.zeros((100, 100), np.float32)
    alpha[50:] = 1
    assert (_shape.shift(alpha, -5)[55:] == 1).all()
    assert (_shape.shift(alpha, -5)[:55] == 0).all()


@pytest.mark.parametrize("pixels", [4, 20, 90])
def test_feather_fades_over_as_many_pixels(pixels):
    alpha = np.zeros((64, 400), np.float32)
    alpha[:, 200:] = 1
    row = _shape.feather(alpha, pixels)[30]
    fade = np.flatnonzero((row > 0.02) & (row < 0.98))
    assert len(fade) == pytest.approx(pixels, abs=max(2, 0.06 * pixels))
    assert fade.mean() == pytest.approx(199.5, abs=0.51)
    assert (row[:100], row[300:]) == (pytest.approx(0, abs=1e-4), pytest.approx(1, abs=1e-4))


@pytest.mark.parametrize("sigma", [0.3, 1, 6.5])
def test_blur_has_the_spread_of_its_gaussian(sigma):
    plane = np.zeros((1, 201), np.float32)
    plane[0, 100] = 1
    row, place = _shape.blur(plane, sigma)[0], np.arange(201) - 100
    assert row.sum() == pytest.approx(1, abs=1e-5)
    assert np.sqrt((row * place**2).sum()) == pytest.approx(sigma, rel=1e-3)


def test_tiles_leave_no_seams():
    alpha = soft((150, 200))
    whole = _shape.blur(np.pad(alpha, 40, "edge"), 2.5)[40:-40, 40:-40]
    np.testing.assert_allclose(_shape.feather(alpha, 10), whole, atol=1e-5)

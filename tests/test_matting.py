import numpy as np
import pytest

from kirie import matting
from kirie.compose import trimap

RNG = np.random.default_rng(11)


def levin(colours, alpha, band):
    """The dense system by its definition, window by window, solved exactly."""
    height, width = band.shape
    laplacian = np.zeros((height * width, height * width))
    index = np.arange(height * width).reshape(height, width)
    for top in range(height - 2):
        for left in range(width - 2):
            window = np.s_[top : top + 3, left : left + 3]
            values = colours[window].reshape(9, 3).astype(np.float64)
            away = values - values.mean(axis=0)
            covariance = away.T @ away / 9 + matting.EPS / 9 * np.eye(3)
            shares = (1 + away @ np.linalg.inv(covariance) @ away.T) / 9
            places = index[window].ravel()
            laplacian[np.ix_(places, places)] += np.eye(9) - shares
    trust = matting.TRUST * (2 * alpha.ravel() - 1) ** 2
    unknown = band.ravel()
    known = np.where(band, 0, alpha >= 0.5).ravel()[~unknown].astype(float)
    system = laplacian + np.diag(trust)
    right = (trust * alpha.ravel())[unknown] - laplacian[np.ix_(unknown, ~unknown)] @ known
    found = (alpha >= 0.5).ravel().astype(float)
    found[unknown] = np.linalg.solve(system[np.ix_(unknown, unknown)], right)
    return found.reshape(height, width).clip(0, 1)


def scene(size=(40, 70), seed=0):
    """A picture mixed from two textures, its true alpha, and a network's blurred idea of it."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]] / size[1]
    true = np.clip(0.5 + 6 * (0.5 + 0.03 * np.sin(40 * ys) - xs), 0, 1)
    front = np.array([0.8, 0.5, 0.2]) + 0.1 * np.sin(20 * xs + 9 * ys)[..., None]
    back = np.array([0.1, 0.3, 0.5]) + 0.1 * np.cos(17 * ys)[..., None]
    mixed = true[..., None] * front + (1 - true[..., None]) * back
    mixed += rng.normal(0, 0.004, mixed.shape)
    rgb = (mixed.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    guess = np.clip(0.5 + 3 * (0.52 - xs), 0, 1).astype(np.float32)
    return rgb, true, guess


@pytest.mark.parametrize("size", [(20, 33), (33, 20)])
def test_it_is_levins_solution(size, monkeypatch):
    monkeypatch.setattr(matting, "ENOUGH", 1e-6)
    monkeypatch.setattr(matting, "STEPS", 400)
    rgb, _, guess = scene(size)
    colours = rgb / np.float32(255)
    expected = levin(colours, guess, trimap(guess) == 128)
    np.testing.assert_allclose(matting.matte(rgb, guess), expected, atol=2e-3)


def test_it_finds_the_edge_that_the_colours_show():
    rgb, true, guess = scene((120, 200))
    found = matting.matte(rgb, guess)
    band = trimap(guess) == 128
    assert 3 * np.abs(found - true)[band].mean() < np.abs(guess - true)[band].mean()
    assert set(np.unique(found[~band])) <= {0, 1}


def test_hair_comes_back_in_a_picture_that_is_solved_smaller(monkeypatch):
    """Lines of two pixels that the guess knows nothing of, solved at half the size."""
    monkeypatch.setattr(matting, "LARGEST", 128)
    ys, xs = np.mgrid[0:256, 0:256]
    true = ((xs < 100) | ((ys % 12 < 2) & (xs < 116))).astype(np.float32)
    rgb = np.where(true[..., None] > 0, (40, 20, 10), (200, 210, 220)).astype(np.uint8)
    guess = np.clip((118 - xs) / 30, 0, 1).astype(np.float32)
    found = matting.matte(rgb, guess)
    hair = np.s_[20:-20, 102:112]
    assert np.abs(found - true)[hair].mean() < 0.12
    assert np.abs(guess - true)[hair].mean() > 0.3


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (40, 7), (150, 33)])
@pytest.mark.parametrize("kind", ["flat", "noise"])
def test_odd_pictures_have_an_answer(size, kind):
    rgb = np.full((*size, 3), 90, np.uint8)
    if kind == "noise":
        rgb = RNG.integers(0, 256, (*size, 3), np.uint8)
    for alpha in (0.0, 0.5, 1.0, RNG.random(size)):
        found = matting.matte(rgb, np.broadcast_to(np.float32(alpha), size).copy())
        assert found.shape == size
        assert found.dtype == np.float32
        assert 0 <= found.min() <= found.max() <= 1


def test_the_option_takes_it(cutter, disc):
    import kirie

    clean, matte = cutter.cut(disc), cutter.cut(disc, edges="matte")
    assert (matte.alpha == matting.matte(disc, clean.alpha)).all()
    assert isinstance(matte, kirie.Cutout)

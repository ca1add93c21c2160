"""Alpha worked out anew where it is uncertain: hair, fur, and whatever is finer than a network's map.

It is closed-form matting (A. Levin, D. Lischinski, Y. Weiss, "A Closed-Form Solution to Natural Image Matting", CVPR 2006
and PAMI 2008). In every window of 3×3 pixels alpha is taken for an affine function of colour, α ≈ a·I + b; how far it is
from one is αᵀLα, with the matting Laplacian L, and alpha is the least of it for what is known at the rim of the band. What
is added here:

- the network's own answer counts a little, the more the surer it is: where colours say nothing, it decides;
- only tiles of the band are computed, from coarse to fine, each level starting from the one below; conjugate gradients with
  L's diagonal, tile by tile in the cache;
- large pictures are solved at a fraction of their size. The affine functions a and b found there are enlarged and read off
  with the colours of the full picture (as K. He's guided filter does it), which brings its detail back.

Alpha is (H, W) float32 in [0, 1]; colours are (H, W, 3) uint8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from PIL import Image

from ._threads import Helpers
from .compose import trimap

__all__ = ["matte"]

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

UNKNOWN = 128  # in a trimap
SUBJECT = 0.5
LARGEST = 1600  # pixels of the longer side that the band is solved at
COARSEST = 100  # and of the coarsest level
EPS = 1e-6  # of the windows' covariance: the noise that colours may have (Levin: 1e-7)
SMOOTH = 1e-5  # the same where affine functions are enlarged
STRIPE = 64  # rows, before they are enlarged
TRUST = 0.006  # what the answer weighs where it is certain, against about 9 for L's diagonal
STEPS = 40  # of conjugate gradients, at most, at a level; the coarsest may take more
ENOUGH = 3e-4  # root mean square of the residual
TILE = 32
HALO = 2  # pixels: L joins pixels that share a window
BATCH = 8  # tiles per step: what is computed stays in the cache
# Upper half of the pairs of pixels that share a window.
OFFSETS = [(dy, dx) for dy in range(3) for dx in range(-2, 3) if (dy, dx) > (0, 0)]
LOWER = [(i, j) for i in range(3) for j in range(i + 1)]
Inverse = dict[tuple[int, int], Any]
PLACES = [(dy, dx) for dy in range(3) for dx in range(3)]


def matte(rgb: NDArray[np.uint8], alpha: Floats) -> Floats:
    """Work alpha out anew in its uncertain band (that of a trimap); outside it becomes 0 or 1.

    Args:
        rgb: (H, W, 3), sRGB.
        alpha: (H, W), a network's answer.
    """
    factor = -(-max(alpha.shape) // LARGEST)
    guess = _reduced(alpha, factor)
    band = trimap(guess) == UNKNOWN
    sure = (alpha >= SUBJECT).astype(np.float32)
    if not band.any():
        return sure
    colours = _unit(_reduced(rgb, factor))
    found = _solved(colours, guess, band)
    if factor > 1:
        found = _enlarged(rgb, _affine(colours, found), factor, band)
        band = band.repeat(factor, axis=0).repeat(factor, axis=1)
        band = band[: alpha.shape[0], : alpha.shape[1]]
    return np.where(band, found.clip(0, 1), sure)


def _reduced(values: NDArray[Any], factor: int) -> NDArray[Any]:
    return values if factor == 1 else np.asarray(Image.fromarray(values).reduce(factor))


def _unit(rgb: NDArray[np.uint8]) -> Floats:
    return np.multiply(rgb, np.float32(1 / 255), dtype=np.float32)


def _solved(colours: Floats, guess: Floats, band: Flags) -> Floats:
    """Alpha of a picture whose band is unknown, coarse to fine."""
    sure = (guess >= SUBJECT).astype(np.float32)
    start = np.where(band, guess, sure)
    steps = 4 * STEPS
    if max(band.shape) > COARSEST:
        halves = [np.asarray(Image.fromarray(plane).reduce(2)) for plane in (guess, start)]
        eight = (colours * 255 + np.float32(0.5)).astype(np.uint8)
        small = _unit(_reduced(eight, 2))
        wide = np.asarray(Image.fromarray(band.astype(np.float32)).reduce(2)) > 0
        below = _solved(small, halves[0], wide)
        size = (2 * below.shape[1], 2 * below.shape[0])
        large = np.asarray(Image.fromarray(below).resize(size, Image.Resampling.BILINEAR))
        start = np.where(band, large[: band.shape[0], : band.shape[1]], sure)
        steps = STEPS
    return _Band(colours, guess, band).solve(start, steps)


class _Band:
    """The equations of a band: (L + trust)·α = trust·guess where it is unknown, α as it is elsewhere.

    Planes are padded by the halo and to whole tiles; tiles that hold nothing unknown are left out.

    Args:
        colours: (h, w, 3) float32 in [0, 1].
        guess: (h, w), the network's answer.
        band: (h, w), what is unknown.
    """

    def __init__(self, colours: Floats, guess: Floats, band: Flags) -> None:
        self.shape = band.shape
        self._grid = tuple(-(-n // TILE) for n in band.shape)
        unknown = self._padded(band, HALO)
        tiles = _view(unknown[HALO:, HALO:], TILE, self._grid)
        rows, columns = np.nonzero(tiles.any(axis=(2, 3)))
        self._batches = [
            (rows[at : at + BATCH], columns[at : at + BATCH]) for at in range(0, len(rows), BATCH)
        ]
        self._unknown = [self._tiles(unknown, at) for at in self._batches]
        prior = self._padded(guess, HALO)
        inside = self._padded(np.ones(band.shape, np.bool_), 2 * HALO)
        picture = np.stack([self._padded(colours[..., c], 2 * HALO) for c in range(3)])
        with Helpers() as helpers:
            self._weights = helpers.map(
                lambda at: self._laplacian(picture, inside, at), self._batches
            )
        self._own, self._pull = [], []
        for weights, at in zip(self._weights, self._batches, strict=True):
            answer = self._tiles(prior, at)
            trust = np.float32(TRUST) * (2 * answer - 1) ** 2
            self._own.append(_spread(weights, None) + trust + np.float32(1e-9))
            self._pull.append(trust * answer)

    def solve(self, start: Floats, steps: int) -> Floats:
        """Conjugate gradients from a start (h, w): the solution (h, w)."""
        plane = self._padded(start, HALO)
        x = [self._tiles(plane, at) for at in self._batches]
        r = [
            (pull - product) * unknown
            for pull, product, unknown in zip(
                self._pull, self._times(plane), self._unknown, strict=True
            )
        ]
        count = sum(int(unknown.sum()) for unknown in self._unknown)
        along = np.zeros_like(plane)  # nothing moves outside the band
        p = z = [value / own for value, own in zip(r, self._own, strict=True)]
        rz = _dot(r, z)
        for _ in range(steps):
            if _dot(r, r) <= ENOUGH**2 * count:
                break
            self._put(along, p)
            product = [
                value * unknown
                for value, unknown in zip(self._times(along), self._unknown, strict=True)
            ]
            curve = _dot(p, product)
            if curve <= 0:  # nothing left but rounding
                break
            length = np.float32(rz / curve)
            for at in range(len(x)):
                x[at] += length * p[at]
                r[at] -= length * product[at]
            z = [value / own for value, own in zip(r, self._own, strict=True)]
            rz, before = _dot(r, z), rz
            p = [value + np.float32(rz / before) * old for value, old in zip(z, p, strict=True)]
        self._put(plane, x)
        return plane[HALO : HALO + self.shape[0], HALO : HALO + self.shape[1]].copy()

    def _times(self, plane: Floats) -> list[Floats]:
        """(L + trust) times a padded plane, by batches of tiles."""

        def work(index: int) -> Floats:
            at = self._batches[index]
            around = _view(plane, TILE + 2 * HALO, self._grid)[at]
            inner = around[:, HALO:-HALO, HALO:-HALO]
            product: Floats = self._own[index] * inner
            product -= _spread(self._weights[index], around)
            return product

        with Helpers() as helpers:
            products: list[Floats] = helpers.map(work, range(len(self._batches)))
        return products

    def _laplacian(
        self, picture: Floats, inside: Flags, at: tuple[NDArray[Any], NDArray[Any]]
    ) -> Floats:
        """-L between each pixel of some tiles, and of their halo, and its neighbours: (12, T, t, t) in order of OFFSETS."""
        wide = TILE + 4 * HALO
        colours = [_view(plane, wide, self._grid)[at].astype(np.float64) for plane in picture]
        exists = _view(inside, wide, self._grid)[at]
        side = wide - 2  # windows, by their first pixel
        windows = [[_part(plane, place, side) for place in PLACES] for plane in colours]
        whole = np.logical_and.reduce([_part(exists, place, side) for place in PLACES])
        means, inverse = _statistics(windows)
        away = [
            [value - mean for value in values] for values, mean in zip(windows, means, strict=True)
        ]
        shares = np.zeros((len(OFFSETS), len(at[0]), wide, wide), np.float32)
        for first, place in enumerate(PLACES):
            turned = [
                sum(inverse[max(i, j), min(i, j)] * away[j][first] for j in range(3))
                for i in range(3)
            ]
            for second in range(first + 1, 9):
                value = sum(turned[i] * away[i][second] for i in range(3))
                offset = (PLACES[second][0] - place[0], PLACES[second][1] - place[1])
                target = _part(shares[OFFSETS.index(offset)], place, side)
                target += ((1 + value) / 9 * whole).astype(np.float32)
        inner: Floats = shares[:, :, HALO:-HALO, HALO:-HALO].copy()
        return inner

    def _padded(self, plane: NDArray[Any], halo: int) -> NDArray[Any]:
        height, width = (n * TILE + 2 * halo for n in self._grid)
        out = np.zeros((height, width), plane.dtype)
        out[halo : halo + plane.shape[0], halo : halo + plane.shape[1]] = plane
        return out

    def _tiles(self, plane: NDArray[Any], at: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[Any]:
        """The inner pixels of tiles of a padded plane: (T, TILE, TILE)."""
        tiles: NDArray[Any] = _view(plane[HALO:, HALO:], TILE, self._grid)[at]
        return tiles

    def _put(self, plane: Floats, values: list[Floats]) -> None:
        target = _view(plane[HALO:, HALO:], TILE, self._grid)
        for at, value in zip(self._batches, values, strict=True):
            target[at] = value


def _statistics(windows: list[list[Any]]) -> tuple[list[Any], Inverse]:
    """Mean colour of each window, and the inverse of its covariance."""
    means = [sum(values) / 9 for values in windows]
    covariance = {}
    for i, j in LOWER:
        product = sum(a * b for a, b in zip(windows[i], windows[j], strict=True))
        covariance[i, j] = product / 9 - means[i] * means[j] + (EPS / 9 if i == j else 0)
    return means, _inverse(covariance)


def _inverse(c: dict[tuple[int, int], Any]) -> Inverse:
    """Of symmetric 3×3 matrices, by (row, column), row ≥ column."""
    cofactors = {
        (0, 0): c[1, 1] * c[2, 2] - c[2, 1] ** 2,
        (1, 0): c[2, 0] * c[2, 1] - c[1, 0] * c[2, 2],
        (2, 0): c[1, 0] * c[2, 1] - c[2, 0] * c[1, 1],
        (1, 1): c[0, 0] * c[2, 2] - c[2, 0] ** 2,
        (2, 1): c[1, 0] * c[2, 0] - c[0, 0] * c[2, 1],
        (2, 2): c[0, 0] * c[1, 1] - c[1, 0] ** 2,
    }
    determinant = sum(c[i, 0] * cofactors[i, 0] for i in range(3))
    return {place: value / determinant for place, value in cofactors.items()}


def _spread(weights: Floats, around: Floats | None) -> Floats:
    """Sum of neighbours, weighted by -L; of the weights themselves where `around` is None: (T, TILE, TILE)."""
    out = np.zeros((weights.shape[1], TILE, TILE), np.float32)
    for index, (dy, dx) in enumerate(OFFSETS):
        for sign in (1, -1):
            shift = (HALO + sign * dy, HALO + sign * dx)
            # The pair's weight is kept at its upper pixel.
            place = (HALO, HALO) if sign > 0 else shift
            weight = _part(weights[index], place, TILE)
            out += weight if around is None else weight * _part(around, shift, TILE)
    return out


def _part(values: NDArray[Any], start: tuple[int, int], side: int) -> NDArray[Any]:
    return values[:, start[0] : start[0] + side, start[1] : start[1] + side]


def _view(plane: NDArray[Any], side: int, grid: tuple[int, ...]) -> NDArray[Any]:
    """Squares of `side` pixels at each tile's place, overlapping where they are larger than a tile: (rows, columns, s, s)."""
    down, across = plane.strides
    strides = (down * TILE, across * TILE, down, across)
    return as_strided(plane, (*grid, side, side), strides)


def _dot(a: list[Floats], b: list[Floats]) -> float:
    return sum(float(np.vdot(one, other)) for one, other in zip(a, b, strict=True))


def _affine(colours: Floats, alpha: Floats) -> Floats:
    """The affine functions that give alpha in the windows around each pixel, averaged: (4, h, w), a and then b."""
    planes = [colours[..., c].astype(np.float64) for c in range(3)]
    mean, level = [_mean(plane) for plane in planes], _mean(alpha)
    covariance = {
        (i, j): _mean(planes[i] * planes[j]) - mean[i] * mean[j] + (SMOOTH if i == j else 0)
        for i, j in LOWER
    }
    inverse = _inverse(covariance)
    common = [_mean(planes[i] * alpha) - mean[i] * level for i in range(3)]
    slopes = [sum(inverse[max(i, j), min(i, j)] * common[j] for j in range(3)) for i in range(3)]
    rest = level - sum(slope * value for slope, value in zip(slopes, mean, strict=True))
    return np.stack([_mean(plane) for plane in (*slopes, rest)]).astype(np.float32)


def _mean(plane: NDArray[Any]) -> NDArray[Any]:
    """Mean over 3×3 pixels, the border repeated."""
    wide = np.pad(plane, 1, "edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    mean: NDArray[Any] = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return mean


def _enlarged(rgb: NDArray[np.uint8], affine: Floats, factor: int, band: Flags) -> Floats:
    """Read affine functions of a smaller picture off with the colours of the full one: alpha (H, W), in the band's rows."""
    height, width = rgb.shape[:2]
    out = np.zeros((height, width), np.float32)
    for top in range(0, affine.shape[1], STRIPE):
        if not band[top : top + STRIPE].any():
            continue
        first, last = max(0, top - 1), min(affine.shape[1], top + STRIPE + 1)
        size = (affine.shape[2] * factor, (last - first) * factor)
        rows = slice(top * factor, min((top + STRIPE) * factor, height))
        skip = slice((top - first) * factor, (top - first) * factor + rows.stop - rows.start)
        large = [
            np.asarray(Image.fromarray(plane[first:last]).resize(size, Image.Resampling.BILINEAR))
            for plane in affine
        ]
        part = _unit(rgb[rows])
        out[rows] = large[3][skip, :width]
        for channel in range(3):
            out[rows] += large[channel][skip, :width] * part[..., channel]
    return out

"""Move and soften an edge: alpha (H, W) float32 in [0, 1] → the same. Distances are Euclidean, in pixels.

Only tiles near an edge are computed, each with as many pixels around it as its result depends on: elsewhere alpha is
the same all around and stays as it is. What lies outside the picture counts as its border does, so a subject that
the frame cuts off is not eaten from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil, floor, isqrt, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._threads import Helpers

__all__ = ["blur", "feather", "shift"]

Floats = NDArray[np.float32]

TILE = 64  # pixels, at least; a tile is never smaller than what is needed around it
FADE = 4.0  # standard deviations of a Gaussian within which a sharp edge goes from 2 % to 98 %
PASSES = 3  # boxes that make a Gaussian, nearly


def shift(alpha: Floats, pixels: float) -> Floats:
    """Move the edge outwards (positive) or inwards by so many pixels, in every direction alike.

    Every level of a soft edge moves as far: the largest (smallest) alpha within that distance. Between whole numbers of
    pixels it is the mean of both, weighted.
    """
    if pixels == 0:
        return alpha
    if pixels < 0:
        return 1 - shift(1 - alpha, -pixels)
    reach, share = ceil(pixels), pixels - floor(pixels)

    def work(block: Floats) -> Floats:
        if not share:
            return _grown(block, reach, reach)
        far, near = _grown(block, reach, reach), _grown(block, reach - 1, reach)
        return near + np.float32(share) * (far - near)

    return _by_tiles(alpha, reach, work)


def feather(alpha: Floats, pixels: float) -> Floats:
    """Soften: a sharp edge fades over `pixels`, half of it on either side."""
    if pixels == 0:
        return alpha
    box = _box(pixels / FADE)
    return _by_tiles(alpha, PASSES * (box[0] + 1), lambda block: _blurred(block, box))


def blur(plane: Floats, sigma: float) -> Floats:
    """Gaussian blur; what lies outside counts as the border does."""
    if sigma <= 0:
        return plane
    box = _box(sigma)
    return _blurred(np.pad(plane, PASSES * (box[0] + 1), "edge"), box)


def _box(sigma: float) -> tuple[int, float]:
    """The box whose mean, taken three times, has a Gaussian's variance (Gwosdek et al. 2011).

    It holds 2·radius + 1 pixels and, weighted, the one beyond on either side: (radius, weight). Its cost does not depend on
    its size.
    """
    r = floor(0.5 * sqrt(4 * sigma * sigma + 1) - 0.5)
    weight = (2 * r + 1) * (r * (r + 1) - sigma * sigma)
    return r, weight / (2 * sigma * sigma - 6 * (r + 1) ** 2)


def _blurred(block: Floats, box: tuple[int, float]) -> Floats:
    """Three means over boxes, along both axes; each takes radius + 1 pixels off either end."""
    radius, weight = box
    side = 2 * radius + 1
    scale = np.float32(1 / (side + 2 * weight))
    for axis in (1, 0):
        for _ in range(PASSES):
            n = block.shape[axis] - side - 1
            part = partial(_part, axis=axis)
            ends = part(block, 0, n) + part(block, side + 1, side + 1 + n)
            ends *= np.float32(weight)
            sums = np.cumsum(block, axis=axis, dtype=np.float64)
            ends += part(sums, side, side + n) - part(sums, 0, n)
            ends *= scale
            block = ends
    return block


def _part(values: NDArray[Any], start: int, end: int, *, axis: int) -> NDArray[Any]:
    return values[start:end] if axis == 0 else values[:, start:end]


def _grown(block: Floats, radius: int, around: int) -> Floats:
    """The largest value within `radius` of each pixel that has `around` pixels on all sides.

    A disc is a stack of rows. The maximum over a row of any length is that of two overlapping rows whose lengths are
    powers of two, and those are made by doubling.
    """
    height, width = block.shape[0] - 2 * around, block.shape[1] - 2 * around
    inner = np.s_[around : around + width]
    if radius == 0:
        return block[around : around + height, inner].copy()
    powers = [block]  # powers[k][:, x] is the maximum of 2^k pixels from x on
    while 2 ** len(powers) <= 2 * radius + 1:
        half = powers[-1]
        step = 2 ** (len(powers) - 1)
        powers.append(np.maximum(half[:, :-step], half[:, step:]))
    out: Floats | None = None
    for down in range(radius + 1):
        reach = isqrt(radius * radius - down * down)
        k = (2 * reach + 1).bit_length() - 1
        first, second = around - reach, around + reach + 1 - 2**k
        for top in {around - down, around + down}:
            rows = powers[k][top : top + height]
            row = np.maximum(rows[:, first : first + width], rows[:, second : second + width])
            out = row if out is None else np.maximum(out, row, out=out)
    assert out is not None  # noqa: S101  there is at least the middle row
    return out


def _by_tiles(alpha: Floats, reach: int, work: Callable[[Floats], Floats]) -> Floats:
    """Apply `work`, which takes a block with `reach` pixels around it, wherever alpha is not the same all around."""
    out = alpha.copy()
    tile = max(TILE, 1 << (reach - 1).bit_length())
    height, width = alpha.shape

    def one(corner: tuple[int, int]) -> None:
        top, left = corner
        bottom, right = min(top + tile, height), min(left + tile, width)
        out[top:bottom, left:right] = work(
            _around(alpha, (top - reach, left - reach), (bottom + reach, right + reach))
        )

    with Helpers() as helpers:
        helpers.map(one, _uneven(alpha, reach, tile))
    return out


def _uneven(alpha: Floats, reach: int, tile: int) -> Iterator[tuple[int, int]]:
    """Corners of the tiles within whose reach alpha takes more than one value."""
    rows, columns = (np.arange(0, n, TILE) for n in alpha.shape)
    low, high = (
        each.reduceat(each.reduceat(alpha, columns, axis=1), rows, axis=0)
        for each in (np.minimum, np.maximum)
    )
    near = -(-reach // TILE)  # in the grid of TILE pixels
    step = tile // TILE
    for i in range(0, len(rows), step):
        for j in range(0, len(columns), step):
            window = np.s_[max(0, i - near) : i + step + near, max(0, j - near) : j + step + near]
            if low[window].min() < high[window].max():
                yield i * TILE, j * TILE


def _around(alpha: Floats, start: tuple[int, int], end: tuple[int, int]) -> Floats:
    """A block that may reach over the border, where the last pixel is repeated."""
    (top, left), (bottom, right) = start, end
    height, width = alpha.shape
    if top >= 0 and left >= 0 and bottom <= height and right <= width:
        return alpha[top:bottom, left:right]
    down = np.arange(top, bottom).clip(0, height - 1)
    block: Floats = alpha[down[:, None], np.arange(left, right).clip(0, width - 1)]
    return block

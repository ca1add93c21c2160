"""The subject's own colours along its edge.

Where alpha is between 0 and 1 a picture shows I = αF + (1-α)B: the subject's colour F mixed with the background's, B.
A cutout that keeps I wears a fringe of the old background wherever it is laid. `clean` estimates F.

It is blur fusion (M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021), run from coarse to fine as the
multi-level method has it (T. Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020):

- every level is the picture sampled at every 32nd, 16th, 8th, 4th pixel and then at each one. Samples, unlike means,
  obey I = αF + (1-α)B exactly, and cost nothing to make;
- a level starts from the one below it, lays the two colours on what the picture shows (`_fused`), averages them over
  3×3 pixels by α⁴ and (1-α)⁴, and lays them on the picture again;
- the large levels are computed in tiles, and only in those that hold an edge.

`blur_fusion` is the published estimator itself: the reference that `clean` is measured by.

Pictures are (H, W, 3) RGB, uint8 or uint16, in any profile; alpha is (H, W) float32 in [0, 1], straight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._threads import Helpers

__all__ = ["blur_fusion", "clean"]

Array = NDArray[np.uint8] | NDArray[np.uint16]
Floats = NDArray[np.float32]
Tile = tuple[int, int]  # (row, column) in the grid of a level's tiles

SOLID = 0.99  # alpha from which the picture's colour is taken for the subject's
FIRST_STEP = 4  # the first coarse level has every 4th pixel, each further one half as many
COARSEST = 32  # the longer side of the coarsest level, at most
TILE = 32  # pixels; a multiple of FIRST_STEP
WHOLE = 1 << 12  # a coarse level of so many pixels, at most, is one tile
# Tiles per step: enough that NumPy's calls count little, few enough for the cache, and so small that no matrix product
# of theirs wakes OpenBLAS's threads (262144 multiplications), which fight with ours.
BATCH = 12
ALONE = 8  # so many steps are done before a second thread is awake
HEAP = 1 << 23  # bytes, well above the largest temporary
RIDGE = 0.01  # keeps the correction a little short of the picture's noise
FROM_BELOW = 0.01  # the coarser level's weight, beside nine pixels that have up to 1 each
GENTLE = 0.1  # difference between neighbours: where alpha takes ten pixels or more from 0 to 1
EPS = 1e-5  # blur fusion's


def clean(pixels: Array, alpha: Floats, shown: Floats | None = None) -> Array:
    """Estimate the subject's colours.

    Args:
        pixels: (H, W, 3) uint8 or uint16, RGB in any profile; not changed.
        alpha: (H, W) float32 in [0, 1], straight: how the picture is mixed; not changed.
        shown: (H, W) float32 in [0, 1]: what will be seen, where it is not alpha itself (an edge that fades beyond it).

    Returns:
        (H, W, 3) of the same depth: the picture's own values where alpha is at least 0.99, the estimate where it is
        less, black where what is seen rounds to 0 at that depth: what is hidden stays hidden, and costs nothing in a
        file.
    """
    shown = alpha if shown is None else shown
    out: Array = np.zeros(pixels.shape, pixels.dtype)  # what is never written to takes no memory
    tiles = _sort(pixels, alpha, shown, out)
    if not tiles:
        return out
    # glibc asks the system for every larger block, and each page of it faults, until it has seen one as large given
    # back: half of a small picture's time, unless one is given back first. It is never written to.
    np.empty(HEAP, np.uint8)
    finest, *coarser = _levels(pixels, alpha, tiles)
    last = coarser[-1] if coarser else finest
    below = _Below(_means(last), 2 * last.step)
    with Helpers() as helpers:
        for level in reversed(coarser):
            layers = np.zeros((6, *level.alpha.shape), np.float32)
            _in_batches(helpers, partial(_solve, level, below, layers), level.tiles)
            below = _Below(layers, level.step)
        _in_batches(helpers, partial(_finish, finest, below, shown, out), tiles)
    return out


def _in_batches(helpers: Helpers, work: Callable[[list[Tile]], None], tiles: list[Tile]) -> None:
    """Do some tiles at a time; NumPy lets go of the interpreter while it works on them."""
    batches = [tiles[first : first + BATCH] for first in range(0, len(tiles), BATCH)]
    if len(batches) > ALONE:
        helpers.map(work, batches)
        return
    for batch in batches:
        work(batch)


def blur_fusion(pixels: Floats, alpha: Floats, radii: tuple[int, ...] = (90, 6)) -> Floats:
    """Estimate the subject's colours by blur fusion as published: one pass for each radius.

    Forte 2021. With ⟨·⟩ for the mean over a box, F = B = I at first, and each pass starting from the F and the B that the
    one before returned:

        B' = ⟨B(1-α)⟩ / (1 - ⟨α⟩ + ε),   F' = ⟨Fα⟩ / (⟨α⟩ + ε),   F = clip(F' + α(I - αF' - (1-α)B')),   B = B'

    The details are those of the published OpenCV version: the box of an even side r is x - r/2 … x + r/2 - 1, and borders
    are mirrored without repeating the edge. (BiRefNet's PyTorch version shifts the box by one and repeats the edge.)

    Args:
        pixels: (H, W, 3) float32 in [0, 1].
        alpha: (H, W) float32 in [0, 1].
        radii: the side of the box, in pixels, of each pass.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    share = alpha[..., None].astype(np.float64)
    picture = pixels.astype(np.float64)
    front = back = picture
    for radius in radii:
        amount = _blurred(share, radius)
        front = _blurred(front * share, radius) / (amount + EPS)
        back = _blurred(back * (1 - share), radius) / (1 - amount + EPS)
        rest = picture - share * front - (1 - share) * back
        front = np.clip(front + share * rest, 0, 1)
    return front.astype(np.float32)


def _blurred(planes: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Mean of (H, W, C) over boxes, as `cv2.blur` takes it."""
    for axis in (0, 1):
        n = planes.shape[axis]
        place = np.abs(np.arange(-(side // 2), n + side - side // 2 - 1)) % max(2 * n - 2, 1)
        mirrored = np.take(planes, np.minimum(place, 2 * n - 2 - place), axis)
        sums = np.cumsum(np.insert(mirrored, 0, 0, axis), axis)
        planes = np.take(sums, np.arange(side, side + n), axis) - np.take(sums, np.arange(n), axis)
        planes /= side
    return planes


@dataclass(frozen=True, slots=True)
class _Level:
    """Every `step`-th pixel of the picture.

    Attributes:
        step: the distance between its pixels.
        pixels: (h, w, 3), a view of the picture.
        alpha: (h, w), a view.
        size: (height, width) of a tile.
        tiles: those that are needed.
    """

    step: int
    pixels: Array
    alpha: Floats
    size: tuple[int, int]
    tiles: list[Tile]


@dataclass(frozen=True, slots=True)
class _Below:
    """What the next coarser level found: (6, h, w), the subject's colour and then the background's."""

    layers: Floats
    step: int


def _sort(pixels: Array, alpha: Floats, shown: Floats, out: Array) -> list[Tile]:
    """Copy the tiles that are all subject, leave out what is all hidden, and name the others."""
    height, width = alpha.shape
    hidden = np.float32(0.5 / np.iinfo(pixels.dtype).max)
    starts = np.arange(0, width, TILE)
    tiles = []
    for top in range(0, height, 8 * TILE):
        block, seen = _block(alpha, top), _block(shown, top)
        flat = (-1, TILE, width)  # (tiles, rows, columns)
        some = np.logical_or.reduceat((seen > hidden).reshape(flat).any(axis=1), starts, 1)
        solid = np.logical_and.reduceat((block >= SOLID).reshape(flat).all(axis=1), starts, 1)
        if shown is not alpha:
            solid &= np.logical_and.reduceat((seen > hidden).reshape(flat).all(axis=1), starts, 1)
        first = top // TILE
        tiles += [(first + int(row), int(column)) for row, column in np.argwhere(some & ~solid)]
        for row in np.flatnonzero(solid.any(axis=1)):
            rows = slice(top + row * TILE, top + (row + 1) * TILE)
            turns = np.flatnonzero(np.diff(solid[row], prepend=False, append=False))
            for left, right in turns.reshape(-1, 2) * TILE:
                out[rows, left:right] = pixels[rows, left:right]
    return tiles


def _block(plane: Floats, top: int) -> Floats:
    """Eight rows of tiles, the last row of pixels repeated where the picture ends within one."""
    block = plane[top : top + 8 * TILE]
    return np.pad(block, ((0, -len(block) % TILE), (0, 0)), "edge") if len(block) % TILE else block


def _levels(pixels: Array, alpha: Floats, tiles: list[Tile]) -> list[_Level]:
    """The picture's levels from the finest on, each with all tiles that the one before asks for."""
    levels = [_Level(1, pixels, alpha, (TILE, TILE), tiles)]
    while max(levels[-1].alpha.shape) > COARSEST:
        finer = levels[-1]
        step = FIRST_STEP if finer.step == 1 else 2 * finer.step
        view = alpha[::step, ::step]
        size, needed = view.shape, [(0, 0)]
        if view.size > WHOLE:
            size = (TILE, TILE)
            needed = _parents(finer.tiles, step // finer.step, view.shape)
        levels.append(_Level(step, pixels[::step, ::step], view, size, needed))
    return levels


def _parents(tiles: list[Tile], factor: int, shape: tuple[int, ...]) -> list[Tile]:
    """The tiles of a level of `shape` that interpolation for `tiles` of the finer level reads."""
    first = np.asarray(tiles) * TILE - 1
    wanted = np.zeros([-(-n // TILE) for n in shape], np.bool_)
    last = np.asarray(wanted.shape) - 1
    near = np.clip(first // factor // TILE, 0, last)
    far = np.clip(-(-(first + TILE + 1) // factor) // TILE, 0, last)
    for rows in (near, far):
        for columns in (near, far):
            wanted[rows[:, 0], columns[:, 1]] = True
    return [(int(row), int(column)) for row, column in np.argwhere(wanted)]


def _means(level: _Level) -> Floats:
    """Where the coarsest level starts from: the mean colour of subject and of background, (6, 1, 1)."""
    colours = level.pixels.reshape(-1, 3) * np.float32(1 / np.iinfo(level.pixels.dtype).max)
    share = np.stack((level.alpha.ravel(), 1 - level.alpha.ravel()))
    weights = share**4 + np.float32(EPS)  # where there is nothing but edge: the mean of everything
    weights /= weights.sum(axis=1, keepdims=True)
    return (weights @ colours).reshape(6, 1, 1).astype(np.float32)


def _solve(level: _Level, below: _Below, out: Floats, tiles: list[Tile]) -> None:
    """Both layers of some tiles, into `out` (6, h, w)."""
    colour, alpha = _gathered(level, tiles)
    found = _fused(colour, alpha, _enlarged(level, below, tiles))
    for k, rows, columns in _places(level, tiles):
        target = out[:, rows, columns]
        target[...] = found[:, :, : target.shape[1], k, : target.shape[2]].reshape(target.shape)


def _finish(level: _Level, below: _Below, shown: Floats, out: Array, tiles: list[Tile]) -> None:
    """The subject's colours of some tiles, into `out` (H, W, 3), black where nothing is shown."""
    colour, alpha = _gathered(level, tiles)
    top = np.iinfo(out.dtype).max
    start = _enlarged(level, below, tiles)
    found = _fused(colour, alpha, start, last=True)[0]
    alpha = alpha[1:-1, :, 1:-1]
    np.copyto(found, colour[:, 1:-1, :, 1:-1], where=alpha >= SOLID)
    seen = alpha
    if shown is not level.alpha:
        seen = np.zeros_like(alpha)
        for k, rows, columns in _places(level, tiles):
            part = shown[rows, columns]
            seen[: part.shape[0], k, : part.shape[1]] = part
    found *= (seen > 0.5 / top) * np.float32(top)
    found += np.float32(0.5)
    levels = np.empty((*alpha.shape, 3), out.dtype)  # (h, T, w, 3)
    for channel in range(3):
        levels[..., channel] = found[channel]
    for k, rows, columns in _places(level, tiles):
        target = out[rows, columns]
        target[...] = levels[: target.shape[0], k, : target.shape[1]]


def _places(level: _Level, tiles: list[Tile]) -> Iterable[tuple[int, slice, slice]]:
    """(index, rows, columns) of each tile."""
    height, width = level.size
    for k, (row, column) in enumerate(tiles):
        top, left = row * height, column * width
        yield k, slice(top, top + height), slice(left, left + width)


def _gathered(level: _Level, tiles: list[Tile]) -> tuple[Floats, Floats]:
    """Tiles and the pixels around them: colours (3, h + 2, T, w + 2) and alpha (h + 2, T, w + 2), in [0, 1]."""
    height, width = level.size
    alpha = np.empty((height + 2, len(tiles), width + 2), np.float32)
    pixels = np.empty((*alpha.shape, 3), level.pixels.dtype)
    for k, (row, column) in enumerate(tiles):
        corner = (row * height - 1, column * width - 1)
        window = _window(level.alpha.shape, corner, (height + 2, width + 2))
        pixels[:, k] = level.pixels[window]
        alpha[:, k] = level.alpha[window]
    colour = np.empty((3, *alpha.shape), np.float32)
    colour[...] = pixels.transpose(3, 0, 1, 2)
    colour *= np.float32(1 / np.iinfo(pixels.dtype).max)
    return colour, alpha


def _enlarged(level: _Level, below: _Below, tiles: list[Tile]) -> Floats:
    """The coarser level's layers under tiles and the pixels around them, bilinear: (2, 3, h + 2, T, w + 2)."""
    size, factor, count = level.size, below.step // level.step, len(tiles)
    height, width = (-(-n // factor) + 2 for n in size)
    patches = np.empty((6, height, count, width), np.float32)
    for k, (row, column) in enumerate(tiles):
        corner = (row * size[0] // factor - 1, column * size[1] // factor - 1)
        window = _window(below.layers.shape[1:], corner, (height, width))
        patches[:, :, k] = below.layers[:, *window]
    down, across = _weights(size[0], factor), _weights(size[1], factor)
    # One product per layer and axis: (6, h + 2, T·w') and then (6, (h + 2)·T, w + 2).
    tall = down @ patches.reshape(6, height, -1)
    full: Floats = tall.reshape(6, -1, width) @ across.T
    return full.reshape(2, 3, size[0] + 2, count, size[1] + 2)


@lru_cache(maxsize=64)
def _weights(n: int, factor: int) -> NDArray[Any]:
    """(n + 2, coarse pixels): bilinear weights of pixels -1 … n, of which each `factor`-th is a coarse one."""
    place = np.arange(-1, n + 1) / factor + 1
    left = place.astype(np.intp)
    matrix = np.zeros((n + 2, -(-n // factor) + 3), np.float32)
    each = np.arange(n + 2)
    matrix[each, left] = left + 1 - place
    matrix[each, left + 1] = place - left
    return matrix[:, :-1]  # the last one's weight is 0


def _window(shape: tuple[int, ...], corner: Tile, size: tuple[int, int]) -> tuple[Any, Any]:
    """Index of a rectangle that may reach over the border, where the last pixel is repeated."""
    (top, left), (height, width) = corner, size
    rows, columns = shape[:2]
    if top >= 0 and left >= 0 and top + height <= rows and left + width <= columns:
        return slice(top, top + height), slice(left, left + width)
    down = np.arange(top, top + height).clip(0, rows - 1)
    return down[:, None], np.arange(left, left + width).clip(0, columns - 1)


def _fused(colour: Floats, alpha: Floats, start: Floats, *, last: bool = False) -> Floats:
    """Lay the start on the picture, average it over 3×3 pixels, lay it on the picture again.

    A pass of blur fusion with three changes: the averages are weighted by the fourth power of the share, so
    that they come from where a layer is seen unmixed; what the two layers fail to explain is divided between them as
    least squares does it; and the coarser level counts a little, so that a place without a layer keeps its colour.

    Args:
        colour: (3, h + 2, T, w + 2) in [0, 1].
        alpha: (h + 2, T, w + 2).
        start: (2, 3, h + 2, T, w + 2), from the coarser level.
        last: leave out the background, and the averages where alpha is so gentle that the coarser level has them.

    Returns:
        (2 or 1, 3, h, T, w), a view.
    """
    row = alpha[0].size
    # Everything runs on flat arrays: what wraps around falls into the border, which is cut off in the end.
    picture, begun = colour.reshape(3, -1), start.reshape(2, 3, -1)
    share = np.empty((2, 1, alpha.size), np.float32)
    share[0] = alpha.reshape(1, -1)
    np.subtract(1, share[0], out=share[1])
    weight = share * share
    gain = share / (weight[0] + weight[1] + np.float32(RIDGE))
    used = gain[:1] if last else gain
    inner = np.s_[..., row + 1 : -row - 1]
    if not last or _slope(alpha) > GENTLE:
        weight *= weight
        mean = _corrected(picture, share, gain, begun)
        mean *= weight
        mean = _box(mean, row)
        mean += np.float32(FROM_BELOW) * begun[inner]
        mean /= _box(weight, row) + np.float32(FROM_BELOW)
    else:
        mean = begun[inner]
    result = np.empty((len(used), *picture.shape), np.float32)
    result[inner] = _corrected(picture[inner], share[inner], used[inner], mean)
    return result.reshape(len(used), *colour.shape)[..., 1:-1, :, 1:-1]


def _slope(alpha: Floats) -> float:
    """The largest difference between two neighbours in (h, T, w)."""
    steps = alpha[1:] - alpha[:-1], alpha[..., 1:] - alpha[..., :-1]
    return float(max(max(step.max(), -step.min()) for step in steps))


def _corrected(picture: Floats, share: Floats, gain: Floats, layers: Floats) -> Floats:
    """The layers, each moved by its gain times what both together leave unexplained."""
    rest = picture - share[0] * layers[0]
    rest -= share[1] * layers[1]
    result: Floats = gain * rest
    result += layers[: len(gain)]
    return np.clip(result, 0, 1, out=result)


def _box(planes: Floats, row: int) -> Floats:
    """Sums over 3×3 pixels of flat planes whose rows have `row` pixels; `row + 1` shorter at each end."""
    across = planes[..., :-2] + planes[..., 1:-1]
    across += planes[..., 2:]
    total = across[..., : -2 * row] + across[..., row:-row]
    total += across[..., 2 * row :]
    return total

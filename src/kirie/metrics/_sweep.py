"""The compiled half of MSIoU: edges of a map at all thresholds at once, met with the truth's edges on grids of ten sizes.

Around a pixel the thresholded map changes only where the threshold passes one of its neighbours' levels, so each pixel
has a few intervals of thresholds at which it is an edge. Each cell that holds an edge of the truth keeps the
thresholds at which it also holds one of the map, as bits; a cell's bits are those of its four quarters and of the pixels
whose own smaller cells hold no edge of the truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._compiled import compiled
from ._inputs import Array

__all__ = ["GRIDS", "THRESHOLDS", "cells", "edges", "sweep"]

GRIDS = 10  # cells of 1, 2, 4 … 512 pixels
THRESHOLDS = 257  # a map's levels 0…255, and 256, which nothing reaches
WORDS = 5  # of 64 bits, for the thresholds


def cells(edge: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    """For each grid a plane of its cells: 0, 1, 2 … for those that hold an edge, -1 for the others.

    Cells are counted from the lower right corner, where the published grids begin.
    """
    grids = []
    held = edge[::-1, ::-1]
    for _ in range(GRIDS):
        numbers = np.full(held.shape, -1, np.int32)
        numbers[held] = np.arange(np.count_nonzero(held), dtype=np.int32)
        grids.append(numbers)
        rows, columns = held.shape
        even = np.zeros((rows + rows % 2, columns + columns % 2), np.bool_)
        even[:rows, :columns] = held
        held = even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]
    return grids


def sweep(levels: NDArray[np.uint8], grids: list[NDArray[np.int32]]) -> NDArray[np.int64]:
    """(10, 257): in how many cells of each grid truth and map, at each threshold, both have an edge."""
    height, width = levels.shape
    plane = np.zeros((height + 2, width + 2), np.int16)
    plane[1:-1, 1:-1] = levels
    plane[1:-1, 1:-1] += 1  # a level is set at thresholds below this; 0, outside the picture, never
    shapes = np.array([grid.shape for grid in grids])
    offsets = np.cumsum([0, *(grid.size for grid in grids)])
    flat = np.concatenate([grid.reshape(-1) for grid in grids])
    counts = np.array([grid.max() + 1 for grid in grids])
    bits = np.zeros((int(counts[1:].sum()) + 1, WORDS), np.uint64)
    both = np.zeros((GRIDS, THRESHOLDS + 1), np.int64)
    _sweep(plane, flat, np.column_stack((offsets[:-1], shapes)), counts, bits, both)
    return both[:, :-1]


@compiled
def edges(mask: Array) -> Array:
    """Where a binary map changes, by Sobel's filters; outside the picture there is nothing.

    Args:
        mask: (H + 2, W + 2) uint8 of 0 and 1, with a margin of 0.
    """
    height, width = mask.shape[0] - 2, mask.shape[1] - 2
    edge = np.empty((height, width), np.bool_)
    for r in range(height):
        for c in range(width):
            nw, n, ne = np.int32(mask[r, c]), np.int32(mask[r, c + 1]), np.int32(mask[r, c + 2])
            w, e = np.int32(mask[r + 1, c]), np.int32(mask[r + 1, c + 2])
            sw, s, se = (
                np.int32(mask[r + 2, c]),
                np.int32(mask[r + 2, c + 1]),
                np.int32(mask[r + 2, c + 2]),
            )
            across = ne + 2 * e + se - nw - 2 * w - sw
            down = sw + 2 * s + se - nw - 2 * n - ne
            edge[r, c] = (across != 0) | (down != 0)
    return edge


@compiled
def _set(words: Array, first: int, last: int) -> None:
    """Set the bits from `first` to before `last`."""
    for word in range(first // 64, (last + 63) // 64):
        ones = np.uint64(0xFFFFFFFFFFFFFFFF)
        if first > word * 64:
            ones = ones << np.uint64(first - word * 64)
        if last < word * 64 + 64:
            ones &= np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(word * 64 + 64 - last)
        words[word] |= ones


@compiled
def _sweep(
    plane: Array, flat: Array, grids: Array, counts: Array, bits: Array, both: Array
) -> None:
    height, width = plane.shape[0] - 2, plane.shape[1] - 2
    bases = np.zeros(len(grids), np.int64)
    for grid in range(2, len(grids)):
        bases[grid] = bases[grid - 1] + counts[grid - 1]
    values, across, down = np.empty(8, np.int64), np.empty(8, np.int64), np.empty(8, np.int64)
    # a neighbour's weight in Sobel's filter across, and in that down
    weights = ((-1, -1), (0, -2), (1, -1), (-2, 0), (2, 0), (-1, 1), (0, 2), (1, 1))
    steps = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2))
    for r in range(height):
        for c in range(width):
            same = plane[r, c]
            level = True
            for step in steps:
                level &= plane[r + step[0], c + step[1]] == same
            if level:
                continue
            y, x = height - 1 - r, width - 1 - c
            grid, cell = 0, -1
            while cell < 0 and grid < len(grids) - 1:
                grid += 1
                cell = flat[grids[grid, 0] + (y >> grid) * grids[grid, 2] + (x >> grid)]
            if cell < 0:
                continue
            own = flat[y * width + x] >= 0
            for index in range(8):  # neighbours by falling level
                value = plane[r + steps[index][0], c + steps[index][1]]
                at = index
                while at and values[at - 1] < value:
                    values[at], across[at], down[at] = values[at - 1], across[at - 1], down[at - 1]
                    at -= 1
                values[at], across[at], down[at] = value, weights[index][0], weights[index][1]
            gx = gy = 0
            for index in range(7):
                gx += across[index]
                gy += down[index]
                if values[index + 1] < values[index] and (gx or gy):
                    _set(bits[bases[grid] + cell], values[index + 1], values[index])
                    if own:
                        both[0, values[index + 1]] += 1
                        both[0, values[index]] -= 1
    for threshold in range(1, both.shape[1]):
        both[0, threshold] += both[0, threshold - 1]
    _gather(flat, grids, bases, bits, both)


@compiled
def _gather(flat: Array, grids: Array, bases: Array, bits: Array, both: Array) -> None:
    """Count each cell's thresholds, and hand them on to the cell that it is a quarter of."""
    for grid in range(1, len(grids)):
        for y in range(grids[grid, 1]):
            for x in range(grids[grid, 2]):
                cell = flat[grids[grid, 0] + y * grids[grid, 2] + x]
                if cell < 0:
                    continue
                words = bits[bases[grid] + cell]
                for word in range(len(words)):
                    for bit in range(min(64, both.shape[1] - 1 - 64 * word)):
                        both[grid, 64 * word + bit] += (words[word] >> np.uint64(bit)) & np.uint64(
                            1
                        )
                if grid + 1 < len(grids):
                    above = flat[grids[grid + 1, 0] + (y >> 1) * grids[grid + 1, 2] + (x >> 1)]
                    for word in range(len(words)):
                        bits[bases[grid + 1] + above, word] |= words[word]

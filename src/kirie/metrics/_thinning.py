"""Thinning: a shape's one-pixel lines.

Zhang and Suen, A fast parallel algorithm for thinning digital patterns, CACM 1984: two passes alternate, each of which takes
all pixels at once that its rule lets go, until neither takes any. scikit-image's `skeletonize`, on which published values
rest, departs from the rule for 25 of the 256 neighbourhoods (corners and steps of a line); `DEPARTURES` lists these.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._compiled import compiled
from ._inputs import Array

__all__ = ["TABLE", "thinned"]

# Neighbourhood → passes that take its pixel: 1 the first, 2 the second. A neighbourhood is the sum of what its pixels weigh:
#   1   2   4
# 128   ·   8
#  64  32  16
DEPARTURES = {
    **dict.fromkeys((48, 129), 0),
    **dict.fromkeys((3, 6, 11, 12, 14, 131, 134, 161, 194, 198), 1),
    **dict.fromkeys((24, 26, 56, 96, 104, 108, 176, 192, 224), 2),
    **dict.fromkeys((10, 40, 130, 160), 3),
}


def _passes(neighbourhood: int) -> int:
    """Zhang and Suen's rule."""
    around = [neighbourhood >> place & 1 for place in range(8)]  # from the upper left, clockwise
    north, east, south, west = around[1::2]
    changes = sum(around[place - 1] < around[place] for place in range(8))
    if changes != 1 or not 2 <= sum(around) <= 6:
        return 0
    first = not (north and east and south) and not (east and south and west)
    second = not (north and east and west) and not (north and south and west)
    return first + 2 * second


TABLE: NDArray[np.uint8] = np.array(
    [DEPARTURES.get(code, _passes(code)) for code in range(256)], np.uint8
)

SET, FIRST, SECOND = (
    4,
    1,
    2,
)  # a pixel is in the line so far; waits for the first pass, for the second


def thinned(shape: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin a shape (H, W) to its lines.

    Each pixel's neighbourhood is kept up to date, and a pixel waits for a pass only while its neighbourhood lets it go:
    the work grows with the area, not with area times thickness.
    """
    height, width = shape.shape
    plane = np.zeros((height + 2, width + 2), np.uint8)
    plane[1:-1, 1:-1] = shape
    around = _around(plane)
    plane *= np.uint8(SET)
    queue = np.empty((3, int(np.count_nonzero(shape))), np.int64)
    _thin(plane.reshape(-1), around.reshape(-1), queue, width + 2, TABLE)
    line: NDArray[np.bool_] = plane[1:-1, 1:-1] != 0
    return line


def _around(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each pixel's neighbourhood, of a plane of 0 and 1 whose margin is 0."""
    left, middle, right = plane[:, :-2], plane[:, 1:-1], plane[:, 2:]
    code = np.zeros_like(plane)
    inner = code[1:-1, 1:-1]
    inner |= (left | middle << 1 | right << 2)[:-2]
    inner |= (right << 3 | left << 7)[1:-1]
    inner |= (right << 4 | middle << 5 | left << 6)[2:]
    return code


@compiled
def _thin(plane: Array, around: Array, queue: Array, stride: int, table: Array) -> None:
    # from a pixel to its neighbours, clockwise; the opposite neighbour's bit is that of the way back
    steps = (-stride - 1, -stride, -stride + 1, 1, stride + 1, stride, stride - 1, -1)
    counts = np.zeros(2, np.int64)
    for at in range(plane.size):
        if plane[at]:
            _wait(plane, queue, counts, at, table[around[at]])
    while counts[0] or counts[1]:
        for turn in range(2):
            bit, going = turn + 1, 0
            for index in range(counts[turn]):
                at = queue[turn, index]
                if plane[at]:
                    plane[at] &= np.uint8(7 - bit)
                    if table[around[at]] & bit:
                        queue[2, going] = at
                        going += 1
            counts[turn] = 0
            for index in range(going):
                plane[queue[2, index]] = 0
            for index in range(going):
                for place in range(8):
                    near = queue[2, index] + steps[place]
                    if plane[near]:
                        around[near] &= np.uint8(255 - (1 << (place + 4) % 8))
                        _wait(plane, queue, counts, near, table[around[near]])


@compiled
def _wait(plane: Array, queue: Array, counts: Array, at: int, passes: int) -> None:
    """Let a pixel wait for the passes that would take it, unless it does already."""
    for turn in range(2):
        bit = turn + 1
        if passes & bit and not plane[at] & bit:
            plane[at] |= np.uint8(bit)
            queue[turn, counts[turn]] = at
            counts[turn] += 1

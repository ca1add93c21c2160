"""The compiled half of the human correction effort: walks along contours, cut into the lines that a person would draw."""

from __future__ import annotations

import numpy as np

from ._compiled import compiled
from ._inputs import Array

__all__ = ["runs", "straight", "untouched"]


@compiled
def runs(points: Array, starts: Array, condition: Array) -> tuple[Array, Array, Array]:
    """Stretches of contours that lie on a condition, each pixel counted at its first visit.

    Args:
        points: (n, 2) int32 x, y of all contours one after another.
        starts: (contours + 1,) where each begins, and the end of the last.
        condition: (H, W) bool.

    Returns:
        (runs, 3) int64: first point, point after the last, and how it goes on: the number of the run that follows it
        backwards, -1 for none, -2 where the run is itself such a continuation. (contours,) bool: whether a
        contour has a point that counts. (n,) bool: whether a point counts.
    """
    seen = np.zeros(condition.shape, np.bool_)
    kept = np.zeros(len(points), np.bool_)
    touched = np.zeros(len(starts) - 1, np.bool_)
    found = np.empty((len(points), 3), np.int64)
    count = 0
    for contour in range(len(starts) - 1):
        first, open_ = count, False
        for at in range(starts[contour], starts[contour + 1]):
            x, y = points[at, 0], points[at, 1]
            kept[at] = condition[y, x] and not seen[y, x]
            if kept[at]:
                seen[y, x] = True
                if not open_:
                    found[count, 0], found[count, 2] = at, -1
                    count += 1
                found[count - 1, 1] = at + 1
            open_ = kept[at]
        touched[contour] = count > first
        if count - first > 1:
            one, other = found[first, 0], found[count - 1, 1] - 1
            across = abs(points[one, 0] - points[other, 0])
            down = abs(points[one, 1] - points[other, 1])
            if max(across, down) == 1:
                found[first, 2], found[count - 1, 2] = -2, first
    return found[:count], touched, kept


@compiled
def straight(points: Array, found: Array, tolerance: int) -> Array:
    """Which runs are two points to any polyline simplification: all their pixels lie within the tolerance of one segment."""
    answer = np.zeros(len(found), np.bool_)
    for run in range(len(found)):
        first, last = found[run, 0], found[run, 1] - 1
        if found[run, 2] != -1 or last == first:
            continue
        dx = np.int64(points[last, 0]) - points[first, 0]
        dy = np.int64(points[last, 1]) - points[first, 1]
        length = dx * dx + dy * dy
        answer[run] = length > 0
        for at in range(first + 1, last):
            x = np.int64(points[at, 0]) - points[first, 0]
            y = np.int64(points[at, 1]) - points[first, 1]
            along, across = x * dx + y * dy, x * dy - y * dx
            if along < 0 or along > length or across * across > tolerance * tolerance * length:
                answer[run] = False
                break
    return answer


@compiled
def untouched(touched: Array, hierarchy: Array) -> int:
    """How many 8-connected parts have no point that counts, on their outline or on that of a hole.

    Args:
        touched: (contours,) bool.
        hierarchy: (contours, 4) int32: the last column is the contour that encloses it, -1 for none.
    """
    part = np.empty(len(touched), np.int64)
    met = np.zeros(len(touched), np.bool_)
    count = 0
    for contour in range(len(touched)):
        depth, above = 0, hierarchy[contour, 3]
        while above >= 0:
            depth, above = depth + 1, hierarchy[above, 3]
        # Outlines lie at even depths, the outlines of their holes right below them.
        part[contour] = contour if depth % 2 == 0 else hierarchy[contour, 3]
        met[part[contour]] |= touched[contour]
    for contour in range(len(touched)):
        count += part[contour] == contour and not met[contour]
    return count

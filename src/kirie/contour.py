"""The subject's outline as polygons and as an SVG drawing, by marching squares at alpha one half, between pixels.

Coordinates are x and y in pixels of the picture, whose upper left corner is 0, 0 and whose first pixel's centre is 0.5, 0.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["area", "polygons", "svg"]

Points = NDArray[np.float64]  # (n, 2): x, y

LEVEL = 0.5
TOLERANCE = 0.35  # pixels that a simplified outline may lie beside the exact one
LEAST = 1.0  # pixels that a polygon encloses, at least

# The corners of a square of four pixel centres count 1 (upper left), 2 (upper right), 4 (lower right), 8 (lower left) where
# they are subject. Each case has one or two lines from a side to a side (0 top, 1 right, 2 bottom, 3 left), the subject always on
# the same hand. In 5 and 10 the two subject corners count as joined.
LINES = {
    1: ((3, 0),),
    2: ((0, 1),),
    3: ((3, 1),),
    4: ((1, 2),),
    5: ((3, 2), (1, 0)),
    6: ((0, 2),),
    7: ((3, 2),),
    8: ((2, 3),),
    9: ((2, 0),),
    10: ((0, 3), (2, 1)),
    11: ((2, 1),),
    12: ((1, 3),),
    13: ((1, 0),),
    14: ((0, 3),),
}


def polygons(alpha: NDArray[np.float32]) -> list[Points]:
    """Closed outlines of an alpha (H, W): positive `area` around the subject, negative around its holes."""
    field = np.pad(alpha, 1)
    following, places = _lines(field)
    found = []
    for loop in _loops(following):
        points = _simple(places[loop])
        if len(points) > 2 and abs(area(points)) >= LEAST:  # noqa: PLR2004
            found.append(points)
    return sorted(found, key=area, reverse=True)


def area(points: Points) -> float:
    """What a polygon encloses, in pixels; negative where it runs around a hole."""
    x, y = points[:, 0], points[:, 1]
    return float(0.5 * (np.roll(x, -1) * y - x * np.roll(y, -1)).sum())


def svg(alpha: NDArray[np.float32]) -> str:
    """An SVG drawing of the picture's size: one path, the subject filled, its holes open."""
    height, width = alpha.shape
    paths = []
    for points in polygons(alpha):
        texts = [f"{_short(x)} {_short(y)}" for x, y in points]
        paths.append(f"M{texts[0]}L{' '.join(texts[1:])}Z")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f'<path fill-rule="evenodd" d="{chr(10).join(paths)}"/>\n</svg>\n'
    )


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _lines(field: NDArray[np.float32]) -> tuple[NDArray[np.int64], Points]:
    """Which point follows each, and where the points are.

    Points lie on the sides of squares. A side's number is that of the pixel at its upper or left end, doubled, plus one where
    the side runs down.
    """
    inside = field >= LEVEL
    width = field.shape[1]
    case = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, 1:] + 8 * inside[1:, :-1]
    flat = np.flatnonzero((case > 0) & (case < 15))  # noqa: PLR2004
    rows, columns = np.divmod(flat, width - 1)
    kind = case.ravel()[flat]
    pixel = rows * width + columns
    sides = np.stack((2 * pixel, 2 * (pixel + 1) + 1, 2 * (pixel + width), 2 * pixel + 1))
    starts, ends = [], []
    for number, lines in LINES.items():
        chosen = kind == number
        for start, end in lines:
            starts.append(sides[start, chosen])
            ends.append(sides[end, chosen])
    start, end = np.concatenate(starts), np.concatenate(ends)
    names, index = np.unique(start, return_inverse=True)
    following = np.empty(len(names), np.int64)
    following[index] = np.searchsorted(names, end)
    return following, _places(field, names)


def _places(field: NDArray[np.float32], names: NDArray[np.int64]) -> Points:
    """Where alpha is one half on each side, linear between its ends."""
    pixel, down = names // 2, names % 2
    values = field.ravel().astype(np.float64)
    near, far = values[pixel], values[pixel + np.where(down, field.shape[1], 1)]
    part = (LEVEL - near) / (far - near)
    y, x = np.divmod(pixel, field.shape[1])
    # Less the pixel that was added around, plus half of one to its centre.
    return np.stack((x + part * (1 - down), y + part * down), axis=1) - 0.5


def _loops(following: NDArray[np.int64]) -> list[list[int]]:
    """The circles of a permutation."""
    after = following.tolist()
    seen = bytearray(len(after))
    loops = []
    for first in range(len(after)):
        loop = []
        at = first
        while not seen[at]:
            seen[at] = 1
            loop.append(at)
            at = after[at]
        if loop:
            loops.append(loop)
    return loops


def _simple(points: Points) -> Points:
    """A closed polygon with fewer points, none of the old ones farther from it than the tolerance (Douglas and Peucker)."""
    far = int(((points - points[0]) ** 2).sum(axis=1).argmax())
    if far == 0:
        return points[:1]
    closed = np.concatenate((points, points[:1]))
    keep = np.zeros(len(closed), np.bool_)
    keep[[0, far]] = True
    spans = [(0, far), (far, len(points))]
    while spans:
        first, last = spans.pop()
        if last - first < 2:  # noqa: PLR2004
            continue
        distance = _from_line(closed[first + 1 : last], closed[first], closed[last])
        worst = int(distance.argmax())
        if distance[worst] > TOLERANCE:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return points[keep[:-1]]


def _from_line(points: Points, start: Points, end: Points) -> NDArray[Any]:
    """How far points lie from the line between two others."""
    along = end - start
    length = float(np.hypot(*along))
    away = points - start
    if length == 0:
        return np.hypot(away[:, 0], away[:, 1])
    distance: NDArray[Any] = np.abs(away[:, 0] * along[1] - away[:, 1] * along[0]) / length
    return distance

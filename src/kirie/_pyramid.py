"""Blend two answers of one network: the coarse content of one, the edges of the other (InSPyReNet's pyramid blending).

Kim, Kim, Lee, Kang, ACCV 2022; arXiv 2209.09475, section 3.3. The network answers the picture twice, small and whole. The small
answer says what the subject is; the whole one's Laplacians sharpen it, but only where the blended map so far has an edge.
All planes are (H, W) float32 logits or Laplacians of logits. NumPy alone: this runs behind any engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ._bilinear import resized
from .errors import BadInput

__all__ = ["blend", "dilate", "ellipse", "erode", "expand", "transition"]

Plane = NDArray[np.float32]

SIGMA = 1.0
TAPS = np.exp(-(np.arange(4.0) ** 2) / (2 * SIGMA**2))  # from the middle of a kernel of seven
TAPS = (TAPS / (TAPS[0] + 2 * TAPS[1:].sum())).astype(np.float32)
EDGE = 0.5  # a rise of the probability inside the structuring element from which a pixel lies at an edge


def blend(coarse: Plane, laplacians: Sequence[Plane], *, sides: Sequence[int]) -> Plane:
    """Sharpen a small answer with the Laplacians of a large one.

    Args:
        coarse: the small answer's logits, of any size.
        laplacians: the large answer's, from the smallest to the largest; each has about twice the sides of the one before.
        sides: of the elliptic structuring element at each level, odd numbers of pixels.

    Returns:
        The blended logits, (H, W): the largest Laplacian's size, where each is just twice the one before.
    """
    height, width = (-(-side // 2) for side in laplacians[0].shape)
    answer = resized(coarse, height, width)
    for laplacian, side in zip(laplacians, sides, strict=True):
        detail = _sized(transition(answer, side), laplacian.shape)
        detail *= laplacian
        answer = expand(answer)
        answer += _sized(detail, answer.shape, corners=True)
    return answer


def _sized(plane: Plane, size: tuple[int, ...], *, corners: bool = False) -> Plane:
    if plane.shape == size:
        return plane
    if not corners and size == (2 * plane.shape[0], 2 * plane.shape[1]):
        return _twice(_twice(plane, 0), 1)
    return resized(plane, size[0], size[1], corners=corners)


def _twice(plane: Plane, axis: int) -> Plane:
    """Bilinear enlarging by two along one axis: a quarter of one neighbour, three of the other; the border is repeated."""
    before, here, after = _shifted(plane, axis, ends=([0], [-1]))
    near = np.float32(0.75) * here
    return _interleaved(near + np.float32(0.25) * before, near + np.float32(0.25) * after, axis)


def _shifted(plane: Plane, axis: int, *, ends: tuple[list[int], list[int]]) -> list[Plane]:
    """The plane as it is seen from each line's neighbours, continued at both ends by some of its own lines."""
    around = np.concatenate((plane.take(ends[0], axis), plane, plane.take(ends[1], axis)), axis)
    lines, more = plane.shape[axis], len(ends[0]) + len(ends[1])
    parts = [slice(start, start + lines) for start in range(more + 1)]
    return [around[part] if axis == 0 else around[:, part] for part in parts]


def _interleaved(even: Plane, odd: Plane, axis: int) -> Plane:
    """The lines of both in turns."""
    height, width = even.shape
    size = (2 * height, width) if axis == 0 else (height, 2 * width)
    return np.stack((even, odd), axis=axis + 1).reshape(size)


def transition(logits: Plane, side: int) -> Plane:
    """1 where the probability rises by more than a half within the element, else 0."""
    # Written with tanh, which cannot overflow.
    subject = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * logits))
    rise = dilate(subject, side)
    rise -= erode(subject, side)
    return (rise > EDGE).astype(np.float32)


def expand(plane: Plane) -> Plane:
    """Twice the size: zeros between rows and columns, blurred with four times the kernel; edges are mirrored."""
    return _doubled(_doubled(plane, 0), 1)


def _doubled(plane: Plane, axis: int) -> Plane:
    """Twice as many lines, each a sum of the two to four next to it; the zeros between drop out of the sums."""
    if plane.shape[axis] == 1:
        raise BadInput("A map of one line cannot be expanded: there is nothing to mirror.")
    # Mirrored with its zero lines, the map goes on with its second line before, and its last two lines after.
    before, here, after, beyond = _shifted(plane, axis, ends=([1], [-1, -2]))
    c0, c1, c2, c3 = 2 * TAPS
    even = c0 * here + c2 * (before + after)
    odd = c1 * (here + after) + c3 * (before + beyond)
    return _interleaved(even, odd, axis)


@cache
def ellipse(side: int) -> tuple[int, ...]:
    """How far the structuring element reaches to both sides in each of its rows (OpenCV's MORPH_ELLIPSE)."""
    radius = side // 2
    rows = np.arange(side) - radius
    return tuple(int(n) for n in np.rint(radius * np.sqrt(1 - (rows / max(radius, 1)) ** 2)))


def dilate(plane: Plane, side: int) -> Plane:
    """The largest value within the elliptic element around each pixel; outside there is nothing."""
    return _extreme(plane, side, np.maximum)


def erode(plane: Plane, side: int) -> Plane:
    """The smallest value within the elliptic element around each pixel; outside there is nothing."""
    return _extreme(plane, side, np.minimum)


def _extreme(plane: Plane, side: int, pick: np.ufunc) -> Plane:
    """One horizontal window for each of the element's widths, and the vertical shifts of each that the element has."""
    reaches = ellipse(side)
    radius = side // 2
    out = plane.copy()
    window, reach = plane.copy(), 0
    for wanted in sorted(set(reaches)):
        while reach < wanted:  # two pixels wider at each step
            reach += 1
            if reach < plane.shape[1]:
                pick(window[:, :-reach], plane[:, reach:], out=window[:, :-reach])
                pick(window[:, reach:], plane[:, :-reach], out=window[:, reach:])
        for row, each in enumerate(reaches):
            shift = row - radius
            if each != wanted or abs(shift) >= len(plane):
                continue
            to = slice(max(0, -shift), len(plane) - max(0, shift))
            source = slice(max(0, shift), len(plane) - max(0, -shift))
            pick(out[to], window[source], out=out[to])
    return out

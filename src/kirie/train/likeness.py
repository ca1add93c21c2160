"""Which pictures show the same, whatever they are called: exact copies, other sizes and formats, mirrored ones.

A picture's print is the sign of its 63 lowest frequencies (a perceptual hash: Zauner 2010), and a small view of it. Prints that
differ in few signs are candidates; the small views, in colour, decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Likeness", "Print", "alike", "print_of"]

SIDE, LOW = 32, 8  # of the grey picture whose frequencies are taken, and of the block of them
VIEW = 16  # of the small view
DIFFERENT = 10  # signs of 64 that candidates may differ in
LIKE = 0.985  # least correlation of two views of one picture
FLAT = 2.0  # levels of deviation below which a view shows nothing to compare
ROWS = 512  # prints that are compared with all others at once


class Print(NamedTuple):
    """bits: 64 signs. mirrored: those of the mirrored picture. view: (16, 16, 3) float32, mean 0 and length 1; zeros if flat."""

    bits: np.uint64
    mirrored: np.uint64
    view: NDArray[np.float32]


class Likeness(NamedTuple):
    """The pictures at two places are one; `mirrored` if left and right are exchanged."""

    first: int
    second: int
    mirrored: bool


def print_of(rgb: NDArray[np.uint8]) -> Print:
    """The print of a picture (H, W, 3)."""
    small: Any = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    view = cv2.resize(small, (VIEW, VIEW), interpolation=cv2.INTER_AREA).astype(np.float32)
    flat = float(grey.std()) < FLAT
    view -= view.mean()
    unit = np.zeros_like(view) if flat else view / np.linalg.norm(view)
    return Print(_bits(grey), _bits(np.ascontiguousarray(grey[:, ::-1])), unit)


def _bits(grey: NDArray[np.float32]) -> np.uint64:
    low = cv2.dct(grey)[:LOW, :LOW].ravel()
    signs = low > np.median(low[1:])
    signs[0] = False  # the mean says nothing of the content
    return np.packbits(signs).view(np.uint64)[0]


def alike(prints: Sequence[Print]) -> Iterator[Likeness]:
    """Every two prints of the same picture, the first place below the second."""
    if not prints:
        return
    views = np.stack([p.view for p in prints])
    plain = np.array([p.bits for p in prints], np.uint64)
    turned = np.array([p.mirrored for p in prints], np.uint64)
    for start in range(0, len(prints), ROWS):
        rows = plain[start : start + ROWS, None]
        found: dict[tuple[int, int], bool] = {}
        for others, mirrored in ((plain, False), (turned, True)):
            near = np.argwhere(np.bitwise_count(rows ^ others[None, start:]) <= DIFFERENT)
            for a, b in (near + start).tolist():
                second = views[b][:, ::-1] if mirrored else views[b]
                if a < b and (a, b) not in found and float((views[a] * second).sum()) >= LIKE:
                    found[a, b] = mirrored
        for (a, b), mirrored in sorted(found.items()):
            yield Likeness(a, b, mirrored)

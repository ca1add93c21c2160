"""Bilinear resizing as PyTorch's `interpolate` does it: the border repeated, nothing smoothed.

Pixel centres lie at halves, or, with `corners`, the corner pixels of one plane on those of the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["resized", "weights"]


def resized(
    plane: NDArray[np.float32], height: int, width: int, *, corners: bool = False
) -> NDArray[np.float32]:
    """Resize one plane, (h, w) → (height, width); where it grows, as Pillow's, and several times faster.

    All output rows between the same two source rows are one outer product, small enough for the cache.
    """
    sources, columns = plane.shape
    across = plane @ weights(columns, width, corners=corners).T  # (h, W)
    place = _places(sources, height, corners=corners)
    upper = np.clip(np.floor(place), 0, sources - 1).astype(np.intp)
    share = np.clip(place - upper, 0, 1).astype(np.float32)
    starts = np.searchsorted(upper, np.arange(sources + 1))
    steps = np.diff(across, axis=0, append=across[-1:])  # below the last row there is nothing
    out = np.empty((height, width), np.float32)
    for row in range(sources):
        rows = slice(starts[row], starts[row + 1])
        np.multiply(share[rows, None], steps[row], out=out[rows])
        out[rows] += across[row]
    return out


def weights(sources: int, targets: int, *, corners: bool = False) -> NDArray[np.float32]:
    """(targets, sources): the two weights of each target."""
    place = np.clip(_places(sources, targets, corners=corners), 0, sources - 1)
    left = np.minimum(np.floor(place).astype(np.intp), max(sources - 2, 0))
    share = place - left
    matrix = np.zeros((targets, sources), np.float32)
    each = np.arange(targets)
    matrix[each, left] = 1 - share
    matrix[each, np.minimum(left + 1, sources - 1)] += share
    return matrix


def _places(sources: int, targets: int, *, corners: bool) -> NDArray[np.floating]:
    """Where each target lies among the sources."""
    if corners:
        return np.arange(targets) * ((sources - 1) / max(targets - 1, 1))
    return (np.arange(targets) + 0.5) * sources / targets - 0.5

"""How often each code occurs inside the truth and outside, block by block: in one pass, where numba is installed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._compiled import compiled
from ._inputs import Array

__all__ = ["joint"]


def joint(codes: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(2, 256): counts inside the mask, and outside."""
    counts = np.zeros((4, 256, 2), np.uint32)
    _count(codes, mask.view(np.uint8), counts.reshape(4, 512))
    total: NDArray[np.int64] = counts.sum(axis=0, dtype=np.int64).T[::-1]
    return total


@compiled
def _count(codes: Array, mask: Array, counts: Array) -> None:
    # Neighbours are counted apart: adding to what was written a moment ago would wait for it.
    for r in range(codes.shape[0]):
        for c in range(codes.shape[1]):
            counts[c & 3, np.int64(codes[r, c]) * 2 + mask[r, c]] += np.uint32(1)

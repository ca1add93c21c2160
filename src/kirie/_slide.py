"""A window that slides over a picture larger than what a network was trained on; answers are averaged where windows overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ._bilinear import resized

__all__ = ["places", "slide"]

Maps = NDArray[np.float32]  # (B, K, h, w)


def slide(
    look: Callable[[NDArray[np.float32]], Maps],
    batch: NDArray[np.float32],
    *,
    window: tuple[int, int],
    stride: tuple[int, int],
) -> Maps:
    """Look at a batch (B, 3, h, w) through windows; the answers' mean, (B, K, h, w).

    Args:
        look: answers (B, 3, h', w') by (B, K, h'', w''), of any size: each is enlarged to its window before it counts.
        batch: as the network takes it; what is smaller than the window is looked at as it is.
        window: (height, width).
        stride: from one window to the next, (down, across).
    """
    height, width = batch.shape[2:]
    total: Maps | None = None
    hits = np.zeros((height, width), np.float32)
    for rows in places(height, window[0], stride[0]):
        for columns in places(width, window[1], stride[1]):
            answer = look(np.ascontiguousarray(batch[:, :, rows, columns]))
            if total is None:
                total = np.zeros((*answer.shape[:2], height, width), np.float32)
            seen = total[:, :, rows, columns]  # a view
            for place in np.ndindex(answer.shape[:2]):
                seen[place] += resized(answer[place], *seen.shape[2:])
            hits[rows, columns] += 1
    assert total is not None  # noqa: S101  there is at least one window
    total /= hits
    return total


def places(length: int, window: int, stride: int) -> Iterator[slice]:
    """Where windows lie along one side: `stride` apart, the last one shifted back inside."""
    for step in range(max(length - window + stride - 1, 0) // stride + 1):
        stop = min(step * stride + window, length)
        yield slice(max(stop - window, 0), stop)

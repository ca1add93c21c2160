"""Camouflage context measure: the context measure, with more weight where the subject looks like what surrounds it.

Wang et al., 2025 (see context.py). The subject is rebuilt from the most similar patches of a ring around it; the
nearer a rebuilt pixel comes to its own colour, the better it is hidden.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._inputs import Array, Pair, Resize, extra
from ._measure import Record
from .context import EPS, ContextMeasure

__all__ = ["CamouflageContextMeasure"]

SIDE, STEP = 7, 3  # of patches, in pixels
RING = 20  # the side of the square that the truth grows by


class CamouflageContextMeasure(ContextMeasure):
    """Camouflage context measure; result `CCM`, for those pictures whose colours are given.

    Args:
        beta2, alpha: as for the context measure.
        gamma: how steeply weight grows with similarity.
        nearness: the weight of places against colours when similar patches are looked for.
        resize: as for every measure.
    """

    name = "CCM"

    def __init__(
        self,
        *,
        beta2: float = 1.2,
        alpha: float = 6.0,
        gamma: float = 8.0,
        nearness: float = 20.0,
        resize: Resize = "bilinear",
    ) -> None:
        self.gamma, self.nearness = gamma, nearness
        super().__init__(beta2=beta2, alpha=alpha, resize=resize)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in; without the picture there is no value."""
        if given.image is None:
            return Record({})
        return self._record(given, self._hidden(given.image, given.mask))

    def _hidden(self, image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(H, W) in 0…1: how well each pixel of the subject is hidden; 0 where there is too little of it to tell."""
        from ._lab import difference, lab

        cv2 = extra("CCM")
        true = mask.view(np.uint8)
        ring = cv2.dilate(true, np.ones((RING, RING), np.uint8)) - true
        colours = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
        corners, inside = _patches(colours, true)
        sources, outside = _patches(colours, ring)
        if not len(corners) or not len(sources):
            return np.zeros(mask.shape)
        # Places are measured in their own spread over all patches.
        places = np.vstack((sources, corners)).astype(np.float64)
        spread = places.std(axis=0)
        places = self.nearness * (places - places.mean(axis=0)) / np.where(spread == 0, 1, spread)
        nearest = _nearest(
            np.hstack((outside, places[: len(sources)])),
            np.hstack((inside, places[len(sources) :])),
        )
        rebuilt = _rebuilt(image * ring[..., None], corners, sources[nearest])
        unlike = difference(lab(rebuilt), lab(image * true[..., None]))
        alike = 1 - np.clip(unlike / 100, 0, 1)
        return (np.exp(self.gamma * alike * mask) - 1) / (math.exp(self.gamma) - 1)


def _patches(colours: Array, mask: Array) -> tuple[NDArray[np.int64], Array]:
    """Corners (n, 2) and colours (n, 147) of the patches that lie wholly in a mask."""
    if min(mask.shape) < SIDE:
        return np.zeros((0, 2), np.int64), np.zeros((0, SIDE * SIDE * 3), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(mask, (SIDE, SIDE))[::STEP, ::STEP]
    corners = STEP * np.argwhere(windows.all(axis=(2, 3)))
    wide = np.lib.stride_tricks.sliding_window_view(colours, (SIDE, SIDE, 3))[..., 0, :, :, :]
    return corners, wide[corners[:, 0], corners[:, 1]].reshape(len(corners), -1)


def _nearest(among: Array, wanted: Array) -> NDArray[np.intp]:
    """For each row of `wanted` the nearest row of `among`; the first of several."""
    # Single precision is the published one's; it decides which of two equally good patches is taken.
    among = among.astype(np.float32).astype(np.float64)
    wanted = wanted.astype(np.float32).astype(np.float64)
    lengths = (among**2).sum(axis=1)
    parts = [
        (lengths - 2 * wanted[start : start + 256] @ among.T).argmin(axis=1)
        for start in range(0, len(wanted), 256)
    ]
    return np.concatenate(parts)


def _rebuilt(source: Array, to: Array, taken: Array) -> NDArray[np.uint8]:
    """Lay patches of the source over a black picture; where several meet, their mean."""
    total = np.zeros(source.shape, np.int64)
    count = np.zeros((*source.shape[:2], 1)) + EPS
    for (y, x), (v, u) in zip(to, taken, strict=True):
        total[y : y + SIDE, x : x + SIDE] += source[v : v + SIDE, u : u + SIDE]
        count[y : y + SIDE, x : x + SIDE] += 1
    return np.round(total / count).astype(np.uint8)

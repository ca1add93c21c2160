"""Class scores at a network's size → what each pixel of a large picture is, without ever holding all scores at its size.

A picture of 12 million pixels would need 7 GB for the scores of 150 classes. Tile by tile only those classes are enlarged that
can win there: between grid points a score never leaves the range of the points around it, so a class whose highest score
lies below another's lowest is out, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._bilinear import weights

__all__ = ["class_map", "probability"]

Scores = NDArray[np.float32]  # (K, h, w)
ClassMap = NDArray[np.uint8] | NDArray[np.uint16]

TILE = 96  # pixels: small enough that few classes can win in one, and the scores of all stay in the cache
NEGLIGIBLE = 25.0  # a class that is this much less likely everywhere (in logits) adds under 2e-11 of probability


@dataclass(frozen=True, slots=True)
class _Tile:
    """A part of the picture, and how its scores are made of the network's."""

    place: tuple[slice, slice]  # in the picture
    scores: Scores  # (K, h', w'), the network's around it
    down: Scores  # (H', h')
    across: Scores  # (W', w')

    def enlarged(self, chosen: NDArray[np.intp]) -> Scores:
        """The scores of some classes at the picture's size, (n, H', W')."""
        scores = self.scores[chosen].transpose(1, 0, 2)  # (h', n, w')
        h, n, w = scores.shape
        # Two large products are many times faster than n small ones, above all where other work keeps the cores busy.
        lines = scores.reshape(h * n, w) @ self.across.T
        return (self.down @ lines.reshape(h, -1)).reshape(len(self.down), n, -1).transpose(1, 0, 2)


def class_map(scores: Scores, size: tuple[int, int]) -> ClassMap:
    """Enlarge scores (K, h, w) bilinearly to `size`, and take the highest at each pixel: (H, W), the first where several are."""
    few = len(scores) <= 1 << 8
    out: ClassMap = np.empty(size, np.uint8) if few else np.empty(size, np.uint16)
    for tile in _tiles(scores, size):
        chosen = _candidates(tile.scores, 0.0)
        if len(chosen) == 1:
            out[tile.place] = chosen[0]
        else:
            out[tile.place] = chosen[tile.enlarged(chosen).argmax(axis=0)]
    return out


def probability(scores: Scores, size: tuple[int, int], classes: Sequence[int]) -> Scores:
    """(H, W) in [0, 1]: the sum of some classes' softmax probabilities, of scores enlarged to `size`."""
    out = np.empty(size, np.float32)
    for tile in _tiles(scores, size):
        chosen = _candidates(tile.scores, NEGLIGIBLE)
        wanted = np.isin(chosen, classes)
        if not wanted.any():
            out[tile.place] = 0
            continue
        powers = tile.enlarged(chosen)
        powers -= powers.max(axis=0)
        np.exp(powers, out=powers)
        np.clip(powers[wanted].sum(axis=0) / powers.sum(axis=0), 0, 1, out=out[tile.place])
    return out


def _candidates(scores: Scores, margin: float) -> NDArray[np.intp]:
    """The classes that can come within `margin` of the winner somewhere in these scores."""
    lowest, highest = scores.min(axis=(1, 2)), scores.max(axis=(1, 2))
    return np.flatnonzero(highest >= lowest.max() - margin)


def _tiles(scores: Scores, size: tuple[int, int]) -> Iterator[_Tile]:
    down, across = weights(scores.shape[1], size[0]), weights(scores.shape[2], size[1])
    for top in range(0, size[0], TILE):
        rows, lines = _band(down, top)
        for left in range(0, size[1], TILE):
            columns, posts = _band(across, left)
            yield _Tile(
                (rows, columns),
                np.ascontiguousarray(scores[:, lines, posts]),
                down[rows, lines],
                across[columns, posts],
            )


def _band(matrix: Scores, start: int) -> tuple[slice, slice]:
    """Targets from `start` on, and the sources that they are made of."""
    targets = slice(start, min(start + TILE, len(matrix)))
    used = np.flatnonzero(matrix[targets].any(axis=0))
    return targets, slice(int(used[0]), int(used[-1]) + 1)

"""Connected pieces of an alpha: keep the largest, drop the small ones, fill what is enclosed.

A piece is a connected area (over corners, too) with alpha of at least one half; its size is its number of pixels. Alpha is
soft around it, so what is dropped is dropped with its soft rim: every fainter pixel goes with the nearest
piece that it is connected to.

Pieces are found by runs: the stretches of each row that belong to a piece. A photograph has a few per row, so that millions of
pixels come down to some thousand runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pieces", "fill_holes", "keep", "pieces"]

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

CORE = 0.5  # alpha from which a pixel belongs to a piece
RIM = 1 / 255  # alpha up to which a pixel is nothing
FAR = 1e9


@dataclass(frozen=True, slots=True)
class Pieces:
    """Runs of pixels and the piece that each belongs to.

    Attributes:
        shape: (height, width).
        rows, starts, ends: one entry per run; ends are exclusive.
        labels: the run's piece, 0 … count - 1.
        count: how many pieces there are.
    """

    shape: tuple[int, int]
    rows: Numbers
    starts: Numbers
    ends: Numbers
    labels: Numbers
    count: int

    @property
    def sizes(self) -> Numbers:
        """Pixels of each piece."""
        found = np.bincount(self.labels, self.ends - self.starts, self.count)
        return found.astype(np.int64)

    def on_border(self) -> Flags:
        """Which pieces reach the picture's border."""
        height, width = self.shape
        edge = (self.rows == 0) | (self.rows == height - 1)
        edge |= (self.starts == 0) | (self.ends == width)
        found = np.zeros(self.count, np.bool_)
        found[self.labels[edge]] = True
        return found

    def drawn(self, chosen: Flags) -> Flags:
        """(H, W): True on the chosen pieces."""
        return _drawn(self, chosen[self.labels])


def pieces(flags: Flags, *, corners: bool = True) -> Pieces:
    """Find the connected areas of True, over corners or over sides only."""
    height, width = flags.shape
    wide = width + 2  # a column of False on either side keeps rows apart
    padded = np.zeros((height, wide), np.bool_)
    padded[:, 1:-1] = flags
    turns = np.flatnonzero(padded.ravel()[1:] != padded.ravel()[:-1]) + 1
    first, last = turns[::2], turns[1::2]  # of the padded picture as one line
    reach = 1 if corners else 0
    # The runs of the row below that touch each run are consecutive.
    low = np.searchsorted(last, first + wide - reach, side="right")
    high = np.searchsorted(first, last + wide + reach, side="left")
    count = np.maximum(high - low, 0)
    above = np.repeat(np.arange(len(first)), count)
    below = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    labels, found = _joined(len(first), above, below + np.repeat(low, count))
    rows = first // wide
    return Pieces(flags.shape, rows, first - rows * wide - 1, last - rows * wide - 1, labels, found)


def _joined(count: int, a: Numbers, b: Numbers) -> tuple[Numbers, int]:
    """Number the connected parts of a graph of `count` nodes and the edges a-b."""
    parent = np.arange(count)
    while len(a):
        one, other = parent[a], parent[b]
        apart = one != other
        a, b, one, other = a[apart], b[apart], one[apart], other[apart]
        parent[np.maximum(one, other)] = np.minimum(one, other)  # towards lower numbers: no circles
        while True:
            up = parent[parent]
            if (up == parent).all():
                break
            parent = up
    roots, labels = np.unique(parent, return_inverse=True)
    return labels, len(roots)


def _drawn(found: Pieces, runs: Flags) -> Flags:
    height, width = found.shape
    steps = np.zeros(height * width + 1, np.int8)
    offset = found.rows[runs] * width
    steps[offset + found.starts[runs]] += 1
    steps[offset + found.ends[runs]] -= 1  # where one run ends another may begin, in the next row
    return np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_).reshape(height, width)


def keep(alpha: Floats, *, largest: bool = False, least: float = 0.0) -> Floats:
    """Drop pieces of fewer than `least` pixels, and all but the largest; faint specks that are no piece go, too.

    Returns:
        (H, W) float32, the same array where there is nothing to drop.
    """
    found = pieces(alpha >= CORE)
    if not found.count:
        return alpha
    chosen = found.sizes >= least
    if largest:
        chosen &= np.arange(found.count) == found.sizes.argmax()
    return _only(alpha, found, chosen, specks=False)


def fill_holes(alpha: Floats) -> Floats:
    """Fill with 1 whatever the subject encloses: areas with alpha under one half that do not reach the border.

    Translucent parts with alpha of at least one half are no holes.
    """
    found = pieces(alpha < CORE, corners=False)
    outside = found.on_border()
    if outside.all():
        return alpha
    return 1 - _only(1 - alpha, found, outside, specks=True)


def _only(alpha: Floats, found: Pieces, chosen: Flags, *, specks: bool) -> Floats:
    """Alpha without the pieces that are not chosen, and with or without what is connected to no piece."""
    if chosen.all() and specks:
        return alpha
    kept, dropped = found.drawn(chosen), found.drawn(~chosen)
    # Everything that is not nothing falls into areas; each holds pieces to keep, pieces to drop, both, or none.
    areas = pieces(alpha > RIM)
    middle = areas.rows * alpha.shape[1]
    has = [_with_any(areas, flags, middle) for flags in (kept, dropped)]
    gone = areas.drawn((has[1] | ~has[1] & (not specks)) & ~has[0])
    both = has[0] & has[1]
    if both.any():
        gone |= _nearer(dropped, kept, areas.drawn(both))
    return np.where(gone, np.float32(0), alpha)


def _with_any(areas: Pieces, flags: Flags, offset: Numbers) -> Flags:
    """Which areas hold a True."""
    before = np.concatenate(([0], np.cumsum(flags.ravel(), dtype=np.int64)))
    inside = before[offset + areas.ends] > before[offset + areas.starts]
    found = np.zeros(areas.count, np.bool_)
    found[areas.labels[inside]] = True
    return found


def _nearer(these: Flags, those: Flags, where: Flags) -> Flags:
    """The pixels of an area that are nearer to one of `these` than to any of `those`."""
    rows, columns = (np.flatnonzero(where.any(axis=axis)) for axis in (1, 0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    found = np.zeros_like(where)
    near, far = _distances(np.stack((these[window], those[window])))
    found[window] = where[window] & (near < far)
    return found


def _distances(seeds: Flags) -> Floats:
    """How far every pixel is from the next True, in steps of 1 and √2: (n, H, W) float32 of (n, H, W)."""
    out = np.where(seeds, np.float32(0), np.float32(FAR))
    place = np.arange(seeds.shape[2], dtype=np.float32)
    for rows in (range(seeds.shape[1]), range(seeds.shape[1] - 1, -1, -1)):
        before: Floats | None = None
        for y in rows:
            row = out[:, y]
            if before is not None:
                np.minimum(row, before + 1, out=row)
                np.minimum(row[:, 1:], before[:, :-1] + np.float32(2**0.5), out=row[:, 1:])
                np.minimum(row[:, :-1], before[:, 1:] + np.float32(2**0.5), out=row[:, :-1])
            right = np.minimum.accumulate(row - place, axis=1) + place
            left = np.minimum.accumulate((row + place)[:, ::-1], axis=1)[:, ::-1] - place
            before = np.minimum(right, left, out=row)
    return out

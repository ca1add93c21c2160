"""What all measures of thresholds, errors and means need of a pair, counted once per picture.

Of whole-number predictions everything follows from how often each code occurs in the truth and outside, in the four blocks of the
S-measure: sums of whole numbers, which are exact. Floats are summed as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ._inputs import Array, Pair, looked_up

__all__ = [
    "ADAPTIVE",
    "CURVE",
    "HALF",
    "Block",
    "Counts",
    "Region",
    "Tally",
    "blocks",
    "counted",
    "histograms",
    "of_histograms",
    "of_plane",
    "quarters",
    "tally",
]

CURVE, ADAPTIVE, HALF = slice(0, 256), 256, 257  # of a tally's thresholds
NEAR = 1e-12  # a threshold this near to a level is decided by the last bit of the published mean


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pixels thresholds find, inside the truth and outside.

    Attributes:
        tp, fp: found in the truth, and outside of it; in a `Tally` at 258 thresholds: 256 levels descending (the last
            finds everything), then p >= the adaptive threshold, then p > 0.5.
        fg, bg: pixels of the truth and of the rest.
    """

    tp: Array
    fp: Array
    fg: Array | int
    bg: Array | int


@dataclass(frozen=True, slots=True)
class Region:
    """Mean and spread of some pixels' values: `squares` is the sum of squared distances from the mean."""

    count: int
    mean: float
    squares: float


@dataclass(frozen=True, slots=True)
class Tally:
    """A pair's counts and sums.

    Attributes:
        found: at all thresholds; `CURVE`, `ADAPTIVE` and `HALF` say where which stand.
        threshold: the adaptive one, min(2·mean(p), 1).
        mean: mean(p).
        error, squared: mean |p - g| and mean (p - g)².
        inside: p over the truth; outside: 1 - p over the rest.
    """

    found: Counts
    threshold: float
    mean: float
    error: float
    squared: float
    inside: Region
    outside: Region


def tally(given: Pair) -> Tally:
    """Count a pair (through `Pair.once`)."""
    return of_plane(given.p, given.mask) if given.prediction.top == 1 else _of_codes(given)


def counted(codes: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.int64]:
    """The histogram of whole numbers: (256,) or (65536,) int64.

    Large 8-bit planes are counted by pairs of neighbours, which halves NumPy's work for each.
    """
    flat: Array = np.ascontiguousarray(codes).reshape(-1)
    if flat.dtype == np.uint16 or flat.size < 65536:
        return np.bincount(flat, minlength=np.iinfo(flat.dtype).max + 1)
    even = flat.size & ~1
    pairs = np.bincount(flat[:even].view(np.uint16), minlength=65536).reshape(256, 256)
    counts: NDArray[np.int64] = pairs.sum(axis=0) + pairs.sum(axis=1)
    if even < flat.size:
        counts[flat[-1]] += 1
    return counts


def _of_codes(given: Pair) -> Tally:
    codes, table = given.prediction.codes, given.table
    fg, bg = np.sum([block.counts for block in given.once(blocks)], axis=0)
    return of_histograms(table, fg, bg, lambda: float(looked_up(table, codes).mean()))


@dataclass(frozen=True, slots=True)
class Block:
    """One of the four blocks around the truth's centroid: top left, top right, bottom left, bottom right.

    Attributes:
        place: its rows and columns; it may be empty.
        counts: (2, codes): how often each code of the prediction occurs in the truth, and outside of it.
    """

    place: tuple[slice, slice]
    counts: NDArray[np.int64]


def blocks(given: Pair) -> list[Block]:
    """Count the four blocks of a whole-number prediction; all but the first are empty where the truth is empty."""
    codes, mask = given.prediction.codes, given.mask
    return [Block(place, histograms(codes[place], mask[place])) for place in quarters(given)]


def quarters(given: Pair) -> list[tuple[slice, slice]]:
    """Rows and columns of the four blocks."""
    mask = given.mask.view(np.uint8)
    height, width = middle, centre = given.size
    by_row = np.add.reduce(mask, axis=1, dtype=np.int64)
    area = int(by_row.sum())
    if area:
        by_column = np.add.reduce(mask, axis=0, dtype=np.int64)
        # Halves are rounded to even.
        middle = round(int(by_row @ np.arange(height)) / area) + 1
        centre = round(int(by_column @ np.arange(width)) / area) + 1
    return [
        (rows, columns)
        for rows in (slice(0, middle), slice(middle, height))
        for columns in (slice(0, centre), slice(centre, width))
    ]


def histograms(codes: Array, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(2, codes): of the codes inside a mask, and outside."""
    joint = _joint()
    if joint is not None and codes.dtype == np.uint8 and codes.ndim == 2:
        return joint(codes, mask)
    # Outside the mask everything becomes code 0, which is put right afterwards: no pixel is gathered.
    inner = codes & -mask.view(np.uint8) if codes.dtype == np.uint8 else codes * mask
    everything, fg = counted(codes), counted(inner)
    fg[0] -= mask.size - int(np.count_nonzero(mask))
    return np.stack((fg, everything - fg))


@cache
def _joint() -> Callable[[Array, Array], NDArray[np.int64]] | None:
    """The same in one compiled pass, three times as fast, where numba is there."""
    try:
        from ._joint import joint
    except ImportError:
        return None
    return joint


def of_histograms(
    values: NDArray[np.float64],
    fg: NDArray[np.int64],
    bg: NDArray[np.int64],
    published_mean: Callable[[], float],
) -> Tally:
    """A tally from how often each value occurs.

    Args:
        values: ascending, of those that occur in 0…1.
        fg: how often each occurs in the truth.
        bg: how often outside of it.
        published_mean: the mean as NumPy sums the plane, asked for where its last bit decides.
    """
    here = np.flatnonzero(fg + bg)
    values, fg, bg = values[here], fg[here], bg[here]
    area, rest = int(fg.sum()), int(bg.sum())
    mean = float((fg + bg) @ values) / (area + rest)
    threshold = min(2 * mean, 1.0)
    if np.abs(values - threshold).min() <= NEAR:
        threshold = min(2 * published_mean(), 1.0)
    levels = (values * 255).astype(np.uint8)

    adaptive, half = np.searchsorted(values, threshold), np.searchsorted(values, 0.5, side="right")

    def found(counts: NDArray[np.int64]) -> NDArray[np.int64]:
        at = np.zeros(258, np.int64)
        np.add.at(at, 255 - levels.astype(np.intp), counts)
        np.cumsum(at[CURVE], out=at[CURVE])
        at[ADAPTIVE], at[HALF] = counts[adaptive:].sum(), counts[half:].sum()
        return at

    return Tally(
        found=Counts(found(fg), found(bg), area, rest),
        threshold=threshold,
        mean=mean,
        error=float(fg @ (1 - values) + bg @ values) / (area + rest),
        squared=float(fg @ (1 - values) ** 2 + bg @ values**2) / (area + rest),
        inside=_weighted(values, fg),
        outside=_weighted(1 - values, bg),
    )


def _weighted(values: NDArray[np.float64], counts: NDArray[np.int64]) -> Region:
    count = int(counts.sum())
    if not count:
        return Region(0, 0.0, 0.0)
    mean = float(counts @ values) / count
    return Region(count, mean, float(counts @ (values - mean) ** 2))


def of_plane(p: NDArray[np.float64], mask: NDArray[np.bool_]) -> Tally:
    """A tally of floats in 0…1."""
    count, area = mask.size, int(np.count_nonzero(mask))
    mean = float(p.mean())
    threshold = min(2 * mean, 1.0)
    error = np.abs(p - mask)
    within, without = p[mask], p[~mask]

    def found(values: NDArray[np.float64]) -> NDArray[np.int64]:
        curve = counted((values * 255).astype(np.uint8))[::-1].cumsum()
        others = (np.count_nonzero(values >= threshold), np.count_nonzero(values > 0.5))
        return np.append(curve, others)

    return Tally(
        found=Counts(found(within), found(without), area, count - area),
        threshold=threshold,
        mean=mean,
        error=float(error.mean()),
        squared=float((error**2).mean()),
        inside=_spread(within),
        outside=_spread(1 - without),
    )


def _spread(values: NDArray[np.float64]) -> Region:
    if not values.size:
        return Region(0, 0.0, 0.0)
    mean = float(values.mean())
    return Region(values.size, mean, float(((values - mean) ** 2).sum()))

"""The compiled half of the weighted F-measure: exact distances to the truth, and errors spread along them."""

from __future__ import annotations

import numpy as np

from ._compiled import compiled
from ._inputs import Array, Pair

__all__ = ["weighted_errors"]

FAR = 266 * 266  # from here on (squared) a false pixel weighs twice in double precision

# Half of the 7 taps of a Gaussian of sigma 5, which sum to 1; the published 7×7 filter is their product with themselves.
TAPS = np.exp(-(np.arange(-3, 4) ** 2) / 50.0)
TAPS = (TAPS / TAPS.sum())[:4]
# What a false pixel weighs, by its squared distance from the truth; what is in the truth weighs nothing.
WEIGHTS = 2.0 - np.exp(np.log(0.5) / 5 * np.sqrt(np.arange(FAR + 1)))
WEIGHTS[0] = 0.0


def weighted_errors(given: Pair) -> tuple[float, float]:
    """Sums of the weighted errors over the truth, which is not empty, and over the rest."""
    mask = given.mask.view(np.uint8)
    # Rows to the nearest pixel of the truth in a column that has none: so many, or more.
    far = len(mask) + 8
    rows = np.empty(mask.shape, np.int16 if 2 * far < 1 << 15 else np.int32)
    _nearest_rows(mask, rows, np.full(mask.shape[1], far, rows.dtype))
    codes = given.prediction.codes
    if given.prediction.top == 1:  # floats stand for themselves, each in its place
        codes, table = np.arange(mask.size).reshape(mask.shape), given.p.reshape(-1)
    else:
        table = given.table
    inside, outside = _sums(codes, table, mask, (rows, far), (TAPS, WEIGHTS))
    return float(inside), float(outside)


@compiled
def _nearest_rows(mask: Array, rows: Array, below: Array) -> None:
    """For each pixel the rows to the nearest pixel of the truth in its column: up where positive or 0, down where negative.

    Of two as near it is the upper one. `below` has a number for each column, at first the one for none.
    """
    height, width = mask.shape
    for c in range(width):
        rows[0, c] = 0 if mask[0, c] else below[c]
    for r in range(1, height):
        for c in range(width):
            rows[r, c] = 0 if mask[r, c] else rows[r - 1, c] + 1
    for r in range(height - 1, -1, -1):
        for c in range(width):
            below[c] = 0 if mask[r, c] else below[c] + 1
            rows[r, c] = -below[c] if below[c] < rows[r, c] else rows[r, c]


@compiled
def _nearest_in_row(rows: Array, far: int, squared: Array, columns: Array, hull: Array) -> None:
    """Squared distances of one row's pixels, and the columns of their nearest pixels of the truth; the smaller of several.

    Each column is a parabola, and their lower envelope the answer. Nothing reaches past a pixel of the truth in the row itself,
    so that each gap between such pixels is a row by itself.
    """
    width = rows.shape[0]
    first = 0
    while first < width:
        if rows[first] == 0:
            squared[first], columns[first] = 0, first
            first += 1
            continue
        last = first
        while last < width and rows[last] != 0:
            last += 1
        _nearest_in_gap(rows, far, (first, last), squared, columns, hull)
        first = last


@compiled
def _nearest_in_gap(
    rows: Array, far: int, gap: tuple[int, int], squared: Array, columns: Array, hull: Array
) -> None:
    """The same for the pixels of one gap, from the first to before the last."""
    first, last = gap
    places, heights = hull[0], hull[1]
    top = -1
    for c in range(max(first - 1, 0), min(last + 1, rows.shape[0])):
        if abs(rows[c]) >= far:
            continue
        height = np.int64(rows[c]) * rows[c] + c * c
        # The topmost parabola goes where the new one meets it before it has met the one below.
        while top > 0 and (height - heights[top]) * (places[top] - places[top - 1]) <= (
            heights[top] - heights[top - 1]
        ) * (c - places[top]):
            top -= 1
        top += 1
        places[top], heights[top] = c, height
    part = 0
    for c in range(first, last):
        value = heights[part] - 2 * c * places[part]
        while part < top:
            following = heights[part + 1] - 2 * c * places[part + 1]
            if following >= value:
                break
            part, value = part + 1, following
        columns[c] = places[part]
        squared[c] = min(value + c * c, FAR)


@compiled
def _sums(
    codes: Array,
    table: Array,
    mask: Array,
    nearest: tuple[Array, int],
    tables: tuple[Array, Array],
) -> tuple[float, float]:
    height, width = mask.shape
    rows, far = nearest
    taps, weights = tables
    squared, columns = np.zeros(width, np.int32), np.zeros(width, np.int32)
    hull = np.zeros((2, width), np.int64)
    row = np.zeros(width + 6)  # errors of a row, spread to its surroundings, with a margin of 0
    filtered = np.zeros((7, width))  # of the last 7 rows, along the row
    inside = outside = 0.0
    for r in range(height + 3):
        within = without = 0.0  # row by row, which rounds less than one long sum
        some = False
        if r < height:
            _nearest_in_row(rows[r], far, squared, columns, hull)
            for c in range(width):
                without += table[codes[r, c]] * weights[squared[c]]
                row[c + 3] = 0.0
                if squared[c] <= 18:  # farther ones are outside every filter
                    column = columns[c]
                    row[c + 3] = 1.0 - table[codes[r - rows[r, column], column]]
                    some = True
        if some:
            _along(row, taps, filtered[r % 7])
        else:
            filtered[r % 7] = 0.0
        if r >= 3:
            total = _across(filtered, taps, r)
            for c in range(width):
                if mask[r - 3, c]:
                    within += min(1.0 - table[codes[r - 3, c]], total[c])
        inside += within
        outside += without
    return inside, outside


@compiled
def _along(row: Array, taps: Array, out: Array) -> None:
    """Filter a row."""
    for c in range(len(out)):
        out[c] = (
            taps[0] * (row[c] + row[c + 6])
            + taps[1] * (row[c + 1] + row[c + 5])
            + taps[2] * (row[c + 2] + row[c + 4])
            + taps[3] * row[c + 3]
        )


@compiled
def _across(filtered: Array, taps: Array, newest: int) -> Array:
    """Filter down the last seven rows."""
    out = np.empty(filtered.shape[1])
    one, two, three = (
        filtered[(newest + 1) % 7],
        filtered[(newest + 2) % 7],
        filtered[(newest + 3) % 7],
    )
    four, five = filtered[(newest + 4) % 7], filtered[(newest + 5) % 7]
    six, seven = filtered[(newest + 6) % 7], filtered[newest % 7]
    for c in range(len(out)):
        out[c] = (
            taps[0] * (one[c] + seven[c])
            + taps[1] * (two[c] + six[c])
            + taps[2] * (three[c] + five[c])
            + taps[3] * four[c]
        )
    return out

"""E-measure: how well the found foreground agrees with the true one, pixel by pixel and in their means.

Fan et al., Enhanced-alignment measure for binary foreground map evaluation, IJCAI 2018. As published the sum is divided by N - 1,
so a perfect map scores slightly above 1. Empty truth: the share that is not found; full truth: the share that is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._inputs import Pair
from ._measure import Measure, Record, thresholded
from ._tally import Counts, tally

__all__ = ["EMeasure"]

EPS = np.finfo(np.float64).eps


class EMeasure(Measure):
    """E-measure; results `Em_adp` (threshold 2·mean), `Em_mean` and `Em_max` of the curve `Em` over 256 thresholds."""

    variants = ("pysodmetrics", "birefnet")

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        return thresholded(f"{self._prefix}Em", given.once(_scores))


def _scores(given: Pair) -> NDArray[np.float64]:
    return aligned(given.once(tally).found)


def aligned(found: Counts) -> NDArray[np.float64]:
    """The E-measure of binary maps from their counts."""
    total = found.fg + found.bg
    positive = found.tp + found.fp
    if found.fg == 0:
        score = np.asarray(total - positive, np.float64)
    elif found.bg == 0:
        score = np.asarray(positive, np.float64)
    else:
        p, g = positive / total, found.fg / total  # mean of the found map and of the truth
        score = np.zeros(np.shape(p))
        for count, a, b in (
            (found.tp, 1 - p, 1 - g),
            (found.fp, 1 - p, -g),
            (found.fg - found.tp, -p, 1 - g),
            (found.bg - found.fp, -p, -g),
        ):
            alignment = 2 * a * b / (a * a + b * b + EPS)
            score += count * (alignment + 1) ** 2 / 4
    return score / (total - 1 + EPS)

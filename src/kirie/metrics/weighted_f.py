"""Weighted F-measure: errors count by where they are.

Margolin et al., How to evaluate foreground maps?, CVPR 2014, with β = 1. An error in the truth counts no more than the
errors around it; a false pixel counts the more the farther it is from the truth. Where several pixels of the truth are
equally near, the one in the smaller column, then in the smaller row, hands on its error, as with the published evaluators' distance transform.
Empty truth: 0.
"""

from __future__ import annotations

import numpy as np

from ._inputs import Pair
from ._measure import Measure, Record
from .s_measure import EPS

__all__ = ["WeightedF"]


class WeightedF(Measure):
    """Weighted F-measure, 1 for a perfect map; result `wFm`."""

    variants = ("pysodmetrics", "birefnet")
    needs_extra = True

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        return Record({f"{self._prefix}wFm": given.once(_weighted_f)})


def _weighted_f(given: Pair) -> float:
    from ._weighted import weighted_errors

    area = int(np.count_nonzero(given.mask))
    if not area:
        return 0.0
    inside, outside = weighted_errors(given)
    precision = (area - inside) / (area - inside + outside + EPS)
    recall = 1 - inside / area
    return 2 * recall * precision / (recall + precision + EPS)

"""Size-invariant mean absolute error: the mean of the objects' errors and of the background's, the latter by its share.

Li et al., ICML 2024, as PySODMetrics has it (see size_invariant.py). The objects' regions are their bounding boxes, the background
is what lies in none. Where the boxes cover the picture, the published error of the background is 0/0: NaN.
"""

from __future__ import annotations

import math

import numpy as np

from ._inputs import Pair
from ._measure import Measure, Record
from ._tally import tally
from ._targets import REFUSED, Targets, targets

__all__ = ["SizeInvariantMAE"]


class SizeInvariantMAE(Measure):
    """Size-invariant mean absolute error, 0 for a perfect map; result `SI_MAE`.

    Args:
        variant: as for `SizeInvariant`; where there is no background, `exact` leaves it out instead of giving NaN.
        resize: as for every measure.
    """

    variants = ("pysodmetrics", "exact")
    needs_extra = True

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        objects, exact = given.once(targets), self.variant == "exact"
        if objects.refused and not exact:
            return Record({}, notes=(REFUSED.format("SI_MAE", objects.refused),))
        if not objects.boxes:
            return Record({"SI_MAE": given.once(tally).error})
        return Record({"SI_MAE": _error(given, objects, exact=exact)})


def _error(given: Pair, objects: Targets, *, exact: bool) -> float:
    error = np.abs(given.p - given.mask)
    outside = objects.outside()
    behind = int(np.count_nonzero(outside))
    share = behind / (error.size - behind)
    total = 0.0
    if behind:
        total = share * float(error[outside].sum()) / behind
    elif not exact:
        total = math.nan
    for box, part in objects.regions(exact=exact):
        region = error[box] if part is None else error[box][part]
        total += float(region.sum()) / region.size if region.size else math.nan
    return total / (len(objects.boxes) + share)

"""Multiscale IoU: how much of the truth's outline the map's outline meets, on grids from 1 to 512 pixels.

Ahmadzadeh et al., Multiscale IoU: a metric for evaluation of salient object detection with fine structures, ICIP 2021. On each grid it is
the share of cells with an edge of the truth that also have one of the map; the score is the area under these ten shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._inputs import Pair
from ._measure import Measure, Record, extremes
from ._tally import tally

__all__ = ["MSIoU"]


class MSIoU(Measure):
    """Multiscale IoU, 1 for a perfect map; results `MSIoU_adp`, `MSIoU_mean`, `MSIoU_max` and `MSIoU_bin` (p > 0.5).

    The curve `MSIoU` has 257 points, the thresholds ascending: point i takes levels of at least i.

    Args:
        variant: `pysodmetrics` counts the truth's cells in half precision: more than 2048 are rounded, and from 65520
            on they are infinite, which makes the share 0. `exact` counts them.
        resize: as for every measure.
    """

    variants = ("pysodmetrics", "exact")
    needs_extra = True

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        from ._sweep import sweep

        grids = given.once(_cells)
        curve = self._scores(sweep(given.levels, grids), grids)

        def of(mask: NDArray[np.bool_]) -> float:
            both = sweep(mask.view(np.uint8), grids)
            return float(self._scores(both, grids)[1])

        values = {"MSIoU_adp": of(given.at_least(given.once(tally).threshold))}
        values |= extremes("MSIoU", curve) | {"MSIoU_bin": of(given.found)}
        return Record(values, {"MSIoU": curve})

    def _scores(
        self, both: NDArray[np.int64], grids: list[NDArray[np.int32]]
    ) -> NDArray[np.float64]:
        true = np.array([grid.max() + 1 for grid in grids], np.float64)
        if self.variant == "pysodmetrics":
            with np.errstate(over="ignore"):
                true = true.astype(np.float16)
                below = (true + np.float16(1)).astype(np.float64)
        else:
            below = true + 1
        shares = (both + 1) / below[:, None]  # (10, thresholds)
        area: NDArray[np.float64] = (shares[1:] + shares[:-1]).sum(axis=0) / 2 / (len(grids) - 1)
        return area


def _cells(given: Pair) -> list[NDArray[np.int32]]:
    from ._sweep import cells, edges

    height, width = given.size
    mask = np.zeros((height + 2, width + 2), np.uint8)
    mask[1:-1, 1:-1] = given.mask
    return cells(edges(mask))

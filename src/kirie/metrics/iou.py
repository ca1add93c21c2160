"""IoU of a grey map over 256 thresholds, of the whole area, as InSPyReNet's evaluator reports it.

Kim et al., Revisiting image pyramid structure for high resolution salient object detection, ACCV 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._inputs import Array, Pair
from ._measure import Measure, Record, extremes
from ._tally import CURVE, counted, tally

__all__ = ["IoU", "met"]


class IoU(Measure):
    """IoU; results `inspyrenet.IoU_mean` and `inspyrenet.IoU_max` of the curve `inspyrenet.IoU`."""

    variants = ("inspyrenet",)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        found, name = given.once(tally).found, f"{self._prefix}IoU"
        curve = met(found.tp[CURVE], found.fp[CURVE], int(found.fg))
        return Record(extremes(name, curve), {name: curve})


def met(tp: Array, fp: Array, area: int) -> NDArray[np.float64]:
    """IoU from counts; 0 where there is nothing to meet."""
    curve: NDArray[np.float64] = tp / (max(area, 1) + fp)
    return curve


def curve_between(levels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU of a grey plane (H, W) with a mask at 256 falling thresholds."""
    inside = counted(levels & -mask.view(np.uint8))
    area = int(np.count_nonzero(mask))
    inside[0] -= mask.size - area
    outside = counted(levels) - inside
    return met(inside[::-1].cumsum(), outside[::-1].cumsum(), area)

"""Thin-band IoU (TIoU): how much of the truth's outline, a thousandth of the diagonal wide, the map fills.

As InSPyReNet's evaluator has it (Kim et al., ACCV 2022): the map is looked at only inside the truth's band, so false pixels
appear at the last threshold alone, which takes everything.
"""

from __future__ import annotations

import numpy as np

from ._inputs import Pair
from ._measure import Measure, Record, extremes
from .boundary_iou import band
from .iou import curve_between

__all__ = ["ThinIoU"]

WIDTH = 0.001  # of the band, as a share of the diagonal


class ThinIoU(Measure):
    """Thin-band IoU; results `inspyrenet.TIoU_mean` and `inspyrenet.TIoU_max` of the curve `inspyrenet.TIoU`."""

    variants = ("inspyrenet",)
    needs_extra = True

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        outline = band(given.mask.view(np.uint8), WIDTH)
        curve, name = curve_between(given.levels * outline, outline > 0), f"{self._prefix}TIoU"
        return Record(extremes(name, curve), {name: curve})

"""Boundary IoU: the IoU of two bands along the outlines, as wide as a fiftieth of the picture's diagonal.

Cheng et al., Boundary IoU: improving object-centric image segmentation evaluation, CVPR 2021; for grey maps as the evaluators
of BiRefNet and InSPyReNet have it: the band of a grey map is what erosion takes off it, level by level. Outside the picture
there is nothing, so an object that is cut by the border has an outline there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._inputs import Pair, extra
from ._measure import Measure, Record, extremes
from .iou import curve_between

__all__ = ["BoundaryIoU", "band"]

WIDTH = 0.02  # of the bands, as a share of the diagonal


class BoundaryIoU(Measure):
    """Boundary IoU; results `birefnet.BIoU_mean` and `birefnet.BIoU_max` of the curve `birefnet.BIoU`."""

    variants = ("birefnet", "inspyrenet")
    needs_extra = True

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        curve, name = given.once(_curve), f"{self._prefix}BIoU"
        return Record(extremes(name, curve), {name: curve})


def _curve(given: Pair) -> NDArray[np.float64]:
    return curve_between(band(given.levels, WIDTH), band(given.mask.view(np.uint8), WIDTH) > 0)


def band(plane: NDArray[np.uint8], width: float) -> NDArray[np.uint8]:
    """What an erosion takes off a plane (H, W); `width` is the erosion's reach as a share of the diagonal."""
    cv2 = extra("Boundary IoU")
    reach = max(1, round(width * float(np.hypot(*plane.shape))))
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    core = cv2.erode(plane, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    left: NDArray[np.uint8] = plane - core
    return left

"""Mean boundary accuracy: the share of right pixels near the truth's outline, averaged over five widths.

Cheng et al., CascadePSP, CVPR 2020. The prediction is taken as it is, above 128. The picture's border is no outline; a truth without
any outline has no accuracy there: NaN.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._inputs import HALF, Pair, extra
from ._measure import Measure, Record

__all__ = ["MeanBoundaryAccuracy"]

WIDTHS = 5


class MeanBoundaryAccuracy(Measure):
    """Mean boundary accuracy, 1 for a perfect map; result `birefnet.mBA`."""

    variants = ("birefnet", "inspyrenet")
    needs_extra = True

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        right = given.prediction.above(HALF) == given.mask
        shares = [_share(right, near(given.mask, radius)) for radius in _radii(given.size)]
        return Record({f"{self._prefix}mBA": sum(shares) / WIDTHS})


def _radii(size: tuple[int, int]) -> list[int]:
    largest = sum(size) / 300
    return [1 + int((largest - 1) / WIDTHS * index) for index in range(WIDTHS)]


def near(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """(H, W): what lies within a radius of a mask's outline."""
    cv2 = extra("Mean boundary accuracy")
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    plane = mask.view(np.uint8)
    zone: NDArray[np.bool_] = cv2.dilate(plane, disc) != cv2.erode(plane, disc)
    return zone


def _share(right: NDArray[np.bool_], zone: NDArray[np.bool_]) -> float:
    count = int(np.count_nonzero(zone))
    return int(np.count_nonzero(right & zone)) / count if count else math.nan

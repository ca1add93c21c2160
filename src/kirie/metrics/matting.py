"""Matting errors: SAD, MSE, MAD, gradient and connectivity, over the whole picture and over its unknown zone.

Rhemann et al., A perceptually motivated online benchmark for image matting, CVPR 2009. Both mattes are taken as they are: nothing is
stretched and nothing cut. The unknown zone is where the truth is neither black nor white (there is no trimap here).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from ._inputs import Array, Pair, Resize, extra
from ._measure import Measure, Record

__all__ = ["KINDS", "Matting"]

KINDS = ("SAD", "MSE", "MAD", "Grad", "Conn")
SIGMA = 1.4  # of the gradient's filter, in pixels
STEP = 0.1  # of the connectivity's thresholds
SLACK = 0.15  # a pixel may be this much less connected for nothing

Plane = NDArray[np.float64]


class Matting(Measure):
    """Matting errors, all 0 for a perfect matte; results `matting.SAD`, `matting.SAD_unknown` and so on.

    SAD, Grad and Conn are sums over thousand; MSE and MAD are means. `_unknown` (not of MAD) are the same over the unknown
    zone alone: 0 where there is none.

    Args:
        kinds: which of `SAD`, `MSE`, `MAD`, `Grad`, `Conn`; all by default.
        resize: as for every measure.
    """

    def __init__(self, kinds: Sequence[str] = KINDS, *, resize: Resize = "bilinear") -> None:
        for kind in kinds:
            if kind not in KINDS:
                raise BadInput(f"There is no kind {kind!r}: there is {', '.join(KINDS)}.")
        self.kinds = tuple(kinds)
        super().__init__(resize=resize)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        matte, true = given.prediction.values(), given.truth.values()
        unknown = (true > 0) & (true < 1)
        values: dict[str, float] = {}
        for kind in self.kinds:
            errors = _errors(kind, matte, true)
            values[f"matting.{kind}"] = _summed(kind, errors)
            if kind != "MAD":
                values[f"matting.{kind}_unknown"] = _summed(kind, errors[unknown])
        return Record(values)


def _errors(kind: str, matte: Plane, true: Plane) -> Plane:
    """(H, W): each pixel's error."""
    if kind == "Grad":
        return (_steepness(matte) - _steepness(true)) ** 2
    if kind == "Conn":
        level = _connected(matte, true)
        return np.abs(_degree(matte, level) - _degree(true, level))
    return (matte - true) ** 2 if kind == "MSE" else np.abs(matte - true)


def _summed(kind: str, errors: Plane) -> float:
    return float(errors.sum()) / (max(errors.size, 1) if kind in ("MSE", "MAD") else 1000)


def _steepness(plane: Plane) -> Plane:
    """The gradient's length, by derivatives of a Gaussian."""
    cv2 = extra("The matting error Grad")
    reach = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * 0.01)))
    x = np.arange(-reach, reach + 1)
    bell = np.exp(-(x**2) / (2 * SIGMA**2)) / (SIGMA * math.sqrt(2 * math.pi))
    slope = -x * bell / SIGMA**2
    # The filter is their product, scaled to length 1.
    bell, slope = bell / np.linalg.norm(bell), slope / np.linalg.norm(slope)

    def filtered(along: Array, down: Array) -> Plane:
        made: Plane = cv2.sepFilter2D(
            plane, cv2.CV_64F, along, down, borderType=cv2.BORDER_REPLICATE
        )
        return made

    return np.hypot(filtered(slope, bell), filtered(bell, slope))


def _connected(matte: Plane, true: Plane) -> Plane:
    """(H, W): up to which threshold each pixel belongs to the largest part that both mattes share."""
    cv2 = extra("The matting error Conn")
    level = np.full(true.shape, -1.0)
    thresholds = np.arange(0, 1 + STEP, STEP)  # with its rounding, as published
    for lower, upper in pairwise(thresholds):
        both = ((matte >= upper) & (true >= upper)).view(np.uint8)
        _, labels, facts, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        areas = facts[1:, cv2.CC_STAT_AREA]
        largest = labels == 1 + areas.argmax() if len(areas) else np.zeros(true.shape, np.bool_)
        level[(level == -1) & ~largest] = lower
    level[level == -1] = 1
    return level


def _degree(plane: Plane, level: Plane) -> Plane:
    """How connected each pixel is: 1 but for what it stands above its level."""
    above = plane - level
    return 1 - above * (above >= SLACK)

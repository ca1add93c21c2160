"""Context measure: pixels count by how much of the truth, and of the map, lies around them.

Wang et al., Context-measure: contextualizing metric for camouflage, 2025. "Around" is a Gaussian as long and as slanted as
the truth itself, of spread `alpha`. Where all of the truth lies on one slanted line, the Gaussian does not exist:
the published evaluator stops there, and kirie gives no value and a note.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._inputs import Array, Pair, Resize, extra
from ._measure import Measure, Record

__all__ = ["ContextMeasure"]

EPS = float(np.finfo(np.float64).eps)
FLAT = 1e-9  # of the largest possible determinant: below this its rounding decides
NO_SHAPE = "{}: the truth is one slanted line, around which the published measure is not defined"


class ContextMeasure(Measure):
    """Context measure; result `CM`.

    Args:
        beta2: the weight of what is found of the truth.
        alpha: the spread of the context, in pixels.
        resize: as for every measure.
    """

    needs_extra = True
    name = "CM"

    def __init__(
        self, *, beta2: float = 1.0, alpha: float = 6.0, resize: Resize = "bilinear"
    ) -> None:
        self.beta2, self.alpha = beta2, alpha
        super().__init__(resize=resize)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        return self._record(given, None)

    def _record(self, given: Pair, hidden: Array | None) -> Record:
        try:
            kernel = _kernel(given.mask, self.alpha)
        except np.linalg.LinAlgError:
            return Record({}, notes=(NO_SHAPE.format(self.name),))
        return Record({self.name: self._score(given, kernel, hidden)})

    def _score(self, given: Pair, kernel: Array, hidden: Array | None) -> float:
        """The measure; `hidden` (H, W) adds weight where the subject is hard to see."""
        cv2 = extra(self.name)
        p, true = given.p, given.mask
        around = cv2.filter2D(true.astype(np.float32), cv2.CV_32F, kernel) * (p > 0)
        relevant = float((around * p).sum()) / (float(p.sum()) + EPS)
        reached = 1 - np.exp(-cv2.filter2D(p, -1, kernel))
        reached *= math.e / (math.e - 1)
        weight, total = true.astype(np.float64), float(np.count_nonzero(true))
        if hidden is not None:
            weight, total = weight + hidden, total + float(hidden.sum())
        complete = float((reached * true * weight).sum()) / (total + EPS)
        return (1 + self.beta2) * relevant * complete / (self.beta2 * relevant + complete + EPS)


def _kernel(mask: NDArray[np.bool_], alpha: float) -> NDArray[np.float64]:
    """A Gaussian shaped as the truth, rows first; sums to 1."""
    spread = _covariance(mask)
    if spread is None:
        spread, half = np.diag([0.25, 0.25]), (1, 1)
    else:
        for axis in range(2):
            spread[axis, axis] = spread[axis, axis] or EPS
        total = np.sqrt(spread[0, 0] + spread[1, 1])
        half = (
            round(3 * (alpha * np.sqrt(spread[0, 0]) / total)),
            round(3 * (alpha * np.sqrt(spread[1, 1]) / total)),
        )
        spread = alpha**2 * spread / (total**2)
    inverse = np.linalg.inv(spread)
    y = np.arange(-half[0], half[0] + 1)[:, None]
    x = np.arange(-half[1], half[1] + 1)
    power = inverse[0, 0] * y * y + (inverse[0, 1] + inverse[1, 0]) * y * x + inverse[1, 1] * x * x
    kernel: NDArray[np.float64] = np.exp(-0.5 * power)
    kernel /= kernel.sum()
    return kernel


def _covariance(mask: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Of the truth's (row, column), by whole numbers; None where it has one pixel or none."""
    plane = mask.view(np.uint8)
    by_row = np.add.reduce(plane, axis=1, dtype=np.int64)
    by_column = np.add.reduce(plane, axis=0, dtype=np.int64)
    count = int(by_row.sum())
    if count <= 1:
        return None
    rows, columns = np.arange(len(by_row)), np.arange(len(by_column))
    y, x = int(by_row @ rows), int(by_column @ columns)
    yx = int(np.einsum("rc,c->r", plane, columns) @ rows)
    # count · sum of squares may pass 2^63: Python's numbers do not mind.
    yy = count * int(by_row @ rows**2) - y * y
    xx = count * int(by_column @ columns**2) - x * x
    yx = count * yx - y * x
    if yy * xx - yx * yx <= FLAT * yy * xx:
        return np.asarray(np.cov(np.argwhere(mask), rowvar=False), np.float64)
    return np.array([[yy, yx], [yx, xx]], np.float64) / count / (count - 1)

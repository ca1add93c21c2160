"""F-measure: precision and recall in one number, F = (1 + β²)·P·R / (β²·P + R), with β² = 0.3.

Achanta et al., Frequency-tuned salient region detection, CVPR 2009. What is divided by zero is 0: an empty truth scores 0 at every
threshold, also for an empty map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from ._inputs import Pair, Resize
from ._measure import Measure, Record, thresholded
from ._tally import CURVE, Counts, tally
from .confusion import KINDS

__all__ = ["FMeasure"]


class FMeasure(Measure):
    """F-measure; results `Fm_adp` (threshold 2·mean), `Fm_mean` and `Fm_max` of the curve `Fm` over 256 thresholds.

    It also has the curves `precision` and `recall`.

    Args:
        beta2: β², the weight of recall.
        variant: whose name the results bear: `pysodmetrics` or `birefnet`, which agree.
        resize: as for every measure.
    """

    variants = ("pysodmetrics", "birefnet")

    def __init__(
        self, *, beta2: float = 0.3, variant: str | None = None, resize: Resize = "bilinear"
    ) -> None:
        if not beta2 > 0:
            raise BadInput(f"beta2 is {beta2}: it must be above 0.")
        self.beta2 = beta2
        super().__init__(variant=variant, resize=resize)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        found = given.once(tally).found
        record = thresholded(f"{self._prefix}Fm", balanced(found, self.beta2))
        for name in ("precision", "recall"):
            record.curves[f"{self._prefix}{name}"] = KINDS[name[:3]](found)[CURVE]
        return record


def balanced(found: Counts, beta2: float) -> NDArray[np.float64]:
    """F from counts."""
    tp = np.asarray(found.tp, np.float64)
    precision = tp / np.maximum(found.tp + found.fp, 1)
    recall = tp / max(found.fg, 1)
    below = beta2 * precision + recall
    # Nothing right: 0, not 0/0.
    balance: NDArray[np.float64] = (1 + beta2) * precision * recall / np.where(tp == 0, 1, below)
    return balance

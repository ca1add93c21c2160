"""Areas under the precision-recall and the ROC curve.

By the trapezoid rule over the 256 points, sorted by recall or by false positive rate, from the first point to the last as published:
nothing is added where the curve does not reach 0 or 1. Over a set they are the areas under the mean curves.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ._inputs import Array, Pair
from ._measure import Measure, Record
from ._tally import CURVE, tally
from .confusion import KINDS

__all__ = ["AUC"]

CURVES = {"precision": "pre", "recall": "rec", "fpr": "fpr"}


class AUC(Measure):
    """Areas under curves; results `auc_pr` and `auc_roc`, curves `precision`, `recall` and `fpr`."""

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        found = given.once(tally).found
        curves: dict[str, Array] = {
            name: KINDS[kind](found)[CURVE] for name, kind in CURVES.items()
        }
        return Record(_areas(curves), curves)

    def over_set(
        self, curves: Mapping[str, Array], counts: Mapping[str, Array]
    ) -> dict[str, float]:
        """The areas under the mean curves."""
        return _areas(curves) if curves else {}


def _areas(curves: Mapping[str, Array]) -> dict[str, float]:
    return {
        "auc_pr": _area(curves["recall"], curves["precision"]),
        "auc_roc": _area(curves["fpr"], curves["recall"]),
    }


def _area(x: Array, y: Array) -> float:
    x, y = x[::-1], y[::-1]  # ascending thresholds: what ties in x keeps that order
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    return float((np.diff(x) * (y[1:] + y[:-1])).sum()) / 2

"""Measures of the confusion of found and true foreground: precision, recall, IoU, Dice, BER, accuracy, Cohen's kappa and more.

Each comes at the adaptive threshold 2·mean (`_adp`), as mean and largest value of its curve over 256 thresholds (`_mean`,
`_max`), at p > 0.5 (`_bin`) and, over a set, at p > 0.5 from the counts of all pictures together (`_bin_overall`). What is divided by
zero is 0, as published; `_max` is the largest value also of `ber` and `fpr`, where that is the worst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from ._inputs import Array, Pair, Resize
from ._measure import Measure, Record, extremes
from ._tally import ADAPTIVE, CURVE, HALF, Counts, tally

__all__ = ["KINDS", "PUBLISHED", "Confusion"]

Values = NDArray[np.float64]


def _share(part: Array, whole: Array) -> Values:
    """Divide; 0 where the whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0)


def _fn(c: Counts) -> Array:
    return c.fg - c.tp


def _tn(c: Counts) -> Array:
    return c.bg - c.fp


def _precision(c: Counts) -> Values:
    return _share(c.tp, c.tp + c.fp)


def _recall(c: Counts) -> Values:
    return _share(c.tp, c.tp + _fn(c))


def _specificity(c: Counts) -> Values:
    return _share(_tn(c), _tn(c) + c.fp)


def _balanced(c: Counts, beta2: float) -> Values:
    precision, recall = _precision(c), _recall(c)
    return _share((beta2 + 1) * precision * recall, beta2 * precision + recall)


def _accuracy(c: Counts) -> Values:
    return _share(c.tp + _tn(c), c.fg + c.bg + 0 * c.tp)


def _kappa(c: Counts) -> Values:
    """As PySODMetrics computes it: with tn + tp where Cohen's chance agreement has tn + fp."""
    return _agreement(c, _tn(c) + c.tp)


def _cohen(c: Counts) -> Values:
    return _agreement(c, _tn(c) + c.fp)


def _agreement(c: Counts, negative: Array) -> Values:
    total = np.float64(c.fg + c.bg)
    found = np.asarray(c.tp + c.fp, np.float64)
    by_chance = (found * c.fg + (total - found) * negative) / total**2
    return _share(_accuracy(c) - by_chance, 1 - by_chance)


KINDS: dict[str, Callable[[Counts], Values]] = {
    "fm": lambda c: _balanced(c, 0.3),
    "f1": lambda c: _balanced(c, 1.0),
    "pre": _precision,
    "rec": _recall,
    "fpr": lambda c: _share(c.fp, c.fp + _tn(c)),
    "iou": lambda c: _share(c.tp, c.tp + c.fp + _fn(c)),
    "dice": lambda c: _share(2 * c.tp, 2 * c.tp + c.fp + _fn(c)),
    "spec": _specificity,
    "ber": lambda c: 1 - 0.5 * (_recall(c) + _specificity(c)),
    "oa": _accuracy,
    "kappa": _kappa,
    "cohen": _cohen,
}
PUBLISHED = tuple(name for name in KINDS if name != "cohen")


class Confusion(Measure):
    """Precision, recall and their kin; results `iou_adp`, `iou_mean`, `iou_max`, `iou_bin`, `iou_bin_overall` and so on.

    Args:
        kinds: which of `fm` (β² = 0.3), `f1`, `pre`, `rec`, `fpr`, `iou`, `dice`, `spec`, `ber`, `oa`, `kappa` (all of these
            by default; PySODMetrics', whose kappa is not Cohen's) and `cohen` (Cohen's kappa). True positive rate and
            sensitivity are `rec`, true negative rate is `spec`.
        resize: as for every measure.
    """

    def __init__(self, kinds: Sequence[str] = PUBLISHED, *, resize: Resize = "bilinear") -> None:
        self.kinds = checked(kinds)
        super().__init__(resize=resize)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        found = given.once(tally).found
        values: dict[str, float] = {}
        curves: dict[str, Array] = {}
        for name in self.kinds:
            at = KINDS[name](found)
            curves[name] = at[CURVE]
            values[f"{name}_adp"] = float(at[ADAPTIVE])
            values |= extremes(name, at[CURVE])
            values[f"{name}_bin"] = float(at[HALF])
        half = np.array((found.tp[HALF], found.fp[HALF], found.fg, found.bg))
        return Record(values, curves, {"half": half})

    def over_set(
        self, curves: Mapping[str, Array], counts: Mapping[str, Array]
    ) -> dict[str, float]:
        """Extremes of the mean curves, and the measures of all pictures' counts."""
        overall = {
            f"{name}_bin_overall": float(KINDS[name](Counts(*half)))
            for half in counts.values()
            for name in self.kinds
        }
        return super().over_set(curves, counts) | overall


def checked(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds, if there are such."""
    for name in kinds:
        if name not in KINDS:
            raise BadInput(f"There is no kind {name!r}: there is {', '.join(KINDS)}.")
    return tuple(kinds)

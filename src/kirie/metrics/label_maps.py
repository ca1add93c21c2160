"""Semantic segmentation: confusion of classes, IoU, accuracy and Dice of each, and their means.

Sums over the set first, ratios afterwards, as in the published evaluators. A class that does not occur has NaN, which the means leave
out; one that is found but nowhere true has IoU and Dice 0 and accuracy NaN. Pixels whose truth is `ignore_index` do not
count at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from ._inputs import Array, numbers

__all__ = ["LabelMaps"]

LARGEST = 65535  # a label
UNTOLD = 1024  # classes that are believed without being told
Confused = NDArray[np.int64]


class LabelMaps:
    """mIoU and its kin; results `mIoU`, `mAcc`, `mDice`, `aAcc`, `fwIoU`, by class `IoU`, `Acc`, `Dice`, and `confusion`.

    `confusion` is (classes, classes): truth by row, prediction by column. `fwIoU` weights classes by their true pixels.

    Args:
        num_classes: labels are 0 … num_classes - 1; None: as many as occur.
        ignore_index: the label of pixels that do not count; None: all count.
        reduce_zero_label: whether the truth's label 0 is to be ignored and the others count from 1 (ADE20K);
            predictions count from 0 in any case.
        nan_to_num: what stands for NaN in the classes' results, and then also enters the means; None: it is left out.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        *,
        ignore_index: int | None = 255,
        reduce_zero_label: bool = False,
        nan_to_num: float | None = None,
    ) -> None:
        if num_classes is not None and not 1 <= num_classes <= LARGEST:
            raise BadInput(f"num_classes is {num_classes}: it must lie in 1…{LARGEST}.")
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.reduce_zero_label, self.nan_to_num = reduce_zero_label, nan_to_num
        self._confused: Confused = np.zeros((0, 0), np.int64)
        self.reset()

    def measure(self, prediction: Any, truth: Any) -> Confused:
        """One picture's confusion, without taking it in: (n + 1, n + 1), the last row and column for labels from n on."""
        found, true = _labels("The prediction", prediction), _labels("The truth", truth)
        if found.shape != true.shape:
            raise BadInput(
                f"The prediction's label map is {found.shape} and the truth's {true.shape} (height, width): give maps "
                "of one size; labels cannot be blended."
            )
        counts = (
            np.ones(true.shape, np.bool_)
            if self.ignore_index is None
            else true != self.ignore_index
        )
        if self.reduce_zero_label:
            counts &= true != 0
            true = true - 1
        found, true = found[counts], true[counts]
        size = self.num_classes or 1 + int(max(found.max(initial=0), true.max(initial=0)))
        if size > UNTOLD and self.num_classes is None:
            raise BadInput(
                f"A map holds the label {size - 1}: give num_classes if there are so many classes."
            )
        both = np.minimum(true, size).astype(np.int64) * (size + 1) + np.minimum(found, size)
        return np.bincount(both, minlength=(size + 1) ** 2).reshape(size + 1, size + 1)

    def update(self, prediction: Any, truth: Any) -> dict[str, Any]:
        """Take in one pair of label maps (H, W) of whole numbers, arrays or tensors; returns its own results."""
        return self.add(self.measure(prediction, truth))

    def add(self, confused: Confused) -> dict[str, Any]:
        """Take in what `measure` returned, here or in another process."""
        self._count += 1
        self._confused = _sum(self._confused, confused)
        return self._results(confused)

    def compute(self) -> dict[str, Any]:
        """The set's results by name."""
        return self._results(self._confused)

    def _results(self, confused: Confused) -> dict[str, Any]:
        inner = confused[:-1, :-1]
        hit = np.diagonal(inner).astype(np.float64)
        true, found = confused[:-1].sum(axis=1), confused[:, :-1].sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            by_class = {
                "IoU": hit / (true + found - hit),
                "Acc": hit / true,
                "Dice": 2 * hit / (true + found),
            }
            overall = {
                "aAcc": float(np.divide(hit.sum(), true.sum())),
                "fwIoU": float(np.divide(np.nansum(true * by_class["IoU"]), true.sum())),
            }
        if self.nan_to_num is not None:
            by_class = {
                name: np.nan_to_num(values, nan=self.nan_to_num)
                for name, values in by_class.items()
            }
        means = {f"m{name}": _mean(values) for name, values in by_class.items()}
        return means | overall | by_class | {"confusion": inner}

    @property
    def count(self) -> int:
        """How many pictures were taken in."""
        return self._count

    def reset(self) -> None:
        """Forget all pictures."""
        self._count = 0
        size = (self.num_classes or 0) + 1
        self._confused = np.zeros((size, size), np.int64)

    def merge(self, other: Self) -> None:
        """Take in all pictures of another one with the same arguments."""
        if repr(other) != repr(self):
            raise BadInput(
                f"{other!r} cannot be merged into {self!r}: they measure different things."
            )
        self._count += other._count
        self._confused = _sum(self._confused, other._confused)

    def state(self) -> dict[str, Any]:
        """Everything that was taken in."""
        return {"count": self._count, "confused": self._confused}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what another one with the same arguments was when its `state` was taken."""
        self._count, self._confused = state["count"], np.array(state["confused"], np.int64)

    def __repr__(self) -> str:
        public = (f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_")
        return f"LabelMaps({', '.join(public)})"


def _labels(name: str, given: Any) -> Array:
    values = numbers(given)
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 2 or not values.size:
        raise BadInput(f"{name} has the shape {values.shape}: give one label map, (height, width).")
    if values.dtype.kind == "f" and (values == np.rint(values)).all():
        values = values.astype(np.int64)
    if values.dtype.kind not in "uib" or values.min() < 0 or values.max() > LARGEST:
        raise BadInput(
            f"{name} holds {values.dtype} numbers: give labels, whole numbers of 0…{LARGEST}."
        )
    return values.astype(np.int64)


def _sum(one: Confused, other: Confused) -> Confused:
    """Of two confusions, the smaller of which knows fewer labels; the last row and column stay the last."""
    if len(one) < len(other):
        one, other = other, one
    total = one.copy()
    place = np.append(np.arange(len(other) - 1), len(one) - 1)
    total[np.ix_(place, place)] += other
    return total


def _mean(values: Array) -> float:
    finite = values[~np.isnan(values)]
    return float(finite.mean()) if finite.size else float("nan")

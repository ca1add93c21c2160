"""What all measures have in common: `update`, `compute`, `reset`, `merge`, and what is kept between them.

A measure looks at one picture in `measure`, which changes nothing and returns a `Record`; `add` takes records in. So
pictures can be measured in other processes and added here, in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..errors import BadInput, MissingExtra
from ._inputs import Array, Pair, Resize, extra, numbers, pair
from ._tally import ADAPTIVE, CURVE

__all__ = ["Measure", "Record", "batch", "extremes", "thresholded"]


@dataclass(frozen=True, slots=True)
class Record(Mapping[str, float]):
    """What one picture adds to a measure; also a mapping of its results.

    Attributes:
        results: its results by name; NaN where the definition leaves it open. A name is absent where the published
            evaluator gives no value at all and goes on without the picture.
        curves: 256 points each, unless the measure says otherwise; averaged over the set.
        counts: numbers and arrays that are summed over the set.
        notes: why a name is absent: one phrase each.
    """

    results: dict[str, float]
    curves: dict[str, Array] = field(default_factory=dict, repr=False)
    counts: dict[str, Array] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)


class Measure:
    """A measure over a set of pictures.

    >>> measure = kirie.metrics.SMeasure()
    >>> for prediction, truth in pairs:
    ...     measure.update(prediction, truth)
    >>> measure.compute()
    {'Sm': 0.84}

    Args:
        variant: whose definition it is, where published evaluators differ, and whose name the results bear: those of
            `pysodmetrics` have bare names (`Sm`), others begin with theirs (`birefnet.Sm`). None: the first of `variants`.
        resize: what becomes of a prediction of another size than its truth: `bilinear` (the field's habit) or `error`.

    Raises:
        BadInput: there is no such variant.
        MissingExtra: the measure needs OpenCV or compiled loops, which are not installed.
    """

    variants: ClassVar[tuple[str, ...]] = ("pysodmetrics",)
    needs_extra: ClassVar[bool] = False

    def __init__(self, *, variant: str | None = None, resize: Resize = "bilinear") -> None:
        self.variant = variant or self.variants[0]
        self.resize: Resize = resize
        if self.variant not in self.variants:
            raise BadInput(
                f"{type(self).__name__} has no variant {variant!r}: it has {', '.join(self.variants)}."
            )
        self._prefix = "" if self.variant in ("pysodmetrics", "exact") else f"{self.variant}."
        if self.needs_extra:
            require(f"The measure {type(self).__name__}")
        self.reset()

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        raise TypeError(f"{type(self).__name__} measures nothing itself.")

    def over_set(
        self, curves: Mapping[str, Array], counts: Mapping[str, Array]
    ) -> dict[str, float]:
        """The set's results that come from mean curves or summed counts, not from means of the pictures' results.

        Args:
            curves: of the records, averaged over those that hold them.
            counts: of the records, summed.
        """
        return {
            name: value
            for curve, points in curves.items()
            for name, value in extremes(curve, points).items()
            if name in self._totals
        }

    def update(self, prediction: Any, truth: Any, *, image: Any = None) -> Record:
        """Take in one picture; returns its own results.

        Args:
            prediction: (H, W) uint8, uint16, bool or floats in [0, 1]; an array or a tensor.
            truth: (H, W) of the same kinds.
            image: (H, W, 3) uint8 RGB, for measures that look at the picture.
        """
        return self.add(self.measure(pair(prediction, truth, image=image, resize=self.resize)))

    def update_batch(self, predictions: Any, truths: Any) -> list[Record]:
        """Take in several pictures: two sequences, or arrays or tensors (N, H, W) or (N, 1, H, W)."""
        return [self.update(one, other) for one, other in batch(predictions, truths)]

    def add(self, record: Record) -> Record:
        """Take in what `measure` returned, here or in another process."""
        self._count += 1
        for name, value in record.results.items():
            total = self._totals.setdefault(name, [0.0, 0, 0.0, 0])
            total[0] += value
            total[1] += 1
            if math.isfinite(value):
                total[2] += value
                total[3] += 1
        for name, curve in record.curves.items():
            total, count = self._curves.get(name, (0.0, 0))
            self._curves[name] = (total + curve, count + 1)
        for name, number in record.counts.items():
            self._counts[name] = self._counts.get(name, 0) + number
        return record

    def compute(self, *, over: Literal["published", "finite"] = "published") -> dict[str, float]:
        """The set's results by name; empty before the first picture.

        Args:
            over: `published`: as the published evaluators form them: one NaN makes a mean NaN, and the extremes and means
                of curves are those of the mean curve. `finite`: the means of the pictures' own finite results.
        """
        if over == "finite":
            return {
                name: total / count if count else math.nan
                for name, (_, _, total, count) in self._totals.items()
            }
        means = {name: total / count for name, (total, count, _, _) in self._totals.items()}
        return means | self.over_set(self.curves(), self._counts)

    def curves(self) -> dict[str, Array]:
        """The mean curves over the set, by name: 256 points, the thresholds descending, unless a measure says otherwise."""
        return {name: total / count for name, (total, count) in self._curves.items()}

    @property
    def count(self) -> int:
        """How many pictures were taken in."""
        return self._count

    @property
    def finite(self) -> dict[str, int]:
        """For how many pictures each result is finite."""
        return {name: finite for name, (_, _, _, finite) in self._totals.items()}

    @property
    def undefined(self) -> dict[str, int]:
        """For how many pictures each result is not finite; names with none are left out."""
        return {
            name: count - finite
            for name, (_, count, _, finite) in self._totals.items()
            if count > finite
        }

    def reset(self) -> None:
        """Forget all pictures."""
        self._count = 0
        # by name: sum, number of pictures, sum of the finite, number of those
        self._totals: dict[str, list[Any]] = {}
        self._curves: dict[str, tuple[Any, int]] = {}  # by name: sum, number of pictures
        self._counts: dict[str, Any] = {}

    def merge(self, other: Self) -> None:
        """Take in all pictures of another one of the same kind."""
        if repr(other) != repr(self):
            raise BadInput(
                f"{other!r} cannot be merged into {self!r}: they measure different things."
            )
        self._count += other._count
        for name, theirs in other._totals.items():
            ours = self._totals.setdefault(name, [0.0, 0, 0.0, 0])
            self._totals[name] = [a + b for a, b in zip(ours, theirs, strict=True)]
        for name, (total, count) in other._curves.items():
            mine, before = self._curves.get(name, (0.0, 0))
            self._curves[name] = (mine + total, before + count)
        for name, number in other._counts.items():
            self._counts[name] = self._counts.get(name, 0) + number

    def state(self) -> dict[str, Any]:
        """Everything that was taken in, as numbers and arrays: what `restore` brings back to the last bit."""
        return {
            "count": self._count,
            "totals": {name: tuple(total) for name, total in self._totals.items()},
            "curves": dict(self._curves),
            "counts": dict(self._counts),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what another one of the same kind was when its `state` was taken."""
        self._count = state["count"]
        self._totals = {name: list(total) for name, total in state["totals"].items()}
        self._curves, self._counts = dict(state["curves"]), dict(state["counts"])

    def __repr__(self) -> str:
        public = (f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_")
        return f"{type(self).__name__}({', '.join(public)})"


def batch(predictions: Any, truths: Any) -> list[tuple[Any, Any]]:
    """Pairs of two sequences, arrays or tensors; `BadInput` where there are not as many of both."""
    one, other = (
        numbers(given) if hasattr(given, "shape") else given for given in (predictions, truths)
    )
    if len(one) != len(other):
        raise BadInput(
            f"There are {len(one)} predictions and {len(other)} truths: give as many of both."
        )
    return list(zip(one, other, strict=True))


def require(purpose: str) -> None:
    """Check that the extra eval is there; `MissingExtra` where it is not."""
    extra(purpose)
    if find_spec("numba") is None:
        raise MissingExtra("eval", purpose)


def extremes(prefix: str, curve: Array) -> dict[str, float]:
    """Mean and largest value of a curve, by name."""
    mean = float(np.add.reduce(curve)) / len(curve)
    return {f"{prefix}_mean": mean, f"{prefix}_max": float(np.maximum.reduce(curve))}


def thresholded(name: str, scores: Array) -> Record:
    """Results at the adaptive threshold and over the curve, from scores at a tally's thresholds."""
    curve = scores[CURVE]
    return Record({f"{name}_adp": float(scores[ADAPTIVE])} | extremes(name, curve), {name: curve})

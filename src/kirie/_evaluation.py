"""What an evaluation has found: the measures over the set, a row for each picture, and what was odd."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ._measuring import Labels, Measures, Outcome
from .metrics import LabelMaps, Suite

__all__ = ["Evaluation"]

BY_CLASS = ("IoU", "Acc", "Dice")


class Evaluation:
    """Measures over a set of pictures, and of each.

    Attributes:
        failed: pictures that could not be measured, and why.
        refused: pictures for which published evaluators give some measures no value, and why.
        resumed: what was taken over from an interrupted run; empty for nothing.
    """

    def __init__(self, plan: Measures | Labels) -> None:
        self.plan = plan
        self.measures: Suite | LabelMaps = plan.fresh()
        self._regular: Suite | None = plan.fresh() if isinstance(plan, Measures) else None
        self.failed: dict[str, str] = {}
        self.refused: dict[str, list[str]] = {}
        self.resumed = ""
        self._notes: dict[str, list[str]] = {}
        self._columns: dict[str, int] = {}
        self._rows: dict[str, array[float]] = {}
        self._absent: dict[str, frozenset[str]] = {}
        self._irregular: set[str] = set()
        self._classes: dict[str, dict[str, list[float]]] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """Pictures that were looked at, whether they could be measured or not."""
        return self._count

    @property
    def names(self) -> list[str]:
        """The pictures that were measured."""
        return list(self._rows)

    @property
    def columns(self) -> list[str]:
        """The names of the pictures' results."""
        return list(self._columns)

    def add(self, outcome: Outcome) -> dict[str, Any]:
        """Take in one picture; returns what a journal keeps of it."""
        row: dict[str, Any] = {"name": outcome.name, "digest": outcome.digest}
        if outcome.error:
            row["error"] = outcome.error
        else:
            row |= self._measured(outcome)
            row |= {"notes": outcome.notes, "refused": outcome.refused}
        self._keep(row)
        return row

    def _measured(self, outcome: Outcome) -> dict[str, Any]:
        if isinstance(self.measures, LabelMaps):
            results = self.measures.add(outcome.added)
            return {
                "results": {k: v for k, v in results.items() if isinstance(v, float)},
                "classes": {k: results[k].tolist() for k in BY_CLASS},
            }
        joined = self.measures.add(outcome.added)
        regular = not outcome.refused and all(map(math.isfinite, joined.values()))
        if regular and self._regular:
            self._regular.add(outcome.added)
        return {"results": dict(joined), "regular": regular}

    def _keep(self, row: Mapping[str, Any]) -> None:
        """A row in little memory: pictures come by the ten thousand."""
        self._count += 1
        name = row["name"]
        if "error" in row:
            self.failed[name] = row["error"]
            return
        results: dict[str, float] = row["results"]
        for column in results:
            self._columns.setdefault(column, len(self._columns))
        absent = self._columns.keys() - results.keys()
        if absent:
            self._absent[name] = frozenset(absent)
        self._rows[name] = array("d", [results.get(column, math.nan) for column in self._columns])
        if not row.get("regular", True):
            self._irregular.add(name)
        for note in row["notes"]:
            self._notes.setdefault(note, []).append(name)
        if row["refused"]:
            self.refused[name] = list(row["refused"])
        if "classes" in row:
            self._classes[name] = row["classes"]

    def state(self) -> dict[str, Any]:
        """The measures' sums: what `restore` needs besides the rows."""
        regular = self._regular.state() if self._regular else None
        return {"measures": self.measures.state(), "regular": regular}

    def restore(self, rows: Sequence[Mapping[str, Any]], state: Mapping[str, Any]) -> None:
        """Become what an evaluation was after these rows."""
        self.measures.restore(state["measures"])
        if self._regular:
            self._regular.restore(state["regular"])
        for row in rows:
            self._keep(row)

    @property
    def dataset(self) -> dict[str, Any]:
        """The set's results by name, as the published evaluators form them."""
        return self.measures.compute()

    @property
    def regular(self) -> dict[str, Any]:
        """The same over the pictures for which every result is there and finite."""
        return self._regular.compute() if self._regular else {}

    @property
    def regular_names(self) -> list[str]:
        """Those pictures."""
        return [name for name in self._rows if name not in self._irregular]

    @property
    def finite(self) -> dict[str, tuple[float, int]]:
        """By name, the mean of the pictures' own finite results, and how many these are."""
        if isinstance(self.measures, LabelMaps):
            return {}
        means, counts = self.measures.compute(over="finite"), self.measures.finite
        return {column: (means[column], counts[column]) for column in self._columns}

    @property
    def undefined(self) -> dict[str, list[str]]:
        """By name, the pictures whose result the definition leaves open (NaN)."""
        if isinstance(self.measures, LabelMaps):
            return {}
        return {
            column: [name for name in self._rows if self._is_open(name, column)]
            for column in self.measures.undefined
        }

    def _is_open(self, name: str, column: str) -> bool:
        value = self.value(name, column)
        return value is not None and not math.isfinite(value)

    @property
    def notes(self) -> dict[str, list[str]]:
        """What was done to inputs that a user should know, and to which pictures."""
        return self._notes

    def curves(self) -> dict[str, np.ndarray[Any, Any]]:
        """The mean curves over the set."""
        return self.measures.curves() if isinstance(self.measures, Suite) else {}

    def value(self, name: str, column: str) -> float | None:
        """One picture's result; None where there is none."""
        row, index = self._rows[name], self._columns[column]
        if index >= len(row) or column in self._absent.get(name, ()):
            return None
        return row[index]

    def row(self, name: str) -> dict[str, Any]:
        """One picture's results by name."""
        values = {column: self.value(name, column) for column in self._columns}
        held: dict[str, Any] = {column: v for column, v in values.items() if v is not None}
        return held | self._classes.get(name, {})

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every picture's results, made one after another."""
        return ((name, self.row(name)) for name in self._rows)

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name} {value:.4f}"
            for name, value in self.dataset.items()
            if isinstance(value, float)
        )
        return f"<Evaluation of {len(self._rows)} pictures: {shown}>"

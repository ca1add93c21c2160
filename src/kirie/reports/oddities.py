"""What a reader of an evaluation's numbers should know, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from .._evaluation import Evaluation
from ..evaluate import Matched
from .headlines import written

__all__ = ["oddities", "some"]

FEW = 6  # names that a sentence lists


def oddities(result: Evaluation, matched: Matched) -> list[str]:
    """Pictures without a partner, that failed, whose input was odd, or for which a result is not defined."""
    said = []
    if matched.missing:
        what = "pictures" if matched.samples[0].prediction is None else "predictions"
        said.append(f"{len(matched.missing)} masks have no {what}: {some(matched.missing)}")
    if matched.extra:
        said.append(f"{len(matched.extra)} predictions have no mask: {some(matched.extra)}")
    said += [why if name in why else f"{name}: {why}" for name, why in result.failed.items()]
    said += [f"{len(names)} × {note}: {some(names)}" for note, names in result.notes.items()]
    said += [f"{name}: {'; '.join(reasons)}" for name, reasons in result.refused.items()]
    for column, names in result.undefined.items():
        mean, count = result.finite[column]
        rest = f"the mean over the other {count} is {written(column, mean)}"
        said.append(f"{column} is undefined for {len(names)} ({some(names)}); {rest}")
    return said


def some(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:FEW]) + (" …" if len(names) > FEW else "")

"""Several measures at once: each pair is checked, counted and thinned once, for all of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

from ..errors import BadInput
from . import (
    auc,
    boundary_iou,
    camouflage,
    context,
    e_measure,
    f_measure,
    hce,
    iou,
    mae,
    mba,
    mse,
    msiou,
    s_measure,
    size_invariant_mae,
    thin_iou,
    weighted_f,
)
from ._inputs import Array, Pair, Resize, pair
from ._measure import Measure, Record, batch
from .confusion import KINDS, Confusion
from .matting import KINDS as MATTING
from .matting import Matting
from .size_invariant import SizeInvariant

__all__ = ["GROUPS", "MEASURES", "Suite", "suite"]

# What each name makes. A name is how the measure's results begin.
MEASURES: dict[str, Callable[[], Measure]] = {
    "MAE": mae.MAE,
    "Sm": s_measure.SMeasure,
    "wFm": weighted_f.WeightedF,
    "CM": context.ContextMeasure,
    "CCM": camouflage.CamouflageContextMeasure,
    "Fm": f_measure.FMeasure,
    "Em": e_measure.EMeasure,
    "HCE": hce.HCE,
    "MSIoU": msiou.MSIoU,
    "confusion": Confusion,
    "auc": auc.AUC,
    "SI": SizeInvariant,
    "SI_MAE": size_invariant_mae.SizeInvariantMAE,
    "birefnet.MAE": lambda: mae.MAE(variant="birefnet"),
    "birefnet.MSE": mse.MSE,
    "birefnet.Sm": lambda: s_measure.SMeasure(variant="birefnet"),
    "birefnet.wFm": lambda: weighted_f.WeightedF(variant="birefnet"),
    "birefnet.Em": lambda: e_measure.EMeasure(variant="birefnet"),
    "birefnet.Fm": lambda: f_measure.FMeasure(variant="birefnet"),
    "birefnet.HCE": lambda: hce.HCE(variant="birefnet"),
    "birefnet.mBA": mba.MeanBoundaryAccuracy,
    "birefnet.BIoU": boundary_iou.BoundaryIoU,
    "inspyrenet.Sm": lambda: s_measure.SMeasure(variant="inspyrenet"),
    "inspyrenet.IoU": iou.IoU,
    "inspyrenet.TIoU": thin_iou.ThinIoU,
    "inspyrenet.BIoU": lambda: boundary_iou.BoundaryIoU(variant="inspyrenet"),
    "matting": Matting,
}
GROUPS: dict[str, tuple[str, ...]] = {
    "usual": ("Sm", "Fm", "Em", "wFm", "MAE", "HCE"),
    "all": tuple(MEASURES),
    "birefnet": tuple(name for name in MEASURES if name.startswith("birefnet.")),
    "inspyrenet": tuple(name for name in MEASURES if name.startswith("inspyrenet.")),
}
# One kind of those that come in families.
MEASURES |= {kind: lambda kind=kind: Confusion((kind,)) for kind in KINDS}  # type: ignore[misc]
MEASURES |= {f"SI_{kind}": lambda kind=kind: SizeInvariant((kind,)) for kind in KINDS}  # type: ignore[misc]
MEASURES |= {f"matting.{kind}": lambda kind=kind: Matting((kind,)) for kind in MATTING}  # type: ignore[misc]


class Suite:
    """Several measures over one set of pictures.

    >>> measures = kirie.metrics.suite("usual")
    >>> for prediction, truth in pairs:
    ...     measures.update(prediction, truth)
    >>> measures.compute()["Sm"]

    Args:
        measures: of different results.
        resize: what becomes of a prediction of another size than its truth; for all of them.
    """

    def __init__(self, measures: Sequence[Measure], *, resize: Resize = "bilinear") -> None:
        self.measures, self.resize = tuple(measures), resize

    def measure(self, given: Pair) -> list[Record]:
        """Measure one pair, without taking it in: one record for each measure."""
        return [measure.measure(given) for measure in self.measures]

    def add(self, records: Sequence[Record]) -> Record:
        """Take in what `measure` returned, here or in another process; returns all of it in one."""
        for measure, record in zip(self.measures, records, strict=True):
            measure.add(record)
        return joined(records)

    def update(self, prediction: Any, truth: Any, *, image: Any = None) -> Record:
        """Take in one picture, as `Measure.update` does; returns its own results."""
        return self.add(self.measure(pair(prediction, truth, image=image, resize=self.resize)))

    def update_batch(self, predictions: Any, truths: Any) -> list[Record]:
        """Take in several pictures, as `Measure.update_batch` does."""
        return [self.update(one, other) for one, other in batch(predictions, truths)]

    def compute(self, *, over: Literal["published", "finite"] = "published") -> dict[str, float]:
        """All results of the set by name, as `Measure.compute` gives them."""
        return {k: v for measure in self.measures for k, v in measure.compute(over=over).items()}

    def curves(self) -> dict[str, Array]:
        """All mean curves by name."""
        return {k: v for measure in self.measures for k, v in measure.curves().items()}

    @property
    def count(self) -> int:
        """How many pictures were taken in."""
        return max((measure.count for measure in self.measures), default=0)

    @property
    def finite(self) -> dict[str, int]:
        """For how many pictures each result is finite."""
        return {k: v for measure in self.measures for k, v in measure.finite.items()}

    @property
    def undefined(self) -> dict[str, int]:
        """For how many pictures each result is not finite."""
        return {k: v for measure in self.measures for k, v in measure.undefined.items()}

    def reset(self) -> None:
        """Forget all pictures."""
        for measure in self.measures:
            measure.reset()

    def merge(self, other: Self) -> None:
        """Take in all pictures of another one with the same measures."""
        if len(other.measures) != len(self.measures):
            raise BadInput(
                f"{other!r} cannot be merged into {self!r}: they measure different things."
            )
        for ours, theirs in zip(self.measures, other.measures, strict=True):
            ours.merge(theirs)

    def state(self) -> list[dict[str, Any]]:
        """Everything that was taken in, one entry for each measure."""
        return [measure.state() for measure in self.measures]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Become what another one with the same measures was when its `state` was taken."""
        for measure, kept in zip(self.measures, state, strict=True):
            measure.restore(kept)

    def __repr__(self) -> str:
        return f"Suite({', '.join(map(repr, self.measures))})"


def joined(records: Sequence[Record]) -> Record:
    """All results and curves in one record."""
    return Record(
        {k: v for record in records for k, v in record.results.items()},
        {k: v for record in records for k, v in record.curves.items()},
        notes=tuple(dict.fromkeys(note for record in records for note in record.notes)),
    )


def suite(names: str | Sequence[str] = "usual", *, resize: Resize = "bilinear") -> Suite:
    """Measures by name.

    Args:
        names: of `GROUPS` and `MEASURES`, in a list or with commas between them; `usual` are S, F, E, weighted F, MAE
            and HCE.
        resize: what becomes of a prediction of another size than its truth.

    Raises:
        BadInput: there is no measure of that name.
        MissingExtra: one of them needs what is not installed.
    """
    given = names.split(",") if isinstance(names, str) else names
    wanted: dict[str, None] = {}
    for name in (text.strip() for text in given):
        if name not in GROUPS and name not in MEASURES:
            raise BadInput(
                f"There is no measure {name!r}. Did you mean {_nearest(name)!r}? There is: {', '.join([*GROUPS, *MEASURES])}."
            )
        wanted |= dict.fromkeys(GROUPS.get(name, (name,)))
    return Suite([MEASURES[name]() for name in wanted], resize=resize)


def _nearest(name: str) -> str:
    """The name that was probably meant."""
    known = {other.lower(): other for other in (*MEASURES, *GROUPS)}
    return known[difflib.get_close_matches(name.lower(), known, 1, 0)[0]]

"""Size-invariant measures: each object of the truth counts the same, however small.

Li et al., Size-invariance matters: rethinking metrics and losses for imbalanced multi-object salient object detection, ICML 2024, as
PySODMetrics has it: map and truth are looked at through each object's bounding box in turn, the rest of the
picture counting as empty, and the results are averaged over the objects. A truth without objects is measured as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ._inputs import Array, Pair, Resize
from ._measure import Measure, Record, extremes
from ._tally import ADAPTIVE, CURVE, HALF, Counts, Tally, histograms, of_histograms, of_plane, tally
from ._targets import REFUSED, Targets, targets
from .confusion import KINDS, PUBLISHED, checked

__all__ = ["SizeInvariant"]


class SizeInvariant(Measure):
    """Size-invariant precision, recall and their kin.

    Results for each kind, such as `fm`: `SI_fm_adp`, `SI_fm_mean`, `SI_fm_max` and `SI_fm_bin` are means over a picture's objects, then over
    the pictures; `SI_fm_overall_mean` and `SI_fm_overall_max` are of the mean curve over all objects of the set, `SI_fm_overall_bin` of all their
    counts together.

    Args:
        kinds: as for `Confusion`.
        variant: `pysodmetrics` gives no value (and a note) for a truth that is the whole picture or has more than 63
            objects, and mixes up overlapping boxes from the 54th object on; `exact` does neither.
        resize: as for every measure.
    """

    variants = ("pysodmetrics", "exact")
    needs_extra = True

    def __init__(
        self,
        kinds: Sequence[str] = PUBLISHED,
        *,
        variant: str | None = None,
        resize: Resize = "bilinear",
    ) -> None:
        self.kinds = checked(kinds)
        super().__init__(variant=variant, resize=resize)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        objects, exact = given.once(targets), self.variant == "exact"
        if objects.refused and not exact:
            return Record({}, notes=(REFUSED.format("SI", objects.refused),))
        tallies = given.once(_exact_tallies if exact else _tallies)
        found = _stacked([one.found for one in tallies])
        values: dict[str, float] = {}
        counts: dict[str, Array] = {"objects": np.array(len(tallies))}
        for name in self.kinds:
            at, prefix = KINDS[name](found), f"SI_{name}"  # (objects, 258)
            values |= {
                f"{prefix}_max": float(at[:, CURVE].max(axis=1).mean()),
                f"{prefix}_mean": float(at[:, CURVE].mean()),
                f"{prefix}_adp": float(at[:, ADAPTIVE].mean()),
                f"{prefix}_bin": float(at[:, HALF].mean()),
            }
            counts[name] = at[:, CURVE].sum(axis=0)
        half = (found.tp[:, HALF], found.fp[:, HALF], found.fg, found.bg)
        counts["half"] = np.array([np.sum(column) for column in half])
        return Record(values, counts=counts)

    def over_set(
        self, curves: Mapping[str, Array], counts: Mapping[str, Array]
    ) -> dict[str, float]:
        """The results over all objects."""
        if not counts:
            return {}
        values: dict[str, float] = {}
        for name in self.kinds:
            values |= extremes(f"SI_{name}_overall", counts[name] / counts["objects"])
            values[f"SI_{name}_overall_bin"] = float(KINDS[name](Counts(*counts["half"])))
        return values


def _stacked(counts: list[Counts]) -> Counts:
    """Several counts in one: (objects, 258), and (objects, 1)."""
    columns = (
        [c.tp for c in counts],
        [c.fp for c in counts],
        [c.fg for c in counts],
        [c.bg for c in counts],
    )
    return Counts(*(np.array(column).reshape(len(counts), -1) for column in columns))


def _tallies(given: Pair) -> list[Tally]:
    return _through(given, given.once(targets), exact=False)


def _exact_tallies(given: Pair) -> list[Tally]:
    return _through(given, given.once(targets), exact=True)


def _through(given: Pair, objects: Targets, *, exact: bool) -> list[Tally]:
    """One tally for each object, seen through its region; the picture's own where there is no object."""
    if not objects.boxes:
        return [given.once(tally)]
    look = _through_floats if given.prediction.top == 1 else _through_codes
    return [look(given, box, part) for box, part in objects.regions(exact=exact)]


def _through_codes(given: Pair, box: tuple[slice, slice], part: Array | None) -> Tally:
    codes, mask = given.prediction.codes[box], given.mask[box]
    if part is not None:
        codes, mask = codes[part], mask[part]
    fg, bg = histograms(codes, mask)
    outside = given.mask.size - mask.size  # counts as black

    def published_mean() -> float:
        return float(_black_outside(given, box, part).mean())

    return of_histograms(
        np.concatenate(([0.0], given.table)),
        np.concatenate(([0], fg)),
        np.concatenate(([outside], bg)),
        published_mean,
    )


def _through_floats(given: Pair, box: tuple[slice, slice], part: Array | None) -> Tally:
    region = np.zeros(given.size, np.bool_)
    region[box] = True if part is None else part
    return of_plane(_black_outside(given, box, part), given.mask & region)


def _black_outside(given: Pair, box: tuple[slice, slice], part: Array | None) -> Array:
    plane = np.zeros(given.size)
    plane[box] = given.p[box] if part is None else given.p[box] * part
    return plane

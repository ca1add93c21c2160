"""The truth's objects for the size-invariant measures: each one's bounding box is its region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._inputs import Array, Pair, extra

__all__ = ["REFUSED", "Targets", "targets"]

SMALL = 50  # pixels; smaller objects are left out where there is a larger one
EXACT_BITS = 53  # more regions than this are mixed up by the published evaluator where they overlap
MOST = 63  # and more than this stop it
REFUSED = "{}: the published evaluator gives no value here: {}"

Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Targets:
    """Regions (H, W) of the truth's objects.

    Attributes:
        boxes: the bounding boxes: rows and columns.
        refused: why the published evaluator stops at this truth; empty where it does not.
    """

    boxes: list[Box]
    refused: str
    size: tuple[int, int]

    def regions(self, *, exact: bool) -> list[tuple[Box, NDArray[np.bool_] | None]]:
        """Each object's region: a box, or part of it.

        The published evaluator keeps one bit for each object in a float: from the 54th object on, bits of boxes that
        overlap are rounded away. `exact` does not follow it there.
        """
        if exact or len(self.boxes) <= EXACT_BITS:
            return [(box, None) for box in self.boxes]
        bits = np.zeros(self.size)
        for index, box in enumerate(self.boxes):
            bits[box] += 2.0**index
        whole = (slice(0, self.size[0]), slice(0, self.size[1]))
        with np.errstate(invalid="ignore"):  # rounded up to 2^63
            numbers = bits.astype(np.int64)
        return [(whole, numbers >> index & 1 == 1) for index in range(len(self.boxes))]

    def outside(self) -> NDArray[np.bool_]:
        """(H, W): what lies in no box."""
        left = np.ones(self.size, np.bool_)
        for box in self.boxes:
            left[box] = False
        return left


def targets(given: Pair) -> Targets:
    """The objects (4-connected) of at least 50 pixels; else all of the largest size (through `Pair.once`)."""
    cv2 = extra("Size-invariant measures")
    _, _, facts, _ = cv2.connectedComponentsWithStats(given.mask.view(np.uint8), connectivity=4)
    facts = facts[1:]
    areas: Array = facts[:, cv2.CC_STAT_AREA]
    if len(areas):
        facts = facts[areas >= SMALL] if areas.max() >= SMALL else facts[areas == areas.max()]
    boxes = [
        (slice(top, top + height), slice(left, left + width))
        for left, top, width, height, _ in facts.tolist()
    ]
    refused = ""
    if given.mask.all():
        refused = "the truth is the whole picture"
    elif len(boxes) > MOST:
        refused = f"the truth has {len(boxes)} objects, more than {MOST}"
    return Targets(boxes, refused, given.size)

"""Human correction effort: how many points somebody would have to click to put a mask right.

Qin et al., Highly accurate dichotomous image segmentation, ECCV 2022, with γ = 5 (errors thinner than that, along an outline, cost
nothing) and ε = 2 (how closely outlines are followed). False parts are corrected along the outlines that they share
with what is right; parts by themselves cost one click.

The value depends on where OpenCV starts each contour, so a flipped pair can score a little differently.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from ._inputs import HALF, Array, Pair, Resize, extra
from ._measure import Measure, Record

__all__ = ["HCE"]

Mask = NDArray[np.bool_]


class HCE(Measure):
    """Human correction effort, a whole number, 0 for a mask that needs none; result `HCE`.

    Args:
        relax: γ: how many pixels thick an error along an outline may be for nothing.
        epsilon: ε: how far, in whole pixels, a drawn line may lie off the outline.
        variant: `pysodmetrics` takes p > 0.5. `birefnet` takes the prediction as it is, above 128, and charges nothing
            for a false part that covers the whole picture.
        resize: as for every measure.
    """

    variants = ("pysodmetrics", "birefnet")
    needs_extra = True

    def __init__(
        self,
        *,
        relax: int = 5,
        epsilon: int = 2,
        variant: str | None = None,
        resize: Resize = "bilinear",
    ) -> None:
        if relax < 0 or epsilon < 0:
            raise BadInput(f"relax is {relax} and epsilon {epsilon}: neither can be negative.")
        self.relax, self.epsilon = relax, epsilon
        super().__init__(variant=variant, resize=resize)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        raw = self.variant == "birefnet"
        found = given.prediction.above(HALF) if raw else given.found
        clicks = self._clicks(found, given.mask)
        return Record({f"{self._prefix}HCE": float(clicks)})

    def _clicks(self, found: Mask, true: Mask) -> int:
        wrong, missed = self._relaxed(found, true)
        right = found & true
        clicks = self._along(wrong, right | missed)
        return clicks + self._along(missed, ~(right | wrong | missed))

    def _relaxed(self, found: Mask, true: Mask) -> tuple[Mask, Mask]:
        """False and missed pixels without the thin errors along outlines; thin lines of the truth are never forgiven."""
        from ._thinning import thinned

        wrong, missed = found & ~true, true & ~found
        if not missed.any() and not wrong.any():
            return wrong, missed
        core = _eroded(found | true, self.relax)
        line = missed & thinned(true) if missed.any() else missed
        return (
            wrong & _grown(wrong & core, ~true, self.relax),
            missed & _grown(missed & core, ~found, self.relax) | line,
        )

    def _along(self, parts: Mask, against: Mask) -> int:
        """Clicks for false parts: along their outlines where these touch `against`, and one for each that does not."""
        from ._outlines import runs, straight, untouched

        if not parts.any():
            return 0
        if self.variant == "birefnet" and parts.all():
            return 0
        cv2 = extra("HCE")
        contours, hierarchy = cv2.findContours(
            parts.view(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE
        )
        points = np.concatenate(contours)[:, 0]  # (n, 2)
        starts = np.cumsum([0, *map(len, contours)])
        found, touched, _ = runs(points, starts, _grown_once(against))
        plain = straight(points, found, self.epsilon)
        clicks = int(untouched(touched, hierarchy[0])) + 2 * int(plain.sum())
        for first, last, follows in found[~plain].tolist():
            if follows == -2:
                continue
            run = points[first:last]
            if follows >= 0:
                again = found[follows]
                run = np.concatenate((run, points[again[0] : again[1]][::-1]))
            if len(run) <= 2:
                clicks += len(run)
            else:
                clicks += len(cv2.approxPolyDP(run, self.epsilon, closed=False))
        return clicks


def _cross(cv2: Any) -> Array:
    cross: Array = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return cross


def _eroded(mask: Mask, times: int) -> Mask:
    cv2 = extra("HCE")
    eroded: Array = cv2.erode(mask.view(np.uint8), _cross(cv2), iterations=times)
    return eroded.view(np.bool_)


def _grown_once(mask: Mask) -> Mask:
    cv2 = extra("HCE")
    grown: Array = cv2.dilate(mask.view(np.uint8), _cross(cv2))
    return grown.view(np.bool_)


def _grown(mask: Mask, room: Mask, times: int) -> Mask:
    """Grow a mask pixel by pixel, within the room that there is."""
    if mask.any():
        for _ in range(times):
            mask = _grown_once(mask) & room
    return mask

"""S-measure: how well a map keeps the structure of the truth, by object (So) and by region (Sr).

Fan et al., Structure-measure: a new way to evaluate foreground maps, ICCV 2017. The regions are the four blocks around the
truth's centroid. Empty truth: 1 - mean(p); full truth: mean(p).

Where the centroid leaves a block without pixels (a one-pixel object in a corner, a bottom row), PySODMetrics gives NaN and the
other evaluators 0. BiRefNet also gives 0 for an object, or a background, of one pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from ._inputs import Pair, Resize
from ._measure import Measure, Record
from ._tally import Block, Region, blocks, quarters, tally

__all__ = ["SMeasure"]

EPS = float(np.finfo(np.float64).eps)


class SMeasure(Measure):
    """S-measure, 1 for a perfect map; result `Sm`.

    Args:
        alpha: the object's weight; the region has the rest.
        variant: `pysodmetrics`; `birefnet` and `inspyrenet` differ as the module says; `exact` is `pysodmetrics` without
            rounding noise: a constant grey block that the truth does not cut scores 1 there, and in the published evaluators
            1 or 0, as the last bit of its mean falls.
        resize: as for every measure.
    """

    variants = ("pysodmetrics", "birefnet", "inspyrenet", "exact")

    def __init__(
        self, *, alpha: float = 0.5, variant: str | None = None, resize: Resize = "bilinear"
    ) -> None:
        if not 0 <= alpha <= 1:
            raise BadInput(f"alpha is {alpha}: it must lie in 0…1.")
        self.alpha = alpha
        super().__init__(variant=variant, resize=resize)

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        return Record({f"{self._prefix}Sm": self._score(given)})

    def _score(self, given: Pair) -> float:
        counts = given.once(tally)
        if not counts.inside.count:
            return 1 - counts.mean
        if not counts.outside.count:
            return counts.mean
        share = counts.inside.count / given.mask.size
        by_object = share * self._alike(counts.inside) + (1 - share) * self._alike(counts.outside)
        by_region = self._regions(given)
        score = self.alpha * by_object + (1 - self.alpha) * by_region
        if math.isnan(score):
            return math.nan if self.variant in ("pysodmetrics", "exact") else 0.0
        return max(0.0, score)

    @property
    def _eps(self) -> float:
        return 1e-16 if self.variant == "inspyrenet" else EPS

    def _alike(self, region: Region) -> float:
        """How near to 1, and how even, the values of the object (or of the reversed background) are."""
        freedom = region.count - (self.variant != "inspyrenet")
        if freedom == 0:
            if self.variant == "birefnet":
                return math.nan
            spread = 0.0
        else:
            spread = math.sqrt(region.squares / freedom)
        return 2 * region.mean / (region.mean**2 + 1 + spread + self._eps)

    def _regions(self, given: Pair) -> float:
        parts = given.once(_blocks)
        if not all(part.count for part in parts):
            return math.nan
        count = given.mask.size
        weights = [part.count / count for part in parts[:3]]
        weights.append(1 - sum(weights))  # as published
        return sum(
            weight * self._alike_in(part) for weight, part in zip(weights, parts, strict=True)
        )

    def _alike_in(self, part: _Part) -> float:
        """The structural similarity of one block."""
        if part.noisy and self.variant != "exact":
            return 0.0
        x, y, freedom = part.x, part.y, part.count - 1 + self._eps
        above = 4 * x * y * part.xy / freedom
        below = (x * x + y * y) * (part.xx + part.yy) / freedom
        if above != 0:
            return above / (below + self._eps)
        return 1.0 if below == 0 else 0.0


@dataclass(frozen=True, slots=True)
class _Part:
    """A block's means x (prediction) and y (truth), and the sums of squared and mixed distances from them.

    `noisy`: prediction and truth are constant, but the published mean misses the constant by rounding.
    """

    count: int
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    yy: float = 0.0
    xy: float = 0.0
    noisy: bool = False


def _blocks(given: Pair) -> list[_Part]:
    if given.prediction.top == 1:
        return [_of_floats(given, place) for place in quarters(given)]
    return [_of_codes(given, block) for block in given.once(blocks)]


def _of_codes(given: Pair, block: Block) -> _Part:
    """By sums of whole numbers, which are exact."""
    inside, outside = block.counts
    both, codes = inside + outside, np.arange(len(inside))
    covered, count = int(inside.sum()), int(both.sum())
    if not count:
        return _Part(0)
    total, squares, mixed = int(both @ codes), int(both @ codes**2), int(inside @ codes)
    # What codes lose, and what they are then divided by, to become p.
    plane = given.prediction
    low, span = (plane.low, plane.high - plane.low) if plane.high > plane.low else (0, plane.top)
    xx = count * squares - total * total
    flat = xx == 0 and covered in (0, count)
    return _Part(
        count,
        (total - count * low) / (count * span),
        covered / count,
        xx / (count * span * span),
        covered * (count - covered) / count,
        (count * mixed - total * covered) / (count * span),
        flat and _missed(float(given.table[total // count]), given.size, block.place),
    )


def _of_floats(given: Pair, place: tuple[slice, slice]) -> _Part:
    p, mask = given.p[place], given.mask[place]
    if not p.size:
        return _Part(0)
    constant, y = float(p[0, 0]), float(mask.mean())
    flat = bool((p == constant).all()) and y in (0.0, 1.0)
    x = constant if flat else float(p.mean())
    from_x, from_y = p - x, mask - y
    return _Part(
        p.size,
        x,
        y,
        float((from_x**2).sum()),
        float((from_y**2).sum()),
        float((from_x * from_y).sum()),
        flat and _missed(constant, given.size, place),
    )


def _missed(constant: float, size: tuple[int, int], place: tuple[slice, slice]) -> bool:
    """Whether NumPy's mean of a constant block is not the constant.

    It is summed row by row, so that the rounding depends on where the block lies in its plane.
    """
    return float(np.full(size, constant)[place].mean()) != constant

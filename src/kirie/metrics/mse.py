"""Mean squared error of a saliency map: mean (p - g)², g in 0 and 1, as BiRefNet's and InSPyReNet's evaluators report it."""

from __future__ import annotations

from ._inputs import Pair
from ._measure import Measure, Record
from ._tally import tally

__all__ = ["MSE"]


class MSE(Measure):
    """Mean squared error, 0 for a perfect map; result `birefnet.MSE`."""

    variants = ("birefnet", "inspyrenet")

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        return Record({f"{self._prefix}MSE": given.once(tally).squared})

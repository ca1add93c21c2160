"""Mean absolute error: mean |p - g| over a picture's pixels.

Perazzi et al., Saliency filters, CVPR 2012. All published evaluators agree. Since p is stretched to its full range, a map that is
shifted or scaled scores the same.
"""

from __future__ import annotations

from ._inputs import Pair
from ._measure import Measure, Record
from ._tally import tally

__all__ = ["MAE"]


class MAE(Measure):
    """Mean absolute error, 0 for a perfect map; result `MAE`."""

    variants = ("pysodmetrics", "birefnet", "inspyrenet")

    def measure(self, given: Pair) -> Record:
        """Measure one pair, without taking it in."""
        return Record({f"{self._prefix}MAE": given.once(tally).error})

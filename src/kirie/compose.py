"""Alpha and colours → what the user sees: cutout, mask, trimap, overlay, the cutout on a background.

Colours are (H, W, 3) uint8 or uint16 in any RGB profile; alpha is (H, W) float32 in [0, 1], straight. Results have the
colours' depth. Blending is done on the encoded values, as the field and every viewer do it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._threads import Helpers

__all__ = ["Array", "cutout", "deepen", "eight_bits", "mask", "on", "overlay", "trimap"]

Array = NDArray[np.uint8] | NDArray[np.uint16]

STRIPE = (
    128  # rows per step: temporaries stay in the cache, and memory does not grow with the picture
)
OVERLAY_COLOUR = (255, 0, 96)
OVERLAY_OPACITY = 0.55
TRIMAP_LOW, TRIMAP_HIGH = 0.05, 0.95


def cutout(colours: Array, alpha: NDArray[np.float32]) -> Array:
    """Join colours and alpha to (H, W, 4), straight; what alpha hides entirely is black, so nothing comes back."""
    height, width = alpha.shape
    out: Array = np.empty((height, width, 4), colours.dtype)

    def fill(rows: slice) -> None:
        levels = mask(alpha[rows], colours.dtype)
        shows = (levels != 0).astype(colours.dtype)
        for channel in range(3):  # one by one: three times faster than whole pixels in NumPy
            np.multiply(colours[rows, :, channel], shows, out=out[rows, :, channel])
        out[rows, :, 3] = levels

    _by_stripes(height, fill)
    return out


def mask(alpha: NDArray[np.float32], dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Array:
    """Alpha as (H, W) of `dtype`, rounded."""
    scaled = alpha * np.float32(np.iinfo(dtype).max)
    scaled += np.float32(0.5)
    return scaled.astype(np.uint8) if dtype == np.uint8 else scaled.astype(np.uint16)


def trimap(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Sure background 0, sure subject 255, between them 128: (H, W) uint8, for matting tools.

    The unknown band is where alpha is between 0.05 and 0.95, widened by one pixel in 200 of the longer side.
    """
    unknown = (alpha > TRIMAP_LOW) & (alpha < TRIMAP_HIGH)
    radius = max(1, round(max(alpha.shape) / 200))
    for axis in (0, 1):
        unknown = _widened(unknown, radius, axis)
    result = np.where(alpha >= 0.5, np.uint8(255), np.uint8(0))  # noqa: PLR2004
    result[unknown] = 128
    return result


def _widened(flags: NDArray[np.bool_], radius: int, axis: int) -> NDArray[np.bool_]:
    """True wherever a flag lies within `radius` along `axis`."""
    edge = [(0, 0), (0, 0)]
    edge[axis] = (radius + 1, radius)
    counts = np.cumsum(np.pad(flags, edge), axis=axis, dtype=np.int32)
    steps = 2 * radius + 1
    ahead, behind = (
        (counts[steps:], counts[:-steps]) if axis == 0 else (counts[:, steps:], counts[:, :-steps])
    )
    widened: NDArray[np.bool_] = ahead != behind
    return widened


def overlay(colours: Array, alpha: NDArray[np.float32]) -> Array:
    """The picture with the subject left as it is and the rest tinted: (H, W, 3), to judge a mask by eye."""
    tint = np.asarray(OVERLAY_COLOUR, np.float32) * (np.iinfo(colours.dtype).max / 255)
    flat = np.broadcast_to(tint.astype(colours.dtype), colours.shape)
    return on(colours, 1 - OVERLAY_OPACITY * (1 - alpha), flat)


def on(colours: Array, alpha: NDArray[np.float32], background: Array) -> Array:
    """Lay colours over a background (H, W, 3) of the same depth: (H, W, 3)."""
    out: Array = np.empty_like(colours)

    def fill(rows: slice) -> None:
        below = background[rows].astype(np.float32)
        above = colours[rows].astype(np.float32)
        above -= below
        above *= alpha[rows, :, None]
        above += below
        above += np.float32(0.5)
        out[rows] = above

    _by_stripes(alpha.shape[0], fill)
    return out


def eight_bits(pixels: Array) -> NDArray[np.uint8]:
    """The same values with 8 bits, rounded."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def deepen(pixels: NDArray[np.uint8], dtype: np.dtype[Any]) -> Array:
    """8-bit values at the depth of `dtype`: 255 becomes 65535."""
    return pixels.astype(dtype) * 257 if dtype == np.uint16 else pixels


def _by_stripes(height: int, fill: Callable[[slice], None]) -> None:
    """Call `fill` for every stripe of rows, two at a time: NumPy lets go of the interpreter while it works."""
    stripes = [slice(top, top + STRIPE) for top in range(0, height, STRIPE)]
    with Helpers(2 if len(stripes) > 2 else 1) as helpers:  # noqa: PLR2004  fewer are not worth a thread
        helpers.map(fill, stripes)

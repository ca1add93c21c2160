"""What rembg does to masks, in plain NumPy: (H, W) uint8 in, (H, W) uint8 out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._resample import gaussian

__all__ = ["smoothed", "trimap"]

Mask = NDArray[np.uint8]
Flags = NDArray[np.bool_]

SIGMA = 2.0
HALF = 127


def smoothed(mask: Mask) -> Mask:
    """Make a mask hard, with a smooth outline: opened by a cross of 3×3, blurred with sigma 2, cut at 127."""
    grown = _cross(_cross(mask, np.minimum), np.maximum).astype(np.float64)
    kernel = gaussian(SIGMA)
    for axis in (0, 1):
        grown = _correlated(grown, kernel, axis)
    return np.where(grown < HALF, np.uint8(0), np.uint8(255))


def _cross(mask: Mask, pick: np.ufunc) -> Mask:
    """The least or greatest of each pixel and its four neighbours."""
    out = mask.copy()
    pick(out[1:], mask[:-1], out=out[1:])
    pick(out[:-1], mask[1:], out=out[:-1])
    pick(out[:, 1:], mask[:, :-1], out=out[:, 1:])
    pick(out[:, :-1], mask[:, 1:], out=out[:, :-1])
    return out


def _correlated(
    values: NDArray[np.float64], kernel: NDArray[np.float64], axis: int
) -> NDArray[np.float64]:
    """Correlate with a symmetric kernel along an axis, borders mirrored with the edge repeated.

    Outer pairs are added first, as SciPy does it: a pixel that lies on the cut must fall to the same side.
    """
    reach, count = len(kernel) // 2, values.shape[axis]
    edge = [(0, 0), (0, 0)]
    edge[axis] = (reach, reach)
    wide = np.pad(values, edge, mode="symmetric").swapaxes(0, axis)
    out: NDArray[np.float64] = wide[reach : reach + count] * kernel[reach]
    for step in range(reach, 0, -1):
        pair = wide[reach - step : reach - step + count] + wide[reach + step : reach + step + count]
        out += pair * kernel[reach - step]
    return out.swapaxes(0, axis)


def trimap(mask: Mask, *, foreground: int, background: int, erode: int) -> Mask:
    """Sure subject 255, sure background 0, between them 128.

    Args:
        mask: (H, W) uint8.
        foreground: levels above are subject …
        background: … and levels below background, after both have been eroded:
        erode: by squares of this side in pixels; by a cross of 3×3 where it is 0.
    """
    result = np.full(mask.shape, 128, np.uint8)
    # Beyond the picture there is no subject, and nothing but background.
    result[_eroded(mask > foreground, erode, outside=False)] = 255
    result[_eroded(mask < background, erode, outside=True)] = 0
    return result


def _eroded(flags: Flags, side: int, *, outside: bool) -> Flags:
    """True where all of the square around a pixel is; an even side reaches one further up and left."""
    if side <= 0:
        wide = np.pad(flags, 1, constant_values=outside)
        crossed: Flags = (
            wide[1:-1, 1:-1] & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
        )
        return crossed
    before, after = side // 2, side - 1 - side // 2
    wide = np.pad(flags, (before, after), constant_values=outside)
    for axis in (0, 1):
        lacking = np.cumsum(~wide, axis=axis, dtype=np.int32)
        lacking = np.insert(lacking, 0, 0, axis=axis).swapaxes(0, axis)
        wide = (lacking[side:] == lacking[:-side]).swapaxes(0, axis)
    return wide

"""What transparent-background lays together, in NumPy and libvips; it takes OpenCV for the same.

Pictures are (H, W, 3) uint8 RGB; maps are (H, W) floats in [0, 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["blended", "blurred", "outline"]

RGB = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

STRIPE = 256  # rows at a time: floats of a whole large picture would take gigabytes
FRACTION = 256  # OpenCV's kernels for 8-bit pictures are whole numbers over this
TANGENT = 13573  # of 22.5°, times 2¹⁵


def blended(above: RGB, share: Floats, below: NDArray[Any]) -> RGB:
    """Lay a picture over another, or over one colour (1, 1, 3); truncated."""
    out = np.empty_like(above)
    for top in range(0, len(above), STRIPE):
        rows = slice(top, top + STRIPE)
        weight = share[rows, :, None]
        ground = below if len(below) == 1 else below[rows]
        out[rows] = above[rows] * weight + ground * (1 - weight)
    return out


def blurred(rgb: RGB, sigma: int) -> RGB:
    """Blur by a Gaussian as OpenCV does 8-bit pictures: 3 sigma far, weights in 256ths, borders mirrored.

    Each weight is rounded with what the ones before it have left over, and the middle one takes the rest.
    """
    import pyvips

    reach = 3 * sigma
    exact = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    exact *= FRACTION / exact.sum()
    weights, left = np.zeros_like(exact), 0.0
    for place in range(reach):
        weight = np.round(exact[place] + left)
        left += exact[place] - weight
        weights[place] = weights[-1 - place] = weight
    weights[reach] = FRACTION - weights.sum()
    wide = np.pad(rgb, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    image = pyvips.Image.new_from_memory(wide.data, wide.shape[1], wide.shape[0], 3, "uchar")
    # Sums of 8 bits by weights of 16 are exact in float32.
    mask = pyvips.Image.new_from_array([(weights / FRACTION).tolist()])
    inner = image.convsep(mask, precision="float").crop(reach, reach, rgb.shape[1], rgb.shape[0])
    sums = np.frombuffer(inner.write_to_memory(), np.float32).reshape(rgb.shape)
    return (sums + np.float32(0.5)).astype(np.uint8)


def outline(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The line around a shape, one pixel wide: Canny's edges (1986) of it in black and white.

    Between black and white every slope is over both of Canny's thresholds, so what is left of him is: a pixel is on the
    line if its slope (Sobel, |x| + |y|) is the greatest across the line, of three directions.
    """
    wide = np.pad(inside.astype(np.int32), 1, mode="edge")
    down = wide[:-2] + 2 * wide[1:-1] + wide[2:]  # (H, W + 2)
    across = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]  # (H + 2, W)
    x, y = down[:, 2:] - down[:, :-2], across[2:] - across[:-2]
    slope = np.pad(np.abs(x) + np.abs(y), 1)
    here = slope[1:-1, 1:-1]

    def beside(rows: int, columns: int) -> NDArray[np.int32]:
        height, width = here.shape
        return slope[1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]

    flat = np.abs(x) * TANGENT
    steep = flat + (np.abs(x) << 16)
    rise = np.abs(y) << 15
    level = (here > beside(0, -1)) & (here >= beside(0, 1))
    upright = (here > beside(-1, 0)) & (here >= beside(1, 0))
    falling = (here > beside(-1, -1)) & (here > beside(1, 1))
    rising = (here > beside(-1, 1)) & (here > beside(1, -1))
    slanted = np.where((x ^ y) < 0, rising, falling)
    line = np.where(rise < flat, level, np.where(rise > steep, upright, slanted))
    return line & (here > 0)

"""What lies between the subject and its background: shadows and an outline, made from alpha (H, W) float32 in [0, 1].

Sizes are shares of the longer side of what is visible, so that a shadow looks alike on a small and a large picture.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import _shape
from ._frame import visible

__all__ = ["ROOM", "contact", "drop", "outline", "under"]

Floats = NDArray[np.float32]

DROP_OPACITY, DROP_BLUR, DROP_OFFSET = 0.45, 0.018, (0.022, 0.014)  # offset: down, right
CONTACT_OPACITY, CONTACT_BLUR, CONTACT_HEIGHT = 0.55, 0.012, 0.07
CONTACT_PART = 0.4  # the lower part of the subject that stands on the ground
FINE = 4.0  # standard deviation, in pixels, that a shadow is blurred with after it was made small
WIDE = 12.0  # pixels that an outline is widened by after the mask was made small
MOST_WIDE = 500.0
ROUND = 0.12  # of an outline's width: rounds off the steps of a mask
SHARP = 1.5  # pixels that an outline's edge takes
# What each needs around the subject, of its longer side: left, top, right, bottom.
ROOM = {
    "drop": (
        2.5 * DROP_BLUR - DROP_OFFSET[1],
        2.5 * DROP_BLUR - DROP_OFFSET[0],
        2.5 * DROP_BLUR + DROP_OFFSET[1],
        2.5 * DROP_BLUR + DROP_OFFSET[0],
    ),
    "contact": (2 * CONTACT_BLUR, 0.0, 2 * CONTACT_BLUR, CONTACT_HEIGHT / 2 + 2 * CONTACT_BLUR),
}


def drop(alpha: Floats) -> Floats:
    """The opacity of a soft shadow, a little below and to the right."""
    box = visible(alpha)
    if box is None:
        return np.zeros_like(alpha)
    longer = max(box[2] - box[0], box[3] - box[1])
    down, right = (round(longer * share) for share in DROP_OFFSET)
    return _moved(_softened(alpha, longer * DROP_BLUR), down, right) * np.float32(DROP_OPACITY)


def contact(alpha: Floats) -> Floats:
    """The opacity of the shadow that the subject throws on the ground under it.

    Light from above: the lower part of the subject, pressed flat onto the line that it stands on.
    """
    box = visible(alpha)
    out = np.zeros_like(alpha)
    if box is None:
        return out
    left, top, right, bottom = box
    longer = max(right - left, bottom - top)
    low = alpha[bottom - max(1, round((bottom - top) * CONTACT_PART)) : bottom, left:right]
    flat = max(3, round(longer * CONTACT_HEIGHT))
    # A column's shadow is as deep as the column is near to the ground.
    near = np.linspace(0.15, 1, len(low), dtype=np.float32)[:, None]
    depth = (low * near).max(axis=0)
    ys = np.abs(np.linspace(-1, 1, flat, dtype=np.float32))[:, None]
    pressed = np.clip((depth - ys) * 3, 0, 1) * depth
    start = bottom - flat // 2 - max(1, flat // 6)
    rows = slice(max(0, start), min(alpha.shape[0], start + flat))
    out[rows, left:right] = pressed[rows.start - start : rows.stop - start]
    return _softened(out, longer * CONTACT_BLUR) * np.float32(CONTACT_OPACITY)


def outline(alpha: Floats, width: float) -> Floats:
    """The opacity of a band of `width` pixels around the subject, the subject's own area included.

    Its edge is sharp and its corners are round: widened and softened small, enlarged, and cut at one half.
    """
    if width <= 0:
        return alpha
    factor = max(1.0, width / WIDE)
    small = _scaled(alpha, 1 / factor)
    reach = ceil(width / factor) + 2
    wide = _shape.shift(np.pad(small, reach, "edge"), min(width / factor, MOST_WIDE))
    soft = _shape.blur(wide, ROUND * width / factor)[reach:-reach, reach:-reach]
    large = _scaled(soft, 1.0, alpha.shape)
    steep = max(1.0, ROUND * width * 2.5 / SHARP)  # a softened step rises by 1 / 2.5 sigma a pixel
    cut = ((large - np.float32(0.5)) * np.float32(steep) + np.float32(0.5)).clip(0, 1)
    band: Floats = np.maximum(cut, alpha)
    return band


def under(
    colours: NDArray[Any], alpha: Floats, colour: tuple[Any, ...], layer: Floats
) -> tuple[NDArray[Any], Floats]:
    """Lay colours (H, W, 3) with their alpha on a layer of one colour; both are straight, and so is the result."""
    rest = layer * (1 - alpha)
    total = alpha + rest
    share = alpha / np.maximum(total, np.float32(1e-6))
    out = np.empty_like(colours)
    for channel, value in enumerate(colour):
        plane = colours[..., channel] * share
        plane += np.float32(value) * (1 - share)
        plane += np.float32(0.5)
        out[..., channel] = plane
    return out, total


def _softened(alpha: Floats, sigma: float) -> Floats:
    """Blurred, small where nothing sharp is left anyway; nothing comes in over the border."""
    factor = max(1.0, sigma / FINE)
    small = _scaled(alpha, 1 / factor)
    reach = ceil(3 * sigma / factor) + 3
    blurred = _shape.blur(np.pad(small, reach), sigma / factor)
    return _scaled(blurred[reach:-reach, reach:-reach], 1.0, alpha.shape).clip(0, 1)


def _scaled(plane: Floats, scale: float, size: tuple[int, ...] | None = None) -> Floats:
    """Scaled to (height, width), or by a number."""
    height, width = size or (max(1, round(n * scale)) for n in plane.shape)
    if (height, width) == plane.shape:
        return plane
    how = Image.Resampling.BICUBIC if height > plane.shape[0] else Image.Resampling.BOX
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(image.resize((width, height), how))


def _moved(alpha: Floats, down: int, right: int) -> Floats:
    out = np.zeros_like(alpha)
    height, width = alpha.shape
    out[down:, right:] = alpha[: height - down, : width - right]
    return out

"""Alpha and colours → what the user sees: cutout, mask, trimap, overlay, another background.

Colours are (H, W, 3) uint8 or uint16 in any RGB profile; alpha is (H, W) float32 in [0, 1], straight. Results have the
colours' depth. Blending is done on the encoded values, as the field and every viewer do it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from .errors import BadInput

__all__ = [
    "blurred",
    "check_background",
    "colour",
    "cover",
    "cutout",
    "deepen",
    "eight_bits",
    "mask",
    "on",
    "overlay",
    "trimap",
]

Array = NDArray[np.uint8] | NDArray[np.uint16]

STRIPE = (
    128  # rows per step: temporaries stay in the cache, and memory does not grow with the picture
)
OVERLAY_COLOUR = (255, 0, 96)
OVERLAY_OPACITY = 0.55
TRIMAP_LOW, TRIMAP_HIGH = 0.05, 0.95
BLUR_SHARE = 1 / 40  # radius of the blurred background, of the longer side


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


def colour(text: str) -> tuple[int, int, int] | None:
    """The sRGB colour that a text names (`white`, `#f80`, `rgb(…)`), or None where it names none."""
    try:
        red, green, blue, *_ = ImageColor.getrgb(text)  # its alpha, if any, is cut off
    except ValueError:
        return None
    return red, green, blue


def blurred(pixels: Array, alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture's background out of focus: (H, W, 3) uint8.

    The subject takes no part in the average (normalised convolution), so no ghost of it glows around the cutout.
    Computed small, since nothing sharp is left anyway.
    """
    height, width = alpha.shape
    scale = min(1.0, 512 / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(eight_bits(pixels)).resize(size, Image.Resampling.BOX, reducing_gap=2)
    weight = 1 - np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.BOX))
    weight = np.maximum(weight, 1e-3) ** 2  # where all is subject there is nothing else to show
    radius = max(size) * BLUR_SHARE
    planes = [*np.moveaxis(np.asarray(small, np.float32) * weight[..., None], 2, 0), weight]
    sums = [_gauss(plane.astype(np.float32), radius) for plane in planes]
    result = np.stack([plane / sums[3] for plane in sums[:3]], axis=-1)  # (h, w, 3)
    image = Image.fromarray((result + 0.5).clip(0, 255).astype(np.uint8))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def _gauss(plane: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Gaussian blur of one float plane, edges extended."""
    reach = round(3 * radius)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        n = plane.shape[axis]
        # One row of weights per output: with edges extended, a tap outside counts for the edge.
        columns = np.clip(np.arange(n)[:, None] + np.arange(-reach, reach + 1), 0, n - 1)
        band = np.zeros((n, n), np.float32)
        np.add.at(band, (np.arange(n)[:, None], columns), taps.astype(np.float32))
        plane = band @ plane if axis == 0 else plane @ band.T
    return plane


def cover(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale and centre-crop a background (h, w, 3) so that it covers `size` = (H, W)."""
    height, width = size
    scale = max(height / picture.shape[0], width / picture.shape[1])
    crop_height, crop_width = height / scale, width / scale
    top, left = (picture.shape[0] - crop_height) / 2, (picture.shape[1] - crop_width) / 2
    box = (left, top, left + crop_width, top + crop_height)
    image = Image.fromarray(picture).resize(
        (width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=3
    )
    return np.asarray(image)


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
    if len(stripes) < 3:  # noqa: PLR2004  not worth a thread
        for rows in stripes:
            fill(rows)
        return
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, stripes))


def check_background(background: str) -> None:
    """Refuse a background that is neither a colour, nor `blur`, nor a file that is there."""
    from pathlib import Path

    if background != "blur" and colour(background) is None and not Path(background).is_file():
        raise BadInput(
            f"The background {background!r} is neither a colour (white, #ff8800), nor blur, nor a picture file."
        )

"""What can lie behind a subject: a colour, a picture fitted to the canvas, or the picture's own background changed.

Pictures are (H, W, 3); colours are sRGB unless it is said otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from . import _shape
from .compose import Array, eight_bits
from .errors import BadInput
from .options import ORIGINALS, CutOptions

__all__ = ["blurred", "changed", "check", "checkerboard", "colour", "fitted", "is_file"]

RGB8 = NDArray[np.uint8]

BLUR_SHARE = 1 / 40  # radius of the blurred background, of the longer side
DARKENED = 0.35  # what is left of the light
LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709
LIGHT, SHADED = 255, 214  # a checkerboard's squares
SQUARES = 40  # of them along the longer side


def colour(text: str) -> tuple[int, int, int] | None:
    """The sRGB colour that a text names (`white`, `#f80`, `rgb(…)`), or None where it names none."""
    try:
        red, green, blue, *_ = ImageColor.getrgb(text)  # its alpha, if any, is cut off
    except ValueError:
        return None
    return red, green, blue


def is_file(background: str | None) -> bool:
    """Whether a background can only be a file: neither nothing, nor one of the names, nor a colour."""
    known = (None, "none", *ORIGINALS)
    return background not in known and colour(str(background)) is None


def check(options: CutOptions) -> None:
    """Refuse, before any work, a background or an outline that there is not."""
    if is_file(options.background) and not Path(str(options.background)).is_file():
        raise BadInput(
            f"The background {options.background!r} is neither a colour (white, #ff8800), nor one of {', '.join(ORIGINALS)}, nor "
            "a picture file."
        )
    if options.outline not in (None, "none") and colour(options.outline[1]) is None:
        raise BadInput(
            f"The outline's {options.outline[1]!r} is no colour: give white, #ff8800 or the like."
        )


def changed(pixels: Array, alpha: NDArray[np.float32], how: str) -> NDArray[Any]:
    """The picture itself as a background: `original`, `blur` (out of focus), `dark` or `greyscale`."""
    if how == "blur":
        return blurred(pixels, alpha)
    if how == "dark":
        dark: NDArray[Any] = pixels * np.float32(DARKENED) + np.float32(0.5)
        return dark.astype(pixels.dtype)
    if how == "greyscale":
        plane = pixels @ np.asarray(LUMINANCE, np.float32) + np.float32(0.5)
        return np.repeat(plane.astype(pixels.dtype)[..., None], 3, axis=2)
    return pixels


def blurred(pixels: Array, alpha: NDArray[np.float32]) -> RGB8:
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
    sums = [_shape.blur(plane.astype(np.float32), radius) for plane in planes]
    result = np.stack([plane / sums[3] for plane in sums[:3]], axis=-1)  # (h, w, 3)
    image = Image.fromarray((result + 0.5).clip(0, 255).astype(np.uint8))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def fitted(picture: RGB8, size: tuple[int, int], fit: str = "cover") -> RGB8:
    """Fill `size` = (H, W) with a picture: `cover`, `contain`, `stretch` or `tile`, from the middle."""
    height, width = size
    image = Image.fromarray(picture)
    if fit == "tile":
        rows, columns = (
            (np.arange(n) - (n - m) // 2) % m for n, m in zip(size, picture.shape[:2], strict=True)
        )
        tiles: RGB8 = picture[rows[:, None], columns]
        return tiles
    if fit == "stretch":
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3))
    ratios = height / picture.shape[0], width / picture.shape[1]
    if fit == "contain":
        scale = min(ratios)
        inner = [max(1, round(n * scale)) for n in picture.shape[:2]]
        whole = np.empty((height, width, 3), np.uint8)
        whole[:] = _rim(picture)
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        small = image.resize(inner[::-1], Image.Resampling.BICUBIC, reducing_gap=3)
        whole[top : top + inner[0], left : left + inner[1]] = np.asarray(small)
        return whole
    scale = max(ratios)
    crop = height / scale, width / scale
    top, left = ((n - m) / 2 for n, m in zip(picture.shape[:2], crop, strict=True))
    box = (left, top, left + crop[1], top + crop[0])
    return np.asarray(
        image.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=3)
    )


def _rim(picture: RGB8) -> NDArray[Any]:
    """The mean colour of a picture's border, for what `contain` leaves free."""
    rim = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    mean: NDArray[Any] = np.concatenate(rim).mean(axis=0).round()
    return mean


def checkerboard(size: tuple[int, int]) -> RGB8:
    """(H, W, 3): what transparency is shown as."""
    side = max(4, round(max(size) / SQUARES))
    rows, columns = (np.arange(n) // side % 2 for n in size)
    plane = np.where(rows[:, None] ^ columns, np.uint8(LIGHT), np.uint8(SHADED))
    return np.broadcast_to(plane[..., None], (*size, 3))

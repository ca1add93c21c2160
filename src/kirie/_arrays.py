"""Numbers of any accepted kind → colours and alpha as kirie keeps them: (H, W, 3) and (H, W), uint8 or uint16."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BadInput, TooLarge

__all__ = ["check_size", "eight_bits", "grounded", "levels", "split"]

Array = NDArray[Any]
Planes = tuple[Array, Array | None]

BRIGHT = 160  # mean level (of 255) from which a subject no longer stands out from white
WHITE, DARK = 255, 48


def _count(pixels: int) -> str:
    return f"{pixels / 1e6:g} million" if pixels >= 1e6 else f"{pixels}"  # noqa: PLR2004


def check_size(name: str, height: int, width: int, max_pixels: int) -> None:
    """Refuse a picture over the limit, from its header, before memory is taken for it."""
    if height < 1 or width < 1:
        raise BadInput(f"{name} has no pixels: it is {width}×{height}.")
    if height * width > max_pixels:
        raise TooLarge(
            f"{name} has {width}×{height} pixels, over the limit of {_count(max_pixels)}: scale it down, or "
            "raise max_pixels (--max-pixels) if you trust where it comes from."
        )


def levels(name: str, values: Array) -> Array:
    """Numbers as uint8 or uint16: both stay; bool and floats in [0, 1] become uint8.

    Raises:
        BadInput: NaN, numbers out of range, or a type whose range says nothing about black and white.
    """
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:  # noqa: PLR2004  of either byte order
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind != "f":
        raise BadInput(
            f"{name} holds {values.dtype} numbers: give uint8, uint16, bool, or floats in [0, 1]."
        )
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # NaN fails every comparison
        found = "NaN" if np.isnan(low + high) else f"numbers from {low:g} to {high:g}"
        raise BadInput(f"{name} holds {found}: floats must lie in [0, 1]; scale them first.")
    scaled = np.multiply(values, 255, dtype=np.promote_types(values.dtype, np.float32))
    scaled += 0.5
    return scaled.astype(np.uint8)


def split(name: str, values: Array) -> Planes:
    """Colours and alpha of (H, W), (H, W, 1), (H, W, 2) grey and alpha, (H, W, 3) or (H, W, 4) levels.

    Colours that the alpha hides entirely become black: nothing later can bring them back, by a blur, by an edge
    estimate or by a multiplied alpha.
    """
    channels = 1 if values.ndim == 2 else values.shape[2]  # noqa: PLR2004
    if channels > 4:  # noqa: PLR2004
        raise BadInput(
            f"{name} has {channels} channels: kirie reads grey, RGB, and both with alpha."
        )
    if channels == 3:  # noqa: PLR2004
        return np.ascontiguousarray(values), None
    height, width = values.shape[:2]
    colours = np.empty((height, width, 3), values.dtype)
    if channels <= 2:  # noqa: PLR2004
        colours[:] = values.reshape(height, width, -1)[:, :, :1]
    else:
        colours[:] = values[:, :, :3]
    if channels in (1, 3):
        return colours, None
    alpha = np.ascontiguousarray(values[:, :, -1])
    if alpha.min() == np.iinfo(alpha.dtype).max:  # opaque: as good as none
        return colours, None
    colours[alpha == 0] = 0
    return colours, alpha


def eight_bits(values: Array) -> NDArray[np.uint8]:
    """The same levels with 8 bits, rounded to the nearest: 65535 becomes 255."""
    if values.dtype == np.uint8:
        return values
    table = ((np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return np.take(table, values)


def grounded(rgb: NDArray[np.uint8], alpha: Array) -> NDArray[np.uint8]:
    """The picture (H, W, 3) as a network can read it: on a plain ground wherever it is transparent.

    White, as in the product photos that networks have seen many of; dark grey where what is visible is itself bright,
    since a white shape on white is no shape.
    """
    share = eight_bits(alpha)
    weight = share[::4, ::4].astype(np.float64)
    visible = float((rgb[::4, ::4].mean(axis=2) * weight).sum() / max(weight.sum(), 1.0))
    ground = DARK if visible > BRIGHT else WHITE
    out = rgb.copy()
    some = share < 255  # noqa: PLR2004
    part = share[some].astype(np.uint16)[:, None]  # (n, 1)
    mixed = rgb[some].astype(np.uint16) * part + np.uint16(ground) * (255 - part)
    out[some] = (mixed + 127) // 255
    return out

"""Colour profiles: what one is, and the ways between its colours and sRGB (LittleCMS)."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

__all__ = ["from_srgb", "is_srgb", "space", "to_srgb", "usable"]

RGB8 = NDArray[np.uint8]

HEADER = 128
SAME = 2  # levels: the many sRGB profiles in use differ from each other by rounding


def space(icc: bytes | None) -> str:
    """The kind of numbers that a profile is about (`RGB`, `GRAY`, `CMYK`, `Lab`); empty where it is no profile."""
    if icc is None or len(icc) < HEADER or icc[36:40] != b"acsp":
        return ""
    return icc[16:20].decode("ascii", "replace").strip()


@lru_cache(maxsize=16)
def usable(icc: bytes) -> bool:
    """Whether this is an RGB profile that colours can be taken from and to."""
    if space(icc) != "RGB":
        return False
    try:
        _transform(icc, back=False)
        _transform(icc, back=True)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    return True


@lru_cache(maxsize=16)
def is_srgb(icc: bytes | None) -> bool:
    """Whether colours mean the same under this profile as in sRGB: judged by what it does, not by its name.

    A profile that cannot be used counts as sRGB, as does none at all.
    """
    if icc is None or not usable(icc):
        return True
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), _transform(icc, back=False)))
    return int(np.abs(moved.astype(np.int16) - grid).max()) <= SAME


def to_srgb(rgb: RGB8, icc: bytes | None) -> RGB8:
    """Colours (H, W, 3) uint8 of a profile as sRGB; the same array where there is nothing to do."""
    if icc is None or is_srgb(icc):
        return rgb
    import pyvips  # its LittleCMS works in all threads at once; Pillow's in one, with more work per pixel

    rgb = np.ascontiguousarray(rgb)
    image = pyvips.Image.new_from_memory(rgb.data, rgb.shape[1], rgb.shape[0], 3, "uchar")
    image = image.copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    image = image.icc_transform("srgb", embedded=True, intent="relative")
    return np.frombuffer(image.write_to_memory(), np.uint8).reshape(rgb.shape)


def from_srgb(rgb: RGB8, icc: bytes | None) -> RGB8:
    """Colours (H, W, 3) uint8 of sRGB as a profile's; the same array where there is nothing to do."""
    if icc is None or is_srgb(icc):
        return rgb
    image = Image.fromarray(np.ascontiguousarray(rgb))
    return np.asarray(ImageCms.applyTransform(image, _transform(icc, back=True)))


def _transform(icc: bytes, *, back: bool) -> Any:
    profile = ImageCms.ImageCmsProfile(BytesIO(icc))
    srgb = ImageCms.createProfile("sRGB")
    ends: tuple[Any, Any] = (srgb, profile) if back else (profile, srgb)
    return ImageCms.buildTransform(
        *ends, "RGB", "RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
    )

"""Mask and label files as they are stored: no colour profile, no conversion."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _files, image
from ._arrays import check_size
from ._formats import displayed
from .errors import BadInput
from .spec import DEFAULT_MAX_PIXELS

__all__ = ["Stored", "labels", "mask"]

PNG = b"\x89PNG\r\n\x1a\n"
DEPTH, COLOUR_TYPE = 24, 25  # where a PNG says how many bits a number has, and of what
GREY, PALETTE, GREY_ALPHA = 0, 3, 4


class Stored(NamedTuple):
    """A file's numbers, what was done to them, and a digest of the file's bytes."""

    values: NDArray[Any]
    notes: tuple[str, ...]
    digest: str


def mask(path: Path) -> Stored:
    """A mask's levels: (H, W), or (H, W, channels) for RGB or alpha, uint8 or uint16.

    A palette of greys stands for its levels. In a palette of colours that begins with black every other entry is foreground
    (VOC, DAVIS); any other is read as RGB.
    """
    data, digest = _read(path)
    if not _is_png(data, PALETTE, GREY, GREY_ALPHA):
        return Stored(image.numbers(data, displayed(path)), (), digest)
    stored, palette = _png(data, path)
    if palette is None:
        levels = stored * np.uint8(255) if stored.dtype == np.bool_ else stored
        return Stored(levels, (), digest)
    used = palette[np.unique(stored)]
    if (used == used[:, :1]).all():
        return Stored(palette[stored][..., 0], (), digest)
    if not palette[0].any():
        return Stored((stored > 0) * np.uint8(255), ("palette mask: all but entry 0",), digest)
    return Stored(palette[stored], ("palette mask: read as RGB",), digest)


def labels(path: Path) -> Stored:
    """A label map (H, W): a palette's indices, or grey levels as they are.

    Raises:
        BadInput: the file holds colours, which are no labels.
    """
    data, digest = _read(path)
    if _is_png(data, PALETTE, GREY, GREY_ALPHA):
        stored, _ = _png(data, path)
        if data[COLOUR_TYPE] == GREY and data[DEPTH] in (2, 4):  # Pillow has spread them to 0…255
            stored = stored // np.uint8(255 // (2 ** data[DEPTH] - 1))
    else:
        stored = image.numbers(data, displayed(path))
    if stored.ndim == 3:  # noqa: PLR2004
        if (stored != stored[..., :1]).any():
            raise BadInput(
                f"{displayed(path)} holds colours: label maps are grey or palette pictures of class numbers."
            )
        stored = stored[..., 0]
    return Stored(stored, (), digest)


def digest_of(path: Path) -> str:
    """What `Stored.digest` would be."""
    return _read(path)[1]


def _read(path: Path) -> tuple[bytes, str]:
    data = _files.read(path)
    return data, hashlib.blake2b(data, digest_size=12).hexdigest()


def _is_png(data: bytes, *kinds: int) -> bool:
    return data.startswith(PNG) and len(data) > COLOUR_TYPE and data[COLOUR_TYPE] in kinds


def _png(data: bytes, path: Path) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Numbers, and the palette that they are indices of; Pillow keeps both as they are."""
    from PIL.PngImagePlugin import PngImageFile

    name = displayed(path)
    try:
        with PngImageFile(BytesIO(data)) as opened:
            check_size(name, opened.height, opened.width, DEFAULT_MAX_PIXELS)
            values = np.asarray(opened)
            palette = opened.getpalette("RGB") if opened.mode == "P" else None
    except BadInput:
        raise
    except Exception as error:  # damaged files fail in many ways
        raise BadInput(
            f"{name} is a damaged or cut-off PNG file and cannot be decoded: get a fresh copy of it."
        ) from error
    if palette is None:
        return values, None
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette) // 3] = np.array(palette, np.uint8).reshape(-1, 3)
    return values, table

"""Pictures in and out: decode and encode with orientation, profile, depth and alpha; limits; atomic writes.

Conventions, here and everywhere: RGB, (height, width, channels), uint8 or uint16 (float32 in [0, 1] where it is said),
sRGB unless a profile says otherwise, straight alpha, sizes (height, width).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import _arrays, _decode, _profile
from ._encode import encode
from ._exif import without_place
from ._files import make_folder, read, write_atomic
from ._formats import HEAD, displayed, format_for, format_named, sniff, suffix_of
from ._profile import from_srgb
from .errors import BadInput
from .spec import DEFAULT_MAX_PIXELS

__all__ = [
    "Picture",
    "decode",
    "encode",
    "format_for",
    "format_named",
    "from_srgb",
    "make_folder",
    "numbers",
    "suffix_of",
    "without_place",
    "write_atomic",
]

READABLE = "JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF or HEIC"


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A decoded picture, upright.

    Attributes:
        pixels: (H, W, 3) uint8 or uint16, in the picture's own profile; black where `alpha` is 0.
        alpha: (H, W) of the same dtype, straight; None where the picture is opaque.
        icc: the RGB profile of `pixels`; None means sRGB.
        exif: the EXIF block as a TIFF structure (no `Exif` prefix), orientation 1, without thumbnail; None if there is none.
        dpi: horizontal and vertical.
        source: what to call the picture in a message.
        format: `jpeg`, `png` …; None for arrays.
        notes: what a user should know about how it was read: one sentence each.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    source: str = "the picture"
    format: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 sRGB, for the network; the pixels themselves where they are that already.

        What is transparent lies on a plain ground: white, or dark where the visible part is bright.
        """
        view = _profile.to_srgb(_arrays.eight_bits(self.pixels), self.icc)
        return view if self.alpha is None else _arrays.grounded(view, self.alpha)


def decode(source: Any, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read a picture.

    Args:
        source: a path, a file's bytes, a binary file object, a PIL image (its current frame), an array (H, W),
            (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16, bool or floats in [0, 1], or a `Picture`. Files are
            JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, and HEIC with the extra `heic`, judged by content, not by name.
        max_pixels: pictures with more are refused from their header, before memory is taken.

    Raises:
        BadInput: the picture cannot be read.
        TooLarge: it is over the limit (a `BadInput`).
        MissingExtra: it is HEIC and the extra is not installed.
    """
    if isinstance(source, Picture):
        _arrays.check_size(source.source, *source.size, max_pixels)
        return source
    name, raw = _raw(source, max_pixels)
    pixels, alpha = _arrays.split(name, raw.values)
    return Picture(
        pixels=pixels,
        alpha=alpha,
        icc=raw.icc,
        exif=raw.exif,
        dpi=raw.dpi,
        source=name,
        format=raw.format,
        notes=raw.notes,
    )


def numbers(data: bytes, name: str, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> NDArray[Any]:
    """A file's numbers as the decoder gives them, upright: (H, W) or (H, W, channels), uint8 or uint16.

    For masks and label maps, which are no colours: nothing is converted to RGB, nothing is laid on a ground.

    Raises:
        BadInput: the file cannot be read, or is over the limit.
    """
    return _file(data, name, max_pixels).values


def _raw(source: Any, max_pixels: int) -> tuple[str, _decode.Raw]:
    """What a source is called, and its numbers."""
    if isinstance(source, str | os.PathLike):
        path = Path(os.fsdecode(source))
        return displayed(path), _file(read(path), displayed(path), max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return "the picture", _file(bytes(source), "the picture", max_pixels)
    if isinstance(source, Image.Image):
        name = displayed(getattr(source, "filename", "") or "the picture")
        return name, _decode.from_pillow(source, name, max_pixels)
    if isinstance(source, np.ndarray):
        return "the array", _array(source, max_pixels)
    if hasattr(source, "read"):
        return _stream(source, max_pixels)
    raise BadInput(
        f"A picture cannot be read from {type(source).__name__}: give a path, bytes, a binary file, a PIL image or "
        "an array."
    )


def _file(data: bytes, name: str, max_pixels: int) -> _decode.Raw:
    if not data:
        raise BadInput(f"{name} is empty (0 bytes): get a fresh copy of it.")
    found, instead = sniff(data[:HEAD])
    if found is None:
        what = f"{instead}, not a picture" if instead else "not a picture that kirie can read"
        raise BadInput(f"{name} is {what}: give {READABLE}.")
    return _decode.from_bytes(data, name, found, max_pixels)


def _stream(source: Any, max_pixels: int) -> tuple[str, _decode.Raw]:
    called = getattr(source, "name", None)
    name = displayed(called) if isinstance(called, str) and called else "the picture"
    try:
        data = source.read()
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # ValueError: it is closed, or not UTF-8
        reason = displayed(str(error).rstrip("."))
        raise BadInput(f"{name} cannot be read from its file object: {reason}.") from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise BadInput(f"{name} was opened as text: open it in binary mode ('rb').")
    return name, _file(bytes(data), name, max_pixels)


def _array(values: NDArray[Any], max_pixels: int) -> _decode.Raw:
    shape = values.shape
    if values.ndim not in (2, 3) or (values.ndim == 3 and shape[2] not in (1, 3, 4)):  # noqa: PLR2004
        turned = values.ndim == 3 and shape[0] in (1, 3, 4)  # noqa: PLR2004
        hint = "; channels come last (use transpose(1, 2, 0))" if turned else ""
        raise BadInput(
            f"An array of shape {shape} is no picture: give (H, W), (H, W, 1), (H, W, 3) or (H, W, 4){hint}."
        )
    _arrays.check_size("the array", shape[0], shape[1], max_pixels)
    return _decode.Raw(values=_arrays.levels("the array", values))

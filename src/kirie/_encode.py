"""Arrays → picture files' bytes, with profile, EXIF and resolution where the format has a place for them."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import _profile
from ._arrays import eight_bits
from ._formats import format_named, title
from ._png import png
from .errors import BadInput

__all__ = ["encode"]

QUALITY = {"jpeg": 92, "webp": 90, "avif": 80}
LIMITS = {
    "jpeg": 65535,
    "webp": 16383,
    "avif": 65535,
    "bmp": 2**31 - 1,
    "tiff": 2**31 - 1,
    "png": 2**31 - 1,
}
LOSSLESS = 100
EXIF_LIMIT = 65527  # what fits into JPEG's one segment
PREFIX = b"Exif\x00\x00"


def encode(
    pixels: NDArray[Any],
    format: str,  # noqa: A002  the option's one name
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    quality: int | None = None,
) -> bytes:
    """Make a picture file's bytes.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16, straight alpha. PNG and TIFF keep 16 bits, the others
            round to 8.
        format: `png`, `webp`, `avif`, `tiff`, `jpeg` or `bmp`.
        icc: the RGB profile of the colours; left out for (H, W), which are numbers. BMP has no place for it.
        exif: a TIFF structure, as in `Picture.exif`. TIFF and BMP have no place for it, nor JPEG for one over 64 kB.
        dpi: horizontal and vertical; WebP and AVIF have no place for it.
        quality: 1…100 for JPEG (92), WebP (90; 100 is lossless) and AVIF (80).

    Raises:
        BadInput: no such format, transparency in JPEG, or a picture larger than the format allows.
    """
    chosen = format_named(format)
    _check(pixels, chosen, quality)
    if pixels.ndim == 2:  # noqa: PLR2004
        icc = None
    if chosen == "png":
        return png(pixels, icc=icc, exif=exif, dpi=dpi)
    if chosen == "tiff":
        return _tiff(pixels, icc=icc, dpi=dpi)
    eight = eight_bits(pixels)
    if chosen == "bmp":
        return _bmp(eight, dpi)
    return _with_pillow(
        eight, chosen, quality=quality or QUALITY[chosen], icc=icc, exif=exif, dpi=dpi
    )


def _check(pixels: NDArray[Any], name: str, quality: int | None) -> None:
    shape = pixels.shape
    if pixels.dtype not in (np.uint8, np.uint16) or not (
        pixels.ndim == 2 or (pixels.ndim == 3 and shape[2] in (3, 4))  # noqa: PLR2004
    ):
        raise BadInput(
            f"An array of shape {shape} and type {pixels.dtype} cannot be written as a picture: give (H, W), (H, W, 3) "
            "or (H, W, 4), uint8 or uint16."
        )
    if 0 in shape:
        raise BadInput(f"A picture of {shape[1]}×{shape[0]} pixels cannot be written: it has none.")
    if name == "jpeg" and pixels.ndim == 3 and shape[2] == 4:  # noqa: PLR2004
        raise BadInput(
            "JPEG cannot be transparent: give a background colour, or choose another format such as png."
        )
    if max(shape[:2]) > LIMITS[name]:
        raise BadInput(
            f"{title(name)} pictures have at most {LIMITS[name]} pixels a side, this one has {shape[1]}×{shape[0]}: choose "
            "another format such as png."
        )
    if quality is not None and not 1 <= quality <= LOSSLESS:
        raise BadInput(f"quality is {quality}, but must be between 1 and 100.")


def _with_pillow(
    pixels: NDArray[np.uint8],
    name: str,
    *,
    quality: int,
    icc: bytes | None,
    exif: bytes | None,
    dpi: tuple[float, float] | None,
) -> bytes:
    """JPEG, WebP, AVIF."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if image.mode == "L" and name != "jpeg":
        image = image.convert("RGB")
    how: dict[str, Any] = {"quality": quality}
    if icc:
        how["icc_profile"] = icc
    if exif and not (name == "jpeg" and len(exif) > EXIF_LIMIT):
        how["exif"] = PREFIX + exif if name == "jpeg" else exif
    if name == "jpeg":
        if dpi:
            how["dpi"] = tuple(min(65535, max(1, round(value))) for value in dpi)
        if image.mode == "RGB":
            how["subsampling"] = 0  # a cutout's edge is a sharp change of colour
    elif quality == LOSSLESS and name == "webp":
        how["lossless"] = True
    out = BytesIO()
    try:
        image.save(out, title(name).upper(), **how)
    except (OSError, ValueError, MemoryError) as error:
        raise BadInput(
            f"The {pixels.shape[1]}×{pixels.shape[0]} picture cannot be written as {title(name)}: choose another format "
            "such as png."
        ) from error
    return out.getvalue()


def _tiff(pixels: NDArray[Any], *, icc: bytes | None, dpi: tuple[float, float] | None) -> bytes:
    """Compressed without loss, 8 or 16 bits."""
    import pyvips

    values = np.ascontiguousarray(pixels)
    height, width = values.shape[:2]
    bands = 1 if values.ndim == 2 else values.shape[2]  # noqa: PLR2004
    deep = values.dtype == np.uint16
    image = pyvips.Image.new_from_memory(
        values.data, width, height, bands, "ushort" if deep else "uchar"
    )
    space = ("grey16" if deep else "b-w") if bands == 1 else ("rgb16" if deep else "srgb")
    changes: dict[str, Any] = {"interpretation": space}
    if dpi:
        changes |= {"xres": dpi[0] / 25.4, "yres": dpi[1] / 25.4}
    image = image.copy(**changes)
    if icc and _profile.space(icc):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    try:
        return bytes(
            image.tiffsave_buffer(
                compression="deflate",
                predictor="horizontal",
                resunit="inch",
                bigtiff=values.nbytes > 2**31,
            )
        )
    except pyvips.Error as error:
        raise BadInput(
            f"The {width}×{height} picture cannot be written as TIFF: choose another format such as png."
        ) from error


def _bmp(pixels: NDArray[np.uint8], dpi: tuple[float, float] | None) -> bytes:
    """Uncompressed, bottom row first. Pillow writes alpha so that no program, itself included, reads it back."""
    if pixels.ndim == 2:  # noqa: PLR2004
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    height, width, channels = pixels.shape
    order = (2, 1, 0, 3)[:channels]
    row = (width * channels + 3) // 4 * 4
    body = np.zeros((height, row), np.uint8)
    body[:, : width * channels] = pixels[::-1, :, order].reshape(height, -1)
    x, y = (round(value / 0.0254) for value in dpi or (72, 72))
    start = 14 + (108 if channels == 4 else 40)  # noqa: PLR2004
    if start + body.nbytes > 2**32 - 1:
        raise BadInput("BMP files have at most 4 GB: choose another format such as png.")
    header = struct.pack("<2sIII", b"BM", start + body.nbytes, 0, start)
    kind = (3, 108) if channels == 4 else (0, 40)  # noqa: PLR2004  bit fields in a version 4 header, or plain
    header += struct.pack(
        "<IiiHHIIiiII", kind[1], width, height, 1, 8 * channels, kind[0], body.nbytes, x, y, 0, 0
    )
    if channels == 4:  # noqa: PLR2004
        masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        header += masks + b"BGRs" + bytes(48)  # its own mark for sRGB, as the standard spells it
    return header + body.tobytes()

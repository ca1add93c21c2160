"""Pictures as Pillow holds them, for callers who hand over and expect Pillow's images."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .. import image
from .._arrays import check_size, eight_bits, levels
from .._profile import space
from ..errors import BadInput, TooLarge
from ..spec import DEFAULT_MAX_PIXELS

__all__ = ["from_array", "from_bytes", "png", "profile", "simple"]

# What Pillow may open: pictures alone, nothing that runs another program (EPS) or holds drawings.
FORMATS = (
    "AVIF",
    "BMP",
    "DIB",
    "GIF",
    "ICO",
    "JPEG",
    "JPEG2000",
    "PCX",
    "PNG",
    "PPM",
    "TGA",
    "TIFF",
    "WEBP",
)
DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # modes of more than 8 bits


def from_bytes(data: bytes) -> Image.Image:
    """Open a file's bytes by Pillow, as it is: neither turned upright nor converted.

    Raises:
        BadInput: damaged, or no picture.
        TooLarge: over the limit of pixels.
        MissingExtra: it is HEIC and the extra is not installed.
    """
    try:
        # Not `image.decode`: the mode, and colours under a transparent alpha, belong to what rembg answers from.
        Image.init()  # a build of Pillow need not have all of them
        known = [name for name in FORMATS if name in Image.OPEN]
        opened: Image.Image = Image.open(BytesIO(data), formats=known)  # noqa: TID251
        check_size("The picture", opened.height, opened.width, DEFAULT_MAX_PIXELS)
        opened.load()
    except UnidentifiedImageError:
        read = image.decode(data)  # HEIC; or it says what the bytes are instead
        planes = [eight_bits(plane) for plane in (read.pixels, read.alpha) if plane is not None]
        opened = Image.fromarray(np.dstack(planes))
        if read.icc:
            opened.info["icc_profile"] = read.icc
        return opened
    except Image.DecompressionBombError as error:
        raise TooLarge("The picture has too many pixels: scale it down first.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadInput(
            "The picture is damaged or cut off and cannot be decoded: get a fresh copy of it."
        ) from error
    return opened


def from_array(values: NDArray[Any]) -> Image.Image:
    """(H, W), (H, W, 1), (H, W, 3) or (H, W, 4); uint8 as it is, others by `image.decode`'s rules."""
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (1, 3, 4)):  # noqa: PLR2004
        raise BadInput(
            f"An array of shape {values.shape} is no picture: give (H, W), (H, W, 3) or (H, W, 4)."
        )
    check_size("The array", values.shape[0], values.shape[1], DEFAULT_MAX_PIXELS)
    plane = values[:, :, 0] if values.ndim == 3 and values.shape[2] == 1 else values  # noqa: PLR2004
    return Image.fromarray(np.ascontiguousarray(eight_bits(levels("The array", plane))))


def simple(picture: Image.Image) -> Image.Image:
    """The picture with 8 bits; Pillow would clip 16-bit levels at 255."""
    if picture.mode not in DEEP:
        return picture
    read = image.decode(picture)
    return Image.fromarray(eight_bits(read.pixels))


def profile(picture: Image.Image) -> bytes | None:
    """The profile that a result in RGB may carry on: none where the picture's is about other numbers (CMYK, grey)."""
    icc = picture.info.get("icc_profile")
    return icc if space(icc) == "RGB" else None


def png(picture: Image.Image) -> bytes:
    """A PNG file's bytes: grey or RGB, with or without alpha, and the profile; no other metadata."""
    if picture.mode == "LA":
        out = BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()
    plain = picture if picture.mode in ("L", "RGB", "RGBA") else picture.convert("RGBA")
    return image.encode(np.asarray(plain), "png", icc=profile(picture))

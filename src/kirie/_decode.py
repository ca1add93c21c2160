"""Files' bytes and Pillow's images → numbers, profile and facts.

libvips decodes: it keeps 16 bits, reads no more than it must, and is as fast as the format's own library. Each format's
loader is called by its name, so that none of libvips' other loaders (SVG, PDF, scripts of ImageMagick) can be
reached. Pillow does what it does better: AVIF (three times faster), BMP (which libvips does not read).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from . import _exif, _profile
from ._arrays import check_size, levels
from ._formats import HEAD, title
from .errors import BadInput, KirieError, MissingExtra

__all__ = ["Raw", "from_bytes", "from_pillow"]

# libvips reports through Python's logging; without any handler Python prints to standard error.
logging.getLogger("pyvips").addHandler(logging.NullHandler())

TYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32, "double": np.float64}
LOADERS = {
    "jpeg": "jpegload_buffer",
    "png": "pngload_buffer",
    "webp": "webpload_buffer",
    "tiff": "tiffload_buffer",
    "gif": "gifload_buffer",
}
UNSAID = (
    72.0,
    25.4,
)  # what libvips says where the file says nothing; the first says nothing anyway
BROKEN_NOTE = "Its colour profile is broken and was ignored: colours may be off."
CMYK_NOTE = "Its CMYK colours were converted to sRGB."
LAB_NOTE = "Its Lab colours were converted to sRGB."

# Pillow's modes
GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
PLAIN_IF_CLEAR = ("1", "L", "P", "RGB")  # modes that may name one colour that is transparent
PLAIN = {
    "1": "L",
    "P": "RGB",
    "PA": "RGBA",
    "La": "LA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A decoded picture before it is sorted into colours and alpha; `values` (H, W) or (H, W, C), upright."""

    values: NDArray[Any]
    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    format: str | None = None
    notes: tuple[str, ...] = ()


def from_bytes(data: Any, name: str, format: str, max_pixels: int) -> Raw:  # noqa: A002
    """Decode a file's bytes, whose format is known.

    Raises:
        BadInput: over the limit, truncated or damaged.
    """
    # Pillow keeps a reference to no buffer that could change under it; libvips needs bytes.
    data = bytes(data)
    try:
        if format == "heic":
            return _heic(data, name, max_pixels)
        if format in ("avif", "bmp"):
            return _with_pillow(data, name, format, max_pixels)
        return _with_vips(data, name, format, max_pixels)
    except KirieError:
        raise
    except MemoryError as error:
        raise BadInput(f"{name} needs more memory than there is: scale it down first.") from error
    except Exception as error:  # decoders fail in many ways on damaged files
        raise BadInput(
            f"{name} is a damaged or cut-off {title(format)} file and cannot be decoded: get a fresh copy of it."
        ) from error


def _with_vips(data: bytes, name: str, format: str, max_pixels: int) -> Raw:  # noqa: A002
    import pyvips

    load: Callable[..., Any] = getattr(pyvips.Image, LOADERS[format])
    header = load(data, access="sequential")
    check_size(name, header.height, header.width, max_pixels)
    notes = _frame_notes(data, format, header)
    if _field(header, "icc-profile-data") is None and _claims_profile(data, format):
        notes += (BROKEN_NOTE,)  # libvips has dropped it
    try:
        raw = _pixels(load, data, name, "warning")
        return replace(raw, format=format, notes=(*notes, *raw.notes))
    except pyvips.Error:
        # Many cameras write files that decoders grumble about, and every viewer shows them. A cut-off one still fails.
        raw = _pixels(load, data, name, "error")
    notes += ("The file is damaged: parts of the picture may be wrong.",)
    return replace(raw, format=format, notes=(*notes, *raw.notes))


def _pixels(load: Callable[..., Any], data: bytes, name: str, fail_on: str) -> Raw:
    """Decode by libvips, turned upright."""
    image = load(data, access="sequential", fail_on=fail_on)
    facts = _facts(image)
    if _field(image, "orientation") not in (None, 1):
        image = image.copy_memory().autorot()  # turning needs the rows in any order
    return replace(_plain(image, name, facts), exif=_exif.normalised(facts.exif))


def _facts(image: Any) -> Raw:
    dpi = (round(image.xres * 25.4, 2), round(image.yres * 25.4, 2))
    return Raw(
        values=np.empty(0),
        icc=_field(image, "icc-profile-data"),
        exif=_field(image, "exif-data"),
        dpi=None if dpi[0] in UNSAID or min(dpi) <= 0 else dpi,
    )


def _field(image: Any, name: str) -> Any:
    return image.get(name) if image.get_typeof(name) else None


def _plain(image: Any, name: str, facts: Raw) -> Raw:
    """Numbers of grey or RGB, with or without alpha; other spaces are converted to sRGB and noted."""
    notes = facts.notes
    icc = facts.icc
    depth = 16 if image.format == "ushort" else 8
    kind = _profile.space(icc)
    if image.interpretation == "cmyk":
        # libvips brings a profile for files that have none
        image = image.icc_transform(
            "srgb", embedded=kind == "CMYK", input_profile="cmyk", intent="relative", depth=depth
        )
        icc, notes = None, (*notes, CMYK_NOTE)
    elif image.interpretation in ("lab", "labs", "labq"):
        image = image.colourspace("srgb")
        icc, notes = None, (*notes, LAB_NOTE)
    elif image.bands <= 2 and kind == "GRAY":  # noqa: PLR2004
        image, notes = _grey_to_srgb(image, depth, notes)
        icc = None
    values = _numbers(image, name)
    if icc is not None and not _profile.usable(icc):
        icc, notes = (
            None,
            (*notes, BROKEN_NOTE),
        )
    return replace(facts, values=values, icc=icc, notes=notes)


def _grey_to_srgb(image: Any, depth: int, notes: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    import pyvips

    try:
        moved = image.icc_transform("srgb", embedded=True, intent="relative", depth=depth)
        return moved.copy_memory(), notes
    except pyvips.Error:
        return image, (*notes, BROKEN_NOTE)


def _numbers(image: Any, name: str) -> NDArray[Any]:
    if image.format in ("int", "uint", "short", "char"):
        # Whole numbers of other widths: those that fit into 16 bits are meant so.
        if image.min() < 0 or image.max() > 65535:  # noqa: PLR2004
            raise BadInput(
                f"{name} holds numbers outside 0…65535, which say nothing about black and white: save it as 16 bits."
            )
        image = image.cast("ushort")
    if image.format not in TYPES:
        raise BadInput(
            f"{name} holds {image.format} numbers, which are no colours: save it as 16 bits."
        )
    shape = (image.height, image.width, image.bands)
    values = np.frombuffer(image.write_to_memory(), TYPES[image.format]).reshape(shape)
    return levels(name, values)


def _frame_notes(data: bytes, format: str, header: Any) -> tuple[str, ...]:  # noqa: A002
    count = _field(header, "n-pages") or 1
    if format == "tiff" and count > 1:
        return (f"It has {count} pages; the first was read.",)
    if format == "png" and b"acTL" in data[: data.find(b"IDAT")]:
        return ("It is an animation; its still picture was read.",)
    return (f"It is an animation of {count} frames; the first was read.",) if count > 1 else ()


def _claims_profile(data: bytes, format: str) -> bool:  # noqa: A002
    """Whether a file carries what should be a profile."""
    if format == "png":
        return b"iCCP" in data[: data.find(b"IDAT")]
    if format == "webp":
        return b"ICCP" in data[:HEAD]  # the first chunk after the header, by the standard
    return format == "jpeg" and b"ICC_PROFILE\x00" in data


def _with_pillow(data: bytes, name: str, format: str, max_pixels: int) -> Raw:  # noqa: A002
    """Decode by one of Pillow's plugins, called by name.

    Not through `Image.open`: that tries every plugin, and judges the size by a limit that belongs to the whole process.
    """
    if format == "bmp":
        from PIL.BmpImagePlugin import BmpImageFile as Plugin
    else:
        from PIL.AvifImagePlugin import AvifImageFile as Plugin  # type: ignore[assignment]
    with Plugin(BytesIO(data)) as image:
        raw = from_pillow(image, name, max_pixels)
        count = getattr(image, "n_frames", 1)
    notes = (f"It is an animation of {count} frames; the first was read.",) if count > 1 else ()
    return replace(raw, format=format, notes=(*notes, *raw.notes))


def _heic(data: bytes, name: str, max_pixels: int) -> Raw:
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtra("heic", f"Reading HEIC pictures ({name})") from error
    file = pillow_heif.open_heif(data)
    check_size(name, file.size[1], file.size[0], max_pixels)
    icc = file.info.get("icc_profile") or None
    notes: tuple[str, ...] = ()
    if icc is not None and not _profile.usable(icc):
        icc, notes = None, (BROKEN_NOTE,)
    return Raw(
        values=np.asarray(file),  # turned by the decoder: HEIC states it outside the EXIF block
        icc=icc,
        exif=_exif.normalised(file.info.get("exif")),
        format="heic",
        notes=notes,
    )


def from_pillow(image: Image.Image, name: str, max_pixels: int) -> Raw:
    """Take over an image that Pillow has opened or made, in any of its modes; its current frame, turned upright."""
    check_size(name, image.height, image.width, max_pixels)
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError, Warning) as error:
        raise BadInput(
            f"{name} is a damaged or cut-off picture and cannot be decoded: get a fresh copy of it."
        ) from error
    info = image.info
    exif = info.get("exif") if isinstance(info.get("exif"), bytes) else None
    turn = _exif.orientation(exif)
    if turn == 1:
        turn = getattr(image, "tag_v2", {}).get(_exif.ORIENTATION, 1)  # an opened TIFF
    dpi = info.get("dpi")
    facts = Raw(
        values=np.empty(0),
        icc=info.get("icc_profile") or None,
        exif=_exif.normalised(exif),
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and min(dpi) > 0 else None,
    )
    raw = _modes(image, name, facts)
    return replace(raw, values=_turned(raw.values, turn))


def _modes(image: Image.Image, name: str, facts: Raw) -> Raw:
    """The numbers of every mode."""
    mode = image.mode
    if mode == "CMYK":
        import pyvips

        ink = np.ascontiguousarray(image)
        plane = pyvips.Image.new_from_memory(ink.data, image.width, image.height, 4, "uchar")
        plane = plane.copy(interpretation="cmyk")
        if facts.icc:
            plane.set_type(pyvips.GValue.blob_type, "icc-profile-data", facts.icc)
        return _plain(plane, name, facts)
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        made = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        return replace(facts, values=np.asarray(made), icc=None, notes=(LAB_NOTE,))
    values = levels(name, _simple(image, name))
    if facts.icc is None or _profile.usable(facts.icc):
        return replace(facts, values=values)
    if image.mode in GREY and _profile.space(facts.icc) == "GRAY":
        return _grey_plane(values, name, facts)
    return replace(facts, values=values, icc=None, notes=(BROKEN_NOTE,))


def _simple(image: Image.Image, name: str) -> NDArray[Any]:
    """Grey or RGB numbers, with or without alpha, of the modes that need no profile for it."""
    mode = image.mode
    if mode == "I":
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:  # noqa: PLR2004
            raise BadInput(
                f"{name} holds numbers outside 0…65535: convert it to 8 or 16 bits first."
            )
        return values.astype(np.uint16)
    if "transparency" in image.info and mode in PLAIN_IF_CLEAR:
        return np.asarray(image.convert("RGBA"))
    plain = PLAIN.get(mode)
    return np.asarray(image.convert(plain) if plain else image)


def _grey_plane(values: NDArray[Any], name: str, facts: Raw) -> Raw:
    import pyvips

    values = np.ascontiguousarray(values)
    bands = 1 if values.ndim == 2 else values.shape[2]  # noqa: PLR2004
    depth = "ushort" if values.dtype == np.uint16 else "uchar"
    plane = pyvips.Image.new_from_memory(
        values.data, values.shape[1], values.shape[0], bands, depth
    )
    plane = plane.copy(interpretation="grey16" if depth == "ushort" else "b-w")
    plane.set_type(pyvips.GValue.blob_type, "icc-profile-data", facts.icc)
    return _plain(plane, name, facts)


def _turned(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Upright, by EXIF's numbers: the first row and column as they were stored → as they are seen."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)

"""The table of all options of a cut: under which heading each stands, its line of help, and how its value is read.

One table for library, command line, server and documentation. Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from . import _lengths
from ._lengths import Length
from .errors import BadInput

__all__ = ["DATA", "OPTIONS", "ORIGINALS", "Option"]

MOST_SHIFT, MOST_FEATHER, MOST_SCALE = 500, 1000, 500
ORIGINALS = ("original", "blur", "dark", "greyscale")  # backgrounds made from the picture itself
DATA = {"contour": "svg", "coco": "json", "layers": "zip"}  # results that are no pictures → format

LOOK, EDGE, MAKE = "where to look", "edges", "what to make"
PLACE, FILE = "where the subject stands", "the file"


class Option(NamedTuple):
    """How one option is shown and read.

    Attributes:
        group: the heading that it stands under.
        help: one line.
        read: its value in the one form that it is held in, of (name, given); refuses what means nothing.
        metavar: how its value is shown; empty for a switch.
        values: all values that it can have, where they can be listed.
        bare: what the option's name alone stands for, where the value may be left out.
    """

    group: str
    help: str
    read: Callable[[str, Any], Any]
    metavar: str = ""
    values: tuple[str, ...] = ()
    bare: str | None = None


def _choice(group: str, text: str, *values: str) -> Option:
    def read(name: str, given: Any) -> str:
        if not isinstance(given, str) or given not in values:
            raise BadInput(f"{name} is {given!r}, but can only be one of: {', '.join(values)}.")
        return given

    return Option(group, text, read, "|".join(values), values)


def _switch(group: str, text: str) -> Option:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

    def read(name: str, given: Any) -> bool:
        value = given if isinstance(given, bool) else words.get(str(given).lower())
        if value is None:
            raise BadInput(f"{name} is {given!r}, but is either on or off: true or false.")
        return value

    return Option(group, text, read)


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    return lambda name, given: _lengths.number(name, given, low, high)


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def read(name: str, given: Any) -> int:
        value = _lengths.number(name, given, low, high)
        if not value.is_integer():
            raise BadInput(f"{name} is {given}, but must be a whole number.")
        return int(value)

    return read


def _count(name: str, given: Any) -> int:
    try:
        return _whole(1, 2**40)(name, given)
    except BadInput as error:
        raise BadInput(f"{name} is {given!r}, but must be a whole number, at least 1.") from error


def _depth(name: str, given: Any) -> int:
    value = _lengths.number(name, given, 8, 16)
    if value not in (8, 16):
        raise BadInput(f"{name} is {given}, but can only be 8 or 16.")
    return int(value)


def _threshold(name: str, given: Any) -> float:
    value = _lengths.number(name, given, 0, 1)
    if not value:
        raise BadInput(f"{name} is 0, from where on all is subject: give more than 0, up to 1.")
    return value


def _area(name: str, given: Any) -> Length:
    return _lengths.lengths(name, given, 1, "500 (pixels) or 0.1% (of the picture)")[0]


def _box(name: str, given: Any) -> tuple[Length, ...]:
    example = "10,20,300,400 or 5%,5%,95%,95% (left, top, right, bottom)"
    box = _lengths.lengths(name, given, 4, example)
    for near, far in ((box[0], box[2]), (box[1], box[3])):
        if near.unit == far.unit and near.value >= far.value:
            said = ",".join(map(str, box))
            raise BadInput(f"{name} is {said}, which holds nothing: give left, top, right, bottom.")
    return box


def _text(name: str, given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise BadInput(f"{name} is {given!r}, but must be a text.")
    return given


def _background(name: str, given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise BadInput(
            f"{name} is {given!r}, but must be a text: a colour (white, #ff8800), {', '.join(ORIGINALS)}, or a picture file's name."
        )
    return given


def _outline(name: str, given: Any) -> tuple[Length, str] | str:
    """(width, colour's name); which colours there are is known to `backgrounds`."""
    if given == "none":
        return "none"
    read_back = isinstance(given, list | tuple) and len(given) == 2 and given[1] not in ("px", "%")  # noqa: PLR2004
    width, colour = given if read_back else (given, "")
    if isinstance(given, str):
        width, _, colour = given.strip().partition(" ")
    length = _lengths.lengths(name, width, 1, "12, 2% or '12 black'")[0]
    return length, _text(name, colour.strip() if isinstance(colour, str) and colour else "white")


def _margin(name: str, given: Any) -> Length | str:
    if given == "none":
        return "none"
    return _lengths.lengths(name, given, 1, "20 (pixels) or 5% (of the subject)")[0]


def _scale(name: str, given: Any) -> Length | str:
    if given == "original":
        return "original"
    whole = isinstance(given, list | tuple | bool) or str(given).endswith(("%", "px"))
    found = _lengths.lengths(name, given if whole else f"{given}%", 1, "80% or original")[0]
    if found.unit != "%" or not 0 < found.value <= MOST_SCALE:
        raise BadInput(
            f"{name} is {found}, but must be original, or a share of the canvas up to {MOST_SCALE}%."
        )
    return found


OPTIONS: dict[str, Option] = {
    "as_": _choice(
        MAKE,
        "the cutout (default), its mask, a trimap for matting tools, an overlay to judge the mask, the cutout on a "
        "checkerboard, its outline (SVG), a COCO annotation (JSON), or colours and alpha apart (zip)",
        *("cutout", "mask", "trimap", "overlay", "checker", "contour", "coco", "layers"),
    ),
    "preset": _choice(
        MAKE,
        "several options at once; those that are given beside it win",
        *("product-white", "avatar", "sticker"),
    ),
    "background": Option(
        MAKE,
        "what to put behind the subject: none (default, transparent), a colour (white, #ff8800), the picture's own "
        "background (original, blur, dark, greyscale), or a picture file",
        _background,
        "none|COLOUR|blur|dark|greyscale|original|FILE",
    ),
    "fit": _choice(
        MAKE,
        "how a background file fills the canvas: cover (default) cuts off what is too much, contain shows all of it, "
        "stretch distorts it, tile repeats it",
        *("cover", "contain", "stretch", "tile"),
    ),
    "shadow": _choice(
        MAKE,
        "a soft shadow behind the subject, or one that it stands on",
        "none",
        "drop",
        "contact",
    ),
    "outline": Option(
        MAKE,
        "a line around the subject, white unless a colour is named: 12 (pixels), 2% (of its longer side), '12 black'",
        _outline,
        "WIDTH",
    ),
    "invert": _switch(MAKE, "keep everything but the subject"),
    "roi": Option(
        LOOK,
        "the subject can only be in this part of the picture: left, top, right, bottom, in pixels or percent",
        _box,
        "X0,Y0,X1,Y1",
    ),
    "box": Option(
        LOOK,
        "show the model this part only, and a tenth around it: for a subject that is small in the picture",
        _box,
        "X0,Y0,X1,Y1",
    ),
    "max_pixels": Option(LOOK, "refuse larger pictures (default: 200 million)", _count, "N"),
    "edges": _choice(
        EDGE,
        "clean (default): the subject's own colours along its edge; raw: the picture's, with fringes; matte: clean, and "
        "the alpha of hair and fur is worked out anew",
        *("clean", "raw", "matte"),
    ),
    "decontaminate": Option(
        EDGE,
        "how much of the old background to take out of the edge's colours (default: 1, all)",
        _number(0, 1),
        "0..1",
    ),
    "threshold": Option(
        EDGE, "a hard edge: alpha from here on is subject, below it is not", _threshold, "T"
    ),
    "largest": _switch(EDGE, "keep the largest connected piece only"),
    "min_area": Option(
        EDGE, "drop pieces that have fewer pixels, or less of the picture (0.1%)", _area, "N|%"
    ),
    "fill_holes": _switch(EDGE, "fill what the subject encloses"),
    "shift": Option(
        EDGE,
        "move the edge outwards (2) or inwards (-2)",
        _number(-MOST_SHIFT, MOST_SHIFT),
        "±PX",
    ),
    "feather": Option(
        EDGE, "let a sharp edge fade over so many pixels", _number(0, MOST_FEATHER), "PX"
    ),
    "crop": Option(
        PLACE,
        "cut the picture down to the subject and a margin: 20 (pixels) or 5% (of its longer side)",
        _margin,
        "MARGIN",
        bare="0",
    ),
    "canvas": Option(
        PLACE, "the size of the result; the subject is scaled into it", _lengths.size, "WxH"
    ),
    "scale": Option(
        PLACE, "how much of the canvas the subject fills, or original: its own size", _scale, "%"
    ),
    "position": Option(
        PLACE,
        "where on the canvas it stands: center (default), bottom, left top, 20%,80%",
        _lengths.position,
        "X,Y",
    ),
    "format": Option(
        FILE, "png (default), webp, avif, tiff, bmp, or jpeg (with a background)", _text, "FORMAT"
    ),
    "depth": Option(
        FILE, "bits per channel, in PNG and TIFF (default: the picture's)", _depth, "8|16"
    ),
    "quality": Option(
        FILE,
        "1 to 100 for JPEG (default: 92), WebP (90; 100 is lossless) and AVIF (80)",
        _whole(1, 100),
        "Q",
    ),
    "strip": _choice(
        FILE,
        "what to leave out of the metadata: where the picture was taken, or all but the colour profile",
        *("none", "gps", "all"),
    ),
}

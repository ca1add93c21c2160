"""Which picture formats there are: by content, by file name, by the name a user gives."""

from __future__ import annotations

from pathlib import Path

from .errors import BadInput

__all__ = [
    "HEAD",
    "KNOWN",
    "PICTURES",
    "displayed",
    "format_for",
    "format_named",
    "sniff",
    "suffix_of",
    "title",
]

TITLES = {
    "png": "PNG",
    "jpeg": "JPEG",
    "webp": "WebP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "gif": "GIF",
    "heic": "HEIC",
}
SUFFIXES = {  # the first of each format is the one that kirie writes
    "png": (".png", ".apng"),
    "webp": (".webp",),
    "avif": (".avif",),
    "tiff": (".tiff", ".tif"),
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "bmp": (".bmp", ".dib"),
}
READ_ONLY = {".gif": "gif", ".heic": "heic", ".heif": "heic"}
KNOWN = ", ".join(SUFFIXES)  # what can be written
PICTURES = frozenset(READ_ONLY).union(*SUFFIXES.values())  # endings of everything that is read
HEAD = 64  # bytes that `sniff` looks at

# What people hand over by mistake, so that the message can name it.
OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML text"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"8BPS", "a Photoshop document"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
)


def sniff(head: bytes) -> tuple[str | None, str]:
    """Tell the format of a file from its first 64 bytes; names lie, content does not.

    Returns:
        The format, or None; and for None what the content seems to be (`a PDF document`), possibly empty.
    """
    for magic, name in (
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
        (b"II*\x00", "tiff"),
        (b"MM\x00*", "tiff"),
        (b"II+\x00", "tiff"),  # BigTIFF
        (b"MM\x00+", "tiff"),
    ):
        if head.startswith(magic):
            return name, ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp", ""
    if head[4:8] == b"ftyp":
        return _brand(head)
    # Two letters are little proof: a bitmap also says how long its header is.
    if head[:2] == b"BM" and head[14:18] in {
        bytes((n, 0, 0, 0)) for n in (12, 40, 52, 56, 64, 108, 124)
    }:
        return "bmp", ""
    lowered = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, what in OTHERS:
        if head.startswith(magic) or lowered.startswith(magic):
            return None, what
    return None, "text" if head and _is_text(head) else ""


def _brand(head: bytes) -> tuple[str | None, str]:
    """Formats in an ISO base media file: the first box lists the brands."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    if any(brand in (b"avif", b"avis") for brand in brands):
        return "avif", ""
    heic = (
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"hevm",
        b"hevs",
        b"mif1",
        b"msf1",
    )
    if any(brand in heic for brand in brands):
        return "heic", ""
    return None, "a video or another media file"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # more than a character cut in half at the end
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\r\n\f" for c in text)


def title(name: str) -> str:
    """The format as people write it: `jpeg` → `JPEG`."""
    return TITLES.get(name, name)


def format_named(text: str) -> str:
    """The format that a user's word means (`jpg` → `jpeg`); `BadInput` where it cannot be written."""
    word = text.strip().lower().removeprefix(".")
    for name, suffixes in SUFFIXES.items():
        if word == name or f".{word}" in suffixes:
            return name
    raise BadInput(_refusal(f"{displayed(text)!s}", READ_ONLY.get(f".{word}")))


def format_for(path: str | Path) -> str:
    """The format that a file's name asks for; `BadInput` where kirie cannot write it."""
    suffix = Path(path).suffix.lower()
    for name, suffixes in SUFFIXES.items():
        if suffix in suffixes:
            return name
    if not suffix:
        raise BadInput(
            f"{displayed(path)} has no ending that says which format to write: end its name in one of "
            f"{', '.join(s[0] for s in SUFFIXES.values())}, or name the format."
        )
    raise BadInput(f"{displayed(path)}: {_refusal(displayed(suffix), READ_ONLY.get(suffix))}")


def _refusal(asked: str, read_only: str | None) -> str:
    if read_only == "gif":
        why = "GIF is read but not written, as it has no soft edges"
    elif read_only:
        why = f"{title(read_only)} is read but not written"
    else:
        why = f"{asked!r} is no format that kirie writes"
    return f"{why}: choose one of {KNOWN}."


def suffix_of(name: str) -> str:
    """The ending of files in this format: `jpeg` → `.jpg`."""
    return SUFFIXES[format_named(name)][0]


def displayed(name: object) -> str:
    """A file's name fit for one line of a terminal: control characters and undecodable bytes are escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(name)
    )

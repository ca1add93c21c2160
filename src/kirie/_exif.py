"""EXIF as bytes: read the orientation, and make the block fit a picture that has been turned and cut.

Nothing is written anew: tags that nobody here knows, makers' notes among them, stay where they are, byte for byte.
"""

from __future__ import annotations

import struct

__all__ = ["normalised", "orientation", "without_place"]

PREFIX = b"Exif\x00\x00"
ORIENTATION = 0x0112
GPS = 0x8825
SIZES = {
    3: 2,
    4: 4,
    5: 8,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
}  # bytes of a value, by type; else 1
INLINE = 4  # bytes that an entry holds itself
FIRST = 8  # bytes of the header, which no directory can lie in
THUMBNAIL_AT, THUMBNAIL_LENGTH = 0x0201, 0x0202
SHORT, ENTRY = 3, 12


def orientation(exif: bytes | None) -> int:
    """The orientation 1…8 that an EXIF block states; 1 where it states none that makes sense."""
    block = _Block(exif or b"")
    entry = block.find(block.first, ORIENTATION)
    value = block.short(entry + 8) if entry is not None else 1
    return value if 1 <= value <= 8 else 1  # noqa: PLR2004


def normalised(exif: bytes | None) -> bytes | None:
    """The block (without its `Exif` prefix) with orientation 1 and without its thumbnail.

    The pixels are turned when they are decoded, so the tag must not turn them again. The thumbnail shows the
    picture with the background that the user has just removed. None where the block is not EXIF.
    """
    block = _Block(exif or b"")
    if not block.order:
        return None
    entry = block.find(block.first, ORIENTATION)
    if entry is not None:
        block.put("H", entry + 2, SHORT)
        block.put("I", entry + 4, 1)
        block.data[entry + 8 : entry + 12] = bytes(4)
        block.put("H", entry + 8, 1)
    _drop_thumbnail(block)
    return bytes(block.data)


def without_place(exif: bytes | None) -> bytes | None:
    """The block without the directory that says where the picture was taken: its entry, its values and what they point to."""
    block = _Block(exif or b"")
    entry = block.find(block.first, GPS)
    if entry is None:
        return exif
    directory = block.long(entry + 8)
    count = block.short(directory) if directory >= FIRST else 0
    for at in range(directory + 2, directory + 2 + ENTRY * count, ENTRY):
        size = SIZES.get(block.short(at + 2), 1) * block.long(at + 4)
        if size > INLINE:
            block.clear(block.long(at + 8), size)
    if count:
        block.clear(directory, 2 + ENTRY * count + 4)
    block.remove(block.first, entry)
    return bytes(block.data)


def _drop_thumbnail(block: _Block) -> None:
    link = block.link(block.first)
    second = block.long(link) if link is not None else 0
    if link is None or not second:
        return
    place, length = (
        block.long(entry + 8) if (entry := block.find(second, tag)) is not None else 0
        for tag in (THUMBNAIL_AT, THUMBNAIL_LENGTH)
    )
    block.put("I", link, 0)
    end = min(place + length, len(block.data))
    if block.first < place < end:
        block.data[place:end] = bytes(end - place)
        if end == len(block.data):  # the usual place: the rest moves nowhere when it goes
            del block.data[place:]


class _Block:
    """A TIFF structure whose offsets may all be wrong: every access is checked."""

    def __init__(self, exif: bytes) -> None:
        self.data = bytearray(exif.removeprefix(PREFIX))
        self.order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(bytes(self.data[:4]), "")
        self.first = self.long(4) if self.order else 0

    def _get(self, kind: str, at: int) -> int:
        size = struct.calcsize(kind)
        if not self.order or at < 0 or at + size > len(self.data):
            return 0
        return int(struct.unpack_from(self.order + kind, self.data, at)[0])

    def short(self, at: int) -> int:
        return self._get("H", at)

    def long(self, at: int) -> int:
        return self._get("I", at)

    def put(self, kind: str, at: int, value: int) -> None:
        if at + struct.calcsize(kind) <= len(self.data):
            struct.pack_into(self.order + kind, self.data, at, value)

    def find(self, directory: int, tag: int) -> int | None:
        """Where the entry of a tag begins in a directory."""
        if directory < 8:  # noqa: PLR2004  there is none, or its offset points into the header
            return None
        for index in range(self.short(directory)):
            at = directory + 2 + ENTRY * index
            if at + ENTRY > len(self.data):
                return None
            if self.short(at) == tag:
                return at
        return None

    def clear(self, at: int, size: int) -> None:
        """Zeros over a stretch, as far as it lies in the block and behind the header."""
        end = min(at + size, len(self.data))
        if FIRST <= at < end:
            self.data[at:end] = bytes(end - at)

    def remove(self, directory: int, entry: int) -> None:
        """Take an entry out of a directory; those behind it, and the link, move up."""
        count = self.short(directory)
        end = directory + 2 + ENTRY * count + 4
        if end <= len(self.data):
            self.data[entry:end] = self.data[entry + ENTRY : end] + bytes(ENTRY)
            self.put("H", directory, count - 1)

    def link(self, directory: int) -> int | None:
        """Where a directory says which one follows."""
        if directory < 8:  # noqa: PLR2004
            return None
        at = directory + 2 + ENTRY * self.short(directory)
        return at if at + 4 <= len(self.data) else None

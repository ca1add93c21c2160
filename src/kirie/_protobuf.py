"""Protocol buffers' wire format, read strictly and without recursion: enough to look into a file that is not trusted.

A message is a run of fields, each a number, a wire type and a value. Only what the format's own documentation
defines is read (protobuf.dev/programming-guides/encoding); groups, which nothing has written for a decade, are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["BYTES", "VARINT", "Damaged", "Field", "Reader"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED = {FIXED64: 8, FIXED32: 4}
LONGEST_VARINT = 10  # bytes of a 64-bit number
MOST_FIELDS = 5_000_000  # a network of a thousand layers has some hundred thousand
DEEPEST = 100  # messages in one another; the limit of protobuf's own readers


class Damaged(ValueError):  # noqa: N818  what is said of the file
    """The bytes are not what the format allows."""


class Field(NamedTuple):
    """One field: a number for `VARINT`, else where its bytes lie in the data."""

    number: int
    wire: int
    value: int
    start: int
    end: int


class Reader:
    """Reads fields of one buffer (bytes, or a file in memory), and no more of them than `MOST_FIELDS` in all."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._left = MOST_FIELDS

    def fields(self, place: Field) -> Iterator[Field]:
        """The fields of the message that a field holds; `Damaged` where they are not whole."""
        at, end = place.start, place.end
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise Damaged(f"it has more than {MOST_FIELDS} parts")
            tag, at = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            if not number:
                raise Damaged(f"byte {at} begins no field")
            value, begin = 0, at
            if wire == VARINT:
                value, at = self._varint(at, end)
            elif wire == BYTES:
                length, begin = self._varint(at, end)
                at = begin + length
            elif wire in FIXED:
                at += FIXED[wire]
            else:
                raise Damaged(f"byte {at} begins no field")
            if at > end:
                raise Damaged(f"the part at byte {begin} is longer than what holds it")
            yield Field(number, wire, value, begin, at)

    def numbers(self, field: Field) -> Iterator[int]:
        """The integers of a repeated field, packed or not."""
        if field.wire == VARINT:
            yield field.value
            return
        at = field.start
        while at < field.end:
            value, at = self._varint(at, field.end)
            yield value

    def bytes(self, field: Field) -> bytes:
        """A field's bytes."""
        return bytes(self._data[field.start : field.end])

    def text(self, field: Field) -> str:
        """A field's text; what is not UTF-8 is replaced."""
        return self.bytes(field).decode("utf-8", "replace")

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        data, value = self._data, 0
        for shift in range(0, 7 * LONGEST_VARINT, 7):
            if at >= end:
                raise Damaged("it ends in the middle of a number")
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004  the format's mark of a last byte
                return value, at
        raise Damaged(f"byte {at} is part of no number")

"""Lengths as users give them: `12`, `12px` or `5%`; sizes, boxes and positions made of them. Standard library only.

Everything here reads what a command line, a form or a Python caller hands over, a value that was read before
included, and refuses with `BadInput` what means nothing.
"""

from __future__ import annotations

import math
import re
from typing import Any, Literal, NamedTuple

from .errors import BadInput

__all__ = ["Length", "lengths", "number", "position", "size"]

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
HORIZONTAL = {"left": 0.0, "center": 50.0, "centre": 50.0, "right": 100.0}
VERTICAL = {"top": 0.0, "center": 50.0, "centre": 50.0, "bottom": 100.0}
LARGEST_SIDE = 65535


class Length(NamedTuple):
    """A number of pixels, or a share of some whole in percent."""

    value: float
    unit: Literal["px", "%"] = "px"

    def of(self, whole: float) -> float:
        """In pixels, where 100 % are `whole`."""
        return self.value * whole / 100 if self.unit == "%" else self.value

    def __str__(self) -> str:
        return f"{self.value:g}{self.unit}"


def number(name: str, given: Any, low: float, high: float) -> float:
    """One finite number between `low` and `high`."""
    value = _plain(given)
    if value is None or not low <= value <= high:
        raise BadInput(
            f"{name} is {_said(given)}, but must be a number between {low:g} and {high:g}."
        )
    return value


def lengths(
    name: str, given: Any, count: int, example: str, *, low: float = 0.0
) -> tuple[Length, ...]:
    """`count` lengths, each `12`, `12px` or `5%`, separated by commas or blanks, or a sequence of them."""
    parts = _parts(given, count)
    found = tuple(_length(part) for part in parts)
    if len(found) != count or not all(part and part.value >= low for part in found):
        raise BadInput(f"{name} is {_said(given)}, but must be like {example}.")
    return tuple(part for part in found if part)


def size(name: str, given: Any) -> tuple[int, int]:
    """(width, height) of `2000x1500`, `2000×1500`, `800` (a square) or two numbers."""
    parts = re.split(r"[x×,]", given.strip()) if isinstance(given, str) else given
    if not isinstance(parts, list | tuple):
        parts = (parts,)
    sides = [_plain(part) for part in (parts if len(parts) == 2 else [*parts, *parts])]  # noqa: PLR2004
    if len(sides) != 2 or not all(  # noqa: PLR2004
        side is not None and side.is_integer() and 1 <= side <= LARGEST_SIDE for side in sides
    ):
        raise BadInput(
            f"{name} is {_said(given)}, but must be WIDTHxHEIGHT such as 2000x1500, each 1 to {LARGEST_SIDE}."
        )
    width, height = (int(side) for side in sides if side is not None)
    return width, height


def position(name: str, given: Any) -> tuple[float, float]:
    """(x, y) in percent of the free room: `center`, `bottom`, `left top`, `20%,80%`."""
    words: Any = given if isinstance(given, list | tuple) else ()
    if isinstance(given, str):
        words = re.split(r"[\s,]+|(?<=[a-z])-(?=[a-z])", given.strip().lower())
    found = None
    if len(words) == 1:
        word = words[0]
        across, down = HORIZONTAL.get(word), VERTICAL.get(word)
        found = (50.0 if across is None else across, 50.0 if down is None else down)
        if across is None and down is None:
            share = _share(word)
            found = None if share is None else (share, share)
    elif len(words) == 2:  # noqa: PLR2004
        first, second = words
        if first in ("top", "bottom") or second in ("left", "right"):
            first, second = second, first
        x = HORIZONTAL[first] if first in HORIZONTAL else _share(first)
        y = VERTICAL[second] if second in VERTICAL else _share(second)
        found = None if x is None or y is None else (x, y)
    if found is None:
        raise BadInput(
            f"{name} is {_said(given)}, but must be like center, bottom, left top, or 20%,80%."
        )
    return found


def _share(given: Any) -> float | None:
    """Percent, the sign left out or not."""
    found = _length(f"{given}%" if not isinstance(given, str) or given[-1:] != "%" else given)
    return found.value if found and 0 <= found.value <= 100 else None  # noqa: PLR2004


def _parts(given: Any, count: int) -> list[Any]:
    if isinstance(given, Length):
        return [given]
    if isinstance(given, str):
        return [part for part in re.split(r"[\s,]+", given.strip()) if part]
    if isinstance(given, list | tuple):
        one_read_back = count == 1 and len(given) == 2 and given[1] in ("px", "%")  # noqa: PLR2004
        return [given] if one_read_back else list(given)
    return [given]


def _length(given: Any) -> Length | None:
    if isinstance(given, list | tuple):  # one that was read before, through JSON perhaps
        value = _plain(given[0]) if len(given) == 2 and given[1] in ("px", "%") else None  # noqa: PLR2004
        return None if value is None else Length(value, given[1])
    if isinstance(given, str):
        text = given.strip().lower()
        value = _plain(text.removesuffix("%").removesuffix("px"))
        return None if value is None else Length(value, "%" if text.endswith("%") else "px")
    value = _plain(given)
    return None if value is None else Length(value)


def _plain(given: Any) -> float | None:
    """A finite number, or None; texts are plain decimals (no `1e9`, `nan`, `0x10`)."""
    if isinstance(given, str):
        given = given.strip()
        return float(given) if NUMBER.fullmatch(given) and len(given) < 20 else None  # noqa: PLR2004
    if isinstance(given, bool):
        return None
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _said(given: Any) -> str:
    """What was given, short enough for a sentence."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004

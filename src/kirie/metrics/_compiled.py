"""Loops that are compiled at first use and kept on disk; needs numba (extra eval), but no compiler on the machine.

Modules with such loops are imported where they are used, since numba takes half a second to import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled", "kept", "unkept"]

F = TypeVar("F", bound=Callable[..., object])

unkept: list[str] = []  # loops that are compiled anew in every process, as no folder takes them


def compiled(function: F) -> F:
    """A function over arrays and numbers, compiled to machine code that runs without Python's lock.

    The code is kept beside the package, else in numba's folder in the user's cache, else where NUMBA_CACHE_DIR says. Where
    none of these can be written it is compiled in every process, and `unkept` says so.
    """
    made: Any
    try:
        made = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba's word for "no locator available"
        unkept.append(function.__name__)
        made = numba.njit(nogil=True)(function)
    return cast("F", made)


def kept() -> bool:
    """Whether compiled loops stay for the next process."""
    if not unkept:
        compiled(_nothing)
    return not unkept


def _nothing() -> None:
    """A loop without turns."""

"""A second thread for the parts of one picture, unless other pictures keep the cores busy already.

NumPy lets go of the interpreter while it works on large arrays, so that two threads get one picture done sooner. Where as many
pictures are on their way as there are cores, further threads only take turns at the interpreter: on two cores a folder takes
a fifth longer with them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Self

__all__ = ["Helpers", "alone"]

_here = threading.local()


@contextmanager
def alone() -> Iterator[None]:
    """While it lasts, `Helpers` that are made in this thread do without further threads."""
    before = getattr(_here, "alone", False)
    _here.alone = True
    try:
        yield
    finally:
        _here.alone = before


class Helpers:
    """Threads for the parts of one piece of work; use it as a context manager.

    Args:
        most: how many, at most; none of them where the work is `alone`, or the machine has one core.
    """

    def __init__(self, most: int = 2) -> None:
        count = 1 if getattr(_here, "alone", False) else min(most, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def map(self, work: Callable[[Any], Any], parts: Iterable[Any]) -> list[Any]:
        """`work` of each part, in order; an exception of any is raised."""
        return list((self._pool.map if self._pool else map)(work, parts))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool:
            self._pool.shutdown()

"""A progress bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

__all__ = ["Progress"]


class Progress:
    """Shows how far a run is. `quiet` shows nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Bar(*columns, console=self._console)
        self._task = self._bar.add_task("training", total=1.0)
        self._last = (time.monotonic(), -1)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def line(self, text: str) -> None:
        """One line of text, above the bar where there is one."""
        self._console.print(text, markup=False)

    def report(self, share: float, pictures: int, loss: float, size: int) -> None:
        """Share of the time in 0..1, pictures seen, mean loss since the last report, picture size."""
        now, (before, seen) = time.monotonic(), self._last
        speed = f"{(pictures - seen) / max(now - before, 1e-9):.1f}/s" if seen >= 0 else "–"
        self._last = now, pictures
        text = f"{share:6.1%}  {pictures} pictures  {speed}  loss {loss:.4f}  at {size}²"
        if self._console.is_terminal:
            self._bar.update(self._task, completed=share, description=text)
        else:
            self.line(text)

"""A progress bar with the time that is left on a terminal, plain lines in a log."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

__all__ = ["Progress", "duration"]

MINUTE, HOUR, DAY = 60, 3600, 86400


class Progress:
    """Shows how far a run is. `quiet` shows nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        columns = (BarColumn(bar_width=24), TextColumn("{task.description}"))
        self._bar = Bar(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task("the first pictures", total=1.0)

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

    def report(self, share: float, text: str, *, left: float) -> None:
        """How far: share of the run in 0..1, what to say, and the seconds that are left."""
        text = f"{share:6.1%}  {text}  {duration(left)} left"
        if self._console.is_terminal:
            self._bar.update(self._task, completed=share, description=text)
        else:
            self.line(text)


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`, `2 d 5 h`."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE)} min"
    return f"{int(seconds // DAY)} d {int(seconds % DAY // HOUR)} h"

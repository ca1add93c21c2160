"""How commands fetch weights: their options, and what the user sees meanwhile."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..weights import Fetch

__all__ = ["add_licence", "add_like", "add_options", "fetching"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that may have to fetch weights."""
    group = parser.add_argument_group("getting the model")
    group.add_argument(
        "--offline", action="store_true", help="never use the network (also KIRIE_OFFLINE=1)"
    )
    add_licence(group)
    group.add_argument(
        "--trust-first-use",
        action="store_true",
        help="take a file whose publisher gives no hash, and check it from then on",
    )


def add_like(parser: argparse.ArgumentParser) -> None:
    """The option for model files that come without a card."""
    parser.add_argument(
        "--like",
        metavar="MODEL",
        help="for a model file that does not say how it is used: the model that it was made from",
    )


def add_licence(parser: Any) -> None:
    """The option for weights that may not be used commercially."""
    parser.add_argument(
        "--accept-licence",
        metavar="NAME",
        action="append",
        default=[],
        help="accept that model NAME may not be used commercially; remembered",
    )
    parser.set_defaults(offline=False, trust_first_use=False)


@contextmanager
def fetching(given: argparse.Namespace) -> Iterator[Fetch]:
    """What `add_options` was given, with progress on standard error: a bar on a terminal, else a line for each file."""
    from ..weights import Fetch

    quiet = getattr(given, "quiet", False)
    screen = _Screen(quiet=quiet, bar=sys.stderr.isatty() and not quiet)
    try:
        yield Fetch(
            offline=given.offline,
            accept_licence=tuple(given.accept_licence),
            trust_first_use=given.trust_first_use,
            watch=screen.watch,
            say=screen.say,
        )
    finally:
        screen.close()


class _Screen:
    """Standard error; rich's bar with size, speed and time left is made when the first bytes come."""

    def __init__(self, *, quiet: bool, bar: bool) -> None:
        self._quiet, self._bar = quiet, bar
        self._progress: Any = None
        self._task: Any = None

    def watch(self, file: str, have: int, total: int | None) -> None:
        """Move the bar."""
        if not self._bar:
            return
        if self._progress is None:
            self._progress = _progress()
            self._task = self._progress.add_task(file, total=total, completed=have)
            self._progress.start()
        self._progress.update(self._task, completed=have, total=total)

    def say(self, text: str) -> None:
        """Print a line."""
        self.close()
        if not self._quiet:
            sys.stderr.write(f"{text}\n")

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
        self._progress = None


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True, expand=True)

"""What commands that go through pictures have in common: inputs, ways to run, and what the user reads meanwhile."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from ..batch.plan import Job
from ..errors import BadInput, KirieError
from ..spec import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from ..cutter import Cutter

__all__ = ["Report", "add_inputs", "add_running", "check_standard", "counting_bar"]


def add_inputs(parser: argparse.ArgumentParser, *, archives: bool = False) -> None:
    """The pictures, and where results go; archives, too, and none at all where they are listed elsewhere."""
    zips = ", .zip archives" if archives else ""
    parser.add_argument(
        "inputs",
        nargs="*" if archives else "+",
        metavar="INPUT",
        help=f"files, folders, patterns ('*.jpg'){zips}, or - for standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help=f"a file, a folder{zips and ', a .zip archive'}, or - for standard output (default: beside the input)",
    )


def add_running(parser: argparse.ArgumentParser, *, limit: bool = True) -> None:
    """Engine, device, the limit of pixels (unless it is added elsewhere), and what to say."""
    how = parser.add_argument_group("how to run")
    how.add_argument("--engine", default="auto", help="auto (default), onnx, pytorch")
    how.add_argument(
        "--device",
        default="auto",
        help="auto (default), cpu, cuda, cuda:N, mps; a named one is used or refused",
    )
    if limit:
        how.add_argument(
            "--max-pixels",
            type=int,
            default=DEFAULT_MAX_PIXELS,
            metavar="N",
            help="refuse larger pictures (default: 200 million)",
        )
    say = parser.add_argument_group("what to say")
    say.add_argument(
        "--json", action="store_true", help="one JSON object per picture on standard output"
    )
    say.add_argument("--quiet", action="store_true", help="say nothing but errors")


def counting_bar() -> Any:
    """A bar of rich's on standard error: how many of how many, and how long still."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def check_standard(jobs: list[Job], given: argparse.Namespace) -> None:
    """Refuse a picture on standard output where it cannot go."""
    if jobs[0].target is not None or jobs[0].error:
        return
    if given.json:
        raise BadInput("--json and the picture both want standard output: give -o FILE.")
    if sys.stdout.isatty():
        raise BadInput(
            "The picture would be printed on the terminal: give -o FILE, or redirect the output."
        )


class Report:
    """What the user reads while and after a command runs.

    Args:
        cutter: the model that it runs.
        given: what the command was given.
        facts: what `--json` prints of each picture, in this order.
        total: pictures.
        verb: what is done to a picture, as in "cutting" and "cut".
        file: where what `--json` prints goes as well.
    """

    def __init__(
        self,
        cutter: Cutter,
        given: argparse.Namespace,
        facts: tuple[str, ...],
        *,
        total: int,
        verb: tuple[str, str],
        file: IO[str] | None = None,
    ) -> None:
        self.failed = self.done = self.empty = self.skipped = 0
        self._file = file
        self._cutter, self._total, self._facts, self._verb = cutter, total, facts, verb
        self._json, self._quiet = given.json, given.quiet
        self._bar: Any = None

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show a bar while there is more than one picture and somebody to look at it."""
        for note in self._cutter.notes:
            self._line(f"note: {note}")
        if self._total < 2 or self._quiet or not sys.stderr.isatty():
            yield
            return
        with counting_bar() as self._bar:
            self._bar.add_task(self._verb[0], total=self._total)
            yield
        self._bar = None

    def add(self, job: Job, answer: dict[str, Any] | KirieError, *, more: str = "") -> None:
        """Count and report one picture; `more` is said of it where it is the only one."""
        if isinstance(answer, KirieError):
            self.failed += 1
            self._line(f"failed: {answer}", always=True)
            facts = self._same() | {"error": str(answer)}
        else:
            self.done += not answer.get("skipped", False)
            self.skipped += answer.get("skipped", False)
            self.empty += answer.get("empty", False)
            if self._total == 1:
                self._line(self._one(job, answer))
                if more:
                    self._line(more)
            if not answer.get("skipped"):
                for note in answer["notes"][len(self._cutter.notes) :]:  # the model's own were said
                    self._line(f"note: {job.source}: {note}")
            facts = {"output": job.shown} | answer
        line = dict.fromkeys(self._facts) | {"input": job.source} | facts
        for file in (sys.stdout if self._json else None, self._file):
            if file is not None:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
        if self._bar:
            self._bar.advance(self._bar.task_ids[0])

    def end(self, seconds: float) -> None:
        """Sum up a run of several pictures."""
        if self._total < 2:
            return
        parts = [f"{self.done} {self._verb[1]}"]
        if self.skipped:
            parts.append(f"{self.skipped} finished before")
        if self.empty:
            parts.append(f"{self.empty} of them without a subject")
        if self.failed:
            parts.append(f"{self.failed} failed")
        self._line(f"{', '.join(parts)}, in {seconds:.1f} s; {self._how()}")

    def say(self, text: str) -> None:
        """A line, unless nothing is to be said."""
        self._line(text)

    def _one(self, job: Job, facts: dict[str, Any]) -> str:
        height, width = facts["size"]
        where = job.shown or "standard output"
        if facts.get("skipped"):
            return f"{job.source} → {where}: finished before (--force makes it again)"
        seconds = sum(facts["timings"].values())
        sizes = " and ".join(f"{w}×{h}" for h, w in facts.get("seen", ()))
        seen = f" (seen at {sizes}{', blended' * (' and ' in sizes)})" if sizes else ""
        return f"{job.source} → {where}: {width}×{height}{seen}, {seconds:.2f} s; {self._how()}"

    def _how(self) -> str:
        card, engine = self._cutter.card, self._cutter.engine
        return f"{card.name} ({card.licence}), {engine.name} on {engine.device}, {engine.precision} ({engine.reason})"

    def _same(self) -> dict[str, Any]:
        """What is known of a picture that failed."""
        return self._cutter.facts() | {"notes": list(self._cutter.notes), "timings": {}}

    def _line(self, text: str, *, always: bool = False) -> None:
        if self._quiet and not always:
            return
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{text}\n")

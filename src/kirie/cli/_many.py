"""What `kirie cut` has for many pictures: its options, a look ahead, and an end in good order."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..batch.names import FIELDS
from ..batch.plan import Job, Wishes
from ..errors import BadInput

if TYPE_CHECKING:
    from ..batch.runner import Settings
    from ..options import CutOptions

__all__ = ["add_many", "interrupted", "look_ahead", "report_file", "wishes"]


def add_many(parser: argparse.ArgumentParser) -> None:
    """The options for many pictures."""
    fields = ", ".join(f"{{{name}}}" for name in FIELDS)
    many = parser.add_argument_group("many pictures")
    many.add_argument(
        "--list",
        dest="lists",
        metavar="FILE",
        action="append",
        default=[],
        help="a file that names an input on each line, or - for standard input",
    )
    many.add_argument(
        "--name",
        metavar="TEMPLATE",
        help=f"how results are named: '{{stem}}-{{model}}', of {fields}",
    )
    many.add_argument("--no-recursion", action="store_true", help="leave sub-folders out")
    many.add_argument("--force", action="store_true", help="make again what is finished already")
    many.add_argument(
        "--move-done",
        metavar="FOLDER",
        type=Path,
        help="move each input there when its result is verified",
    )
    many.add_argument(
        "--report", metavar="FILE", type=Path, help="write what --json prints to a file"
    )
    many.add_argument(
        "--fail-empty", action="store_true", help="count a picture without a subject as a failure"
    )
    many.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    many.add_argument(
        "--watch",
        action="store_true",
        help="go on, and cut what arrives in the folders, until Ctrl-C",
    )


def wishes(given: argparse.Namespace) -> Wishes:
    """What was said of the inputs and the names."""
    if not given.inputs and not given.lists:
        raise BadInput(
            "No input was given: name files, folders, a list (--list), or - for standard input."
        )
    if given.lists.count("-") + given.inputs.count("-") > 1:
        raise BadInput("Standard input can be read once: as one list, or as one picture.")
    if given.watch and (given.lists or not all(Path(text).is_dir() for text in given.inputs)):
        raise BadInput("--watch needs folders that are there, and nothing else.")
    return Wishes(
        lists=tuple(given.lists),
        recursive=not given.no_recursion,
        template=given.name,
        model=str(given.model),
        leave=() if given.move_done is None else (given.move_done,),
        strict=not given.watch,
    )


@contextmanager
def report_file(given: argparse.Namespace) -> Iterator[IO[str] | None]:
    """The file of `--report`."""
    if given.report is None:
        yield None
        return
    try:
        file = given.report.open("w", encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"The report {given.report} cannot be written: {reason}.") from error
    with file:
        yield file


def look_ahead(jobs: list[Job], settings: Settings, options: CutOptions) -> int:
    """Print what a run would do; 0, or 1 where some inputs would fail."""
    from ..batch.journal import Known
    from ..batch.keys import format_of, key_of

    journals: dict[Path, Known] = {}
    for job in jobs:
        state = f"failed: {job.error}" if job.error else "to do"
        if not job.error and job.root is not None and job.target is not None and not job.packed:
            journal = journals.setdefault(job.root, Known(job.root))
            try:
                key = key_of(
                    Path(job.source).read_bytes(), f"{settings.recipe}\n{format_of(job, options)}"
                )
                if not settings.force and journal.finished(job.target, key) is not None:
                    state = "finished before"
            except OSError as error:
                state = f"failed: {(error.strerror or str(error)).lower()}"
        sys.stdout.write(f"{job.source} → {job.shown or 'standard output'}: {state}\n")
    return 1 if any(job.error for job in jobs) else 0


@contextmanager
def interrupted(stop: Callable[[], Any], quiet: bool) -> Iterator[None]:  # noqa: FBT001
    """While it lasts, the first Ctrl-C calls `stop`, and a second one ends everything at once."""

    def handle(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop()
        if not quiet:
            sys.stderr.write("finishing what has begun; Ctrl-C again ends at once\n")

    try:
        before = signal.signal(signal.SIGINT, handle)
    except ValueError:  # not in the main thread: there is no Ctrl-C to wait for
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

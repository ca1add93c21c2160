"""`kirie cut`: the main job."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..errors import BadInput, KirieError
from ..spec import DEFAULT_MAX_PIXELS, CutOptions
from ._plan import STANDARD, Job, plan

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from ..cutter import Cutout, Cutter
    from ..image import Picture

__all__ = ["add"]

FACTS = (
    *("input", "output", "model", "licence", "engine", "device", "precision", "size"),
    *("coverage", "bbox", "empty", "notes", "timings", "error"),
)
DESCRIPTION = """Cut the subject out of pictures.

Writes photo-cutout.png beside photo.jpg, or FOLDER/photo.png with -o FOLDER."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "cut",
        help="cut the subject out of pictures",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="files, folders, patterns ('*.jpg'), or - for standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a file, a folder, or - for standard output (default: beside the input)",
    )
    parser.add_argument(
        "-m",
        "--model",
        default="kirie-mini",
        help="a model's name or file (default: kirie-mini, embedded)",
    )
    what = parser.add_argument_group("what to make")
    what.add_argument(
        "--as",
        dest="as_",
        choices=("cutout", "mask", "trimap", "overlay"),
        default="cutout",
        help="the cutout (default), its mask, a trimap for matting tools, or an overlay to judge the mask",
    )
    what.add_argument(
        "--background",
        metavar="none|COLOUR|blur|FILE",
        default="none",
        help="what to put behind the subject (default: none, transparent)",
    )
    what.add_argument(
        "--edges",
        choices=("clean", "raw"),
        default="clean",
        help="clean: the subject's own colours along its edge (default); raw: the picture's, with fringes",
    )
    what.add_argument(
        "--format", help="png (default), webp, avif, tiff, or jpeg (with a background)"
    )
    _add_running(parser)
    parser.set_defaults(run=run)


def _add_running(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("how to run")
    how.add_argument("--engine", default="auto", help="auto (default), onnx, pytorch")
    how.add_argument(
        "--device",
        default="auto",
        help="auto (default), cpu, cuda, cuda:N, mps; a named one is used or refused",
    )
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


def run(given: argparse.Namespace) -> int:
    """Cut everything that is given; 0 if all went well, 1 if some inputs failed."""
    from concurrent.futures import ThreadPoolExecutor

    from .. import compose, image

    started = perf_counter()
    options = CutOptions(
        edges=given.edges,
        as_=given.as_,
        background=None if given.background == "none" else given.background,
        format=image.format_named(given.format) if given.format else None,
        max_pixels=given.max_pixels,
    )
    if options.background is not None:
        compose.check_background(options.background)
    suffix = image.suffix_of(options.format) if options.format else None
    jobs = plan(given.inputs, given.output, made=given.as_, suffix=suffix)
    to_standard = jobs[0].target is None and not jobs[0].error
    if to_standard and given.json:
        raise BadInput("--json and the picture both want standard output: give -o FILE.")
    if to_standard and sys.stdout.isatty():
        raise BadInput(
            "The picture would be printed on the terminal: give -o FILE, or redirect the output."
        )
    _check_format(jobs, options)

    with ThreadPoolExecutor(1) as pool:
        first = _first(jobs, options, pool)
        from ..cutter import load

        with load(given.model, engine=given.engine, device=given.device) as cutter:
            report = _Report(cutter, given, total=len(jobs))
            with report.progress():
                for job, answer in _answers(cutter, jobs, options, first):
                    report.add(job, answer)
            report.end(perf_counter() - started)
            return 1 if report.failed else 0


def _first(
    jobs: list[Job], options: CutOptions, pool: ThreadPoolExecutor
) -> Future[Picture] | None:
    """Start to decode the first picture: a third of a short run, while the runtime is imported and opens the model."""
    from .. import image

    job = next((job for job in jobs if not job.error), None)
    if job is None or job.source == STANDARD:
        return None
    return pool.submit(image.decode, Path(job.source), max_pixels=options.max_pixels)


def _check_format(jobs: list[Job], options: CutOptions) -> None:
    """JPEG has no alpha: say so before the work is done, not after."""
    from .. import image

    targets = (
        {options.format}
        if options.format
        else {image.format_for(j.target) for j in jobs if j.target}
    )
    if "jpeg" in targets and options.as_ == "cutout" and options.background is None:
        raise BadInput(
            "JPEG cannot be transparent: give --background white, or another format such as webp."
        )


def _answers(
    cutter: Cutter, jobs: list[Job], options: CutOptions, first: Future[Picture] | None
) -> Iterator[tuple[Job, dict[str, Any] | KirieError]]:
    """Each job with the facts of its saved cutout, or with what went wrong."""
    from .. import image

    good = [job for job in jobs if not job.error]

    def save(index: int, cutout: Cutout) -> dict[str, Any]:
        target = good[index].target
        if target is None:
            sys.stdout.buffer.write(cutout.encode())
            sys.stdout.buffer.flush()
        else:
            image.make_folder(target.parent)
            cutout.save(target)
        return cutout.report()

    def sources() -> Iterator[Any]:
        for index, job in enumerate(good):
            if job.source == STANDARD:
                yield sys.stdin.buffer.read()
            elif index == 0 and first is not None and first.exception() is None:
                yield first.result()
            else:  # a first picture that failed fails again here, in its place
                yield Path(job.source)

    # On a CPU a batch is no faster than its pictures one by one, and starts later.
    batch_size = 1 if cutter.engine.device == "cpu" else 8
    answers = cutter.cut_many(sources(), options, batch_size=batch_size, then=save, errors="return")
    for job in jobs:
        yield job, BadInput(job.error) if job.error else next(answers)


class _Report:
    """What the user reads while and after it runs."""

    def __init__(self, cutter: Cutter, given: argparse.Namespace, *, total: int) -> None:
        self.failed = self.done = self.empty = 0
        self._cutter, self._total = cutter, total
        self._json, self._quiet = given.json, given.quiet
        self._bar: Any = None

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show a bar while there is more than one picture and somebody to look at it."""
        if self._total < 2 or self._quiet or not sys.stderr.isatty():
            yield
            return
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
        with Progress(*columns, console=Console(stderr=True), transient=True) as self._bar:
            self._bar.add_task("cutting", total=self._total)
            yield
        self._bar = None

    def add(self, job: Job, answer: dict[str, Any] | KirieError) -> None:
        """Count and report one picture."""
        if isinstance(answer, KirieError):
            self.failed += 1
            self._line(f"failed: {answer}", always=True)
            facts = self._same() | {"error": str(answer)}
        else:
            self.done += 1
            self.empty += answer["empty"]
            if self._total == 1:
                self._line(self._one(job, answer))
            for note in answer["notes"]:
                self._line(f"note: {job.source}: {note}")
            facts = answer | {"output": str(job.target) if job.target else None}
        if self._json:
            line = dict.fromkeys(FACTS) | {"input": job.source} | facts
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        if self._bar:
            self._bar.advance(self._bar.task_ids[0])

    def end(self, seconds: float) -> None:
        """Sum up a run of several pictures."""
        if self._total < 2:
            return
        parts = [f"{self.done} cut"]
        if self.empty:
            parts.append(f"{self.empty} of them without a subject")
        if self.failed:
            parts.append(f"{self.failed} failed")
        self._line(f"{', '.join(parts)}, in {seconds:.1f} s; {self._how()}")

    def _one(self, job: Job, facts: dict[str, Any]) -> str:
        height, width = facts["size"]
        where = "standard output" if job.target is None else str(job.target)
        seconds = sum(facts["timings"].values())
        return f"{job.source} → {where}: {width}×{height}, {seconds:.2f} s; {self._how()}"

    def _how(self) -> str:
        card, engine = self._cutter.card, self._cutter.engine
        return f"{card.name} ({card.licence}), {engine.name} on {engine.device}, {engine.precision} ({engine.reason})"

    def _same(self) -> dict[str, Any]:
        """What is known of a picture that failed."""
        card, engine = self._cutter.card, self._cutter.engine
        return {
            "model": card.name,
            "licence": card.licence,
            "engine": engine.name,
            "device": engine.device,
            "precision": engine.precision,
            "notes": [],
            "timings": {},
        }

    def _line(self, text: str, *, always: bool = False) -> None:
        if self._quiet and not always:
            return
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{text}\n")

"""`kirie cut`: the main job."""

from __future__ import annotations

import argparse
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..batch.plan import STANDARD, Job, Wishes, plan
from ..errors import KirieError
from ..options import DATA, CutOptions
from ._fetching import add_like, add_options, fetching
from ._many import add_many, interrupted, look_ahead, report_file, wishes
from ._options import add_cut_options, options_of
from ._running import Report, add_inputs, add_running, check_standard

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from ..batch.runner import Answer, Settings
    from ..cutter import Cutter
    from ..image import Picture

__all__ = ["add"]

FACTS = (
    *("input", "output", "model", "licence", "engine", "device", "precision", "size", "seen"),
    *("coverage", "bbox", "empty", "touches_border", "confidence", "notes", "timings", "skipped"),
    "error",
)
INTERRUPTED = 130
LOOKS = 1.0  # seconds between two looks at a folder that is watched
DESCRIPTION = """Cut the subject out of pictures.

Writes photo-cutout.png beside photo.jpg, or FOLDER/photo.png with -o FOLDER, sub-folders mirrored. A run that was
interrupted, or killed, goes on where it was when it is started again."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "cut",
        help="cut the subject out of pictures",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inputs(parser, archives=True)
    parser.add_argument(
        "-m",
        "--model",
        default="kirie-mini",
        help="a model's name (`kirie models`), a file, a folder or hf://owner/name (default: kirie-mini, embedded)",
    )
    add_like(parser)
    add_cut_options(parser)
    add_many(parser)
    add_running(parser, limit=False)
    add_options(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Cut everything that is given; 0 if all went well, 1 if some inputs failed, 130 if it was interrupted."""
    from concurrent.futures import ThreadPoolExecutor

    started = perf_counter()
    options = options_of(given).resolved()
    wanted = wishes(given)
    jobs = _planned(given, options, wanted)
    if not given.watch:
        check_standard(jobs, given)
    with ThreadPoolExecutor(1) as pool:
        first = _first(jobs, options, pool)
        from .. import backgrounds

        backgrounds.check(options)
        _check_formats(jobs, options)
        settings = _settings(given, options)
        if given.dry_run:
            return look_ahead(jobs, settings, options)
        with report_file(given) as file, _opened(given, len(jobs)) as cutter:
            total = 1 if given.watch else len(jobs)
            report = Report(cutter, given, FACTS, total=total, verb=("cutting", "cut"), file=file)
            work = _Work(cutter, options, settings, report, given)
            with report.progress():
                whole = work.watch(wanted) if given.watch else work.once(jobs, first)
            report.end(perf_counter() - started)
    if not whole:
        return INTERRUPTED
    return 1 if report.failed or (given.fail_empty and report.empty) else 0


def _planned(given: argparse.Namespace, options: CutOptions, wanted: Wishes) -> list[Job]:
    return plan(
        given.inputs, given.output, made=options.as_, suffix=_suffix(options), wishes=wanted
    )


def _settings(given: argparse.Namespace, options: CutOptions) -> Settings:
    from ..batch.keys import recipe
    from ..batch.runner import Settings

    said = recipe(options, model=str(given.model), engine=given.engine, like=given.like)
    return Settings(recipe=said, force=given.force, move_done=given.move_done)


def _opened(given: argparse.Namespace, count: int) -> Cutter:
    """The model, opened for as many pictures at once as there are cores."""
    from .._machine import cores
    from ..cutter import load

    with fetching(given) as fetch:
        return load(
            given.model,
            engine=given.engine,
            device=given.device,
            like=given.like,
            fetch=fetch,
            calls=cores() if count > 1 or given.watch else 1,
        )


class _Work:
    """A run, or one run after another, and what is said of it."""

    def __init__(
        self,
        cutter: Cutter,
        options: CutOptions,
        settings: Settings,
        report: Report,
        given: argparse.Namespace,
    ) -> None:
        self._cutter, self._options, self._settings = cutter, options, settings
        self._report, self._given = report, given

    def once(self, jobs: list[Job], first: Future[Picture] | None = None) -> bool:
        """Do the jobs; whether it was not interrupted."""
        from ..batch.runner import Run

        with Run(self._cutter, jobs, self._options, self._settings, first=first) as run:
            with interrupted(run.stop, self._given.quiet):
                for job, answer in run.answers():
                    self._add(job, answer)
            return not run.stopped.is_set()

    def watch(self, wanted: Wishes) -> bool:
        """Do what arrives, until it is interrupted; that is its end, and no failure."""
        from ..batch.watch import Watcher

        stopped = Event()
        watcher = Watcher(lambda: _planned(self._given, self._options, wanted), self._report.say)
        self._report.say(f"watching {', '.join(self._given.inputs)}; Ctrl-C ends it")
        with interrupted(stopped.set, quiet=True):
            while not stopped.is_set():
                started = perf_counter()
                jobs = watcher.ready()
                seconds = perf_counter() - started
                try:
                    if jobs and not self.once(jobs):
                        break
                except (
                    KirieError
                ) as error:  # another run has the folder, the disk is full: may pass
                    self._report.say(str(error))
                stopped.wait(max(LOOKS, 10 * seconds))
        return True

    def _add(self, job: Job, answer: Answer) -> None:
        if self._given.fail_empty and isinstance(answer, dict) and answer["empty"]:
            self._report.say(f"no subject: {job.source}")
        self._report.add(job, answer)


def _first(
    jobs: list[Job], options: CutOptions, pool: ThreadPoolExecutor
) -> Future[Picture] | None:
    """Start to decode the first picture: a third of a short run, while the runtime is imported and opens the model."""
    from .. import image

    job = next((job for job in jobs if not job.error), None)
    if job is None or job.source == STANDARD or job.root is not None or job.archive is not None:
        return None
    return pool.submit(image.decode, Path(job.source), max_pixels=options.max_pixels)


def _suffix(options: CutOptions) -> str | None:
    """The results' ending where the options say it."""
    from .. import image

    if options.as_ in DATA:
        return f".{DATA[options.as_]}"
    return image.suffix_of(options.format) if options.format else None


def _check_formats(jobs: list[Job], options: CutOptions) -> None:
    """Say what a format cannot hold before the work is done, not after."""
    from ..batch.keys import format_of

    if options.as_ in DATA or options.format:
        return
    for name in {format_of(job, options) for job in jobs if job.target}:
        options.check_format(name)

"""`kirie segment`: what is where in pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from ..batch.plan import STANDARD, Job, Wishes, plan
from ..errors import BadInput, KirieError
from ..spec import CutOptions
from ._fetching import add_like, add_options, fetching
from ._running import Report, add_inputs, add_running, check_standard

if TYPE_CHECKING:
    from ..scene import Scene
    from ..segmenter import Segmenter

__all__ = ["add"]

FACTS = (
    *("input", "output", "overlay", "model", "licence", "engine", "device", "precision", "size"),
    *("classes", "coverage", "bbox", "empty", "notes", "timings", "error"),
)
DESCRIPTION = """Tell what is where in pictures, or cut named things out of them.

Writes photo-classes.png beside photo.jpg, an indexed picture whose pixel values are class numbers, and
photo-overlay.png, the picture in the classes' colours with a legend; with -o FOLDER, FOLDER/photo.png and
FOLDER/photo-overlay.png."""
PARTS = ("cutout", "mask")  # what needs to be told which classes
SHOWN = 4  # classes in a line
SINGLY = Wishes(strict=False)  # what would overwrite something fails by itself


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "segment",
        help="tell what is where in pictures",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inputs(parser)
    parser.add_argument(
        "-m", "--model", help="a model's name (such as segformer-b0-ade; `kirie models`) or file"
    )
    add_like(parser)
    what = parser.add_argument_group("what to make")
    what.add_argument(
        "--as",
        dest="as_",
        choices=("classes", "overlay", *PARTS),
        help="the class map or the overlay alone (default: both); the cutout or the mask of --classes",
    )
    what.add_argument(
        "--classes",
        metavar="NAME,…",
        help="what to cut out: names of classes, such as dog,person (with --as cutout, the default then, or mask)",
    )
    what.add_argument(
        "--edges",
        choices=("clean", "raw"),
        default="clean",
        help="of a cutout: the things' own colours (default), or the picture's",
    )
    add_running(parser)
    add_options(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Segment everything that is given; 0 if all went well, 1 if some inputs failed."""
    started = perf_counter()
    classes = _classes(given)
    made = given.as_ or ("cutout" if classes else "classes")
    jobs = plan(given.inputs, given.output, made=made, suffix=None, wishes=SINGLY)
    overlays = [] if given.as_ or classes else _overlays(given, jobs)
    jobs = _without_collisions(jobs, overlays)
    _check_targets(jobs, made, both=bool(overlays))
    check_standard(jobs, given)

    from ..segmenter import load_segmenter

    with fetching(given) as fetch:
        opened = load_segmenter(
            given.model, engine=given.engine, device=given.device, like=given.like, fetch=fetch
        )
    with opened as segmenter:
        segmenter.check_names(*classes)
        work = _Work(jobs, [job.target for job in overlays], made, classes, given)
        verb = ("looking", "segmented")
        report = Report(segmenter.cutter, given, FACTS, total=len(jobs), verb=verb)
        with report.progress():
            for job, answer in work.answers(segmenter):
                report.add(job, answer, more=_largest(answer))
        report.end(perf_counter() - started)
        return 1 if report.failed else 0


def _classes(given: argparse.Namespace) -> tuple[str, ...]:
    """The classes that are to be cut out."""
    names = tuple(name.strip() for name in (given.classes or "").split(",") if name.strip())
    if given.as_ in PARTS and not names:
        raise BadInput(
            f"--as {given.as_} must be told of what: give --classes with names, such as --classes dog,person."
        )
    if names and given.as_ not in (None, *PARTS):
        raise BadInput(
            f"--classes says what is cut out, and goes with --as cutout or mask, not {given.as_}."
        )
    return names


def _overlays(given: argparse.Namespace, jobs: list[Job]) -> list[Job]:
    """Where the overlays go that are made besides the class maps."""
    output, target = given.output, jobs[0].target
    if output is None or output == STANDARD:
        return plan(given.inputs, output, made="overlay", suffix=".png", wishes=SINGLY)
    if target == Path(output):  # one picture, one file
        output = str(target.with_name(f"{target.stem}-overlay.png"))
    return plan(given.inputs, output, made="overlay", suffix="-overlay.png", wishes=SINGLY)


def _without_collisions(jobs: list[Job], overlays: list[Job]) -> list[Job]:
    """The jobs; those whose overlay would overwrite something fail."""
    if not overlays:
        return jobs
    maps = {job.target: job.source for job in jobs if job.target}
    checked = []
    for job, overlay in zip(jobs, overlays, strict=True):
        error = job.error or overlay.error
        if not error and overlay.target in maps:
            error = (
                f"{job.source}: the overlay {overlay.target} is already the class map of {maps[overlay.target]}; "
                "give --as classes."
            )
        checked.append(replace(job, error=error))
    return checked


def _check_targets(jobs: list[Job], made: str, *, both: bool) -> None:
    if both and jobs[0].target is None and not jobs[0].error:
        raise BadInput(
            "Standard output takes one picture: choose --as classes or --as overlay, or give -o FILE."
        )
    other = (job.target for job in jobs if job.target and job.target.suffix.lower() != ".png")
    if made == "classes" and (wrong := next(other, None)):
        raise BadInput(
            f"{wrong}: a class map is exact numbers, and is written as .png; end the name in that."
        )


def _largest(answer: dict[str, Any] | KirieError) -> str:
    """What takes up most of a picture, for the line about it."""
    if isinstance(answer, KirieError):
        return ""
    rows = answer["classes"]
    shown = [f"{row['name']} {row['share']:.0%}" for row in rows[:SHOWN]]
    return ", ".join(shown) + (f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")


class _Work(NamedTuple):
    """What is made of each picture, and where it goes."""

    jobs: list[Job]
    overlays: list[Path | None]  # one for each job, or none at all
    made: str
    classes: tuple[str, ...]
    given: argparse.Namespace

    def answers(self, segmenter: Segmenter) -> Iterator[tuple[Job, dict[str, Any] | KirieError]]:
        """Each job with the facts of its saved scene, or with what went wrong."""
        good = [index for index, job in enumerate(self.jobs) if not job.error]
        sources = (self.jobs[index].source for index in good)
        # On a CPU a batch is no faster than its pictures one by one, and starts later.
        answers = segmenter.segment_many(
            (sys.stdin.buffer.read() if name == STANDARD else Path(name) for name in sources),
            batch_size=1 if segmenter.engine.device == "cpu" else 8,
            then=lambda index, scene: self.save(good[index], scene),
            errors="return",
            max_pixels=self.given.max_pixels,
        )
        for job in self.jobs:
            yield job, BadInput(job.error) if job.error else next(answers)

    def save(self, index: int, scene: Scene) -> dict[str, Any]:
        """Write what is asked for; return the facts."""
        facts: dict[str, Any] = {}
        target = self.jobs[index].target
        if self.made in PARTS:
            options = CutOptions(edges=self.given.edges, as_=self.made)
            cutout = scene.cut(*self.classes, options=options)
            _write(target, cutout.encode(_format(target)))
            scene.timings |= cutout.timings
            facts = {key: cutout.report()[key] for key in ("coverage", "bbox", "empty", "notes")}
        elif self.made == "overlay":
            _write(target, _overlay(scene, target))
        else:
            _write(target, scene.encode())
        if self.overlays and (beside := self.overlays[index]):
            _write(beside, _overlay(scene, beside))
            facts = {"overlay": str(beside)}
        return scene.report() | facts


def _format(target: Path | None) -> str:
    from .. import image

    return image.format_for(target) if target else "png"


def _overlay(scene: Scene, target: Path | None) -> bytes:
    import numpy as np

    from .. import image

    return image.encode(np.asarray(scene.overlay()), _format(target))


def _write(target: Path | None, data: bytes) -> None:
    from .. import image

    if target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    image.make_folder(target.parent)
    image.write_atomic(target, data)

"""One picture's part of an evaluation: read, measure, and say what was done. Runs in the evaluation's worker processes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from . import _masks, image, metrics
from .errors import BadInput, KirieError

__all__ = [
    "Labels",
    "Measures",
    "Outcome",
    "Sample",
    "Task",
    "digest",
    "failed",
    "finish",
    "looker",
    "prepare",
    "run",
]


class Sample(NamedTuple):
    """One picture of a data set.

    Attributes:
        name: its path inside the folders, without ending.
        prediction: a file, or None where a model makes it from the picture.
    """

    name: str
    prediction: Path | None
    truth: Path
    image: Path | None


class Outcome(NamedTuple):
    """What became of one picture: what to add to the measures and its own results, or why there are none."""

    name: str
    digest: str
    added: Any = None
    notes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures of masks and mattes, by name."""

    names: tuple[str, ...]
    resize: metrics.Resize = "bilinear"

    def fresh(self) -> metrics.Suite:
        """The measures, with nothing taken in."""
        return metrics.suite(self.names, resize=self.resize)

    @property
    def looks(self) -> bool:
        """Whether one of them needs the picture itself."""
        return any(isinstance(m, metrics.CamouflageContextMeasure) for m in self.fresh().measures)


@dataclass(frozen=True, slots=True)
class Labels:
    """Measures of label maps."""

    num_classes: int | None = None
    ignore_index: int | None = 255
    reduce_zero_label: bool = False

    def fresh(self) -> metrics.LabelMaps:
        """The measures, with nothing taken in."""
        return metrics.LabelMaps(
            self.num_classes,
            ignore_index=self.ignore_index,
            reduce_zero_label=self.reduce_zero_label,
        )


# what takes long to import, where it is installed
HEAVY = (
    "kirie._measuring",
    *(
        f"kirie.metrics.{name}"
        for name in ("_joint", "_outlines", "_sweep", "_thinning", "_weighted")
    ),
)
Made = NDArray[Any] | None  # a model's mask, or label map
Task = tuple[Sample, Made, str]  # and what made it
Look = Callable[[Sample, Made, str], Outcome]
_looks: list[Look] = []  # of a worker process: how it measures


def prepare(plan: Measures | Labels) -> None:
    """Set a worker process up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    alone()
    _looks[:] = [looker(plan)]


def alone() -> None:
    """Keep OpenCV from starting threads: pictures are measured side by side already."""
    try:
        import cv2
    except ImportError:
        return
    cv2.setNumThreads(1)


def run(tasks: list[Task | Outcome]) -> list[Outcome]:
    """Measure some pictures in a worker process."""
    return [finish(_looks[0], task) for task in tasks]


def finish(look: Look, task: Task | Outcome) -> Outcome:
    """Measure one picture, unless what became of it is known already."""
    return task if isinstance(task, Outcome) else look(*task)


def looker(plan: Measures | Labels) -> Look:
    """How one picture is measured: (sample, a model's mask and what it was made by, if so) → outcome."""
    look = _labels(plan) if isinstance(plan, Labels) else _masks_of(plan)

    def guarded(sample: Sample, made: Made, by: str) -> Outcome:
        try:
            return look(sample, made, by)
        except KirieError as error:
            return failed(sample, by, error)

    return guarded


def failed(sample: Sample, by: str, error: KirieError) -> Outcome:
    """The outcome of a picture that could not be measured."""
    return Outcome(sample.name, digest(sample, by), error=str(error))


def _masks_of(plan: Measures) -> Look:
    suite, looks = plan.fresh(), plan.looks

    def look(sample: Sample, made: Made, by: str) -> Outcome:
        truth = _masks.mask(sample.truth)
        found = _prediction(sample, made, by, _masks.mask)
        seen = None
        if looks and sample.image is not None:
            seen = image.decode(sample.image).rgb
        given = metrics.pair(found.values, truth.values, image=seen, resize=plan.resize)
        records = suite.measure(given)
        refused = tuple(dict.fromkeys(note for record in records for note in record.notes))
        notes = (*found.notes, *truth.notes, *given.notes)
        return Outcome(sample.name, found.digest + truth.digest, records, notes, refused)

    return look


def _labels(plan: Labels) -> Look:
    measure = plan.fresh()

    def look(sample: Sample, made: Made, by: str) -> Outcome:
        truth = _masks.labels(sample.truth)
        found = _prediction(sample, made, by, _masks.labels)
        confused = measure.measure(found.values, truth.values)
        return Outcome(sample.name, found.digest + truth.digest, confused)

    return look


def _prediction(
    sample: Sample,
    made: Made,
    by: str,
    read: Callable[[Path], _masks.Stored],
) -> _masks.Stored:
    if sample.prediction is not None:
        return read(sample.prediction)
    if made is None or sample.image is None:
        raise BadInput(f"{sample.name}: there is no prediction.")
    return _masks.Stored(made, (), by + _masks.digest_of(sample.image))


def digest(sample: Sample, by: str) -> str:
    """What the outcome's digest is as long as the files are the same."""
    source = sample.prediction or sample.image
    try:
        found = _masks.digest_of(source) if source else ""
        return (by if sample.prediction is None else "") + found + _masks.digest_of(sample.truth)
    except KirieError:
        return "unreadable"

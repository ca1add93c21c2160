"""Predictions × ground truth → the field's measures, over a whole data set.

    >>> from kirie import evaluate
    >>> samples = evaluate.match("predictions", "DIS-VD").samples
    >>> result = evaluate.evaluate(samples, evaluate.Measures(("usual",)))
    >>> result.dataset["Sm"]

Pictures are read, measured and forgotten one by one; what stays is a row of numbers for each and the measures' sums. Results are
taken in by the order of the names, whatever process they come from, so they are the same to the last bit for any number of jobs,
and for a run that was interrupted and taken up again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _layouts, _measuring
from ._evaluation import Evaluation
from ._formats import displayed
from ._journal import Journal
from ._measuring import Labels, Measures, Outcome, Sample, Task
from ._version import __version__
from .errors import BadInput, KirieError
from .spec import CutOptions

if TYPE_CHECKING:
    from .cutter import Cutter
    from .segmenter import Segmenter

__all__ = ["Evaluation", "Labels", "Matched", "Measures", "Sample", "evaluate", "forget", "match"]

CHUNK = 4  # pictures that a worker process is handed at once


@dataclass(frozen=True, slots=True)
class Matched:
    """A data set's pictures, in the order of their names, and what has no partner.

    Attributes:
        missing: truths without a prediction (or, for a model, without a picture).
        extra: predictions without a truth.
        note: how the folders were understood, where that was not plain.
    """

    samples: tuple[Sample, ...]
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    note: str = ""


def match(
    predictions: str | Path | None, truth: str | Path, *, images: str | Path | None = None
) -> Matched:
    """Bring predictions, truths and pictures together by their names, without ending.

    Args:
        predictions: a folder; None: a model will predict from the pictures.
        truth: a folder of masks, or of a data set whose layout is known (`im/` and `gt/`, `Image/` and `Mask/`, DUTS, DIS5K, COD10K,
            HRSOD …).
        images: a folder of the pictures; None: those that lie beside the masks in such a layout, if there are any.

    Raises:
        BadInput: a folder is missing or holds nothing, or no names agree.
    """
    layout = _layouts.find(Path(truth))
    truths = _layouts.pictures(layout.masks)
    photos = _photos(layout, images)
    if predictions is None:
        if not photos:
            raise BadInput(
                f"{displayed(truth)} holds masks, but no pictures that a model could predict from: give --images."
            )
        found, what = photos, "pictures"
    else:
        if not Path(predictions).is_dir():
            raise BadInput(
                f"{displayed(predictions)} is no folder: name the folder of predictions."
            )
        found, what = _layouts.pictures(Path(predictions)), "predictions"
    found, note = _by_name(found, truths)
    names = sorted(found.keys() & truths.keys())
    if not names:
        raise BadInput(
            f"No names agree between the {len(found)} {what} and the {len(truths)} masks of {displayed(layout.masks)}: a "
            "prediction must be called as its mask is."
        )
    samples = [
        Sample(name, None if predictions is None else found[name], truths[name], photos.get(name))
        for name in names
    ]
    missing, extra = sorted(truths.keys() - found.keys()), sorted(found.keys() - truths.keys())
    notes = "; ".join(text for text in (layout.note, note) if text)
    return Matched(tuple(samples), tuple(missing), tuple(extra), notes)


def _photos(layout: _layouts.Layout, images: str | Path | None) -> dict[str, Path]:
    folder = layout.images if images is None else Path(images)
    if folder is None:
        return _layouts.photos_beside(layout.masks)
    if not folder.is_dir():
        raise BadInput(f"{displayed(folder)} is no folder: name the folder of the pictures.")
    return _layouts.pictures(folder)


def _by_name(found: dict[str, Path], truths: dict[str, Path]) -> tuple[dict[str, Path], str]:
    """The found files by the truths' names; where no paths agree, by the names at their ends."""
    if found.keys() & truths.keys():
        return found, ""
    ends = {name.rpartition("/")[2]: name for name in truths}
    if len(ends) < len(truths):
        return found, ""
    moved = {ends.get(end, name): path for name, path in found.items() for end in [Path(name).name]}
    if len(moved) < len(found):
        return found, ""
    return moved, "matched by file names alone, as the sub-folders differ"


def evaluate(
    samples: Sequence[Sample],
    plan: Measures | Labels,
    *,
    predictor: Cutter | Segmenter | None = None,
    jobs: int = 1,
    journal: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Measure a data set.

    Args:
        samples: from `match`.
        plan: what to measure.
        predictor: a model for samples without a prediction: from `kirie.load`, or for label maps `kirie.load_segmenter`.
        jobs: processes that measure.
        journal: a folder to keep what was done so far in, from which an interrupted run is taken up; None: nothing is kept.
        progress: called with the number of pictures done.

    Raises:
        BadInput: there is no such measure, or nothing to measure.
        MissingExtra: a measure needs what is not installed.
    """
    if jobs < 1:
        raise BadInput(f"jobs is {jobs}, but must be at least 1.")
    result = Evaluation(plan)
    by = _identity(predictor) if predictor else ""
    kept = Journal(Path(journal), _key(samples, plan, by)) if journal else None
    done = _taken_up(result, kept, samples, by) if kept else 0
    report = progress or (lambda _: None)
    report(done)
    try:
        for outcome in _outcomes(_tasks(samples[done:], predictor, by), plan, jobs):
            row = result.add(outcome)
            if kept:
                kept.add(row, result.state)
            report(result.count)
    except BaseException:
        if kept:
            kept.save(result.state())
        raise
    if kept:
        kept.done()
    return result


def forget(journal: str | Path) -> None:
    """Remove what an interrupted run has kept."""
    Journal(Path(journal), "").forget()


def _key(samples: Sequence[Sample], plan: Measures | Labels, by: str) -> str:
    """What results depend on besides the files' contents."""
    facts = [
        __version__,
        type(plan).__name__,
        asdict(plan),
        by,
        [sample.name for sample in samples],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _identity(predictor: Cutter | Segmenter) -> str:
    engine = predictor.engine
    facts = [asdict(predictor.card), engine.name, engine.device, engine.precision]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:24]


def _taken_up(result: Evaluation, journal: Journal, samples: Sequence[Sample], by: str) -> int:
    """Restore what a journal holds, if the files are still those that it was made from; returns how many pictures it holds."""
    held = journal.load()
    if held is None:
        return 0
    for row, sample in zip(held.rows, samples, strict=False):
        if row["digest"] != _measuring.digest(sample, by):
            journal.forget()
            result.resumed = f"{sample.name} has changed since the interrupted run: measured anew"
            return 0
    result.restore(held.rows, held.state)
    if held.rows:
        result.resumed = f"{len(held.rows)} taken over from an interrupted run"
    return len(held.rows)


def _tasks(
    samples: Sequence[Sample], predictor: Cutter | Segmenter | None, by: str
) -> Iterator[Task | Outcome]:
    """What is to be measured, with a model's masks; a picture that it could not predict for is an outcome already."""
    if predictor is None:
        yield from ((sample, None, by) for sample in samples)
        return
    images = [sample.image for sample in samples if sample.image]
    batch = 1 if predictor.engine.device == "cpu" else 8
    answers = _answers(predictor, images, batch)
    for sample, answer in zip(samples, answers, strict=True):
        if isinstance(answer, KirieError):
            yield _measuring.failed(sample, by, answer)
        else:
            yield sample, answer, by


def _answers(predictor: Cutter | Segmenter, images: list[Path], batch: int) -> Iterator[Any]:
    """A model's masks, or label maps."""
    if hasattr(predictor, "segment_many"):
        return predictor.segment_many(
            images, batch_size=batch, then=lambda _, scene: scene.classes, errors="return"
        )
    return predictor.cut_many(
        images,
        CutOptions(as_="mask"),
        batch_size=batch,
        then=lambda _, cutout: cutout.mask,
        errors="return",
    )


def _outcomes(
    tasks: Iterable[Task | Outcome], plan: Measures | Labels, jobs: int
) -> Iterator[Outcome]:
    """Measure, in order."""
    if jobs == 1:
        look = _measuring.looker(plan)
        for task in tasks:
            yield _measuring.finish(look, task)
        return
    pool = ProcessPoolExecutor(
        jobs, mp_context=_processes(), initializer=_measuring.prepare, initargs=(plan,)
    )
    waiting: deque[Future[list[Outcome]]] = deque()
    todo = iter(tasks)
    try:
        while True:
            # A little more than the workers can do: memory does not grow with the number of pictures.
            while len(waiting) < 3 * jobs and (chunk := list(islice(todo, CHUNK))):
                waiting.append(pool.submit(_measuring.run, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise KirieError(
            "A worker process has ended by itself, perhaps for want of memory: run again with fewer jobs."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _processes() -> BaseContext:
    """How worker processes are started: afresh, as a copy of this one would inherit its threads' locks without the threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_measuring.HEAVY))  # imported once for all of them
    return context

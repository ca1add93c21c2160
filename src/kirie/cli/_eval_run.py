"""The measuring half of `kirie eval`: folders and models one after another, with progress and resume."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import evaluate
from ..errors import BadInput
from ..metrics import Suite
from ._fetching import fetching
from ._running import counting_bar

if TYPE_CHECKING:
    from ..cutter import Cutter
    from ..reports.thumbnails import Predict
    from ..segmenter import Segmenter

__all__ = ["Run", "say"]

WORTH = 8  # pictures that make a further process worth its start


class Run:
    """Evaluations by the names of the predictions, in the order given."""

    def __init__(self, given: argparse.Namespace, truth: Path) -> None:
        self.results: dict[str, evaluate.Evaluation] = {}
        self.matched: dict[str, evaluate.Matched] = {}
        self.models: dict[str, str] = {}
        self._given, self._truth = given, truth
        self._plan = _plan(given)

    @property
    def incomplete(self) -> bool:
        """Whether a picture has no prediction, or could not be measured."""
        missing = any(matched.missing for matched in self.matched.values())
        return missing or any(result.failed for result in self.results.values())

    @property
    def uses_compiled_loops(self) -> bool:
        """Whether a measure needs them."""
        fresh = self._plan.fresh()
        return isinstance(fresh, Suite) and any(m.needs_extra for m in fresh.measures)

    def measure(self, name: str, folder: str | None, model: str | None) -> None:
        """Measure one folder's, or one model's, predictions."""
        given = self._given
        matched = evaluate.match(folder, self._truth, images=given.images)
        if matched.note:
            say(given, f"{name}: {matched.note}")
        if model:
            self.models[name] = model
        journal = self._journal()
        if journal and given.fresh:
            evaluate.forget(journal)
        with ExitStack() as stack:
            predictor: Cutter | Segmenter | None = None
            if model:
                predictor = self.open(model)
                stack.callback(predictor.close)
                card, engine = predictor.card, predictor.engine
                how = f"{engine.name} on {engine.device}, {engine.precision} ({engine.reason})"
                say(given, f"{name}: {card.name} ({card.licence}), {how}")
            progress = stack.enter_context(_progress(given, name, len(matched.samples)))
            try:
                result = evaluate.evaluate(
                    matched.samples,
                    self._plan,
                    predictor=predictor,
                    jobs=_jobs(given, matched.samples),
                    journal=journal,
                    progress=progress,
                )
            except KeyboardInterrupt:
                if journal:
                    say(given, "\nThe same command goes on from here.")
                raise
        if result.resumed:
            say(given, f"{name}: {result.resumed}")
        self.results[name], self.matched[name] = result, matched

    def open(self, model: str) -> Cutter | Segmenter:
        """Open a model: one that cuts, or for label maps one that names things."""
        from ..cutter import load
        from ..segmenter import load_segmenter

        given = self._given
        opening = load_segmenter if given.semantic else load
        with fetching(given) as fetch:
            return opening(
                model, engine=given.engine, device=given.device, like=given.like, fetch=fetch
            )

    @contextmanager
    def predictors(self) -> Iterator[dict[str, Predict]]:
        """For each model, what makes its mask of a picture again."""
        from ..spec import CutOptions

        def remade(cutter: Any) -> Predict:
            return lambda sample: cutter.cut(sample.image, CutOptions(as_="mask")).mask

        with ExitStack() as stack:
            yield {
                name: remade(stack.enter_context(self.open(model)))
                for name, model in self.models.items()
                if not self._given.semantic
            }

    def _journal(self) -> Path | None:
        """Beside the first file that is to be written: where nothing is written, nothing is kept."""
        given = self._given
        for target in (given.json, given.csv, given.report, given.markdown, given.latex):
            if target:
                path = Path(target)
                return path.with_name(f".{path.name}.resume-{len(self.results)}")
        return None


def _plan(given: argparse.Namespace) -> evaluate.Measures | evaluate.Labels:
    if given.semantic:
        return evaluate.Labels(given.num_classes, given.ignore_index, given.reduce_zero_label)
    names = tuple(name.strip() for name in given.metrics.split(",") if name.strip())
    plan = evaluate.Measures(names, given.resize)
    plan.fresh()  # an unknown name, or a missing extra, is said at once
    return plan


def _jobs(given: argparse.Namespace, samples: Sequence[Any]) -> int:
    if given.jobs is not None:
        if given.jobs < 1:
            raise BadInput(f"--jobs is {given.jobs}, but must be at least 1.")
        return int(given.jobs)
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, min(cores, len(samples) // WORTH))


@contextmanager
def _progress(given: argparse.Namespace, name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar, while there is somebody to look at it."""
    if given.quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with counting_bar() as bar:
        task = bar.add_task(name, total=total)
        yield lambda done: bar.update(task, completed=done)


def say(given: argparse.Namespace, text: str) -> None:
    """Tell the user something that is no result."""
    if not given.quiet:
        sys.stderr.write(f"{text}\n")

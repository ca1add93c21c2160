"""One run over many pictures: what is finished is left alone, what is made is verified, and every picture has its answer."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import Any, Self

from .. import image
from .._overlap import each
from ..cutout import Cutout
from ..cutter import Cutter
from ..errors import BadInput, KirieError
from ..options import CutOptions
from . import moving
from .archive import write
from .crew import Crew, crew_size
from .journal import Entry, Journal
from .making import Archives, Input, Made, Maker, Settings
from .plan import STANDARD, Job

__all__ = ["Answer", "Run", "Settings"]

Answer = dict[str, Any] | KirieError
LARGEST_COMMENT = 65535  # bytes that a member of an archive can say of itself
BATCH = 8  # pictures per call of a network on a GPU


class Run:
    """A run over planned jobs; use it as a context manager, which opens and closes journals and archives.

    Args:
        cutter: the open model.
        jobs: from `plan`.
        options: all options.
        settings: how to go about it.
        first: the first picture, where it is being decoded already.
    """

    def __init__(
        self,
        cutter: Cutter,
        jobs: Sequence[Job],
        options: CutOptions,
        settings: Settings | None = None,
        *,
        first: Future[image.Picture] | None = None,
    ) -> None:
        self.jobs = jobs
        self.stopped = Event()
        self._cutter, self._options, self._first = cutter, options.resolved(), first
        self._settings = settings or Settings()
        self._journals: dict[Path, Journal] = {}
        self._archives = Archives()
        self._maker = Maker(cutter, self._options, self._settings, self._archives)

    def __enter__(self) -> Self:
        if self._settings.move_done is not None:
            moving.check(self.jobs, self._settings.move_done)
        try:
            for job in self.jobs:
                if job.error:
                    continue
                if job.root is not None and job.root not in self._journals:
                    self._journals[job.root] = Journal(job.root)
                for archive in (job.archive, job.packed):
                    if archive is not None and (archive is job.archive or archive.is_file()):
                        self._archives.open(archive)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for journal in self._journals.values():
            journal.close()
        self._archives.close()

    def stop(self) -> None:
        """Begin no other picture; those that have begun are finished."""
        self.stopped.set()

    def answers(self) -> Iterator[tuple[Job, Answer]]:
        """Each job, in order, with the facts of its result or with what went wrong; after `stop`, those that were begun.

        Facts are those of `Cutout.report`, `output`, and `skipped`: whether the result was finished before.
        """
        begun: deque[Job] = deque()  # those that are cut, and failed ones between them

        def sources() -> Iterator[Job]:
            for job in self.jobs:
                if self.stopped.is_set():
                    return
                begun.append(job)
                if not job.error:
                    yield job

        good = [job for job in self.jobs if not job.error]
        for answer in self._made(sources(), good):
            while begun[0].error:
                yield self._failed(begun.popleft())
            yield begun.popleft(), answer
        while begun:
            yield self._failed(begun.popleft())
        if not self.stopped.is_set():
            self._pack()

    def _made(self, sources: Iterator[Job], good: list[Job]) -> Iterator[Answer]:
        """The answers, in order: from processes, or from threads of this one."""
        named = all(job.target is not None and job.source != STANDARD for job in good)
        count = crew_size(self._cutter, len(good)) if named else 0
        if not count:
            yield from self._in_threads(sources, good)
            return
        with Crew(self._cutter, self._options, self._settings, count) as crew:

            def work(_: int, job: Job) -> dict[str, Any]:
                return self._noted(job, crew.make(job, self._entry(job)))

            yield from each(sources, work, workers=count, errors="return")

    def _in_threads(self, sources: Iterator[Job], good: list[Job]) -> Iterator[Answer]:
        keys: dict[int, Input] = {}  # of what is being made

        def inputs() -> Iterator[Any]:
            for index, job in enumerate(sources):
                keys[index] = Input(job, self._entry(job), self._archives)
                yield self._decoded(job) or keys[index]

        def unless(source: Any) -> dict[str, Any] | None:
            made = self._maker.finished(source) if isinstance(source, Input) else None
            return made and self._noted(source.job, made)

        def then(index: int, cutout: Cutout) -> dict[str, Any]:
            return self._noted(good[index], self._maker.made(keys.pop(index), cutout))

        # On a CPU a batch is no faster than its pictures one by one, and starts later.
        size = 1 if self._cutter.engine.device == "cpu" else BATCH
        yield from self._cutter.cut_many(
            inputs(), self._options, batch_size=size, then=then, errors="return", unless=unless
        )

    def _decoded(self, job: Job) -> image.Picture | None:
        """The first picture, where it was decoded while the model was opened."""
        if self._first is None or job.root is not None:
            return None
        first, self._first = self._first, None
        return (
            None if first.exception() else first.result()
        )  # what failed fails again, in its place

    @staticmethod
    def _failed(job: Job) -> tuple[Job, Answer]:
        return job, BadInput(job.error)

    def _entry(self, job: Job) -> Entry | None:
        return self._journals[job.root].entry(job.target) if job.root and job.target else None

    def _noted(self, job: Job, made: Made) -> dict[str, Any]:
        """Note a result as finished, and put its input out of the way where that was asked for."""
        if made.entry is not None and job.root is not None and job.target is not None:
            self._journals[job.root].add(job.target, made.entry)
        self._move(job)
        return made.facts

    def _move(self, job: Job) -> None:
        """Put a finished input out of the way, where that was asked for."""
        folder = self._settings.move_done
        if folder is not None:
            moving.move(Path(job.source), moving.destination(job, folder))

    def _pack(self) -> None:
        """Make the archives of what is finished, and take their folders away."""
        for packed in dict.fromkeys(job.packed for job in self.jobs if job.packed):
            self._archives.close(packed)  # an open file cannot be replaced everywhere
            jobs = [job for job in self.jobs if job.packed == packed and job.target and job.root]
            roots = {job.root for job in jobs}
            members = []
            for job in sorted(jobs, key=lambda job: str(job.target)):
                entry = self._entry(job)
                if entry is not None and job.target is not None and job.target.is_file():
                    name = job.target.relative_to(str(job.root)).as_posix()
                    said = json.dumps({"key": entry.key, "facts": entry.facts}, sort_keys=True)
                    comment = said if len(said) <= LARGEST_COMMENT else ""
                    members.append((name, job.target, comment))
            if members:
                write(packed, members)
            for root in roots:
                if root is not None and members:
                    self._journals.pop(root).close()
                    shutil.rmtree(root)

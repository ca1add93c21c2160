"""One run over many pictures: what is finished is left alone, what is made is verified, and every picture has its answer."""

from __future__ import annotations

import json
import shutil
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Self

from .. import image
from .._files import read
from .._formats import displayed
from ..cutout import Cutout
from ..cutter import Cutter
from ..errors import BadInput, KirieError
from ..options import CutOptions
from . import moving
from .archive import Archive, write
from .journal import Journal, digest
from .keys import format_of, key_of
from .plan import STANDARD, Job

__all__ = ["Answer", "Run", "Settings"]

Answer = dict[str, Any] | KirieError
PASSING = ("model", "licence", "engine", "device", "precision", "timings")  # of this run alone
LARGEST_COMMENT = 65535  # bytes that a member of an archive can say of itself
BATCH = 8  # pictures per call of a network on a GPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run goes about its work.

    Attributes:
        recipe: what decides the results besides their inputs, from `keys.recipe`.
        force: make again what is finished.
        move_done: the folder that inputs move to when their result is verified; None: they stay.
    """

    recipe: str = ""
    force: bool = False
    move_done: Path | None = None


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
        self._archives: dict[Path, Archive] = {}
        self._packed: dict[Path, Archive] = {}
        self._keys: dict[Job, str] = {}  # of what is being made

    def __enter__(self) -> Self:
        if self._settings.move_done is not None:
            moving.check(self.jobs, self._settings.move_done)
        try:
            for job in self.jobs:
                if job.error:
                    continue
                if job.root is not None and job.root not in self._journals:
                    self._journals[job.root] = Journal(job.root)
                if job.archive is not None and job.archive not in self._archives:
                    self._archives[job.archive] = Archive(job.archive)
                old = job.packed
                if old is not None and old not in self._packed and old.is_file():
                    self._packed[old] = Archive(old)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for journal in self._journals.values():
            journal.close()
        for archive in (*self._archives.values(), *self._packed.values()):
            archive.close()

    def stop(self) -> None:
        """Begin no other picture; those that have begun are finished."""
        self.stopped.set()

    def answers(self) -> Iterator[tuple[Job, Answer]]:
        """Each job, in order, with the facts of its result or with what went wrong; after `stop`, those that were begun.

        Facts are those of `Cutout.report`, `output`, and `skipped`: whether the result was finished before.
        """
        begun: deque[Job] = deque()  # those that are cut, and failed ones between them

        def sources() -> Iterator[Any]:
            for job in self.jobs:
                if self.stopped.is_set():
                    return
                begun.append(job)
                if not job.error:
                    yield self._source(job)

        # On a CPU a batch is no faster than its pictures one by one, and starts later.
        size = 1 if self._cutter.engine.device == "cpu" else BATCH
        good = [job for job in self.jobs if not job.error]
        answers = self._cutter.cut_many(
            sources(),
            self._options,
            batch_size=size,
            then=lambda index, cutout: self._made(good[index], cutout),
            errors="return",
            unless=self._known,
        )
        for answer in answers:
            while begun[0].error:
                yield self._failed(begun.popleft())
            yield begun.popleft(), answer
        while begun:
            yield self._failed(begun.popleft())
        if not self.stopped.is_set():
            self._pack()

    def _source(self, job: Job) -> Any:
        if self._first is not None and job.root is None:
            first, self._first = self._first, None
            if first.exception() is None:
                return first.result()  # one that failed fails again, in its place
        return _Input(job, self._archives)

    @staticmethod
    def _failed(job: Job) -> tuple[Job, Answer]:
        return job, BadInput(job.error)

    def _known(self, source: Any) -> dict[str, Any] | None:
        """The facts of a result that is finished already; None for what has to be made."""
        job = source.job if isinstance(source, _Input) else None
        if job is None or job.root is None or job.target is None:
            return None
        key = key_of(source.load(), f"{self._settings.recipe}\n{format_of(job, self._options)}")
        facts = None
        if not self._settings.force:
            journal = self._journals[job.root]
            facts = journal.finished(job.target, key) or self._unpacked(job, key)
        if facts is None:
            self._keys[job] = key
            return None
        self._move(job)
        same = self._cutter.facts() | {"timings": {}}
        return facts | same | {"output": job.shown, "skipped": True}

    def _made(self, job: Job, cutout: Cutout) -> dict[str, Any]:
        """Write a result, read it back, and note it as finished."""
        data = cutout.encode(format_of(job, self._options))
        content = _written(job.target, data)
        facts = cutout.report()
        if job.root is not None and job.target is not None:
            kept = {name: value for name, value in facts.items() if name not in PASSING}
            self._journals[job.root].add(job.target, self._keys.pop(job), content, kept)
        self._move(job)
        return facts | {"output": job.shown, "skipped": False}

    def _unpacked(self, job: Job, key: str) -> dict[str, Any] | None:
        """The facts of a result that an earlier archive holds, finished; the result is taken from there."""
        archive = self._packed.get(job.packed) if job.packed else None
        if archive is None or job.root is None or job.target is None:
            return None
        name = job.target.relative_to(job.root).as_posix()
        info = archive.members.get(name)
        try:
            said = json.loads(info.comment) if info else {}
            if said.get("key") != key:
                return None
            data = archive.read(name)  # checked against its checksum
        except (ValueError, AttributeError, BadInput):
            return None
        facts = dict(said["facts"])
        image.make_folder(job.target.parent)
        image.write_atomic(job.target, data)
        self._journals[job.root].add(job.target, key, digest(data), facts)
        return facts

    def _move(self, job: Job) -> None:
        """Put a finished input out of the way, where that was asked for."""
        folder = self._settings.move_done
        if folder is not None:
            moving.move(Path(job.source), moving.destination(job, folder))

    def _pack(self) -> None:
        """Make the archives of what is finished, and take their folders away."""
        for packed in dict.fromkeys(job.packed for job in self.jobs if job.packed):
            if packed in self._packed:  # an open file cannot be replaced everywhere
                self._packed.pop(packed).close()
            jobs = [job for job in self.jobs if job.packed == packed and job.target and job.root]
            roots = {job.root for job in jobs}
            members = []
            for job in sorted(jobs, key=lambda job: str(job.target)):
                entry = (
                    self._journals[job.root].entry(job.target) if job.root and job.target else None
                )
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


def _written(target: Path | None, data: bytes) -> str:
    """Write a result, and read it back: its digest."""
    content = digest(data)
    if target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return content
    image.make_folder(target.parent)
    image.write_atomic(target, data)
    if digest(target.read_bytes()) != content:
        raise BadInput(
            f"{displayed(target)} reads back otherwise than it was written: the disk may be failing."
        )
    return content


class _Input:
    """An input's bytes as a binary file object, read when they are asked for and given up when they are handed on."""

    def __init__(self, job: Job, archives: dict[Path, Archive]) -> None:
        self.job, self.name = job, "standard input" if job.source == STANDARD else job.source
        self._archives = archives
        self._data: bytes | None = None

    def load(self) -> bytes:
        """The bytes; they stay for `read`."""
        if self._data is None:
            if self.job.archive is not None:
                self._data = self._archives[self.job.archive].read(self.job.member)
            elif self.job.source == STANDARD:
                self._data = sys.stdin.buffer.read()
            else:
                self._data = read(Path(self.job.source))
        return self._data

    def read(self) -> bytes:
        """The bytes, once; a second call reads them anew."""
        data, self._data = self.load(), None
        return data

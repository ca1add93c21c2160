"""One input → one result, written and read back: the same in a thread of the run and in a worker's process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from .. import image
from .._files import read
from .._formats import displayed
from ..cutout import Cutout
from ..cutter import Cutter
from ..errors import BadInput
from ..options import CutOptions
from .archive import Archive
from .journal import Entry, digest, verified
from .keys import format_of, key_of
from .plan import STANDARD, Job

__all__ = ["Archives", "Input", "Made", "Maker", "Settings"]

PASSING = ("model", "licence", "engine", "device", "precision", "timings")  # of this run alone


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


class Made(NamedTuple):
    """A result that is there, verified.

    facts: those of `Cutout.report`, `output`, and `skipped`: whether it was finished before.
    entry: what the journal is to note; None where it keeps none, or knows it already.
    """

    facts: dict[str, Any]
    entry: Entry | None


class Archives:
    """Open archives by their paths, each opened once; safe between threads."""

    def __init__(self) -> None:
        self._open: dict[Path, Archive] = {}
        self._alone = Lock()

    def __getitem__(self, path: Path) -> Archive:
        with self._alone:
            if path not in self._open:
                self._open[path] = Archive(path)
            return self._open[path]

    def open(self, path: Path) -> None:
        """Open one before it is read from; `BadInput` where it is refused."""
        self[path]

    def close(self, path: Path | None = None) -> None:
        """Close one of them, or all."""
        with self._alone:
            for each in list(self._open) if path is None else [path]:
                if each in self._open:
                    self._open.pop(each).close()


class Input:
    """An input's bytes as a binary file object, read when they are asked for and given up when they are handed on.

    Args:
        job: which one.
        entry: what the journal knows of its result.
        archives: to read it from.
    """

    def __init__(self, job: Job, entry: Entry | None, archives: Archives) -> None:
        self.job, self.entry = job, entry
        self.name = "standard input" if job.source == STANDARD else job.source
        self.key = ""
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

    def forget(self) -> None:
        """Give the bytes up."""
        self._data = None


class Maker:
    """Makes results; safe to share between threads.

    Args:
        cutter: the open model.
        options: resolved.
        settings: how to go about it.
        archives: to read inputs and earlier results from.
    """

    def __init__(
        self, cutter: Cutter, options: CutOptions, settings: Settings, archives: Archives
    ) -> None:
        self._cutter, self._options, self._settings = cutter, options, settings
        self._archives = archives

    def whole(
        self, given: Input, hold: Callable[[int], AbstractContextManager[None]] | None = None
    ) -> Made:
        """The result, made unless it is finished; `hold` is as for `Cutter.through`."""

        def then(cutout: Cutout) -> Made:
            return self.made(given, cutout)

        made: Made = self._cutter.through(
            given, self._options, unless=self.finished, then=then, hold=hold
        )
        return made

    def finished(self, given: Input) -> Made | None:
        """A result that is finished already; None for what has to be made."""
        job = given.job
        if job.root is None or job.target is None:
            return None
        given.key = key_of(
            given.load(), f"{self._settings.recipe}\n{format_of(job, self._options)}"
        )
        if self._settings.force:
            return None
        entry = None
        facts = verified(given.entry, job.target, given.key)
        if facts is None:
            entry = self._unpacked(job, given.key)
            facts = entry.facts if entry else None
        if facts is None:
            return None
        given.forget()
        same = self._cutter.facts() | {"timings": {}}
        return Made(facts | same | {"output": job.shown, "skipped": True}, entry)

    def made(self, given: Input, cutout: Cutout) -> Made:
        """Write a result, and read it back."""
        job = given.job
        data = cutout.encode(format_of(job, self._options))
        content = _written(job.target, data)
        facts = cutout.report()
        kept = {name: value for name, value in facts.items() if name not in PASSING}
        entry = Entry(given.key, content, kept) if job.root is not None and job.target else None
        return Made(facts | {"output": job.shown, "skipped": False}, entry)

    def _unpacked(self, job: Job, key: str) -> Entry | None:
        """A result that an earlier archive holds, finished; it is taken from there."""
        if job.packed is None or job.root is None or job.target is None or not job.packed.is_file():
            return None
        archive = self._archives[job.packed]
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
        return Entry(key, _written(job.target, data), facts)


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

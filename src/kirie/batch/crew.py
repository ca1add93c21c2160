"""Processes that cut pictures side by side, one on each core.

Threads of one process take turns at the interpreter: with two of them a third of the processor time of a folder goes into
waking each other up, and more with more. Processes share nothing, so that a folder takes little more than its pictures' own
time divided by the cores.

What is too large to lie in memory beside the others, runs out of memory, or ends its process, is tried once more while the others
wait. A worker ends with the process that started it, however that ends.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import IO, NamedTuple, Self

from .._formats import displayed
from .._machine import free_memory
from .._overlap import TOO_LITTLE
from .._threads import alone
from ..cutter import SHARE, Cutter
from ..engines import open_engine
from ..errors import BadInput, KirieError, OutOfMemory
from ..options import CutOptions
from ..spec import ModelCard
from .journal import Entry
from .making import Archives, Input, Made, Maker, Settings
from .plan import Job

__all__ = ["Crew", "crew_size", "main"]

WORTH = 8  # pictures for each worker: fewer are done before it is awake
ITSELF = 400 << 20  # bytes that a worker takes beside its pictures
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VIPS_CONCURRENCY"), "1"
)
START = "import sys; sys.path[:] = {path!r}; from kirie.batch.crew import main; main()"
DEATH_SIGNAL = 1  # of Linux' prctl


def crew_size(cutter: Cutter, jobs: int) -> int:
    """How many workers a run should have; 0 where threads of this process do as well.

    That is so on a GPU, for a network that uses all cores by itself, and for a few pictures.
    """
    engine = cutter.engine
    if engine.name != "onnx" or engine.device != "cpu":
        return 0
    room = int(free_memory() * SHARE) // (2 * ITSELF)
    count = min(getattr(engine, "calls", 1), jobs // WORTH, room)
    return count if count > 1 else 0


class _Start(NamedTuple):
    """What a worker is told first."""

    card: ModelCard
    file: Path
    notes: tuple[str, ...]
    options: CutOptions
    settings: Settings
    workers: int
    room: int


class _Ask(NamedTuple):
    """What a worker is asked for: one result, `by_itself` where the others wait meanwhile."""

    job: Job
    entry: Entry | None
    by_itself: bool


class _TooMuch(KirieError):  # noqa: N818  says what happened
    """A picture that does not fit into memory beside others."""


class _Ended(Exception):  # noqa: N818  says what happened
    """A worker has ended by itself."""


class Crew:
    """Workers that make results; a context manager, and safe to use from as many threads as there are workers.

    Args:
        cutter: as it is open here; each worker opens its file again.
        options: resolved.
        settings: how to go about it.
        count: how many.
    """

    def __init__(self, cutter: Cutter, options: CutOptions, settings: Settings, count: int) -> None:
        room = int(free_memory() * SHARE) // count - ITSELF
        file = getattr(cutter.engine, "path", Path())
        start = _Start(cutter.card, file, cutter.notes, options, settings, count, room)
        self._start, self._count = pickle.dumps(start), count
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._one = Lock()  # who gathers all workers
        for _ in range(count):
            self._idle.put(_Worker(self._start))

    def make(self, job: Job, entry: Entry | None) -> Made:
        """A job's result; `entry` is what the journal knows of it."""
        worker = self._alive(self._idle.get())
        try:
            return worker.ask(_Ask(job, entry, by_itself=False))
        except (_TooMuch, _Ended):
            pass
        finally:
            self._idle.put(self._alive(worker))
        with self._one, self._everybody() as worker:
            try:
                return worker.ask(_Ask(job, entry, by_itself=True))
            except _Ended as error:
                raise _death(job, worker.code()) from error

    @contextmanager
    def _everybody(self) -> Iterator[_Worker]:
        """One worker, while all others are idle."""
        workers = [self._alive(self._idle.get()) for _ in range(self._count)]
        try:
            yield workers[0]
        finally:
            for worker in workers:
                self._idle.put(self._alive(worker))

    def _alive(self, worker: _Worker) -> _Worker:
        if worker.code() is None:
            return worker
        worker.close()
        return _Worker(self._start)

    def close(self) -> None:
        """End all workers; those that are idle have nothing to lose."""
        while not self._idle.empty():
            self._idle.get().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Worker:
    """One process, seen from the run."""

    def __init__(self, start: bytes) -> None:
        # Its libraries read how many threads they may have when they are loaded. A group of its own keeps Ctrl-C from it,
        # also while Python starts: that is the run's affair.
        windows = os.name == "nt"
        self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603  this very Python
            [sys.executable, "-c", START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
            process_group=None if windows else 0,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) if windows else 0,
        )
        with suppress(OSError):  # it has ended; the first question will tell
            self._say(start)

    def ask(self, question: _Ask) -> Made:
        """Its answer; a `KirieError` that it answers with is raised."""
        try:
            self._say(pickle.dumps(question))
            answer = pickle.load(self._pipe(self._process.stdout))  # noqa: S301  from a process of our own
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self._process.kill()
            self._process.wait()
            raise _Ended from error
        if isinstance(answer, Made):
            return answer
        kind, text = answer
        raise _error(kind, text)

    def code(self) -> int | None:
        """How it has ended; None while it works."""
        return self._process.poll()

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                self._pipe(pipe).close()
        self._process.kill()
        self._process.wait()

    def _say(self, data: bytes) -> None:
        pipe = self._pipe(self._process.stdin)
        pipe.write(data)
        pipe.flush()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise BrokenPipeError
        return pipe


def _death(job: Job, code: int | None) -> KirieError:
    """Why a worker has ended twice over the same picture."""
    if code in (-9, 1, None):  # killed, as systems do that run out of memory
        return OutOfMemory(f"{job.source}: {TOO_LITTLE}")
    return BadInput(
        f"{displayed(job.source)} crashes a library that reads or writes pictures (code {code}): it is damaged in an "
        "unusual way; get a fresh copy of it."
    )


def _error(kind: type[KirieError], text: str) -> KirieError:
    """An error as it was raised; some kinds make their message themselves."""
    error = kind.__new__(kind)
    error.args = (text,)
    return error


def main() -> None:
    """What a worker does: read questions, write answers, until there are no more."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # as the command line does
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    questions = sys.stdin.buffer
    start: _Start = pickle.load(questions)  # noqa: S301  from the process that started this one
    archives = Archives()
    maker: Maker | KirieError
    try:
        opened = open_engine(
            (start.file,), start.card, engine="onnx", device="cpu", calls=start.workers
        )
        cutter = Cutter(start.card, opened.engine, notes=start.notes)
        maker = Maker(cutter, start.options, start.settings, archives)
    except KirieError as error:
        maker = error
    with alone(), suppress(EOFError, BrokenPipeError):
        while True:
            ask: _Ask = pickle.load(questions)  # noqa: S301
            answer = _answer(maker, ask, archives, start.room)
            answers.write(pickle.dumps(answer))
            answers.flush()


def _answer(
    maker: Maker | KirieError, ask: _Ask, archives: Archives, room: int
) -> Made | tuple[type[KirieError], str]:
    @contextmanager
    def hold(amount: int) -> Iterator[None]:
        if amount > room and not ask.by_itself:
            raise _TooMuch
        yield

    try:
        if isinstance(maker, KirieError):
            raise maker
        return maker.whole(Input(ask.job, ask.entry, archives), hold)
    except (MemoryError, OutOfMemory) as error:
        kind = OutOfMemory if ask.by_itself else _TooMuch
        return kind, str(error) or TOO_LITTLE
    except KirieError as error:
        return type(error), str(error)

"""Endless batches made ahead of time, each picture from its own number: order and content depend on nothing else.

The stream of running numbers 0, 1, 2 … is one for all processes of a training. Its global batch b holds the numbers from
b·G on, G of them; of R processes, the r-th makes the r-th part. So one integer, the number of the next picture, is the whole state
of the sampler; one process or two see the same global batch; and a stream that runs on into the next epoch leaves no
process waiting where the data do not divide.

Threads by default: OpenCV, libvips and NumPy leave the interpreter's lock in the heavy steps, decoded pictures are kept once, and
nothing has to be copied between processes. Processes when asked, for machines of many cores.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections import deque
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import torch

from ..errors import BadInput
from .batch import NO_CLASS, Batch
from .making import Made, Make, Maker, Size, made_here, set_up
from .sources import Examples

__all__ = ["Feed", "Varied"]

AHEAD = 3  # batches being made or waiting
MOST = 16  # workers that are started unasked


@dataclass(frozen=True, slots=True)
class Varied:
    """A size drawn anew for every batch: height and width each from `least` to `most`, floored to a `multiple`."""

    least: int = 256
    most: int = 2304
    multiple: int = 32

    def of(self, seed: int, first: int) -> Size:
        """(height, width) of the global batch that begins with that number."""
        rng = np.random.default_rng((seed, first, 2))  # 2: another stream than pictures and orders
        height, width = rng.integers(self.least, self.most, 2, endpoint=True)
        step = self.multiple
        return max(step, int(height) // step * step), max(step, int(width) // step * step)


Sizes = int | Size | Varied


@dataclass(slots=True)
class _Ordered:
    """A batch being made: the first number of the global batch, that of this process's part, and the parts."""

    start: int
    first: int
    futures: list[Future[Made]] | list[Future[list[Made]]]


class Feed:
    """Endless batches of a training; a context manager, which stops its workers."""

    def __init__(
        self,
        examples: Examples,
        make: Make,
        *,
        batch: int,
        seed: int,
        first: int = 0,
        rank: int = 0,
        ranks: int = 1,
        workers: int | None = None,
        processes: bool = False,
    ) -> None:
        """Start the workers.

        Args:
            examples: what to draw from.
            make: `(example, generator, (height, width)) → (name, image, truth, class)`, the augmentation of a recipe.
            batch: pictures of a global batch: of all processes together.
            seed: of the order and of every picture.
            first: the running number to begin with: how many pictures all processes have seen before.
            rank: which of the processes this is.
            ranks: how many there are.
            workers: threads or processes that make pictures; None: one a core, at most sixteen.
            processes: make pictures in processes instead of threads. `make` and `examples` are copied to them.

        Raises:
            BadInput: there are no examples, or a number makes no sense.
        """
        if not len(examples):
            raise BadInput(
                "There are no pictures to train on: give a folder of pictures and masks."
            )
        if not 0 <= rank < ranks:
            raise BadInput(
                f"rank is {rank}, but must be from 0 to {ranks - 1}, as ranks is {ranks}."
            )
        if workers is not None and workers < 1:
            raise BadInput(f"workers is {workers}, but must be at least 1.")
        self._maker = Maker(examples, make, seed)
        self._batch, self._seed, self._next = batch, seed, first
        self._rank, self._ranks = rank, ranks
        self._workers = workers or min(_cores(), MOST)
        self._processes = processes
        self._pool: Executor = self._started()
        self._asked: tuple[Sizes, int] | None = None
        self._waiting: deque[_Ordered] = deque()

    def _started(self) -> Executor:
        if self._processes:
            context = multiprocessing.get_context(
                "spawn"
            )  # forking a process with threads can hang
            return ProcessPoolExecutor(self._workers, context, set_up, (self._maker,))
        cv2.setNumThreads(1)  # the workers are the parallelism
        return ThreadPoolExecutor(self._workers, "augment")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def batch(self, size: Sizes, count: int | None = None) -> Batch:
        """This process's part of the next global batch.

        What was made ahead at another size is dropped and made again from the same numbers: a batch depends on its number and
        on what is asked for here, never on what was asked for before.

        Args:
            size: of the pictures: both sides, (height, width), or `Varied` for one drawn for each batch.
            count: pictures of the global batch from now on; None: as the feed was told.

        Raises:
            BadInput: the batch does not divide among the processes, or a picture cannot be read.
        """
        count = count or self._batch
        if count < 1 or count % self._ranks:
            raise BadInput(
                f"A batch of {count} pictures cannot be divided among {self._ranks} processes: choose a multiple of "
                f"{self._ranks}."
            )
        if self._asked != (size, count):
            self._drop()
            self._asked = size, count
        while len(self._waiting) < AHEAD:
            self._waiting.append(self._order(size, count))
        ordered = self._waiting.popleft()
        made: list[Made] = []
        for future in ordered.futures:
            result = future.result()
            made.extend([result] if isinstance(result, Made) else result)
        return _stacked(made, ordered.first)

    def _drop(self) -> None:
        if self._waiting:
            self._next = self._waiting[0].start
        for ordered in self._waiting:
            for future in ordered.futures:
                future.cancel()
        self._waiting.clear()

    def _order(self, size: Sizes, count: int) -> _Ordered:
        start, part = self._next, count // self._ranks
        first = start + part * self._rank
        numbers = range(first, first + part)
        self._next += count
        if isinstance(size, Varied):
            size = size.of(self._seed, start)
        elif isinstance(size, int):
            size = size, size
        if not self._processes:
            return _Ordered(
                start, first, [self._pool.submit(self._maker, n, size) for n in numbers]
            )
        share = math.ceil(part / self._workers)  # fewer, larger messages between processes
        chunks = [numbers[at : at + share] for at in range(0, part, share)]
        return _Ordered(start, first, [self._pool.submit(made_here, c, size) for c in chunks])


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _stacked(made: list[Made], first: int) -> Batch:
    labels = [each.label for each in made]
    classes = None
    if any(label is not None for label in labels):
        classes = torch.tensor([NO_CLASS if label is None else label for label in labels])
    return Batch(
        [each.name for each in made],
        torch.from_numpy(np.stack([each.image for each in made])),
        torch.from_numpy(np.stack([each.truth for each in made])),
        classes,
        first,
    )

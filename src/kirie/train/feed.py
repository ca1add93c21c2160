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
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import torch

from .._machine import cores
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
    seed: int = 0

    def __call__(self, first: int) -> Size:
        """(height, width) of the global batch that begins with that number."""
        rng = np.random.default_rng(
            (self.seed, first, 2)
        )  # 2: another stream than pictures and orders
        height, width = rng.integers(self.least, self.most, 2, endpoint=True)
        step = self.multiple
        return max(step, int(height) // step * step), max(step, int(width) // step * step)


@dataclass(slots=True)
class _Ordered:
    """A batch being made: the number of its first picture, and the parts."""

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
        size: int | Size | Callable[[int], Size],
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
            size: of the pictures: both sides, (height, width), or what gives it for the first number of a global batch.
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
        if batch < 1 or batch % ranks:
            raise BadInput(
                f"A batch of {batch} pictures cannot be divided among {ranks} processes: choose a multiple of {ranks}."
            )
        if workers is not None and workers < 1:
            raise BadInput(f"workers is {workers}, but must be at least 1.")
        self._maker = Maker(examples, make, seed)
        self._batch, self._size, self._next = batch, size, first
        self._rank, self._ranks = rank, ranks
        self._workers = workers or min(cores(), MOST)
        self._processes = processes
        self._pool: Executor = self._started()
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

    def batch(self) -> Batch:
        """This process's part of the next global batch.

        Raises:
            BadInput: a picture cannot be read.
        """
        while len(self._waiting) < AHEAD:
            self._waiting.append(self._order())
        ordered = self._waiting.popleft()
        made: list[Made] = []
        for future in ordered.futures:
            result = future.result()
            made.extend([result] if isinstance(result, Made) else result)
        return _stacked(made, ordered.first)

    def _order(self) -> _Ordered:
        start, part = self._next, self._batch // self._ranks
        self._next += self._batch
        first = start + part * self._rank
        numbers, size = range(first, first + part), self._at(start)
        if not self._processes:
            return _Ordered(first, [self._pool.submit(self._maker, n, size) for n in numbers])
        share = math.ceil(part / self._workers)  # fewer, larger messages between processes
        chunks = [numbers[at : at + share] for at in range(0, part, share)]
        return _Ordered(first, [self._pool.submit(made_here, c, size) for c in chunks])

    def _at(self, start: int) -> Size:
        if callable(self._size):
            return self._size(start)
        return (self._size, self._size) if isinstance(self._size, int) else self._size


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

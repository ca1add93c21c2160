"""Making single training pictures, in a thread or in a process of its own; knows no PyTorch, so that a process starts fast."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .sources import Example, Examples

__all__ = ["Made", "Make", "Maker", "made_here", "set_up"]

Size = tuple[int, int]  # (height, width)


class Made(NamedTuple):
    """One picture of a batch: image (h, w, 3) uint8 RGB, truth (h, w) uint8 subject or int16 labels, class or None."""

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[Any]
    label: int | None


Make = Callable[[Example, Generator, Size], Made]


class Maker:
    """Picture number n of a seed, whoever asks for it and when."""

    def __init__(self, examples: Examples, make: Make, seed: int) -> None:
        self._examples, self._make, self._seed = examples, make, seed
        self._orders: dict[int, NDArray[np.int64]] = {}

    def __call__(self, number: int, size: Size) -> Made:
        """The picture with that running number, at (height, width)."""
        epoch, place = divmod(number, len(self._examples))
        example = self._examples.files[int(self._order(epoch)[place])]
        rng = np.random.default_rng((self._seed, number))
        return Made(*self._make(example, rng, size))

    def _order(self, epoch: int) -> NDArray[np.int64]:
        order = self._orders.get(epoch)
        if order is None:  # two threads may both make it: it is the same
            order = self._examples.order(self._seed, epoch)
            self._orders = {
                **{e: o for e, o in self._orders.items() if e >= epoch - 1},
                epoch: order,
            }
        return order


_makers: list[Maker] = []  # of a worker process


def set_up(maker: Maker) -> None:
    """Prepare a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    cv2.setNumThreads(1)
    _makers[:] = [maker]


def made_here(numbers: Iterable[int], size: Size) -> list[Made]:
    """Some pictures, in a worker process."""
    return [_makers[0](number, size) for number in numbers]

"""Batches made ahead of time by two threads, each picture from its own seed.

Threads, not processes: OpenCV and NumPy leave the interpreter's lock in the heavy steps, the pictures stay in one
copy, and nothing has to be pickled.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ..spec import IMAGENET_MEAN, IMAGENET_STD
from . import oldaugment as augment
from .data import Data, Sample
from .recipe import Phase

__all__ = ["Batch", "Feed", "normalised", "plain"]

AHEAD = 3  # batches being made or waiting


@dataclass(frozen=True, slots=True)
class Batch:
    """images: (N, h, w, 3) uint8 RGB; masks: (N, h, w) uint8; names: of each picture; first: its running number."""

    names: list[str]
    images: Tensor
    masks: Tensor
    first: int


def normalised(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Batch arrays → the network's input (N, 3, h, w) float32 (channels last in memory), truth (N, 1, h, w) in 0..1."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    x = (images.float() / 255 - mean) / std  # (N, h, w, 3)
    return x.permute(0, 3, 1, 2), masks[:, None].float() / 255  # NHWC memory seen as NCHW


class Feed:
    """Endless batches. Picture number n of a seed is always the same, so a resumed run goes on where it stopped."""

    def __init__(self, data: Data, *, empties: float, seed: int, first: int = 0) -> None:
        self._data, self._empties, self._seed = data, empties, seed
        self._next = first
        self._pool = ThreadPoolExecutor(2, "augment")
        self._waiting: deque[Future[Batch]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def batch(self, phase: Phase) -> Batch:
        """The next batch; at a change of phase, the few that were ordered before still have the old size."""
        while len(self._waiting) < AHEAD:
            self._waiting.append(self._pool.submit(self._make, self._next, phase))
            self._next += phase.batch
        return self._waiting.popleft().result()

    def _make(self, first: int, phase: Phase) -> Batch:
        names, images, masks = [], [], []
        for number in range(first, first + phase.batch):
            rng = np.random.default_rng((self._seed, number))
            name, image, mask = augment.picture(
                self._data, rng, phase.size, phase.composites, self._empties
            )
            names.append(name)
            images.append(image)
            masks.append(mask)
        return Batch(
            names, torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks)), first
        )


def plain(sample: Sample, size: int) -> tuple[Tensor, Tensor]:
    """One picture, squashed and not varied: (1, 3, size, size), and truth (1, 1, H, W) at the picture's own size."""
    if sample.mask is None:
        raise ValueError(f"{sample.name} has no mask")
    image = augment.fit(sample.image, size, size)
    x, _ = normalised(torch.from_numpy(image)[None], torch.zeros(1, 1, 1))
    return x, torch.from_numpy(sample.mask)[None, None].float() / 255

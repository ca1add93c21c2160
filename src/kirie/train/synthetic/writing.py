"""Synthetic pictures into a folder, by as many processes as there are cores; what is there already is not made again."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from ..._encode import encode
from ..._files import make_folder, write_atomic
from ..._machine import cores
from ...errors import BadInput
from ..geometry import Bytes
from ..progress import Progress
from . import scenes as _scenes
from . import subjects as _subjects

__all__ = ["straight", "write"]

QUALITY = 92  # of the backgrounds' JPEG files
PART = 8  # pictures that a process is given at once
SAY = 2.0  # seconds between two reports
SIDES = 64, 2048


@dataclass(frozen=True, slots=True)
class _Work:
    """Pictures from number `first` to before `last`, subjects or scenes."""

    out: Path
    seed: int
    side: int
    scenes: bool
    first: int
    last: int


def write(
    out: str | Path,
    subjects: int,
    scenes: int,
    *,
    seed: int = 0,
    side: int = 288,
    workers: int | None = None,
) -> int:
    """Write OUT/cutouts/syn_KIND_00001.png … and OUT/backgrounds/syn_KIND_00001.jpg …; returns how many files were made.

    A picture's kind and content follow from seed, side and its number alone. A file that exists is left as it is, so that a run
    that was interrupted goes on where it stopped, and a larger run adds to a smaller one.

    Args:
        out: a folder; it is created.
        subjects: cutouts, numbered from 1.
        scenes: backgrounds, numbered from 1.
        seed: 0 or more.
        side: pixels of a cutout's longer side and a background's shorter one, 64…2048.
        workers: processes; None: one a core.

    Raises:
        BadInput: a number makes no sense, or the folder cannot be written to.
    """
    for name, value in (("subjects", subjects), ("scenes", scenes), ("seed", seed)):
        if value < 0:
            raise BadInput(f"{name} is {value}, but must be 0 or more.")
    if not SIDES[0] <= side <= SIDES[1]:
        raise BadInput(f"side is {side}, but must be from {SIDES[0]} to {SIDES[1]} pixels.")
    if workers is not None and workers < 1:
        raise BadInput(f"workers is {workers}, but must be at least 1.")
    folder, total = Path(out), subjects + scenes
    for name in ("cutouts", "backgrounds"):
        make_folder(folder / name)
    parts = (
        _Work(folder, seed, side, kind, first, min(first + PART, count + 1))
        for kind, count in ((False, subjects), (True, scenes))
        for first in range(1, count + 1, PART)
    )
    made, done, start, said = 0, 0, time.monotonic(), 0.0
    with Progress() as bar:
        for new, seen in _worked(parts, workers or cores()):
            made, done = made + new, done + seen
            now = time.monotonic()
            if now - said > SAY:
                said = now
                left = (now - start) / done * (total - done)
                bar.report(done / total, f"{done} of {total} pictures", left=left)
    return made


def _worked(parts: Iterator[_Work], workers: int) -> Iterator[tuple[int, int]]:
    """How many files of each part were made, and how many there are in it, as they come."""
    if workers == 1:
        for part in parts:
            yield _made(part), part.last - part.first
        return
    context = multiprocessing.get_context("spawn")  # forking a process with threads can hang
    with ProcessPoolExecutor(workers, context, _alone) as pool:
        waiting: dict[Future[int], _Work] = {}
        try:
            while True:
                for part in islice(parts, 2 * workers - len(waiting)):
                    waiting[pool.submit(_made, part)] = part
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    part = waiting.pop(future)
                    yield future.result(), part.last - part.first
        finally:  # also after Ctrl-C: what has begun is finished
            pool.shutdown(cancel_futures=True)


def _alone() -> None:
    """The processes are the parallelism."""
    cv2.setNumThreads(1)


def _made(work: _Work) -> int:
    return sum(_one(work, number) for number in range(work.first, work.last))


def _one(work: _Work, number: int) -> bool:
    """Whether the picture had to be made."""
    rng = np.random.default_rng((work.seed, work.side, number, int(work.scenes)))
    if work.scenes:
        kind = _scenes.drawn(rng)
        path = work.out / "backgrounds" / f"syn_{kind}_{number:05}.jpg"
    else:
        kind = _subjects.drawn(rng)
        path = work.out / "cutouts" / f"syn_{kind}_{number:05}.png"
    if path.exists():
        return False
    if work.scenes:
        longer = round(work.side * rng.uniform(1.0, 1.5))
        size = (work.side, longer) if rng.random() < 0.75 else (longer, work.side)
        data = encode(_scenes.scene(rng, *size, kind), "jpeg", quality=QUALITY)
    else:
        data = encode(straight(*_subjects.subject(rng, work.side, kind)), "png")
    write_atomic(path, data)
    return True


def straight(colours: Bytes, alpha: Bytes) -> Bytes:
    """Premultiplied colours (h, w, 3) and alpha (h, w) → RGBA (h, w, 4) with straight alpha."""
    share = np.maximum(alpha, 1).astype(np.uint16)[:, :, None]
    pixels = (colours.astype(np.uint16) * 255 + share // 2) // share
    return np.dstack((np.minimum(pixels, 255).astype(np.uint8), alpha))

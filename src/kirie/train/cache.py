"""Decoded pictures, shrunk to what a recipe needs of them and kept: in memory as far as it goes, in a folder where one is given."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._files import make_folder, write_atomic
from .._machine import free_memory
from .geometry import Bytes, Filter, Pair, Size, resized
from .polygons import Polygons
from .reading import Example, Labels, Task, cutout, picture, read

__all__ = ["Kept", "Pictures"]

FORMAT = "2"  # of a stored file; another number forgets all that was stored
STALE = 2000  # calls since pictures were last asked for in some way, after which that way is over
SHARE = 4  # memory is taken up to one part in so many of what is free


@dataclass(frozen=True, slots=True)
class Kept:
    """How a picture is kept.

    squash: at exactly this (height, width). longest, shortest: else, with its aspect ratio, so small that neither its longer side
    is above the one nor its shorter side above the other; never larger than it is. image, truth: the filters.
    """

    squash: Size | None = None
    longest: int = 1 << 20
    shortest: int = 1 << 20
    image: Filter = "area"
    truth: Filter = "area"

    def size(self, h: int, w: int) -> Size:
        """The (height, width) at which a picture (h, w) is kept."""
        if self.squash:
            return self.squash
        scale = min(1.0, self.longest / max(h, w), self.shortest / min(h, w))
        return max(1, round(h * scale)), max(1, round(w * scale))


class Pictures:
    """Pictures and truths by example, each decoded once as long as there is room; safe to call from several threads.

    What is in memory stays: which pictures an epoch asks for next is not to be foreseen, so replacing one by another saves nothing. Pictures
    kept in another way (of a phase that is over) make room first. A copy for another process starts empty.
    """

    def __init__(
        self,
        task: Task = "subject",
        labels: Labels | None = None,
        classes: Sequence[str] = (),
        *,
        memory: int | None = None,
        folder: str | Path | None = None,
    ) -> None:
        """Keep nothing yet.

        Args:
            task: what the truths are.
            labels: how label maps are read.
            classes: names by number, of annotations.
            memory: bytes that may be taken; None: a quarter of what is free now.
            folder: where to store what was decoded, by its content, for later runs and other processes; it is created.
        """
        self._task, self._labels, self._classes = task, labels or Labels(), tuple(classes)
        self.memory = free_memory() // SHARE if memory is None else memory
        self.folder = Path(folder) if folder else None
        if self.folder:
            make_folder(self.folder)
        self._empty()

    def _empty(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Kept, dict[Any, tuple[Bytes, ...]]] = {}
        self._last: dict[Kept, int] = {}
        self._calls = 0
        self.used = 0

    def __getstate__(self) -> dict[str, Any]:
        """Without what is held in memory."""
        names = ("_task", "_labels", "_classes", "memory", "folder")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._empty()

    def __call__(self, example: Example, kept: Kept) -> Pair:
        """Image (h, w, 3) uint8 and truth (h, w), uint8 or int16, as kept; not to be written to.

        Raises:
            BadInput: a file cannot be read, or the sizes of the two differ.
        """

        def make() -> tuple[Bytes, ...]:
            image, truth = read(example, self._task, self._labels, self._classes)
            size = kept.size(*truth.shape)
            return resized(image, size, kept.image), resized(truth, size, kept.truth)

        image, truth = self._got(example.name, kept, lambda: self._digest(example, kept), make)
        return image, truth

    def cutout(self, path: Path, kept: Kept) -> Pair:
        """Premultiplied colours and alpha of a subject alone; see `reading.cutout`."""

        def make() -> tuple[Bytes, ...]:
            colours, alpha = cutout(path)
            size = kept.size(*alpha.shape)
            return resized(colours, size, kept.image), resized(alpha, size, kept.image)

        def digest() -> str:
            return _hashed(path.read_bytes(), "cutout", repr(kept))

        colours, alpha = self._got(path, kept, digest, make)
        return colours, alpha

    def plain(self, path: Path, kept: Kept) -> Bytes:
        """A picture without a truth."""

        def make() -> tuple[Bytes, ...]:
            image = picture(path)
            return (resized(image, kept.size(*image.shape[:2]), kept.image),)

        return self._got(path, kept, lambda: _hashed(path.read_bytes(), "plain", repr(kept)), make)[
            0
        ]

    def _digest(self, example: Example, kept: Kept) -> str:
        facts = [self._task, repr(self._labels), repr(self._classes), repr(kept)]
        true = example.truth
        if isinstance(true, Polygons):
            return _hashed(example.image.read_bytes(), *facts, repr((true.size, true.pieces)))
        return _hashed(example.image.read_bytes() + true.read_bytes(), *facts)

    def _got(
        self,
        key: Any,
        kept: Kept,
        digest: Callable[[], str],
        make: Callable[[], tuple[Bytes, ...]],
    ) -> tuple[Bytes, ...]:
        self._calls += 1
        self._last[kept] = self._calls
        found = self._held.get(kept, {}).get(key)
        if found is not None:
            return found
        arrays = make() if self.folder is None else _stored(self.folder, digest, make)
        arrays = tuple(np.ascontiguousarray(array) for array in arrays)
        for array in arrays:
            array.setflags(write=False)
        self._hold(key, kept, arrays)
        return arrays

    def _hold(self, key: Any, kept: Kept, arrays: tuple[Bytes, ...]) -> None:
        size = sum(array.nbytes for array in arrays)
        with self._lock:
            if self.used + size > self.memory:
                self._make_room()
            own = self._held.setdefault(kept, {})
            if key not in own and self.used + size <= self.memory:
                own[key] = arrays
                self.used += size

    def _make_room(self) -> None:
        """Forget what is kept in ways that nobody asks for any more."""
        for kept in [k for k in self._held if self._calls - self._last[k] > STALE]:
            gone = self._held.pop(kept)
            self.used -= sum(array.nbytes for arrays in gone.values() for array in arrays)


def _hashed(data: bytes, *facts: str) -> str:
    digest = hashlib.blake2b(data, digest_size=16)
    digest.update("\0".join((FORMAT, *facts)).encode())
    return digest.hexdigest()


def _stored(
    folder: Path, digest: Callable[[], str], make: Callable[[], tuple[Bytes, ...]]
) -> tuple[Bytes, ...]:
    """From the folder, or made and put there."""
    try:
        path = folder / f"{digest()}.kept"
        data = path.read_bytes()
    except OSError:  # not stored yet; or the picture itself is not there, which `make` says better
        arrays = make()
        out = io.BytesIO()
        for array in arrays:
            np.save(out, array, allow_pickle=False)
        write_atomic(folder / f"{digest()}.kept", out.getvalue())
        return arrays
    source, loaded = io.BytesIO(data), []
    while source.tell() < len(data):
        loaded.append(np.load(source, allow_pickle=False))
    return tuple(loaded)

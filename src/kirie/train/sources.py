"""Where training pictures come from: folders in the field's layouts, polygons, several sets with weights.

examples = find([("DUTS-TR", 1), ("mine", 5)])       # of an epoch, each picture of mine five times
train, held = split(examples, share=0.1)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from .._formats import displayed
from ..errors import BadInput
from ._found import Found, look
from .reading import Example, Labels, Task, class_names

__all__ = ["Example", "Examples", "Labels", "Task", "find", "photo", "split"]

LARGEST_WEIGHT = 10_000.0


@dataclass(frozen=True, slots=True)
class Examples(Sequence[Example]):
    """The pictures of an epoch, and what belongs to them.

    Its length is that of an epoch: a set of weight 3 counts three times.

    Attributes:
        files: every picture once, set by set.
        sets: (number of pictures, weight) of each set.
        task: what the truth is.
        classes: names by number: of the pixels' labels, or of the auxiliary head (sorted, as DIS5K has it); may be empty.
        notes: what was understood and left out, a sentence each.
        cutouts: pictures of subjects alone, with alpha. backgrounds: pictures to lay them on.
        labels: how label maps are read.
    """

    files: tuple[Example, ...]
    sets: tuple[tuple[int, float], ...]
    task: Task = "subject"
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cutouts: tuple[Path, ...] = ()
    backgrounds: tuple[Path, ...] = ()
    labels: Labels = field(default_factory=Labels)

    def __len__(self) -> int:
        return sum(_times(count, weight) for count, weight in self.sets)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        """The picture at a place of an epoch that is not shuffled."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place, start = index % len(self), 0
        for count, weight in self.sets:
            times = _times(count, weight)
            if place < times:
                return self.files[start + place % count]
            place, start = place - times, start + count
        raise IndexError(index)

    def __iter__(self) -> Iterator[Example]:
        return (self[i] for i in range(len(self)))

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Indices into `files` for one epoch: (len(self),), each picture as often as its set's weight says.

        Of a weight that is no whole number, the rest is drawn anew each epoch, so that every picture is seen as often as another.
        """
        rng = np.random.default_rng((seed, epoch, 1))  # 1: another stream than pictures' own
        found, start = [], 0
        for count, weight in self.sets:
            whole, rest = divmod(_times(count, weight), max(1, count))
            own = np.arange(start, start + count)
            found += [own] * whole + [rng.permutation(own)[:rest]]
            start += count
        return rng.permutation(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _times(count: int, weight: float) -> int:
    """How often pictures of a set are drawn in an epoch, all together."""
    return max(1, round(count * weight)) if count else 0


def find(
    sets: Sequence[tuple[str | Path, float]],
    *,
    task: Task = "subject",
    part: Literal["train", "test"] = "train",
    labels: Labels | None = None,
) -> Examples:
    """Find the pictures and truths of data sets.

    Args:
        sets: (folder or COCO file, weight). A folder holds pictures and masks in any layout that `kirie eval` knows too, JPEGs with
            PNG masks of the same names, LabelMe or COCO files; or `train/`, `cutouts/` and `backgrounds/`.
        task: `subject` and `matting`: masks, 0…255. `semantic`: label maps.
        part: which part of a set that is divided is meant.
        labels: how label maps are read; None: as they are, 255 ignored.

    Raises:
        BadInput: a folder is missing or not understood, holds no pictures with truths, or a weight makes no sense.
    """
    if not sets:
        raise BadInput("There is no data: name a folder of pictures and masks.")
    found: list[Found] = []
    for path, weight in sets:
        if not 0 < weight <= LARGEST_WEIGHT:
            raise BadInput(
                f"The weight of {displayed(path)} is {weight}, but must be above 0 and at most {LARGEST_WEIGHT:g}."
            )
        found.append(look(Path(path), task, part))
    rule = labels or Labels()
    files = [example for one in found for example in one.files]
    if not files:
        raise BadInput(
            f"There are no photos with masks in {displayed(sets[0][0])}, only cutouts and backgrounds: name a folder of photos as well."
        )
    if len(sets) > 1:
        files = [
            replace(example, name=f"{one.name}/{example.name}")
            for one in found
            for example in one.files
        ]
    if task == "semantic":
        classes = class_names(files, rule, [n for one in found for n in one.classes])
    else:
        files, classes = _dis_classes(files)
    return Examples(
        tuple(files),
        tuple(
            (len(one.files), float(weight)) for one, (_, weight) in zip(found, sets, strict=True)
        ),
        task,
        classes,
        tuple(note for one in found for note in one.notes),
        tuple(path for one in found for path in one.cutouts),
        tuple(path for one in found for path in one.backgrounds),
        rule,
    )


def _dis_classes(files: list[Example]) -> tuple[list[Example], tuple[str, ...]]:
    """DIS5K names files NUMBER#Group#NUMBER#Class#name: the class is the fourth field, its number that of the sorted names."""
    named = [_dis_class(example.image.stem) for example in files]
    classes = tuple(sorted({name for name in named if name}))
    numbers = {name: number for number, name in enumerate(classes)}
    files = [
        replace(example, class_index=numbers[name]) if name else example
        for example, name in zip(files, named, strict=True)
    ]
    return files, classes


def _dis_class(stem: str) -> str | None:
    fields = stem.split("#")
    return fields[3] if len(fields) > 4 and fields[0].isdigit() and fields[2].isdigit() else None


# What is held out


def photo(stem: str) -> str:
    """The photo that a file was made from: a cutout and a background of a held-out photo are held out too.

    `petbg_Bengal_1`, `pet_Bengal_1` → `pet_Bengal_1`; `ccpbg_0007r`, `ccphead_0007`, `ccp_0007` → `ccp_0007`;
    `bal_123_0` → `bal_123` (one photo, several balloons); all others stand for themselves.
    """
    stem = re.sub(r"^(pet|ccp)(bg|head)_", r"\1_", stem)
    stem = re.sub(r"^(ccp_\d+)[lr]$", r"\1", stem)
    return re.sub(r"^(bal_\d+)_\d+$", r"\1", stem)


def place(stem: str) -> float:
    """Where a file's photo stands between 0 and 1: by a hash of its name alone, the same on every machine.

    The tenth from 0 on is the tenth that has always been held out for kirie-mini: that of the numbers that ten divides.
    """
    digest = hashlib.sha256(photo(stem).encode()).digest()
    number = int.from_bytes(digest[:4], "big")
    return (number % 10 + number / 2**32) / 10


def split(examples: Examples, share: float = 0.1) -> tuple[Examples, Examples]:
    """Divide into a part to train on and one that is held out; never the same photo, by its file's name, on both sides.

    Cutouts and backgrounds of held-out photos are left out of both. At least one photo is held out; it counts once,
    whatever the weight of its set.

    Raises:
        BadInput: the share makes no sense, or nothing would be left to train on.
    """
    if not 0 < share < 1:
        raise BadInput(f"The held-out share is {share}, but must be above 0 and below 1.")
    places = [place(example.image.stem) for example in examples.files]
    edge = max(share, float(np.nextafter(min(places, default=1.0), 2)))
    keep = [p >= edge for p in places]
    if not any(keep):
        raise BadInput(
            f"Of {len(places)} pictures none is left to train on when {share:.0%} are held out: give more pictures, or a "
            "folder of their own to validate on."
        )
    sets, start = [], 0
    for count, weight in examples.sets:
        sets.append((sum(keep[start : start + count]), weight))
        start += count
    held = tuple(e for e, kept in zip(examples.files, keep, strict=True) if not kept)
    train = replace(
        examples,
        files=tuple(e for e, kept in zip(examples.files, keep, strict=True) if kept),
        sets=tuple(sets),
        cutouts=tuple(p for p in examples.cutouts if place(p.stem) >= edge),
        backgrounds=tuple(p for p in examples.backgrounds if place(p.stem) >= edge),
    )
    return train, replace(
        examples, files=held, sets=((len(held), 1.0),), cutouts=(), backgrounds=()
    )

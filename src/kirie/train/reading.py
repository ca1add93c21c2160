"""One training picture and its truth, from its files: whole, upright, as bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _masks, image
from .._formats import displayed
from ..errors import BadInput
from .polygons import BACKGROUND, IGNORED, Polygons

__all__ = ["Example", "Labels", "Task", "class_names", "cutout", "grey", "picture", "read", "truth"]

Task = Literal["subject", "semantic", "matting"]
VOID = 255  # the label that does not count
NAMES = ("classes.txt", "class_names.txt", "labels.txt", "names.txt")
_READERS = 4
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601


@dataclass(frozen=True, slots=True)
class Example:
    """One picture to learn from. `class_index`: for an auxiliary head; None where it has none."""

    name: str
    image: Path
    truth: Path | Polygons
    class_index: int | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """How label maps are read: 255 is what does not count.

    ignored: stored numbers that do not count. reduce_zero: 0 does not count, and the others move down by one (ADE20K).
    classes: names by number; empty: from a file beside the pictures, or as many as are found.
    """

    ignored: tuple[int, ...] = ()
    reduce_zero: bool = False
    classes: tuple[str, ...] = ()

    def applied(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Stored numbers (H, W), uint8 or uint16 → labels, int16."""
        numbers = stored.astype(np.int16)
        void = numbers == VOID
        for each in self.ignored:
            void |= numbers == each
        if self.reduce_zero:
            void |= numbers == 0
            numbers -= 1
        numbers[void] = VOID
        return numbers


def picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB, upright."""
    return image.decode(path).rgb


def grey(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """A mask's levels as they are stored, one plane (H, W) uint8 or uint16, and what was done to get them.

    Of a picture with alpha that says anything, the alpha; of RGB the luma.
    """
    values, notes, _ = _masks.mask(path)
    if values.ndim == 2:
        return values, notes
    top = np.iinfo(values.dtype).max
    if values.shape[2] in (2, 4) and (values[..., -1] != top).any():
        return np.ascontiguousarray(values[..., -1]), (*notes, "its alpha is read as the mask")
    colours = values[..., :3] if values.shape[2] > 2 else values[..., :1].repeat(3, 2)
    if (colours != colours[..., :1]).any():
        notes = (*notes, "a colour picture, read by its luma")
        return np.rint(colours @ _LUMA).astype(values.dtype), notes
    return np.ascontiguousarray(colours[..., 0]), notes


def truth(
    example: Example, task: Task, labels: Labels, classes: Sequence[str] = ()
) -> NDArray[Any]:
    """The truth of a picture: (H, W) uint8 0…255, or a label map, int16, 255 where it does not count.

    A mask that holds nothing above 1 is taken as 0 and 1; 16 bits are brought to 8.
    """
    if isinstance(example.truth, Polygons):
        return example.truth.label_map(classes) if task == "semantic" else example.truth.mask()
    if task == "semantic":
        return labels.applied(_masks.labels(example.truth).values)
    levels, _ = grey(example.truth)
    if levels.dtype == np.uint16:
        levels = np.rint(levels / 257).astype(np.uint8)
    return levels * np.uint8(255) if levels.max(initial=0) == 1 else levels


def read(
    example: Example, task: Task, labels: Labels, classes: Sequence[str] = ()
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """The picture (H, W, 3) uint8 sRGB and its truth (H, W).

    Raises:
        BadInput: a file cannot be read, or the two have different sizes.
    """
    pixels, true = picture(example.image), truth(example, task, labels, classes)
    if pixels.shape[:2] != true.shape:
        raise BadInput(
            f"{displayed(example.image)} is {pixels.shape[1]}×{pixels.shape[0]} pixels, its truth {true.shape[1]}×"
            f"{true.shape[0]}: both must have the same size. `kirie train check` lists all such files."
        )
    return pixels, true


def cutout(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Premultiplied colours (h, w, 3) and alpha (h, w) of a subject alone, cropped to where alpha is not zero.

    Premultiplied, because resizing and turning then mix no hidden colour into the edge.

    Raises:
        BadInput: the picture has no alpha channel, or shows nothing.
    """
    found = image.decode(path)
    if found.alpha is None:
        raise BadInput(f"{displayed(path)} has no alpha channel: cutouts are RGBA pictures.")
    alpha: Any = found.alpha
    pixels: Any = found.pixels
    if alpha.dtype != np.uint8:
        pixels, alpha = (np.rint(plane / 257).astype(np.uint8) for plane in (pixels, alpha))
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not rows.size:
        raise BadInput(f"{displayed(path)} is fully transparent: remove it.")
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alpha = np.ascontiguousarray(alpha[inside])
    product = pixels[inside].astype(np.uint16) * alpha[..., None] + 127  # rounded division by 255
    return (product // 255).astype(np.uint8), alpha


# Classes


def named_beside(folder: Path) -> tuple[str, ...]:
    """Class names by number, from a text file in a folder or above it: a name a line, a number before it allowed."""
    for place in (folder, folder.parent, folder.parent.parent):
        for name in NAMES:
            if (place / name).is_file():
                lines = (place / name).read_text("utf-8", errors="replace").splitlines()
                return tuple(
                    re.sub(r"^\d+\s*[:,\s]\s*", "", line.strip()) for line in lines if line.strip()
                )
    return ()


def class_names(
    files: Sequence[Example], labels: Labels, known: Sequence[str] = ()
) -> tuple[str, ...]:
    """Names of all classes by number: as told, as known, of the annotations, or numbers as far as the label maps go."""
    if labels.classes:
        return labels.classes
    drawn = {
        piece.label
        for example in files
        if isinstance(example.truth, Polygons)
        for piece in example.truth.pieces
    }
    if drawn:
        ordered = [name for name in known if name in drawn] or sorted(drawn)
        real = [name for name in dict.fromkeys(ordered) if name.lower() not in BACKGROUND + IGNORED]
        first = next((name for name in drawn if name.lower() in BACKGROUND), BACKGROUND[1])
        return (first, *real)
    if known:
        return tuple(dict.fromkeys(known))

    def largest(example: Example) -> int:
        numbers = truth(example, "semantic", labels)
        counted = numbers[numbers != VOID]
        return int(counted.max()) if counted.size else -1

    with ThreadPoolExecutor(_READERS) as pool:
        most = max(pool.map(largest, files), default=-1)
    return tuple(str(number) for number in range(most + 1))

"""AUGMENTATIONS: how each recipe varies its pictures, and the callable that the feed asks for them.

    make = augment.get("published-sod", examples, crop=0.9, flip="rows")
    name, image, truth, label = make(example, rng, (320, 320))

Everything works on uint8 arrays and with a generator that the caller seeds: the same seed makes the same picture, in whichever thread or
process. OpenCV, Pillow and NumPy release the interpreter's lock in the heavy steps.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.random import Generator

from ..errors import BadInput
from . import paste
from .cache import Kept, Pictures
from .colours import Distort, Enhance, Jitter, Pepper, Retouch
from .geometry import (
    Bytes,
    CropCentre,
    CropWindow,
    Flip,
    Pair,
    RandomCrop,
    Rotate,
    ScaleCrop,
    ScaledWindow,
    Size,
    Tilt,
    resized,
)
from .making import Made
from .sources import Example, Examples

__all__ = ["AUGMENTATIONS", "Augmentation", "Maker", "get"]

Rows = Literal["rows", "columns", "none"]


class Augmentation:
    """How a recipe varies its pictures. `augmentation(image, truth, rng, size) → (image, truth)` of what is `kept`.

    Two parts: `framed` brings what is kept to the wanted size, `varied` changes it there; a composite is made at that
    size, and only varied.
    """

    def kept(self, size: Size) -> Kept:
        """How pictures are to be decoded and kept for that (height, width)."""
        return Kept(squash=size)

    def made(self, size: Size) -> Size:
        """The (height, width) of what comes out where that size is asked for."""
        return size

    def framed(self, image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
        """What is kept → the size that is `made`."""
        return image, truth

    def varied(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Changed at the size that it has."""
        return image, truth

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
        """Image (h, w, 3) uint8 and truth (h, w) as kept → the same at (height, width), varied."""
        return self.varied(*self.framed(image, truth, rng, size), rng)


@dataclass(frozen=True, slots=True)
class Plain(Augmentation):
    """Squashed to the size, as the network will see pictures, and nothing else."""


@dataclass(frozen=True, slots=True)
class Flipped(Augmentation):
    """IS-Net: squashed by PyTorch's bilinear, cut to whole numbers, and mirrored with a probability of `share`."""

    share: float = 0.5

    def kept(self, size: Size) -> Kept:
        """As published: picture and truth alike."""
        return Kept(squash=size, image="torch", truth="torch")

    def varied(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Mirrored or not."""
        return Flip(self.share)(image, truth, rng)


@dataclass(frozen=True, slots=True)
class PublishedSOD(Augmentation):
    """U²-Net and BASNet: squashed to the size, not antialiased, and cropped at random.

    crop: part of each side that is left: 0.9 makes 288 of 320, 0.875 makes 224 of 256. flip: what is reversed with a probability of
    one half; the published loaders reverse the rows, which turns pictures upside down. mirror: whether left and right are
    exchanged in one of two as well; published is a data set with mirrored copies stored, which is the same.
    """

    crop: float = 0.9
    flip: Rows = "rows"
    mirror: bool = True

    def kept(self, size: Size) -> Kept:
        """The truth by the nearest pixel, as published."""
        return Kept(squash=size, image="linear", truth="nearest")

    def made(self, size: Size) -> Size:
        """What the crop leaves."""
        return RandomCrop(self.crop).size(*size)

    def framed(self, image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
        """Cropped."""
        return RandomCrop(self.crop)(image, truth, rng)

    def varied(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Mirrored or not."""
        if self.flip != "none":
            image, truth = Flip(rows=self.flip == "rows")(image, truth, rng)
        return Flip()(image, truth, rng) if self.mirror else (image, truth)


@dataclass(frozen=True, slots=True)
class PublishedInSPyReNet(Augmentation):
    """InSPyReNet: squashed (the truth by the nearest pixel), scaled, mirrored, turned, retouched.

    scale, flip, turn: probabilities. degrees: at most, below it.
    """

    scale: float = 0.5
    flip: float = 0.5
    turn: float = 0.5
    degrees: int = 10

    def kept(self, size: Size) -> Kept:
        """By Pillow's bilinear."""
        return Kept(squash=size, image="pillow", truth="nearest")

    def varied(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """In the published order."""
        image, truth = ScaleCrop(self.scale)(image, truth, rng)
        image, truth = Flip(self.flip)(image, truth, rng)
        turn = Rotate(self.turn, -self.degrees, self.degrees, cubic=False)
        image, truth = turn(image, truth, rng)
        return Retouch()(image, truth, rng)


@dataclass(frozen=True, slots=True)
class PublishedBiRefNet(Augmentation):
    """BiRefNet: squashed, mirrored, cropped (off as published), turned, enhanced, peppered.

    flip, rotate: probabilities. crop, enhance, pepper: whether. Pictures of sizes that change from batch to batch are kept larger, at most
    `longest` along a side where it is above 0, and brought to the size before they are varied.
    """

    flip: float = 0.5
    crop: bool = False
    rotate: float = 0.2
    enhance: bool = True
    pepper: bool = True
    longest: int = 0

    def kept(self, size: Size) -> Kept:
        """OpenCV's linear, picture and truth alike."""
        if self.longest:
            return Kept(longest=self.longest)
        return Kept(squash=size, image="linear", truth="linear")

    def framed(self, image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
        """Squashed, where it was kept larger; antialiased, as published."""
        return resized(image, size, "pillow"), resized(truth, size, "pillow")

    def varied(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """In the published order."""
        image, truth = Flip(self.flip)(image, truth, rng)
        if self.crop:
            image, truth = CropCentre()(image, truth, rng)
        image, truth = Rotate(self.rotate)(image, truth, rng)
        if self.enhance:
            image, truth = Enhance()(image, truth, rng)
        return Pepper()(image, truth, rng) if self.pepper else (image, truth)


@dataclass(frozen=True, slots=True)
class PublishedSegFormer(Augmentation):
    """SegFormer: a random scale, a random window, mirrored, its colours distorted.

    long: how many times longer than the window's shorter side a picture's longer side may be at scale 1: 4 for ADE20K (2048×512 and
    windows of 512²), 2 for Cityscapes (2048×1024 and 1024²). least, most: the scale. fullest: the largest share of one class in a
    window. flip: its probability. distort: whether colours change.
    """

    long: float = 4.0
    least: float = 0.5
    most: float = 2.0
    fullest: float = 0.75
    flip: float = 0.5
    distort: bool = True

    def kept(self, size: Size) -> Kept:
        """As large as the largest scale asks for."""
        side = min(size) * self.most
        return Kept(longest=round(side * self.long), shortest=round(side))

    def framed(self, image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
        """A window."""
        window = ScaledWindow(self.long, 1.0, self.least, self.most, self.fullest)
        return window(image, truth, rng, size)

    def varied(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Mirrored, and its colours distorted."""
        image, truth = Flip(self.flip)(image, truth, rng)
        return Distort()(image, truth, rng) if self.distort else (image, truth)


@dataclass(frozen=True, slots=True)
class Photo(Augmentation):
    """For photos of any kind: a window that keeps most of the subject, mirrored, tilted, as other cameras would take it.

    room: how much longer than the size pictures are kept, so that windows are sharp; side: their longest side in pixels instead, where it
    is above 0. whole: how often the whole picture is shown. smallest: a window's part of the area, at least.
    flip, tilt: probabilities. colours: whether they change.
    """

    room: float = 1.375
    side: int = 0
    whole: float = 0.25
    smallest: float = 0.3
    flip: float = 0.5
    tilt: float = 0.3
    colours: bool = True

    def kept(self, size: Size) -> Kept:
        """A little larger than wanted."""
        return Kept(longest=self.side or round(self.room * max(size)))

    def framed(self, image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
        """A window."""
        return CropWindow(self.whole, self.smallest)(image, truth, rng, size)

    def varied(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Mirrored, tilted and recoloured."""
        image, truth = Flip(self.flip)(image, truth, rng)
        image, truth = Tilt(self.tilt)(image, truth, rng)
        return Jitter()(image, truth, rng) if self.colours else (image, truth)


@dataclass(frozen=True, slots=True)
class Mini(Photo):
    """As `photo`, pictures kept so that all of kirie-mini's sizes are made from the same: 352 pixels along the longer side."""

    side: int = 352


AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "plain": Plain,
    "flip": Flipped,
    "published-sod": PublishedSOD,
    "inspyrenet": PublishedInSPyReNet,
    "birefnet": PublishedBiRefNet,
    "segformer": PublishedSegFormer,
    "photo": Photo,
    "mini": Mini,
}
EMPTY = 0.005  # share of a subject that is left in a window below which it counts as none


class Maker:
    """What the feed calls: `make(example, rng, (height, width)) → Made`."""

    def __init__(
        self,
        augmentation: Augmentation,
        examples: Examples,
        pictures: Pictures,
        composing: paste.Composing,
    ) -> None:
        self.augmentation, self.pictures = augmentation, pictures
        self._composer = paste.Composer(**composing.composer)
        busy = tuple(composing.with_subject)
        plain = (p for p in examples.backgrounds if not (busy and p.name.startswith(busy)))
        self._cutouts = paste.Drawn(examples.cutouts, composing.cutout_shares)
        self._grounds = paste.Drawn(examples.backgrounds, composing.background_shares)
        self._empty = paste.Drawn(plain, composing.background_shares)
        self._over = composing.over_photos
        self._composites = composing.composites if self._cutouts and self._grounds else 0.0
        self._empties = composing.empties if self._empty else 0.0

    def __call__(self, example: Example, rng: Generator, size: Size) -> Made:
        """One picture, varied, at (height, width), or a crop of that."""
        kind = rng.random()
        if kind < self._empties:
            name, (image, truth) = self._ground(example, rng, size, empty=True)
            return self._varied(name, image, truth, rng, None)
        if kind < self._empties + self._composites:
            name, behind = self._ground(example, rng, size, empty=False)
            names, image, truth = self._composer(
                behind, self._cutouts, lambda path: self._cutout(path, size), rng
            )
            return self._varied(" + ".join((name, *names)), image, truth, rng, None)
        image, truth = self.pictures(example, self.augmentation.kept(size))
        image, truth = self.augmentation.framed(image, truth, rng, size)
        return self._varied(example.name, image, truth, rng, example.class_index)

    def _ground(
        self, example: Example, rng: Generator, size: Size, *, empty: bool
    ) -> tuple[str, Pair]:
        """A part of the example or of a background: its name, and image and truth, which is all zero where it must be `empty`."""
        made = self.augmentation.made(size)
        if self._over and rng.random() < self._over:
            photo = self.pictures(example, self._large(size, 1.0))
            image, truth = paste.clear(*photo, rng, made)
            left = float(truth.mean()) / 255
            if left < EMPTY:
                return example.name, (image, np.zeros_like(truth))
            if not empty:
                return example.name, (image, truth)
        path = (self._empty if empty else self._grounds)(rng)
        image = paste.ground(self.pictures.plain(path, self._large(size, 1.0)), rng, made)
        return path.stem, (image, np.zeros(made, np.uint8))

    def _varied(
        self, name: str, image: Bytes, truth: Bytes, rng: Generator, label: int | None
    ) -> Made:
        image, truth = self.augmentation.varied(image, truth, rng)
        return Made(name, image, truth, label)

    def _cutout(self, path: Any, size: Size) -> Pair:
        return self.pictures.cutout(path, self._large(size, 288 / 352))

    def _large(self, size: Size, part: float) -> Kept:
        """Kept with its aspect ratio, as large as photos are."""
        kept = self.augmentation.kept(size)
        longest = round(1.375 * max(size)) if kept.squash else kept.longest
        return Kept(longest=round(longest * part))


def get(
    name: str, examples: Examples, *, pictures: Pictures | None = None, **arguments: Any
) -> Maker:
    """Make what the feed calls from an augmentation's name.

    Args:
        name: of `AUGMENTATIONS`.
        examples: the pictures of the training; their cutouts and backgrounds are composed.
        pictures: what decodes and keeps them; None: a quarter of the free memory is used.
        arguments: of the augmentation, and of `paste.Composing`.

    Raises:
        BadInput: no such augmentation, or it has no such argument.
    """
    if name not in AUGMENTATIONS:
        near = difflib.get_close_matches(name, AUGMENTATIONS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(
            f"There is no augmentation {name!r}.{hint} There are: {', '.join(AUGMENTATIONS)}."
        )
    kind = AUGMENTATIONS[name]
    own = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    more = {each.name for each in fields(paste.Composing)} if examples.task != "semantic" else set()
    unknown = sorted(arguments.keys() - own - more)
    if unknown:
        known = ", ".join((*sorted(own), *sorted(more)))
        raise BadInput(
            f"The augmentation {name!r} of the task {examples.task!r} has no argument {unknown[0]!r}; it has: {known}."
        )
    augmentation = kind(**{key: value for key, value in arguments.items() if key in own})
    if pictures is None:
        pictures = Pictures(examples.task, examples.labels, examples.classes)
    composing = paste.Composing(**{key: value for key, value in arguments.items() if key in more})
    return Maker(augmentation, examples, pictures, composing)

"""Where things are in a training picture: resizing, cropping, mirroring and turning, of image and truth alike.

Each step is a callable object: `step(image, truth, rng) → (image, truth)`, image (H, W, 3) uint8 RGB, truth (H, W): uint8 0…255, how
much is subject, or a label map, int16, which is never blended: whatever a step does to masks, labels keep the numbers they have,
and what comes into the picture from outside is 255, ignored.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

__all__ = [
    "MEAN",
    "CropCentre",
    "CropWindow",
    "Flip",
    "Pair",
    "RandomCrop",
    "Rotate",
    "ScaleCrop",
    "ScaledWindow",
    "Step",
    "Tilt",
    "fit",
    "labelled",
    "resized",
    "window",
]

Bytes = Any  # a uint8 array, (H, W, 3) or (H, W): OpenCV's type stubs forget the element type
Pair = tuple[Bytes, Bytes]
Size = tuple[int, int]  # (height, width)
Filter = Literal["area", "linear", "nearest", "pillow", "bicubic", "torch"]

KEEP = 0.6  # a crop keeps at least this part of the subject
VOID = 255
PILLOW = {"pillow": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
MEAN = (124, 116, 104)  # ImageNet's mean colour: zero, once it is normalised


class Step(ABC):
    """A part of an augmentation."""

    @abstractmethod
    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Vary the picture and its truth, by numbers drawn from `rng`."""


def labelled(truth: Bytes) -> bool:
    """Whether a truth is a label map."""
    return truth.dtype != np.uint8


def fit(array: Bytes, width: int, height: int) -> Bytes:
    """Resize; area averaging when smaller, bilinear when larger."""
    shrinks = array.shape[1] > width and array.shape[0] > height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(array, (width, height), interpolation=how)


def resized(array: Bytes, size: Size, how: Filter) -> Bytes:
    """Resize to (height, width); label maps by the nearest pixel, whatever is asked for.

    area: as `fit`. linear: OpenCV's, not antialiased, and so is torch: PyTorch's, cut to whole numbers. nearest: the pixel under the
    centre. pillow, bicubic: Pillow's bilinear and bicubic, which are antialiased.
    """
    height, width = size
    if array.shape[:2] == size:
        return array
    if labelled(array):
        how = "nearest"
    if how == "area":
        return fit(array, width, height)
    if how in PILLOW:
        return np.asarray(Image.fromarray(array).resize((width, height), PILLOW[how]))
    if how == "torch":
        # A value that is whole but for rounding is not cut to the number below.
        floats = array.astype(np.float32)
        wide = cv2.resize(floats, (width, height), interpolation=cv2.INTER_LINEAR)
        return (wide + np.float32(1e-3)).astype(np.uint8)
    kind = cv2.INTER_LINEAR if how == "linear" else cv2.INTER_NEAREST_EXACT
    return cv2.resize(array, (width, height), interpolation=kind)


@dataclass(frozen=True, slots=True)
class Flip(Step):
    """Mirror with a probability of `share`: left and right, or with `rows` top and bottom."""

    share: float = 0.5
    rows: bool = False

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Mirror both, or leave both."""
        if rng.random() >= self.share:
            return image, truth
        axis = 0 if self.rows else 1
        return cv2.flip(image, axis), cv2.flip(truth, axis)


@dataclass(frozen=True, slots=True)
class RandomCrop(Step):
    """A window at a random place, `part` of each side.

    Its places are drawn as U²-Net draws them: the last possible one never comes.
    """

    part: float = 0.9

    def size(self, h: int, w: int) -> Size:
        """What is left of (height, width)."""
        return max(1, round(h * self.part)), max(1, round(w * self.part))

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Cut the same window out of both."""
        h, w = truth.shape
        height, width = self.size(h, w)
        top, left = (int(rng.integers(max(1, room))) for room in (h - height, w - width))
        inside = np.s_[top : top + height, left : left + width]
        return image[inside], truth[inside]


@dataclass(frozen=True, slots=True)
class CropCentre(Step):
    """A centred window, each side shortened by 1 pixel up to `most` of the shorter side, then enlarged again (BiRefNet)."""

    most: float = 0.1

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Cut the same window out of both."""
        h, w = truth.shape
        high = max(2, int(min(h, w) * self.most))
        less_h, less_w = (int(rng.integers(1, high)) for _ in range(2))
        top, left = less_h // 2, less_w // 2
        inside = np.s_[top : top + h - less_h, left : left + w - less_w]
        return resized(image[inside], (h, w), "linear"), resized(truth[inside], (h, w), "linear")


@dataclass(frozen=True, slots=True)
class ScaleCrop(Step):
    """With a probability of `share`, larger or smaller by a factor of `least` to `most` about the centre; zeros around (InSPyReNet).

    Pillow's bicubic, the mask too, as published.
    """

    share: float = 0.5
    least: float = 0.75
    most: float = 1.25

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Scale both by the same factor."""
        if rng.random() >= self.share:
            return image, truth
        h, w = truth.shape
        factor = rng.uniform(self.least, self.most)
        size = max(1, round(h * factor)), max(1, round(w * factor))
        scaled = (resized(each, size, "bicubic") for each in (image, truth))
        return _centred(next(scaled), h, w), _centred(next(scaled), h, w)


def _centred(array: Bytes, h: int, w: int) -> Bytes:
    """Cropped or padded (by `_outside`) to (h, w) about the centre."""
    top, left = (array.shape[0] - h) // 2, (array.shape[1] - w) // 2
    array = array[max(0, top) : max(0, top) + h, max(0, left) : max(0, left) + w]
    above, before = max(0, -top), max(0, -left)
    below, after = h - array.shape[0] - above, w - array.shape[1] - before
    border = (above, below, before, after, cv2.BORDER_CONSTANT)
    return cv2.copyMakeBorder(array, *border, value=_outside(array))


def _outside(array: Bytes) -> int:
    """What lies around a picture or its truth."""
    return VOID if labelled(array) else 0


@dataclass(frozen=True, slots=True)
class Rotate(Step):
    """With a probability of `share`, turned by whole degrees from `least` to below `most`, the size kept, zeros around.

    `cubic`: both are interpolated so (BiRefNet); else both take the nearest pixel (InSPyReNet).
    """

    share: float = 0.2
    least: int = -15
    most: int = 15
    cubic: bool = True

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Turn both by the same angle about the centre."""
        if rng.random() >= self.share:
            return image, truth
        h, w = truth.shape
        angle = float(rng.integers(self.least, self.most))
        # between pixel centres, which OpenCV counts from 0
        matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), angle, 1.0)
        how = cv2.INTER_CUBIC if self.cubic else cv2.INTER_NEAREST
        on_truth = cv2.INTER_NEAREST if labelled(truth) else how
        return (
            cv2.warpAffine(image, matrix, (w, h), flags=how),
            cv2.warpAffine(truth, matrix, (w, h), flags=on_truth, borderValue=_outside(truth)),
        )


@dataclass(frozen=True, slots=True)
class Tilt(Step):
    """With a probability of `share`, a small rotation and shear; the border is mirrored in both alike (kirie-mini).

    degrees, shear: at most. zoom: from and to.
    """

    share: float = 0.3
    degrees: float = 15.0
    shear: float = 0.1
    zoom: tuple[float, float] = (0.95, 1.15)

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Turn both alike."""
        if rng.random() >= self.share:
            return image, truth
        h, w = truth.shape
        angle = rng.uniform(-self.degrees, self.degrees)
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), angle, rng.uniform(*self.zoom))
        matrix[0, 1] += rng.uniform(-self.shear, self.shear)
        border = cv2.BORDER_REFLECT_101
        on_truth = cv2.INTER_NEAREST if labelled(truth) else cv2.INTER_LINEAR
        image = cv2.warpAffine(image, matrix, (w, h), borderMode=border)
        return image, cv2.warpAffine(truth, matrix, (w, h), flags=on_truth, borderMode=border)


def window(h: int, w: int, rng: Generator, smallest: float) -> tuple[int, int, int, int]:
    """A random window (top, left, height, width) of `smallest`..1 of the area, its aspect varied by a third."""
    area = rng.uniform(smallest, 1.0)
    aspect = np.exp(rng.uniform(-0.3, 0.3))
    height = int(np.clip(h * np.sqrt(area / aspect), min(16, h), h))
    width = int(np.clip(w * np.sqrt(area * aspect), min(16, w), w))
    return int(rng.integers(h - height + 1)), int(rng.integers(w - width + 1)), height, width


@dataclass(frozen=True, slots=True)
class CropWindow:
    """A random window that keeps most of the subject, squashed to the size; with a probability of `whole` the whole picture.

    smallest: part of the picture's area that a window has at least.
    """

    whole: float = 0.25
    smallest: float = 0.3

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
        """Cut the same window out of both."""
        h, w = truth.shape
        everything = 0 if labelled(truth) else cv2.sumElems(truth)[0]
        for _ in range(4 if rng.random() >= self.whole else 0):
            top, left, tall, wide = window(h, w, rng, self.smallest)
            part = truth[top : top + tall, left : left + wide]
            if not everything or cv2.sumElems(part)[0] >= KEEP * everything:
                image = image[top : top + tall, left : left + wide]
                truth = part
                break
        return resized(image, size, "area"), resized(truth, size, "area")


@dataclass(frozen=True, slots=True)
class ScaledWindow:
    """A random scale and a random window of the size, as label maps are trained with; what is missing is padded.

    The picture, its aspect ratio kept, is brought into `long` × `short` times the window's shorter side, times a factor from `least` to
    `most`. A window that one class fills by more than `fullest` is drawn again, up to ten times. Around the picture there are the mean
    colour, which is zero once it is normalised, and 255, which is ignored.
    """

    long: float = 4.0
    short: float = 1.0
    least: float = 0.5
    most: float = 2.0
    fullest: float = 0.75

    def scale(self, h: int, w: int, size: Size, factor: float) -> float:
        """How much larger a picture (h, w) becomes at a factor."""
        side = min(size)
        return factor * min(side * self.long / max(h, w), side * self.short / min(h, w))

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
        """Cut the same window out of both."""
        h, w = truth.shape
        scale = self.scale(h, w, size, rng.uniform(self.least, self.most))
        tall, wide = max(1, math.floor(h * scale + 0.5)), max(1, math.floor(w * scale + 0.5))
        labels = resized(truth, (tall, wide), "nearest")
        height, width = min(size[0], tall), min(size[1], wide)
        top = left = 0
        for _ in range(11):
            top, left = int(rng.integers(tall - height + 1)), int(rng.integers(wide - width + 1))
            part = labels[top : top + height, left : left + width]
            if self.fullest >= 1 or _largest_share(part) < self.fullest:
                break
        # The window alone is resampled, not the whole enlarged picture: source place = (place + 0.5) · h / tall − 0.5.
        across, down = w / wide, h / tall
        matrix = np.array(
            [
                [across, 0, (left + 0.5) * across - 0.5],
                [0, down, (top + 0.5) * down - 0.5],
            ]
        )
        pixels = cv2.warpAffine(
            image,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        labels = np.ascontiguousarray(labels[top : top + height, left : left + width])
        below, after = size[0] - height, size[1] - width
        if below or after:
            border = (0, below, 0, after, cv2.BORDER_CONSTANT)
            pixels = cv2.copyMakeBorder(pixels, *border, value=MEAN)
            labels = cv2.copyMakeBorder(labels, *border, value=VOID)
        return pixels, labels


def _largest_share(labels: Bytes) -> float:
    """The share of the commonest class among the pixels that count; 1 where there is but one class."""
    counts = np.unique(labels[labels != VOID], return_counts=True)[1]
    return float(counts.max() / counts.sum()) if len(counts) > 1 else 1.0

"""How a training picture looks: light, colours, blur and noise. The truth stays what it is.

Each step is a callable object, `step(image, truth, rng) → (image, truth)`; image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .geometry import Bytes, Pair, Step

__all__ = [
    "Distort",
    "Enhance",
    "Jitter",
    "Pepper",
    "Retouch",
    "brightness",
    "colour",
    "contrast",
    "sharpness",
]

_GREY = np.array([0.299, 0.587, 0.114])  # luma of R, G, B


def table(image: Bytes, values: NDArray[np.float64]) -> Bytes:
    """A look-up per channel: values (256, 3), rounded and clipped."""
    entries = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return cv2.LUT(image, np.ascontiguousarray(entries[None]))  # (1, 256, 3)


# Pillow's four enhancements: a factor of 1 leaves the picture, 0 gives the plain one, more than 1 goes beyond.


def brightness(image: Bytes, factor: float) -> Bytes:
    """Between black and the picture."""
    return _blended_levels(image, 0.0, factor)


def contrast(image: Bytes, factor: float) -> Bytes:
    """Between its mean grey and the picture."""
    mean = int(cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0] + 0.5)
    return _blended_levels(image, mean, factor)


def colour(image: Bytes, factor: float) -> Bytes:
    """Between grey and the picture."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.addWeighted(image, factor, cv2.merge((grey, grey, grey)), 1 - factor, 0)


def sharpness(image: Bytes, factor: float) -> Bytes:
    """Between the picture smoothed over three pixels, its border excepted, and the picture."""
    smooth = image.copy()
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13
    smooth[1:-1, 1:-1] = cv2.filter2D(image, -1, kernel)[1:-1, 1:-1]
    return cv2.addWeighted(image, factor, smooth, 1 - factor, 0)


def _blended_levels(image: Bytes, plain: float, factor: float) -> Bytes:
    levels = np.arange(256.0)
    # Pillow cuts to whole numbers here.
    entries = np.clip(plain + factor * (levels - plain), 0, 255).astype(np.uint8)
    return cv2.LUT(image, entries)


@dataclass(frozen=True, slots=True)
class Enhance(Step):
    """Brightness, contrast, colour and sharpness, each by a factor in tenths from its range, both ends included (BiRefNet)."""

    brightness: tuple[int, int] = (5, 15)
    contrast: tuple[int, int] = (5, 15)
    colour: tuple[int, int] = (0, 20)
    sharpness: tuple[int, int] = (0, 30)

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Change the picture."""
        for change, (least, most) in (
            (brightness, self.brightness),
            (contrast, self.contrast),
            (colour, self.colour),
            (sharpness, self.sharpness),
        ):
            image = change(image, int(rng.integers(least, most, endpoint=True)) / 10)
        return image, truth


@dataclass(frozen=True, slots=True)
class Retouch(Step):
    """Contrast, sharpness and brightness in a random order, each with a probability of `share` by a factor of 1 to `most` (InSPyReNet)."""

    share: float = 0.5
    most: float = 1.1

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Change the picture."""
        changes: tuple[Callable[[Bytes, float], Bytes], ...] = (contrast, sharpness, brightness)
        for index in rng.permutation(3):
            if rng.random() < self.share:
                image = changes[index](image, rng.uniform(1.0, self.most))
        return image, truth


@dataclass(frozen=True, slots=True)
class Pepper(Step):
    """`share` of the pixels set to black or white (BiRefNet)."""

    share: float = 0.0015

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Change the picture; a pixel may be drawn twice."""
        h, w = image.shape[:2]
        count = int(self.share * h * w)
        image = image.copy()
        rows, columns = rng.integers(h, size=count), rng.integers(w, size=count)
        image[rows, columns] = rng.integers(2, size=(count, 1), dtype=np.uint8) * np.uint8(255)
        return image, truth


@dataclass(frozen=True, slots=True)
class Distort(Step):
    """The photometric distortion of SSD, as SegFormer is trained with it, each part with a probability of one half.

    brightness: levels added or taken, at most. contrast, saturation: factors. hue: half degrees turned, at most. Contrast comes
    before the colours or after them.
    """

    brightness: float = 32.0
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: int = 18

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Change the picture."""
        if rng.random() < 0.5:
            image = _levels(image, 1.0, rng.uniform(-self.brightness, self.brightness))
        first = rng.random() < 0.5
        if first and rng.random() < 0.5:
            image = _levels(image, rng.uniform(*self.contrast), 0.0)
        saturation = rng.uniform(*self.saturation) if rng.random() < 0.5 else 1.0
        turn = int(rng.integers(-self.hue, self.hue)) if rng.random() < 0.5 else 0
        if saturation != 1 or turn:
            values = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)  # hue 0…179
            steps = np.arange(256)
            entries = np.stack(
                ((steps + turn) % 180, np.clip(steps * saturation, 0, 255), steps), axis=1
            )
            image = cv2.cvtColor(table(values, entries), cv2.COLOR_HSV2RGB)
        if not first and rng.random() < 0.5:
            image = _levels(image, rng.uniform(*self.contrast), 0.0)
        return image, truth


def _levels(image: Bytes, gain: float, shift: float) -> Bytes:
    return cv2.LUT(image, np.clip(np.arange(256.0) * gain + shift, 0, 255).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class Jitter(Step):
    """What cameras and programs do to photos: brightness, contrast, gamma, white balance, saturation; sometimes grey, blur, noise, JPEG.

    blur, noise, jpeg: their probabilities.
    """

    blur: float = 0.15
    noise: float = 0.15
    jpeg: float = 0.2

    def __call__(self, image: Bytes, truth: Bytes, rng: Generator) -> Pair:
        """Change the picture."""
        level = np.arange(256.0)[:, None] / 255  # (256, 1)
        level = level ** np.exp(rng.uniform(-0.35, 0.35))
        change, shift = np.exp(rng.uniform(-0.3, 0.3)), rng.uniform(-0.12, 0.12)
        balance = np.exp(rng.normal(0, 0.06, 3))
        image = table(image, 255 * ((level - 0.5) * change + 0.5 + shift) * balance)
        kind = rng.random()
        if kind < 0.5:
            keep = 0.0 if kind < 0.06 else rng.uniform(0.3, 1.5)
            matrix: Any = keep * np.eye(3) + (1 - keep) * np.ones((3, 1)) * _GREY
            image = cv2.transform(image, matrix)
        scale = image.shape[0] / 256
        if rng.random() < self.blur:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6) * scale)
        if rng.random() < self.noise:
            noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 14))
            image = cv2.add(image, noise, dtype=cv2.CV_8U)
        if rng.random() < self.jpeg:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
            image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
        return image, truth

"""One training picture: a photo with its mask, a composite, or a picture without a subject, varied at random.

Everything works on uint8 arrays, images (H, W, 3) RGB and masks (H, W), with a generator that the caller seeds: the
same seed makes the same picture, in whichever thread. OpenCV and NumPy release the interpreter's lock in the heavy
steps. Shrinking is by area averaging, as pictures are shrunk when the network is used.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .data import Data, Sample

__all__ = ["composite", "crop", "empty", "fit", "jitter", "picture", "turn"]

Bytes = Any  # a uint8 array, (H, W, 3) or (H, W): OpenCV's type stubs forget the element type
Pair = tuple[Bytes, Bytes]

KEEP = 0.6  # a crop keeps at least this part of the subject
_GREY = np.array([0.299, 0.587, 0.114])  # luma of R, G, B


def picture(
    data: Data, rng: Generator, size: int, composites: float, empties: float
) -> tuple[str, Bytes, Bytes]:
    """Name(s), image (size, size, 3) and mask (size, size); shares of composites and of empty pictures in 0..1."""
    kind = rng.random()
    if kind < empties and data.empty:
        name, image, mask = empty(data, rng, size)
    elif kind < empties + composites and data.cutouts and data.backgrounds:
        name, image, mask = composite(data, rng, size)
    else:
        sample = _pick(data.train, rng)
        name = sample.name
        image, mask = crop(sample, rng, size)
    if rng.random() < 0.5:
        image, mask = cv2.flip(image, 1), cv2.flip(mask, 1)
    if rng.random() < 0.3:
        image, mask = turn(image, mask, rng)
    return name, jitter(image, rng), mask


def _pick(samples: list[Sample], rng: Generator) -> Sample:
    return samples[int(rng.integers(len(samples)))]


def fit(array: Any, width: int, height: int) -> Any:
    """Resize; area averaging when smaller, bilinear when larger."""
    shrinks = array.shape[1] > width and array.shape[0] > height
    return cv2.resize(
        array, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


# Photos


def _window(h: int, w: int, rng: Generator, smallest: float) -> tuple[int, int, int, int]:
    """A random window (top, left, height, width) of `smallest`..1 of the area, its aspect varied by a third."""
    area = rng.uniform(smallest, 1.0)
    aspect = np.exp(rng.uniform(-0.3, 0.3))
    height = int(np.clip(h * np.sqrt(area / aspect), 16, h))
    width = int(np.clip(w * np.sqrt(area * aspect), 16, w))
    return int(rng.integers(h - height + 1)), int(rng.integers(w - width + 1)), height, width


def crop(sample: Sample, rng: Generator, size: int) -> Pair:
    """A random resized crop of a photo, squashed to size × size, that keeps most of the subject."""
    if sample.mask is None:
        raise ValueError(f"{sample.name} has no mask")
    image, mask = sample.image, sample.mask
    h, w = mask.shape
    whole = cv2.sumElems(mask)[0]
    for _ in range(4 if rng.random() < 0.75 else 0):
        top, left, height, width = _window(h, w, rng, 0.3)
        part = mask[top : top + height, left : left + width]
        if cv2.sumElems(part)[0] >= KEEP * whole:
            image = image[top : top + height, left : left + width]
            mask = part
            break
    return fit(image, size, size), fit(mask, size, size)


def turn(image: Bytes, mask: Bytes, rng: Generator) -> Pair:
    """A small rotation and shear of both; the border is mirrored in both alike."""
    h, w = mask.shape
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-15, 15), rng.uniform(0.95, 1.15))
    matrix[0, 1] += rng.uniform(-0.1, 0.1)
    border = cv2.BORDER_REFLECT_101
    image = cv2.warpAffine(image, matrix, (w, h), borderMode=border)
    return image, cv2.warpAffine(mask, matrix, (w, h), borderMode=border)


def empty(data: Data, rng: Generator, size: int) -> tuple[str, Bytes, Bytes]:
    """A picture without a subject, and a mask of zeros."""
    sample = _pick(data.empty, rng)
    return sample.name, _ground(sample, rng, size), np.zeros((size, size), np.uint8)


# Composites


def _ground(sample: Sample, rng: Generator, size: int) -> Bytes:
    """A random window of a background."""
    h, w = sample.image.shape[:2]
    top, left, height, width = _window(h, w, rng, 0.25)
    return fit(sample.image[top : top + height, left : left + width], size, size)


def composite(data: Data, rng: Generator, size: int) -> tuple[str, Bytes, Bytes]:
    """One or two cutouts laid on a background; the mask is the union of what is visible of them."""
    back = _pick(data.backgrounds, rng)
    image = _ground(back, rng, size)
    if rng.random() < 0.3:  # a shallow depth of field
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 3.0) * size / 256)
    mask: Bytes = np.zeros((size, size), np.uint8)
    names = [back.name]
    count = 2 if rng.random() < 0.2 else 1
    for _ in range(count):
        subject = _pick(data.cutouts, rng)
        names.append(subject.name)
        colours, alpha = _placed(subject, rng, size, 0.75 if count == 2 else 1.0)
        image = lay(image, _lit(colours, alpha, image, rng), alpha, rng)
        mask = 255 - cv2.multiply(255 - mask, 255 - alpha, scale=1 / 255)
    return " + ".join(names), image, mask


def _placed(subject: Sample, rng: Generator, size: int, largest: float) -> Pair:
    """The cutout scaled, mirrored, turned a little and moved: colours (premultiplied) and alpha on a canvas.

    The subject may be cut by the border of the picture, but its middle stays inside.
    """
    colours, alpha = subject.image, subject.mask
    if alpha is None:
        raise ValueError(f"{subject.name} has no alpha")
    h, w = alpha.shape
    length = size * largest * rng.uniform(0.3, 1.05)
    stretch = np.exp(rng.uniform(-0.2, 0.2))  # as photos are squashed to a square
    width = max(4, int(length * w / max(h, w) * stretch))
    height = max(4, int(length * h / max(h, w) / stretch))
    colours, alpha = fit(colours, width, height), fit(alpha, width, height)
    angle = rng.uniform(-20, 20) if rng.random() < 0.5 else 0.0
    matrix: Any = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    # People and animals stand more often in the middle than at the border: a triangular distribution.
    room = max(0.1, 1 - length / size / 2)
    x, y = 0.5 + (rng.random(2) - rng.random(2)) * 0.5 * room
    matrix[:, 2] += (x * size - width / 2, y * size - height / 2)
    if rng.random() < 0.5:
        colours, alpha = cv2.flip(colours, 1), cv2.flip(alpha, 1)
    return cv2.warpAffine(colours, matrix, (size, size)), cv2.warpAffine(
        alpha, matrix, (size, size)
    )


def _lit(colours: Bytes, alpha: Bytes, ground: Bytes, rng: Generator) -> Bytes:
    """The cutout's light moved part of the way to the ground's, by one factor a channel."""
    if rng.random() < 0.4:
        return colours
    coverage = max(cv2.mean(alpha)[0] / 255, 1e-3)
    own = (
        np.array(cv2.mean(colours)[:3]) / coverage + 8
    )  # of straight colours; 8 keeps black finite
    other = np.array(cv2.mean(ground)[:3]) + 8
    gain = np.clip((other / own) ** rng.uniform(0.0, 0.5), 0.6, 1.6)
    # Premultiplied colours stay at or below alpha, or edges would glow.
    lit = _table(colours, np.arange(256.0)[:, None] * gain)
    return cv2.min(lit, cv2.merge((alpha, alpha, alpha)))


def lay(ground: Bytes, colours: Bytes, alpha: Bytes, rng: Generator) -> Bytes:
    """Premultiplied colours over a ground, sometimes with a soft shadow beside it: uint8 (H, W, 3)."""
    if rng.random() < 0.35:
        ground = _shaded(ground, alpha, rng)
    rest = 255 - alpha
    return cv2.add(colours, cv2.multiply(ground, cv2.merge((rest, rest, rest)), scale=1 / 255))


def _shaded(ground: Bytes, alpha: Bytes, rng: Generator) -> Bytes:
    """The ground darkened by a blurred, displaced copy of alpha, computed at a quarter of the size."""
    h, w = alpha.shape
    small = cv2.resize(alpha, (w // 4, h // 4), interpolation=cv2.INTER_AREA)
    dx, dy = rng.uniform(-0.08, 0.08) * w / 4, rng.uniform(-0.02, 0.1) * h / 4
    moved = cv2.warpAffine(small, np.array([[1, 0, dx], [0, 1, dy]]), (w // 4, h // 4))
    soft = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.01, 0.05) * w / 4 + 0.3)
    soft = cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR)
    light = 255 - cv2.convertScaleAbs(soft, alpha=rng.uniform(0.2, 0.6))
    return cv2.multiply(ground, cv2.merge((light, light, light)), scale=1 / 255)


# Colours


def _table(image: Bytes, values: NDArray[np.float64]) -> Bytes:
    """A look-up per channel: values (256, 3), rounded and clipped."""
    table = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return cv2.LUT(image, np.ascontiguousarray(table[None]))  # (1, 256, 3)


def jitter(image: Bytes, rng: Generator) -> Bytes:
    """Brightness, contrast, gamma, white balance, saturation; sometimes grey, blur, noise, JPEG."""
    level = np.arange(256.0)[:, None] / 255  # (256, 1)
    level = level ** np.exp(rng.uniform(-0.35, 0.35))
    contrast, shift = np.exp(rng.uniform(-0.3, 0.3)), rng.uniform(-0.12, 0.12)
    balance = np.exp(rng.normal(0, 0.06, 3))
    image = _table(image, 255 * ((level - 0.5) * contrast + 0.5 + shift) * balance)
    kind = rng.random()
    if kind < 0.5:
        keep = 0.0 if kind < 0.06 else rng.uniform(0.3, 1.5)
        matrix = keep * np.eye(3) + (1 - keep) * np.ones((3, 1)) * _GREY
        image = cv2.transform(image, matrix)
    scale = image.shape[0] / 256
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6) * scale)
    if rng.random() < 0.15:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 14))
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.2:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image

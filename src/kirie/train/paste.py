"""Copy and paste: cutouts laid on backgrounds, with light, shadow and a little blur, and the mask that is then true.

Everything is uint8: images (H, W, 3) RGB, masks (H, W); a cutout's colours are premultiplied by its alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from .colours import table
from .geometry import Bytes, Pair, Size, fit, window

__all__ = ["composite", "ground", "lay"]


def ground(image: Bytes, rng: Generator, size: Size) -> Bytes:
    """A random window of a background, squashed to (height, width)."""
    h, w = image.shape[:2]
    top, left, tall, wide = window(h, w, rng, 0.25)
    return fit(image[top : top + tall, left : left + wide], size[1], size[0])


def composite(
    back: Bytes,
    cutouts: Sequence[Path],
    cutout: Callable[[Path], Pair],
    rng: Generator,
    size: Size,
) -> tuple[list[str], Bytes, Bytes]:
    """One or two cutouts laid on a background; the mask is the union of what is visible of them.

    Args:
        back: a background, any size.
        cutouts: to draw from.
        cutout: gives (premultiplied colours, alpha) of one.
        rng: decides.
        size: (height, width).

    Returns:
        names of the cutouts, image, mask.
    """
    image = ground(back, rng, size)
    if rng.random() < 0.3:  # a shallow depth of field
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 3.0) * min(size) / 256)
    mask: Bytes = np.zeros(size, np.uint8)
    names = []
    count = 2 if rng.random() < 0.2 else 1
    for _ in range(count):
        path = cutouts[int(rng.integers(len(cutouts)))]
        names.append(path.stem)
        colours, alpha = _placed(cutout(path), rng, size, 0.75 if count == 2 else 1.0)
        image = lay(image, _lit(colours, alpha, image, rng), alpha, rng)
        mask = 255 - cv2.multiply(255 - mask, 255 - alpha, scale=1 / 255)
    return names, image, mask


def _placed(subject: Pair, rng: Generator, size: Size, largest: float) -> Pair:
    """The cutout scaled, mirrored, turned a little and moved: colours and alpha on a canvas.

    The subject may be cut by the border of the picture, but its middle stays inside.
    """
    colours, alpha = subject
    h, w = alpha.shape
    side = min(size)
    length = side * largest * rng.uniform(0.3, 1.05)
    stretch = np.exp(rng.uniform(-0.2, 0.2))  # as photos are squashed to a square
    width = max(4, int(length * w / max(h, w) * stretch))
    height = max(4, int(length * h / max(h, w) / stretch))
    colours, alpha = fit(colours, width, height), fit(alpha, width, height)
    angle = rng.uniform(-20, 20) if rng.random() < 0.5 else 0.0
    matrix: Any = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    # People and animals stand more often in the middle than at the border: a triangular distribution.
    room = max(0.1, 1 - length / side / 2)
    x, y = 0.5 + (rng.random(2) - rng.random(2)) * 0.5 * room
    matrix[:, 2] += (x * size[1] - width / 2, y * size[0] - height / 2)
    if rng.random() < 0.5:
        colours, alpha = cv2.flip(colours, 1), cv2.flip(alpha, 1)
    canvas = size[1], size[0]
    return cv2.warpAffine(colours, matrix, canvas), cv2.warpAffine(alpha, matrix, canvas)


def _lit(colours: Bytes, alpha: Bytes, behind: Bytes, rng: Generator) -> Bytes:
    """The cutout's light moved part of the way to the ground's, by one factor a channel."""
    if rng.random() < 0.4:
        return colours
    coverage = max(cv2.mean(alpha)[0] / 255, 1e-3)
    # of straight colours; 8 keeps black finite
    own = np.array(cv2.mean(colours)[:3]) / coverage + 8
    other = np.array(cv2.mean(behind)[:3]) + 8
    gain = np.clip((other / own) ** rng.uniform(0.0, 0.5), 0.6, 1.6)
    # Premultiplied colours stay at or below alpha, or edges would glow.
    lit = table(colours, np.arange(256.0)[:, None] * gain)
    return cv2.min(lit, cv2.merge((alpha, alpha, alpha)))


def lay(behind: Bytes, colours: Bytes, alpha: Bytes, rng: Generator) -> Bytes:
    """Premultiplied colours over a ground, sometimes with a soft shadow beside it: uint8 (H, W, 3)."""
    if rng.random() < 0.35:
        behind = _shaded(behind, alpha, rng)
    rest = 255 - alpha
    return cv2.add(colours, cv2.multiply(behind, cv2.merge((rest, rest, rest)), scale=1 / 255))


def _shaded(behind: Bytes, alpha: Bytes, rng: Generator) -> Bytes:
    """The ground darkened by a blurred, displaced copy of alpha, computed at a quarter of the size."""
    h, w = alpha.shape
    small = cv2.resize(alpha, (max(1, w // 4), max(1, h // 4)), interpolation=cv2.INTER_AREA)
    dx, dy = rng.uniform(-0.08, 0.08) * w / 4, rng.uniform(-0.02, 0.1) * h / 4
    moved = cv2.warpAffine(small, np.array([[1, 0, dx], [0, 1, dy]]), small.shape[::-1])
    soft = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.01, 0.05) * w / 4 + 0.3)
    soft = cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR)
    light = 255 - cv2.convertScaleAbs(soft, alpha=rng.uniform(0.2, 0.6))
    return cv2.multiply(behind, cv2.merge((light, light, light)), scale=1 / 255)

"""Several things of one kind as one subject."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from ..geometry import Bytes, Pair, fit

__all__ = ["grouped"]


def grouped(rng: Generator, make: Callable[[Generator, int], Pair], side: int) -> Pair:
    """Two to five things, partly before each other: as `subject` gives one.

    All are drawn alike but for what their own generators decide; half of the groups are one thing again and again, mirrored and scaled.
    """
    count, alike = int(rng.integers(2, 6)), bool(rng.random() < 0.5)
    small = max(24, round(side * 0.62))
    ones = [make(rng, small)] * count if alike else [make(rng, small) for _ in range(count)]
    canvas = np.zeros((2 * side, 2 * side, 3), np.uint8), np.zeros((2 * side, 2 * side), np.uint8)
    flat = rng.random() < 0.6  # side by side on one ground, else anywhere
    x = side * 0.2
    for place, (own, mask) in enumerate(ones):
        size = rng.uniform(0.6, 1.0)
        h, w = (max(2, round(n * size)) for n in mask.shape)
        colours, alpha = fit(own, w, h), fit(mask, w, h)
        if rng.random() < 0.5:
            colours, alpha = cv2.flip(colours, 1), cv2.flip(alpha, 1)
        if flat:
            top = side * 1.5 - h + rng.normal(0, 0.03) * side
            left, x = x, x + w * rng.uniform(0.5, 1.0)
        else:
            angle = 2.4 * place
            out = 0.3 * side * np.sqrt(place)
            top, left = side - h / 2 + out * np.sin(angle), side - w / 2 + out * np.cos(angle)
        _laid(canvas, colours, alpha, int(top), int(left))
    return _trimmed(*canvas, side)


def _laid(canvas: Pair, colours: Bytes, alpha: Bytes, top: int, left: int) -> None:
    """Over what is on the canvas; what reaches out of it is moved back in."""
    h, w = alpha.shape
    size = canvas[1].shape[0]
    top, left = int(np.clip(top, 0, size - h)), int(np.clip(left, 0, size - w))
    here = np.s_[top : top + h, left : left + w]
    rest = 255 - alpha
    below = cv2.multiply(canvas[0][here], cv2.merge((rest, rest, rest)), scale=1 / 255)
    canvas[0][here] = cv2.add(colours, below)
    canvas[1][here] = cv2.add(alpha, cv2.multiply(canvas[1][here], rest, scale=1 / 255))


def _trimmed(colours: Bytes, alpha: Bytes, side: int) -> Pair:
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    colours, alpha = np.ascontiguousarray(colours[inside]), np.ascontiguousarray(alpha[inside])
    scale = min(1.0, side / max(alpha.shape))
    w, h = (max(1, round(n * scale)) for n in alpha.shape[::-1])
    colours, alpha = (
        cv2.resize(plane, (w, h), interpolation=cv2.INTER_AREA) for plane in (colours, alpha)
    )
    return cv2.min(colours, cv2.merge((alpha, alpha, alpha))), alpha

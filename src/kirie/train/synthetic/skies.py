"""Skies, and what all scenes share: float32 (h, w, 3), 0…1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import palettes
from .noise import Array, fractal

__all__ = ["heights", "mixed", "relief", "sky"]


def mixed(first: Array, second: Array, share: Array) -> Array:
    """Between two colours or images by a share (h, w)."""
    share = share[:, :, None].astype(np.float32)
    return first * (1 - share) + second * share


def heights(h: int, w: int) -> tuple[Array, Array]:
    """Places across (1, w), −1…1, and down (h, 1), 0…1."""
    return np.linspace(-1, 1, w, dtype=np.float32)[None], np.linspace(0, 1, h, dtype=np.float32)[
        :, None
    ]


def sky(rng: Generator, h: int, w: int) -> Array:
    """Clear, cloudy, overcast, at dusk or at night."""
    x, y = heights(h, w)
    kind = rng.random()
    if kind < 0.55:
        top = palettes.hsv(rng.normal(0.58, 0.02), rng.uniform(0.2, 0.75), rng.uniform(0.45, 0.95))
        low = palettes.hsv(rng.normal(0.57, 0.03), rng.uniform(0.02, 0.3), rng.uniform(0.75, 1.0))
    elif kind < 0.75:
        top = palettes.hsv(rng.uniform(0.55, 0.8), rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.6))
        low = palettes.hsv(rng.uniform(0.98, 1.12), rng.uniform(0.3, 0.8), rng.uniform(0.6, 1.0))
    elif kind < 0.92:
        top, low = (
            palettes.hsv(0.6, rng.uniform(0, 0.12), rng.uniform(0.5, 0.9)) for _ in range(2)
        )
    else:
        top, low = (
            palettes.hsv(0.63, rng.uniform(0.2, 0.8), rng.uniform(0.02, 0.25)) for _ in range(2)
        )
    glow = np.exp(-((x - rng.uniform(-1, 1)) ** 2 * rng.uniform(0.1, 1))) * rng.uniform(0, 0.25)
    image = mixed(top, low, y ** rng.uniform(0.6, 1.6) + 0 * x) + (glow * y)[:, :, None] * low
    if rng.random() < 0.7:
        long = rng.uniform(1, 3)
        cloud = cv2.resize(
            fractal(rng, (h, max(8, int(w / long))), rng.uniform(1, 4), 6, 0.55), (w, h)
        )
        cover = np.clip((cloud - rng.uniform(0.3, 0.65)) * rng.uniform(1.5, 6), 0, 1) * rng.uniform(
            0.4, 1
        )
        lit = fractal(rng, (h, w), 3, 4)
        white = mixed(low * 0.6 + 0.15, np.minimum(low * 1.1 + 0.15, 1), lit)
        image = mixed(image, white, cover)
    return image.astype(np.float32)


def relief(rng: Generator, height: Array, strength: float) -> Array:
    """Factors (h, w) of light that falls along a surface of that height."""
    angle = rng.uniform(0, 2 * np.pi)
    dx, dy = cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)
    return np.clip(0.75 + strength * (dx * np.cos(angle) + dy * np.sin(angle)), 0.15, 1.6)

"""A flat canvas with a mask, for what is drawn rather than modelled: leaves, petals, wires, wheels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from .noise import Array, fractal
from .render import FINER, finished

__all__ = ["Canvas", "bent", "petal"]

MARGIN = 0.25  # around the unit square, so that things may reach out of it
BITS = 4


class Canvas:
    """Places are (x, y) with y down; the unit square is `side` pixels of the result wide, before it is cropped."""

    def __init__(self, side: int) -> None:
        self.side, self.scale = side, side * FINER
        size = round(self.scale * (1 + 2 * MARGIN))
        self.colours: Any = np.zeros((size, size, 3), np.uint8)
        self.mask: Any = np.zeros((size, size), np.uint8)

    def _fixed(self, points: Array) -> Array:
        return np.round((np.asarray(points) + MARGIN) * (self.scale * (1 << BITS))).astype(np.int32)

    def shape(self, outline: Array, colour: Array) -> None:
        """A filled outline (K, 2) in a colour (3,), 0…1."""
        corners = [self._fixed(outline)]
        cv2.fillPoly(self.colours, corners, _levels(colour), cv2.LINE_8, BITS)
        cv2.fillPoly(self.mask, corners, 255, cv2.LINE_8, BITS)

    def stroke(self, path: Array, widths: Array | float, colour: Array) -> None:
        """A path (K, 2) of widths (K,) or one."""
        path = np.asarray(path, float)
        half = np.broadcast_to(np.maximum(widths, 1.2 / self.scale), len(path))[:, None] / 2
        along = np.gradient(path, axis=0)
        across = along[:, ::-1] * (-1, 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
        self.shape(np.concatenate((path + across * half, (path - across * half)[::-1])), colour)

    def disc(self, at: Array, radius: float, colour: Array) -> None:
        """A filled circle."""
        x, y = (int(n) for n in self._fixed(np.asarray(at)))
        r = max(1, round(radius * self.scale * (1 << BITS)))
        cv2.circle(self.colours, (x, y), r, _levels(colour), -1, cv2.LINE_8, BITS)
        cv2.circle(self.mask, (x, y), r, 255, -1, cv2.LINE_8, BITS)

    def done(self, rng: Generator, uneven: float = 0.35) -> Pair:
        """Premultiplied colours and alpha; the light falls unevenly by `uneven`."""
        half = self.mask.shape[0] // 2
        light = 1 - uneven + 1.3 * uneven * fractal(rng, (half, half), 2.5, 5, 0.7)
        ys, xs = np.mgrid[-1 : 1 : half * 1j, -1 : 1 : half * 1j].astype(np.float32)
        light += np.float32(rng.normal(0, 0.2)) * xs - np.float32(rng.uniform(0, 0.3)) * ys
        light = cv2.resize(light.astype(np.float32), self.mask.shape[::-1])
        colours = cv2.multiply(self.colours, cv2.merge((light, light, light)), dtype=cv2.CV_8U)
        return finished(rng, colours, self.mask, self.side)


def _levels(colour: Array) -> tuple[int, int, int]:
    r, g, b = (int(np.clip(c, 0, 1) * 255 + 0.5) for c in colour)
    return r, g, b


def bent(
    rng: Generator, start: Array, angle: float, long: float, bend: float = 0.5, *, count: int = 12
) -> Array:
    """A curved path (count, 2) from a place; angle: 0 is up, to the right positive."""
    t = np.linspace(0, 1, count)
    turn = angle + rng.normal(0, bend) * t + rng.normal(0, bend * 0.3) * np.sin(4 * t)
    steps = np.stack((np.sin(turn), -np.cos(turn)), 1) * long / (count - 1)
    return np.asarray(start) + np.concatenate((np.zeros((1, 2)), np.cumsum(steps[1:], 0)))


def petal(at: Array, angle: float, long: float, wide: float, full: float = 0.8) -> Array:
    """The outline (24, 2) of a petal or leaf; full: above 1 broad at the tip, below 1 near the root."""
    t = np.linspace(0, 1, 12)
    half = np.sin(np.pi * t**full) ** 0.8 * wide / 2
    x, y = np.concatenate((half, -half[::-1])), np.concatenate((t, t[::-1])) * long
    s, c = np.sin(angle), np.cos(angle)
    return np.asarray(at) + np.stack((x * c + y * s, x * s - y * c), 1)

"""Random fields: fractal noise, cells, ragged lines. Arrays are float32, values about 0…1 unless said otherwise."""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

__all__ = ["Array", "Tile", "cells", "fractal", "ragged", "ridged", "unit"]

Array = Any  # a NumPy array: OpenCV's type stubs forget the element type

TILE = 256  # pixels of a side of a tile
TILES = 12  # different ones


def fractal(
    rng: Generator, size: tuple[int, int], first: float = 3.0, octaves: int = 5, fall: float = 0.5
) -> Array:
    """Noise of several octaves, (height, width), stretched to 0…1.

    first: lattice cells along the shorter side in the coarsest octave; each next has twice as many. fall: how much weaker it is.
    """
    h, w = size
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        count = first * 2**octave / min(h, w)
        tall, wide = max(2, round(h * count) + 1), max(2, round(w * count) + 1)
        if tall > h or wide > w:
            break
        lattice = rng.random((tall, wide), np.float32)
        total += cv2.resize(lattice, (w, h), interpolation=cv2.INTER_CUBIC) * fall**octave
    return unit(total)


def ridged(rng: Generator, size: tuple[int, int], first: float = 3.0, octaves: int = 4) -> Array:
    """Noise with sharp bright ridges, as veins, cracks and ripples have them: (height, width)."""
    return 1 - np.abs(2 * fractal(rng, size, first, octaves) - 1)


def unit(values: Array) -> Array:
    """Stretched to 0…1."""
    least, most = float(values.min()), float(values.max())
    return (values - least) / max(most - least, 1e-6)


def cells(rng: Generator, size: tuple[int, int], count: int) -> tuple[Array, Array]:
    """Voronoi cells: their numbers (h, w) int32, and the distance to the nearest centre in typical radii (h, w)."""
    h, w = size
    plane = np.ones(size, np.uint8)
    ys, xs = rng.integers(h, size=count), rng.integers(w, size=count)
    plane[ys, xs] = 0
    distance, labels = cv2.distanceTransformWithLabels(
        plane, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    return labels, distance / np.float32(np.sqrt(h * w / count))


def ragged(rng: Generator, count: int, rough: float = 0.5) -> Array:
    """A line of `count` heights by midpoint displacement, 0…1; rough 0.3 is a soft hill, 0.8 a mountain range."""
    line, size = rng.random(3), 1.0
    while len(line) < count:
        size *= rough
        middle = (line[1:] + line[:-1]) / 2 + rng.normal(0, 0.5 * size, len(line) - 1)
        woven = np.empty(2 * len(line) - 1)
        woven[::2], woven[1::2] = line, middle
        line = woven
    return unit(line[:count].astype(np.float32))


@functools.cache
def _tile(number: int, first: int, octaves: int) -> Array:
    """One of the tiles that all surfaces share: making one takes as long as drawing a small thing."""
    rng = np.random.default_rng((number, first, octaves))
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(octaves):
        count = first * 2**octave
        lattice = np.pad(rng.random((count, count), np.float32), 2, mode="wrap")
        scale = TILE // count
        large = cv2.resize(lattice, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += large[2 * scale : -2 * scale, 2 * scale : -2 * scale] * 0.55**octave
    return unit(total)


class Tile:
    """A square of noise that repeats without a seam, to be read at any place."""

    def __init__(self, rng: Generator, first: int = 4, octaves: int = 5) -> None:
        self.values = _tile(int(rng.integers(TILES)), first, octaves)
        self._down, self._right = (int(n) for n in rng.integers(TILE, size=2))

    def __call__(self, u: Array, v: Array) -> Array:
        """The noise at places of any shape; the tile is 1 wide and high."""
        columns = ((u * TILE).astype(np.int32) + self._right) & (TILE - 1)
        rows = ((v * TILE).astype(np.int32) + self._down) & (TILE - 1)
        return self.values[rows, columns]

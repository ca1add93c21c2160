"""Pagodas, temples, ruins and bridges: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .buildings import DARK, PLAIN, ROOF, TRIM, WALL, gable, painted
from .meshes import Mesh, ball, box, joined, lathe, loft, slab, tube
from .render import render
from .surfaces import marble, panes, plain

__all__ = ["bridge", "pagoda", "temple"]


def pagoda(rng: Generator, side: int) -> Pair:
    """Storeys that shrink, with roofs that curl up at the corners."""
    paints = painted(rng, (0.25, 0.4))
    paints[WALL] = panes(
        rng,
        plain(rng, palettes.hsv(rng.choice((0.0, 0.08)), 0.6, rng.uniform(0.3, 0.7))),
        (0.25, 0.5),
    )
    parts = [box((1.9, 0.18, 1.9), paint=PLAIN)]
    level, wide = 0.18, rng.uniform(1.0, 1.4)
    for _ in range(int(rng.integers(1, 6))):
        tall = rng.uniform(0.35, 0.5)
        parts.append(box((wide, tall, wide), (0, level, 0), WALL))
        parts.append(_curled(wide * 0.85, 0.28).moved(y=level + tall))
        level, wide = level + tall + 0.2, wide * rng.uniform(0.75, 0.95)
    parts.append(
        lathe(np.array(((0.1, 0), (0.03, 0.3), (0.05, 0.35), (0.005, 0.7))), TRIM, 8).moved(
            y=level + 0.05
        )
    )
    return render(rng, joined(parts), paints, side, pitch=(-12, 25))


def _curled(reach: float, tall: float) -> Mesh:
    """A square roof, concave, its corners lifted."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    square = 1 / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle)))
    corner = (square - 1) / (np.sqrt(2) - 1)
    rings = []
    for t in (0.0, 0.06, 0.3, 0.6, 1.0):
        out = reach * square * (1 - 0.75 * t)
        rise = tall * t**1.6 + 0.16 * corner**2 * (1 - t) ** 2
        rings.append(np.stack((out * np.cos(angle), rise, out * np.sin(angle)), 1))
    return loft(np.stack(rings), ROOF, smooth=False)


def temple(rng: Generator, side: int) -> Pair:
    """Columns on steps under a pediment, whole or in ruins."""
    paints = painted(rng)
    stone = palettes.family(
        rng, 2, palettes.hsv(0.1, rng.uniform(0.05, 0.35), rng.uniform(0.5, 0.95))
    )
    paints[TRIM], paints[PLAIN] = marble(rng, stone), marble(rng, stone)
    x, z, high = rng.uniform(1.6, 2.6), rng.uniform(1, 1.6), rng.uniform(0.8, 1.3)
    parts = [
        box((x + 0.4 - 0.15 * k, 0.09, z + 0.4 - 0.15 * k), (0, 0.09 * k, 0), PLAIN)
        for k in range(3)
    ]
    whole, count = bool(rng.random() < 0.6), int(rng.integers(4, 7))
    t = np.linspace(0, 1, 5)
    shaft = np.stack((0.085 - 0.02 * t**2, t), 1)
    for place in np.linspace(-x / 2 + 0.1, x / 2 - 0.1, count):
        for across in (-z / 2 + 0.1, z / 2 - 0.1):
            share = 1.0 if whole else rng.choice((1.0, 1.0, rng.uniform(0.2, 0.9)))
            parts.append(
                lathe(shaft, TRIM, 10).scaled(1, high * share, 1).moved(place, 0.27, across)
            )
            if share == 1:
                parts.append(box((0.24, 0.06, 0.24), (place, 0.27 + high, across), PLAIN))
    if whole:
        parts.append(box((x * 0.7, high, z * 0.55), (0, 0.27, 0), DARK))
        parts.append(box((x + 0.1, 0.15, z + 0.1), (0, 0.33 + high, 0), PLAIN))
        parts.append(gable(np.array((x, z * 0.3, z)), np.array((0, 0.48 + high, 0)), paint=TRIM))
    return render(rng, joined(parts), paints, side, pitch=(-4, 20))


def bridge(rng: Generator, side: int) -> Pair:
    """Stone arches, or a suspension bridge with towers and cables."""
    paints = painted(rng)
    long, wide = rng.uniform(3.5, 6), rng.uniform(0.5, 0.9)
    if rng.random() < 0.5:
        count = int(rng.integers(1, 5))
        x = np.linspace(-long / 2, long / 2, 12 * count + 1)
        inside = (x + long / 2) / long * count % 1
        high = 0.5 * long / count * rng.uniform(0.7, 1.1)
        arch = np.sqrt(np.maximum(0, 1 - ((inside - 0.5) / 0.42) ** 2)) * high * 0.85
        camber = rng.uniform(0, 0.3) * (1 - (2 * x / long) ** 2)
        top = high + 0.12 + camber
        parts = [slab(np.stack((x, arch + camber * 0.7 * (arch > 0), top), 1), wide, PLAIN)]
        parts.extend(
            slab(np.stack((x, top, top + 0.14), 1), 0.06, PLAIN).moved(z=across)
            for across in (-wide / 2, wide / 2)
        )
        return render(rng, joined(parts), paints, side, pitch=(0, 22))
    parts = [box((long * 1.1, 0.1, wide), (0, 0.7, 0), TRIM)]
    tall = rng.uniform(1.3, 2.0)
    t = np.linspace(-1, 1, 15)
    cable = 0.85 + (tall - 0.85) * t**2
    for across in (-wide / 2, wide / 2):
        parts.append(
            tube(np.stack((t * long * 0.3, cable, np.full(15, across)), 1), 0.025, DARK, 5)
        )
        for end in (-1, 1):
            parts.append(
                box(
                    (0.14, tall, 0.12),
                    (end * long * 0.3, 0, across),
                    WALL if rng.random() < 0.1 else DARK,
                )
            )
            anchor = np.array(((end * long * 0.3, tall, across), (end * long * 0.55, 0.8, across)))
            parts.append(tube(anchor, 0.025, DARK, 5))
        parts.extend(
            box((0.018, height - 0.75, 0.018), (place, 0.75, across), DARK)
            for place, height in zip(t[1:-1] * long * 0.3, cable[1:-1], strict=True)
        )
    for end in (-1, 1):
        parts.append(box((0.1, 0.1, wide), (end * long * 0.3, tall * 0.93, 0), DARK))
        parts.append(ball(0.07, DARK, 8).moved(end * long * 0.3, tall + 0.05))
    return render(rng, joined(parts), paints, side, pitch=(0, 18))

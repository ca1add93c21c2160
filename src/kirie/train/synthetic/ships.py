"""Boats, sailing boats, ships and tall ships: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import Mesh, box, cylinder, joined, loft, tube
from .render import render
from .surfaces import panes, plain, planks
from .vehicles import BODY, GLASS, HUB, SECOND, TYRE, painted

__all__ = ["boat", "ship"]


def _hull(rng: Generator, long: float, wide: float, deep: float, paint: int) -> Mesh:
    """A boat's body: its deck at y = 0 in the middle, rising to the bow at +x."""
    t = np.linspace(0, 1, 14)
    stern, bow = rng.uniform(0.4, 1.0), rng.uniform(1.6, 3.5)
    half = (
        wide
        / 2
        * np.minimum(stern + (1 - stern) * np.sqrt(np.minimum(t / 0.4, 1)), 1)
        * (1 - t**bow * 0.99)
    )
    rise = rng.uniform(0.1, 0.45) * deep * (2 * t - 1) ** 2 + rng.uniform(0, 0.6) * deep * t**3
    keel = -deep * (1 - 0.7 * t**4)
    x = -long / 2 + long * t + 0.06 * long * t**2
    angle = np.linspace(np.pi, 2 * np.pi, 12)
    rings = np.empty((14, 12, 3))
    rings[:, :, 0] = x[:, None] - 0.1 * long * t[:, None] ** 3 * np.abs(np.sin(angle))
    rings[:, :, 1] = rise[:, None] + (keel - rise)[:, None] * np.abs(np.sin(angle)) ** 0.8
    rings[:, :, 2] = half[:, None] * np.cos(angle)
    return loft(rings, paint)


def boat(rng: Generator, side: int) -> Pair:
    """A rowing boat, a fishing boat with a cabin, or a sailing boat."""
    long, wide, deep = rng.uniform(3, 5), rng.uniform(1.0, 1.6), rng.uniform(0.4, 0.8)
    paints = painted(rng)
    paints[BODY] = (
        planks(rng, palettes.family(rng, 2, palettes.paint(rng)), 0.12)
        if rng.random() < 0.4
        else paints[BODY]
    )
    paints[TYRE] = plain(rng, palettes.earthy(rng), 0.2)
    paints[SECOND] = plain(rng, palettes.paint(rng), 0.1)
    parts = [_hull(rng, long, wide, deep, BODY)]
    parts.append(_hull(rng, long * 1.01, wide * 1.04, deep * 0.2, SECOND).moved(y=0.02))
    kind = rng.random()
    if kind < 0.45:
        high = long * rng.uniform(1.0, 1.5)
        parts.append(cylinder(0.045, high, TYRE, 6, 0.5).moved(0.2, -0.1))
        parts += _sails(rng, long, high)
    elif kind < 0.75:
        x, size = (
            rng.uniform(-0.8, 0.5),
            (rng.uniform(0.9, 1.6), rng.uniform(0.6, 1.1), wide * 0.65),
        )
        parts.append(box(size, (x, 0, 0), SECOND, 0.9))
        parts.append(
            box((size[0] * 0.8, size[1] * 0.35, size[2] * 0.97), (x, size[1] * 0.5, 0), GLASS)
        )
        parts.append(box((size[0] * 1.15, 0.07, size[2] * 1.15), (x, size[1], 0), BODY))
        parts.append(cylinder(0.04, rng.uniform(1, 2), TYRE, 6).moved(x + 0.3, size[1]))
    else:
        parts.extend(box((0.25, 0.06, wide * 0.9), (x, 0.03, 0), TYRE) for x in (-0.9, 0.0, 0.9))
        oar = np.array(((0, 0.1, -wide), (0.3, 0.15, 0), (0.6, 0.1, wide * 1.1)))
        parts.append(tube(oar, 0.04, TYRE, 5))
    return render(rng, joined(parts), paints, side, pitch=(2, 18))


def _sails(rng: Generator, long: float, high: float) -> list[Mesh]:
    """A main sail behind the mast and a smaller one before it, both full of wind."""
    found = []
    full = rng.uniform(-0.3, 0.3) * long
    for foot, top in ((-0.5 * long, 0.97 * high), (0.48 * long, rng.uniform(0.6, 0.95) * high)):
        t = np.linspace(0, 1, 9)[:, None]
        s = np.linspace(0, 1, 7)[None]
        x = 0.2 + s * (foot - 0.2) * (1 - t)
        y = 0.25 + t * (top - 0.25) + 0 * s
        z = full * np.sin(np.pi * s) * (1 - t) * 0.8 + 0 * t
        sheet = np.stack((x, y, z), 2)
        found.append(
            loft(np.concatenate((sheet, sheet[:, ::-1] + (0, 0, 0.01)), 1), SECOND, caps=False)
        )
    boom = np.array(((0.2, 0.22, 0), (-0.5 * long, 0.22, 0)))
    return [*found, tube(boom, 0.035, TYRE, 5)]


def ship(rng: Generator, side: int) -> Pair:
    """A steamer, ferry or freighter; or a tall ship with yards and square sails."""
    long, wide, deep = rng.uniform(7, 11), rng.uniform(1.2, 1.8), rng.uniform(0.7, 1.1)
    paints = painted(rng)
    paints[SECOND] = panes(rng, plain(rng, palettes.hsv(0.1, 0.05, 0.9)), (0.3, 0.32))
    parts = [_hull(rng, long, wide, deep, BODY)]
    parts.append(_hull(rng, long * 1.005, wide * 1.02, deep * 0.12, HUB).moved(y=0.02))
    if rng.random() < 0.35:
        paints[SECOND] = plain(
            rng, palettes.hsv(0.1, rng.uniform(0, 0.3), rng.uniform(0.6, 0.95)), 0.0
        )
        paints[TYRE] = plain(rng, palettes.earthy(rng))
        for x in (-0.28 * long, 0.0, 0.27 * long):
            high = long * rng.uniform(0.45, 0.6)
            parts.append(cylinder(0.09, high, TYRE, 6, 0.4).moved(x))
            for level, broad in ((0.15, 0.24), (0.42, 0.2), (0.68, 0.14)):
                parts += _square_sail(x, high * level, high * 0.23, long * broad)
    else:
        level, x, part = 0.0, rng.uniform(-0.25, 0.1) * long, rng.uniform(0.25, 0.7)
        for _ in range(int(rng.integers(1, 5))):
            parts.append(box((long * part, 0.32, wide * 0.8), (x, level, 0), SECOND))
            level, part = level + 0.32, part * rng.uniform(0.6, 0.95)
        parts.extend(
            cylinder(0.2, rng.uniform(0.6, 1.1), BODY, 10, 0.9).scaled(1.3).moved(x + place, level)
            for place in np.linspace(-0.3, 0.3, int(rng.integers(1, 4))) * part * long
        )
        parts.extend(
            cylinder(0.04, rng.uniform(1, 2.2), TYRE, 5).moved(place * long, 0.1)
            for place in (-0.35, 0.33)
        )
        if rng.random() < 0.4:
            parts += _containers(rng, long, wide)
    return render(rng, joined(parts), paints, side, pitch=(0, 14))


def _square_sail(x: float, low: float, tall: float, wide: float) -> list[Mesh]:
    s, t = np.linspace(-1, 1, 7)[None], np.linspace(0, 1, 5)[:, None]
    depth = 0.25 * wide * np.sin(np.pi * t * 0.8) * (1 - s**2) + 0.1
    sheet = np.stack((x + depth, low + tall * t + 0 * s, s * wide / 2 * (1 - 0.15 * t)), 2)
    sail = loft(np.concatenate((sheet, sheet[:, ::-1] - (0.01, 0, 0)), 1), SECOND, caps=False)
    return [sail, box((0.06, 0.06, wide), (x + 0.08, low + tall, 0), TYRE)]


def _containers(rng: Generator, long: float, wide: float) -> list[Mesh]:
    found: list[Mesh] = []
    for x in np.arange(0.12 * long, 0.36 * long, 0.55):
        found.extend(
            box(
                (0.52, 0.28, wide * 0.8),
                (x, level * 0.29, 0),
                int(rng.choice((BODY, HUB, TYRE))),
            )
            for level in range(int(rng.integers(1, 4)))
        )
    return found

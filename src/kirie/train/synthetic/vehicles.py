"""Cars, vans, buses and lorries: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import Mesh, ball, box, cylinder, joined, lathe, loft, ring
from .noise import Array
from .render import render
from .surfaces import Paint, any_paint, glass, plain

__all__ = ["car", "painted", "shell", "truck"]

BODY, GLASS, TYRE, HUB, SECOND = range(5)


def painted(rng: Generator) -> list[Paint]:
    """Body, glass, tyres, hubs, and a second colour."""
    body = palettes.paint(rng)
    return [
        plain(rng, body, rng.uniform(0.2, 0.9), rng.uniform(0.02, 0.4)),
        glass(rng),
        plain(rng, palettes.hsv(0.1, 0.1, rng.uniform(0.05, 0.16)), 0.05),
        plain(rng, palettes.metal(rng), 0.5),
        plain(
            rng, palettes.near(rng, body, 0.3) if rng.random() < 0.5 else palettes.metal(rng), 0.3
        ),
    ]


def _wheels(radius: float, places: Array, across: float) -> list[Mesh]:
    """Wheels on both sides at those x."""
    wide = radius * 0.55
    profile = np.array(
        (
            (radius * 0.3, 0),
            (radius * 0.85, 0),
            (radius, wide * 0.15),
            (radius, wide * 0.85),
            (radius * 0.85, wide),
            (radius * 0.3, wide),
        )
    )
    tyre = lathe(profile, TYRE, 16)
    hub = cylinder(radius * 0.6, wide * 1.06, HUB, 10).moved(y=-wide * 0.03)
    wheel = joined([tyre, hub]).turned("x", 90)
    found = []
    for x in places:
        found.append(wheel.moved(x, radius, across / 2 - wide * 0.85))
        found.append(wheel.moved(x, radius, -across / 2 - wide * 0.15))
    return found


def shell(stations: Array, across: float, power: float, paint: int = BODY) -> Mesh:
    """A shell along x: stations (S, 4) of x, lower y, upper y, and how wide to `across`."""
    x, low, high, wide = np.asarray(stations, float).T
    section = ring(16, power)
    rings = np.empty((len(x), 16, 3))
    rings[:, :, 0] = x[:, None]
    rings[:, :, 1] = ((low + high) / 2)[:, None] + ((high - low) / 2)[:, None] * section[:, 1]
    rings[:, :, 2] = (wide * across / 2)[:, None] * section[:, 0]
    return loft(rings, paint)


def car(rng: Generator, side: int) -> Pair:
    """A saloon, hatchback, van or pick-up."""
    long, wide = rng.uniform(3.4, 4.8), rng.uniform(1.5, 1.9)
    wheel, belt = rng.uniform(0.28, 0.4), rng.uniform(0.8, 1.0)
    low, roof = wheel * 0.65, rng.uniform(1.3, 1.9)
    nose, tail = long / 2, -long / 2
    ends = [
        (tail, low + 0.12, belt * 0.85, 0.88),
        (tail + 0.12, low, belt * 0.97, 0.97),
        (tail + 0.5, low, belt, 1.0),
        (0.0, low, belt, 1.0),
        (nose - 1.1, low, belt * 0.98, 1.0),
        (nose - 0.3, low, belt * rng.uniform(0.72, 0.9), 0.96),
        (nose, low + 0.1, belt * 0.6, 0.8),
    ]
    back = rng.choice((tail + 0.1, tail + 0.9, tail + 1.4))
    front = nose - rng.uniform(0.8, 1.2)
    slope = rng.uniform(0.15, 0.7)
    parts = [
        shell(np.array(ends), wide, 5.0),
        *_wheels(wheel, np.array((tail + 0.75, nose - 0.75)), wide),
    ]
    cabin = np.array(
        (
            (back - 0.1, belt - 0.1, belt + 0.02, 0.9),
            (back + slope * 0.4, belt - 0.1, roof - 0.08, 0.84),
            (back + slope * 0.9, belt - 0.1, roof, 0.83),
            (front - slope - 0.35, belt - 0.1, roof, 0.83),
            (front, belt - 0.1, belt + 0.02, 0.92),
        )
    )
    parts.append(shell(cabin, wide, 6.0, GLASS))
    lid = cabin[1:4] + np.array(((0, 0, 0.02, 0.005),))
    lid[:, 1] = lid[:, 2] - 0.1
    parts.append(shell(lid, wide, 6.0))
    for x in (*np.linspace(back + slope * 0.5, front - slope - 0.35, 3), front - 0.04):
        high = roof if x < front - 0.1 else belt
        parts.append(box((0.07, high - belt + 0.06, wide * 0.86), (x, belt - 0.08, 0)))
    for z in (-wide * 0.36, wide * 0.36):
        parts.append(ball(0.1, HUB, 8).scaled(0.5).moved(nose - 0.06, belt * 0.62, z))
        parts.append(box((0.06, 0.12, 0.2), (tail + 0.05, belt * 0.7, z), SECOND))
    parts.append(
        box((long * 0.97, 0.1, wide * 0.98), (0, low, 0), SECOND if rng.random() < 0.5 else TYRE)
    )
    return render(rng, joined(parts), painted(rng), side, pitch=(0, 25))


def truck(rng: Generator, side: int) -> Pair:
    """A bus, a tram, or a lorry with a cab and a load."""
    long, wide, tall = rng.uniform(4.5, 9), rng.uniform(1.8, 2.3), rng.uniform(1.8, 2.6)
    wheel = rng.uniform(0.38, 0.5)
    paints = painted(rng)
    parts = _wheels(
        wheel, np.array((-long * 0.36, -long * 0.24, long * 0.38))[int(rng.integers(2)) :], wide
    )
    parts.append(box((long, 0.25, wide * 0.8), (0, wheel * 0.8, 0), TYRE))
    if rng.random() < 0.5:
        parts.append(_rounded((long, tall, wide), (0, wheel * 1.1, 0)))
        bay = long / int(rng.integers(4, 9))
        low = wheel + tall * 0.5
        parts.extend(
            box((bay * 0.85, tall * 0.36, wide * 1.012), (x, low, 0), GLASS)
            for x in np.arange(-long / 2 + bay * 0.6, long / 2 - bay * 0.3, bay)
        )
        parts.append(box((long * 1.008, tall * 0.42, wide * 0.85), (0, low - 0.05, 0), GLASS))
        parts.append(
            box((long * 1.003, tall * 0.12, wide * 1.008), (0, wheel + tall * 0.18, 0), SECOND)
        )
    else:
        cab = rng.uniform(1.2, 1.7)
        x = long / 2 - cab / 2
        high = tall * rng.uniform(0.7, 1.0)
        parts.append(_rounded((cab, high, wide), (x, wheel, 0)))
        parts.append(
            box((cab * 0.5, high * 0.32, wide * 1.015), (x + 0.1, wheel + high * 0.5, 0), GLASS)
        )
        parts.append(
            box((cab * 1.03, high * 0.35, wide * 0.86), (x + 0.01, wheel + high * 0.5, 0), GLASS)
        )
        parts += _load(rng, long - cab - 0.15, wide, wheel, tall)
        paints[SECOND] = any_paint(rng)
    return render(rng, joined(parts), paints, side, pitch=(0, 20))


def _rounded(size: tuple[float, float, float], at: tuple[float, float, float]) -> Mesh:
    """A box with soft edges."""
    x, y, z = size
    ends = (
        (-x / 2, 0.06, y - 0.1, 0.94),
        (-x / 2 + 0.1, 0, y, 1),
        (x / 2 - 0.1, 0, y, 1),
        (x / 2, 0.06, y - 0.12, 0.94),
    )
    return shell(np.array(ends), z, 9.0).moved(*at)


def _load(rng: Generator, long: float, wide: float, wheel: float, tall: float) -> list[Mesh]:
    """Behind the cab, from −long / 2 − cab / 2 on: a container, a tank or a flat bed with things on it."""
    x, kind = -0.75, rng.random()
    if kind < 0.5:
        return [box((long, tall, wide), (x, wheel * 1.3, 0), SECOND)]
    if kind < 0.75:
        tank = cylinder(wide / 2, long, SECOND, 16).turned("z", 90)
        return [tank.moved(x + long / 2, wheel * 1.3 + wide / 2)]
    bed = [box((long, 0.5, wide), (x, wheel * 1.2, 0), BODY)]
    for _ in range(int(rng.integers(2, 6))):
        size = rng.uniform(0.3, 0.9, 3) * (long * 0.4, tall * 0.6, wide * 0.7)
        bed.append(box(size, (x + rng.uniform(-0.3, 0.3) * long, wheel * 1.2 + 0.45, 0), SECOND))
    return bed

"""Houses, towers, churches, lighthouses and windmills: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import Mesh, box, cylinder, faces, joined, lathe
from .noise import Array
from .render import render
from .surfaces import Paint, bricks, marble, panes, plain, planks

__all__ = ["church", "gable", "house", "lighthouse", "painted", "tower"]

WALL, ROOF, TRIM, DARK, PLAIN = range(5)


def _wall(rng: Generator) -> Paint:
    """Of a building: plaster, brick, stone or boards."""
    colour = palettes.paint(rng) if rng.random() < 0.5 else palettes.earthy(rng)
    colours = palettes.family(rng, 3, colour)
    kind = rng.random()
    if kind < 0.35:
        return plain(rng, colour, 0.02, rng.uniform(0.1, 0.5))
    if kind < 0.7:
        return bricks(rng, colours, rng.uniform(0.06, 0.2))
    return planks(rng, colours, 0.06) if kind < 0.85 else marble(rng, colours)


def painted(rng: Generator, bay: tuple[float, float] = (0.0, 0.0)) -> list[Paint]:
    """Walls with windows, roofs, trims, doors, and the walls without windows."""
    wall = _wall(rng)
    tiles = palettes.hsv(
        rng.choice((0.03, 0.05, 0.6)), rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.6)
    )
    roof = bricks(rng, palettes.family(rng, 3, tiles), rng.uniform(0.05, 0.1))
    trim = plain(rng, palettes.hsv(0.1, rng.uniform(0, 0.2), rng.uniform(0.5, 1)), 0.05)
    dark = plain(rng, palettes.hsv(rng.random(), 0.4, rng.uniform(0.05, 0.4)))
    return [panes(rng, wall, bay), roof, trim, dark, wall]


def gable(size: Array, at: Array, over: float = 0.08, paint: int = ROOF) -> Mesh:
    """A pitched roof with its ridge along x, its gables closed by PLAIN."""
    x, y, z = (float(n) for n in size)
    eaves, out = x / 2 + over, z / 2 + over
    drop = -over * y / (z / 2)
    corners = [
        [(-eaves, drop, side * out), (eaves, drop, side * out), (eaves, y, 0), (-eaves, y, 0)]
        for side in (-1, 1)
    ]
    roof: Array = np.array(corners, float)
    roof = np.concatenate((roof, roof - (0, 0.05, 0)))
    ends = np.array(
        [[(e, 0, -z / 2), (e, 0, z / 2), (e, y, 0), (e, y, 0)] for e in (-x / 2, x / 2)], float
    )
    return joined([faces(roof, paint), faces(ends, PLAIN)]).moved(*at)


def house(rng: Generator, side: int) -> Pair:
    """A cottage, a barn, a farm with a wing, a chimney, a porch."""
    x, y, z = rng.uniform(1.4, 3), rng.uniform(0.7, 1.8), rng.uniform(1, 1.6)
    storeys = max(1, round(y / 0.65))
    parts = [box((x, y, z), paint=WALL)]
    if rng.random() < 0.7:
        parts.append(gable(np.array((x, z * rng.uniform(0.3, 0.8), z)), np.array((0, y, 0))))
    else:
        parts.append(
            box((x * 1.08, rng.uniform(0.3, 0.7), z * 1.08), (0, y, 0), ROOF, rng.uniform(0.1, 0.7))
        )
    if rng.random() < 0.45:
        wing = np.array((rng.uniform(0.6, 1.2), y * rng.uniform(0.6, 1), rng.uniform(0.6, 1)))
        place = rng.uniform(-0.4, 0.4) * x, 0, z / 2 + wing[2] / 2 - 0.05
        parts.append(box(wing, place, WALL))
        ridge = gable(np.array((wing[2], wing[0] * 0.5, wing[0])), np.zeros(3)).turned("y", 90)
        parts.append(ridge.moved(place[0], wing[1], place[2]))
    if rng.random() < 0.6:
        parts.append(
            box((0.18, z * 0.5 + 0.35, 0.18), (rng.uniform(-0.35, 0.35) * x, y, 0.1 * z), PLAIN)
        )
    parts.extend(
        box((0.3, 0.5, 0.04), (rng.uniform(-0.3, 0.3) * x, 0, at * z / 2), DARK) for at in (-1, 1)
    )
    if rng.random() < 0.4:
        parts.append(box((x * 0.8, 0.06, 0.5), (0, y * 0.55, z / 2 + 0.25), TRIM))
        parts.extend(
            box((0.05, y * 0.55, 0.05), (place, 0, z / 2 + 0.45), TRIM)
            for place in np.linspace(-0.36, 0.36, 4) * x
        )
    parts.append(box((x * 1.02, 0.08, z * 1.02), (0, 0, 0), TRIM))
    return render(
        rng, joined(parts), painted(rng, (x / round(x / 0.45), y / storeys)), side, pitch=(-6, 28)
    )


def tower(rng: Generator, side: int) -> Pair:
    """A skyscraper of one or more blocks, or a medieval tower with battlements or a pointed roof."""
    paints = painted(rng, (rng.uniform(0.06, 0.16), rng.uniform(0.1, 0.2)))
    if rng.random() < 0.5:
        parts, level, wide = [], 0.0, rng.uniform(0.6, 1.1)
        deep = wide * rng.uniform(0.6, 1)
        for _ in range(int(rng.integers(1, 5))):
            tall = rng.uniform(0.6, 2.2)
            parts.append(box((wide, tall, deep), (0, level, 0), WALL))
            parts.append(box((wide * 1.03, 0.05, deep * 1.03), (0, level + tall, 0), TRIM))
            level, wide, deep = (
                level + tall,
                wide * rng.uniform(0.6, 0.95),
                deep * rng.uniform(0.6, 0.95),
            )
        if rng.random() < 0.5:
            parts.append(cylinder(0.03, rng.uniform(0.4, 1.2), TRIM, 6, 0.2).moved(y=level))
        return render(rng, joined(parts), paints, side, pitch=(-20, 25))
    high, radius, round_ = rng.uniform(1.6, 3.5), rng.uniform(0.3, 0.55), bool(rng.random() < 0.5)
    paint = WALL if rng.random() < 0.5 else PLAIN
    if round_:
        parts = [cylinder(radius, high, paint, 20, rng.uniform(0.85, 1))]
    else:
        parts = [box((radius * 1.9, high, radius * 1.9), paint=paint, top=rng.uniform(0.85, 1))]
    parts.append(
        cylinder(radius * 1.15, 0.15, PLAIN, 20).moved(y=high)
        if round_
        else box((radius * 2.2, 0.15, radius * 2.2), (0, high, 0), PLAIN)
    )
    if rng.random() < 0.5:
        parts.extend(
            box((0.12, 0.15, 0.1), (radius * 1.05, high + 0.15, 0), PLAIN).turned("y", angle)
            for angle in range(0, 360, 30)
        )
    else:
        parts.append(
            lathe(
                np.array(((radius * 1.25, 0), (0.01, rng.uniform(0.5, 1.5)))),
                ROOF,
                20 if round_ else 4,
            ).moved(y=high + 0.15)
        )
    parts.append(box((0.24, 0.45, 0.05), (0, 0, radius * 0.98), DARK))
    return render(rng, joined(parts), paints, side, pitch=(-15, 22))


def church(rng: Generator, side: int) -> Pair:
    """A nave with a tower and a spire, or a domed one."""
    paints = painted(rng, (rng.uniform(0.3, 0.45), rng.uniform(0.8, 1.1)))
    x, y, z = rng.uniform(1.6, 2.6), rng.uniform(0.8, 1.2), rng.uniform(0.9, 1.2)
    parts = [
        box((x, y, z), paint=WALL),
        gable(np.array((x, z * rng.uniform(0.5, 0.8), z)), np.array((0, y, 0))),
    ]
    wide, high = rng.uniform(0.5, 0.75), y * rng.uniform(1.5, 2.4)
    for place in (-1, 1) if rng.random() < 0.3 else (0,):
        at = (x / 2 + wide * 0.3, 0, place * z * 0.4)
        parts.append(box((wide, high, wide), at, WALL))
        top = (at[0], high, at[2])
        parts.append(box((wide * 1.1, 0.06, wide * 1.1), top, TRIM))
        spire = rng.uniform(0.5, 1.8)
        if rng.random() < 0.3:
            t = np.linspace(0, np.pi / 2, 8)
            onion = np.stack((wide * 0.55 * np.cos(t) ** 0.6 + 0.01, wide * np.sin(t) ** 1.2), 1)
            parts.append(lathe(onion, ROOF, 14).moved(*top))
        else:
            parts.append(box((wide * 1.15, spire, wide * 1.15), top, ROOF, 0.02))
            parts.append(cylinder(0.015, 0.3, DARK, 4).moved(at[0], high + spire * 0.95, at[2]))
    if rng.random() < 0.35:
        t = np.linspace(0, np.pi / 2, 9)
        dome = np.stack((z * 0.45 * np.cos(t) + 0.005, z * 0.5 * np.sin(t)), 1)
        parts.append(cylinder(z * 0.44, 0.4, PLAIN, 18).moved(-0.2 * x, y + 0.1))
        parts.append(lathe(dome, ROOF, 18).moved(-0.2 * x, y + 0.5))
    parts.append(box((0.04, 0.5, 0.3), (x / 2 + wide * 0.8, 0, 0), DARK))
    return render(rng, joined(parts), paints, side, pitch=(-10, 22))


def lighthouse(rng: Generator, side: int) -> Pair:
    """A lighthouse with bands, or a windmill with four sails."""
    paints = painted(rng)
    high, bands = rng.uniform(1.6, 3), int(rng.integers(2, 6))
    parts = []
    for k in range(bands):
        low, up = k / bands, (k + 1) / bands
        profile = np.array(((0.4 - 0.15 * low, high * low), (0.4 - 0.15 * up, high * up)))
        parts.append(lathe(profile, TRIM if k % 2 else PLAIN, 18))
    parts.extend(
        box((0.1, 0.16, 0.05), (0, high * k / 4, 0.4 - 0.15 * k / 4), DARK) for k in range(1, 4)
    )
    if rng.random() < 0.6:
        parts.append(cylinder(0.34, 0.06, DARK, 18).moved(y=high))
        parts.append(cylinder(0.18, 0.3, WALL, 12).moved(y=high))
        t = np.linspace(0, np.pi / 2, 6)
        parts.append(
            lathe(np.stack((0.24 * np.cos(t) + 0.003, 0.22 * np.sin(t)), 1), ROOF, 14).moved(
                y=high + 0.3
            )
        )
    else:
        parts.append(lathe(np.array(((0.3, 0), (0.2, 0.2), (0.01, 0.35))), ROOF, 16).moved(y=high))
        start, long = rng.uniform(0, 90), high * 0.6
        for k in range(4):
            sail = joined([box((0.05, long, 0.04), paint=DARK), *_lattice(long)])
            parts.append(sail.turned("z", start + 90 * k).moved(0, high, 0.42))
    return render(rng, joined(parts), paints, side, yaw=(-60, 60), pitch=(-15, 15))


def _lattice(long: float) -> list[Mesh]:
    """Of a windmill's sail."""
    bars = [box((0.2, 0.02, 0.02), (0.1, y, 0), TRIM) for y in np.linspace(0.25, 1, 8) * long]
    return [
        *bars,
        box((0.02, long * 0.76, 0.02), (0.2, 0.25 * long, 0), TRIM),
        box((0.18, long * 0.7, 0.01), (0.11, 0.28 * long, 0), TRIM),
    ]

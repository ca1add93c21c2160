"""Houses, towers, churches, pagodas, lighthouses, windmills, bridges, ruins: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import Mesh, ball, box, cylinder, faces, joined, lathe, loft, slab, tube
from .noise import Array
from .render import render
from .surfaces import Paint, bricks, marble, panes, plain, planks

__all__ = ["bridge", "church", "house", "lighthouse", "pagoda", "temple", "tower"]

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


def _paints(rng: Generator, bay: tuple[float, float] = (0.0, 0.0)) -> list[Paint]:
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
    corners = []
    for side in (-1, 1):
        corners.append(
            [(-eaves, drop, side * out), (eaves, drop, side * out), (eaves, y, 0), (-eaves, y, 0)]
        )
    roof = np.array(corners, float)
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
    for at in (-1, 1):
        parts.append(box((0.3, 0.5, 0.04), (rng.uniform(-0.3, 0.3) * x, 0, at * z / 2), DARK))
    if rng.random() < 0.4:
        parts.append(box((x * 0.8, 0.06, 0.5), (0, y * 0.55, z / 2 + 0.25), TRIM))
        for place in np.linspace(-0.36, 0.36, 4) * x:
            parts.append(box((0.05, y * 0.55, 0.05), (place, 0, z / 2 + 0.45), TRIM))
    parts.append(box((x * 1.02, 0.08, z * 1.02), (0, 0, 0), TRIM))
    return render(
        rng, joined(parts), _paints(rng, (x / round(x / 0.45), y / storeys)), side, pitch=(-6, 28)
    )


def tower(rng: Generator, side: int) -> Pair:
    """A skyscraper of one or more blocks, or a medieval tower with battlements or a pointed roof."""
    paints = _paints(rng, (rng.uniform(0.06, 0.16), rng.uniform(0.1, 0.2)))
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
        for angle in np.arange(0, 360, 30.0):
            parts.append(
                box((0.12, 0.15, 0.1), (radius * 1.05, high + 0.15, 0), PLAIN).turned("y", angle)
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
    paints = _paints(rng, (rng.uniform(0.3, 0.45), rng.uniform(0.8, 1.1)))
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


def pagoda(rng: Generator, side: int) -> Pair:
    """Storeys that shrink, with roofs that curl up at the corners."""
    paints = _paints(rng, (0.25, 0.4))
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
    paints = _paints(rng)
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


def lighthouse(rng: Generator, side: int) -> Pair:
    """A lighthouse with bands, or a windmill with four sails."""
    paints = _paints(rng)
    high, bands = rng.uniform(1.6, 3), int(rng.integers(2, 6))
    parts = []
    for k in range(bands):
        low, up = k / bands, (k + 1) / bands
        profile = np.array(((0.4 - 0.15 * low, high * low), (0.4 - 0.15 * up, high * up)))
        parts.append(lathe(profile, TRIM if k % 2 else PLAIN, 18))
    for k in range(1, 4):
        parts.append(box((0.1, 0.16, 0.05), (0, high * k / 4, 0.4 - 0.15 * k / 4), DARK))
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


def bridge(rng: Generator, side: int) -> Pair:
    """Stone arches, or a suspension bridge with towers and cables."""
    paints = _paints(rng)
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
        for across in (-wide / 2, wide / 2):
            parts.append(slab(np.stack((x, top, top + 0.14), 1), 0.06, PLAIN).moved(z=across))
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
        for place, height in zip(t[1:-1] * long * 0.3, cable[1:-1], strict=True):
            parts.append(box((0.018, height - 0.75, 0.018), (place, 0.75, across), DARK))
    for end in (-1, 1):
        parts.append(box((0.1, 0.1, wide), (end * long * 0.3, tall * 0.93, 0), DARK))
        parts.append(ball(0.07, DARK, 8).moved(end * long * 0.3, tall + 0.05))
    return render(rng, joined(parts), paints, side, pitch=(0, 18))

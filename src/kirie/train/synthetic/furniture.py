"""Tables, chairs, sofas, shelves and lamps: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import Mesh, ball, box, cylinder, joined, lathe, loft, ring, tube
from .render import render
from .surfaces import any_paint, cloth, plain, wood
from .vessels import turned

__all__ = ["cabinet", "chair", "lamp", "sofa", "table"]


def _leg(rng: Generator, high: float, thick: float) -> Mesh:
    """Square, round or turned."""
    kind = rng.random()
    if kind < 0.5:
        return box((thick, high, thick))
    if kind < 0.8:
        return cylinder(thick * 0.6, high, count=8)
    y = np.linspace(0, 1, 9)
    radius = thick * (0.5 + 0.35 * np.abs(np.sin(y * rng.uniform(4, 10))))
    return lathe(np.stack((radius, y * high), 1), 0, 8)


def _legs(rng: Generator, x: float, z: float, high: float, thick: float) -> list[Mesh]:
    leg = _leg(rng, high, thick)
    return [leg.moved(a * x, 0, b * z) for a in (-0.5, 0.5) for b in (-0.5, 0.5)]


def table(rng: Generator, side: int) -> Pair:
    """A table, desk, bench or stool; sometimes things on it."""
    paints = [wood(rng) if rng.random() < 0.7 else any_paint(rng), any_paint(rng), any_paint(rng)]
    x, z, high = rng.uniform(0.6, 2.2), rng.uniform(0.5, 1), rng.uniform(0.4, 1)
    thick = rng.uniform(0.03, 0.1)
    if rng.random() < 0.3:
        parts = [cylinder(z * 0.6, thick, count=22).moved(y=high), cylinder(0.05, high, count=8)]
        parts.append(lathe(np.array(((z * 0.35, 0), (0.08, 0.12))), 0, 12))
    else:
        parts = [
            box((x, thick, z), (0, high, 0)),
            *_legs(rng, x * 0.9, z * 0.86, high, thick * 0.9),
        ]
        if rng.random() < 0.4:
            parts.append(box((x * 0.9, 0.1, z * 0.86), (0, high - 0.1, 0)))
    for _ in range(int(rng.integers(0, 3))):
        vase = lathe(turned(rng), 1, 12).scaled(0.25, 0.25, 0.25)
        parts.append(
            vase.moved(rng.uniform(-0.3, 0.3) * min(x, z), high + thick, rng.uniform(-0.3, 0.3) * z)
        )
    return render(rng, joined(parts), paints, side, pitch=(2, 35))


def chair(rng: Generator, side: int) -> Pair:
    """A chair with a back of slats, a panel or bars; arm rests now and then."""
    paints = [
        wood(rng) if rng.random() < 0.6 else plain(rng, palettes.paint(rng), 0.4),
        cloth(rng),
    ]
    x, z, seat, high = (
        rng.uniform(0.4, 0.55),
        rng.uniform(0.4, 0.55),
        rng.uniform(0.4, 0.5),
        rng.uniform(0.75, 1.2),
    )
    thick = rng.uniform(0.025, 0.055)
    parts = [
        box((x, rng.uniform(0.03, 0.12), z), (0, seat, 0), int(rng.integers(2))),
        *_legs(rng, x * 0.9, z * 0.9, seat, thick),
    ]
    lean = rng.uniform(0, 14)
    back = [box((thick, high - seat, thick), (0, 0, b * z * 0.45)) for b in (-1, 1)]
    kind = rng.random()
    if kind < 0.35:
        back.append(
            box(
                (thick * 0.7, (high - seat) * rng.uniform(0.4, 0.95), z * 0.85),
                (0, (high - seat) * 0.05, 0),
                1,
            )
        )
    elif kind < 0.7:
        back.extend(
            box((thick * 0.6, 0.06, z * 0.9), (0, (high - seat) * level, 0))
            for level in np.linspace(0.3, 0.92, int(rng.integers(2, 6)))
        )
    else:
        back.extend(
            cylinder(0.011, (high - seat) * 0.95, count=6).moved(z=across * z)
            for across in np.linspace(-0.38, 0.38, int(rng.integers(3, 8)))
        )
        back.append(box((thick, 0.07, z), (0, (high - seat) * 0.92, 0)))
    parts.append(joined(back).turned("z", lean).moved(-x * 0.45, seat + 0.02))
    if rng.random() < 0.35:
        for b in (-1, 1):
            parts.append(box((x, 0.035, 0.05), (0, seat + 0.22, b * z * 0.48)))
            parts.append(box((0.035, 0.22, 0.035), (x * 0.42, seat, b * z * 0.48)))
    if rng.random() < 0.5:
        parts.extend(box((x * 0.9, 0.03, 0.03), (0, seat * 0.35, b * z * 0.45)) for b in (-1, 1))
    return render(rng, joined(parts), paints, side, pitch=(0, 35))


def _cushion(
    size: tuple[float, float, float], at: tuple[float, float, float], paint: int = 0
) -> Mesh:
    """A soft box standing on `at`."""
    x, y, z = size
    t = np.array((-1, -0.92, -0.6, 0.6, 0.92, 1))
    grow = np.array((0.75, 0.95, 1, 1, 0.95, 0.75))
    section = ring(16, 7)
    rings = np.empty((6, 16, 3))
    rings[:, :, 0] = t[:, None] * x / 2
    rings[:, :, 1] = grow[:, None] * section[:, 1] * y / 2
    rings[:, :, 2] = grow[:, None] * section[:, 0] * z / 2
    return loft(rings, paint).moved(at[0], at[1] + y / 2, at[2])


def sofa(rng: Generator, side: int) -> Pair:
    """A sofa, armchair or bed, with cushions."""
    paints = [cloth(rng), cloth(rng), wood(rng)]
    z, deep, arm = rng.choice((0.8, 1.4, 2.0)), rng.uniform(0.7, 0.95), rng.uniform(0.1, 0.22)
    parts = [_cushion((deep, 0.26, z), (0, 0.12, 0)), *_legs(rng, deep * 0.85, z * 0.9, 0.13, 0.05)]
    count = max(1, round(z / 0.7))
    for place in (np.arange(count) + 0.5) / count - 0.5:
        parts.append(_cushion((deep * 0.8, 0.16, z / count * 0.97), (0.06, 0.36, place * z)))
        back = _cushion((0.18, rng.uniform(0.35, 0.5), z / count * 0.97), (0, 0, 0)).turned("z", 10)
        parts.append(back.moved(-deep * 0.38, 0.45, place * z))
        if rng.random() < 0.4:
            parts.append(
                _cushion((0.1, 0.28, 0.3), (0, 0, 0), 1)
                .turned("z", 25)
                .moved(-deep * 0.18, 0.5, place * z)
            )
    parts.append(_cushion((0.16, rng.uniform(0.6, 0.85), z), (-deep / 2, 0.12, 0)))
    parts.extend(
        _cushion((deep, rng.uniform(0.4, 0.5), arm), (0, 0.12, b * (z + arm) / 2)) for b in (-1, 1)
    )
    return render(rng, joined(parts), paints, side, yaw=(-80, 80), pitch=(4, 30))


def cabinet(rng: Generator, side: int) -> Pair:
    """A book case with books, a chest of drawers, or a crate."""
    paints = [
        wood(rng),
        *(plain(rng, palettes.any_colour(rng)) for _ in range(4)),
        plain(rng, palettes.metal(rng), 0.5),
    ]
    x, high, z = rng.uniform(0.6, 1.4), rng.uniform(0.5, 1.8), rng.uniform(0.25, 0.5)
    rows = max(1, round(high / 0.35))
    parts = [box((x, 0.04, z), (0, high, 0)), box((x, high, 0.03), (0, 0, -z / 2))]
    parts += [box((0.04, high, z), (a * x / 2, 0, 0)) for a in (-1, 1)]
    shelves = bool(rng.random() < 0.5)
    for row in range(rows):
        low, tall = row * high / rows, high / rows
        parts.append(box((x, 0.03, z), (0, low, 0)))
        if shelves:
            place = -x / 2 + 0.05
            while place < x / 2 - 0.08:
                wide = rng.uniform(0.03, 0.09)
                size = (wide * 0.95, tall * rng.uniform(0.5, 0.85), z * 0.7)
                parts.append(box(size, (place + wide / 2, low + 0.03, 0), int(rng.integers(1, 5))))
                place += wide if rng.random() < 0.92 else 0.2
        else:
            parts.append(box((x * 0.92, tall * 0.86, z * 1.03), (0, low + tall * 0.08, 0)))
            parts.extend(
                ball(0.025, 5, 6).moved(a * x, low + tall / 2, z * 0.53) for a in (-0.25, 0.25)
            )
    return render(rng, joined(parts), paints, side, yaw=(-65, 65), pitch=(-2, 25))


def lamp(rng: Generator, side: int) -> Pair:
    """A table lamp, a floor lamp, a desk lamp with an arm, a candlestick."""
    glow = palettes.hsv(0.12, rng.uniform(0, 0.4), 1.0) * rng.uniform(0.8, 1.8)
    paints = [
        any_paint(rng),
        plain(rng, glow if rng.random() < 0.6 else palettes.paint(rng), 0, 0.1),
    ]
    high = rng.uniform(0.3, 1.6)
    if rng.random() < 0.3:
        path = np.array(((0, 0.05, 0), (0.25, 0.5, 0), (-0.15, 0.95, 0), (-0.3, 0.85, 0)))
        shade = lathe(np.array(((0.05, 0), (0.08, -0.05), (0.2, -0.25))), 1, 16)
        parts = [
            cylinder(0.2, 0.05, count=18),
            tube(path, 0.022, 0, 6),
            shade.turned("z", -25).moved(-0.32, 0.9),
        ]
        parts += [ball(0.04, 0, 8).moved(*point) for point in path[1:3]]
        return render(rng, joined(parts), paints, side, pitch=(-5, 20))
    base = (
        turned(rng) * (0.5, min(high, 0.6))
        if high < 0.8
        else np.array(((0.2, 0), (0.18, 0.04), (0.02, 0.06), (0.02, high)))
    )
    parts = [lathe(base, 0, 16)]
    wide, tall = rng.uniform(0.18, 0.35), rng.uniform(0.2, 0.4)
    top = float(base[-1, 1])
    parts.append(cylinder(0.015, tall * 0.6, 0, 6).moved(y=top - 0.02))
    cone = np.array(((wide, 0), (wide * rng.uniform(0.4, 1), tall)))
    parts.append(lathe(cone, 1, 22).moved(y=top + 0.06))
    return render(rng, joined(parts), paints, side, pitch=(-10, 20))

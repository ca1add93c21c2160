"""Tables, chairs, sofas, shelves, lamps, vessels, tools, statues of turned shapes: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import Mesh, ball, box, cylinder, joined, lathe, loft, ring, tube
from .noise import Array
from .render import render
from .surfaces import Paint, any_paint, plain, stripes, wood

__all__ = ["cabinet", "chair", "fruit", "lamp", "pile", "sofa", "table", "tool", "vessel"]


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


def _cloth(rng: Generator) -> Paint:
    colour = palettes.any_colour(rng)
    if rng.random() < 0.3:
        return stripes(rng, palettes.family(rng, 3, colour))
    return plain(rng, colour, 0.03, rng.uniform(0.1, 0.4))


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
        vase = lathe(_profile(rng), 1, 12).scaled(0.25, 0.25, 0.25)
        parts.append(
            vase.moved(rng.uniform(-0.3, 0.3) * min(x, z), high + thick, rng.uniform(-0.3, 0.3) * z)
        )
    return render(rng, joined(parts), paints, side, pitch=(2, 35))


def chair(rng: Generator, side: int) -> Pair:
    """A chair with a back of slats, a panel or bars; arm rests now and then."""
    paints = [
        wood(rng) if rng.random() < 0.6 else plain(rng, palettes.paint(rng), 0.4),
        _cloth(rng),
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
        for level in np.linspace(0.3, 0.92, int(rng.integers(2, 6))):
            back.append(box((thick * 0.6, 0.06, z * 0.9), (0, (high - seat) * level, 0)))
    else:
        for across in np.linspace(-0.38, 0.38, int(rng.integers(3, 8))):
            back.append(cylinder(0.011, (high - seat) * 0.95, count=6).moved(z=across * z))
        back.append(box((thick, 0.07, z), (0, (high - seat) * 0.92, 0)))
    parts.append(joined(back).turned("z", lean).moved(-x * 0.45, seat + 0.02))
    if rng.random() < 0.35:
        for b in (-1, 1):
            parts.append(box((x, 0.035, 0.05), (0, seat + 0.22, b * z * 0.48)))
            parts.append(box((0.035, 0.22, 0.035), (x * 0.42, seat, b * z * 0.48)))
    if rng.random() < 0.5:
        for b in (-1, 1):
            parts.append(box((x * 0.9, 0.03, 0.03), (0, seat * 0.35, b * z * 0.45)))
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
    paints = [_cloth(rng), _cloth(rng), wood(rng)]
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
    for b in (-1, 1):
        parts.append(_cushion((deep, rng.uniform(0.4, 0.5), arm), (0, 0.12, b * (z + arm) / 2)))
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
            for a in (-0.25, 0.25):
                parts.append(ball(0.025, 5, 6).moved(a * x, low + tall / 2, z * 0.53))
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
        _profile(rng) * (0.5, min(high, 0.6))
        if high < 0.8
        else np.array(((0.2, 0), (0.18, 0.04), (0.02, 0.06), (0.02, high)))
    )
    parts = [lathe(base, 0, 16)]
    wide, tall = rng.uniform(0.18, 0.35), rng.uniform(0.2, 0.4)
    top = float(base[-1, 1])
    parts.append(cylinder(0.015, tall * 0.6, 0, 6).moved(y=top - 0.02))
    shade = np.array(((wide, 0), (wide * rng.uniform(0.4, 1), tall)))
    parts.append(lathe(shade, 1, 22).moved(y=top + 0.06))
    return render(rng, joined(parts), paints, side, pitch=(-10, 20))


def _profile(rng: Generator) -> Array:
    """Of a turned thing, 1 high and about as wide: (24, 2) of radius and height."""
    knots = rng.uniform(0.12, 0.5, int(rng.integers(3, 7)))
    knots[0] = max(knots[0], 0.2)
    y = np.linspace(0, 1, 24)
    place = y * (len(knots) - 1)
    low = np.minimum(place.astype(int), len(knots) - 2)
    t = (1 - np.cos(np.pi * (place - low))) / 2
    return np.stack((knots[low] * (1 - t) + knots[low + 1] * t, y), 1)


def vessel(rng: Generator, side: int) -> Pair:
    """A bottle, vase, jug, cup, bowl, barrel or a turned figure such as a chess piece."""
    paints = [any_paint(rng), any_paint(rng)]
    kind, parts = rng.random(), []
    if kind < 0.25:
        neck, body = rng.uniform(0.08, 0.14), rng.uniform(0.22, 0.36)
        shoulder = rng.uniform(0.45, 0.7)
        y = np.array((0, 0.02, 0.2, shoulder, shoulder + 0.1, shoulder + 0.2, 0.92, 0.93, 1))
        r = np.array(
            (body * 0.9, body, body, body, body * 0.8, neck, neck, neck * 1.25, neck * 1.2)
        )
        shape = np.stack((r, y * rng.uniform(1.0, 1.5)), 1)
        paints[0] = plain(
            rng,
            palettes.hsv(
                rng.choice((0.3, 0.08, 0.55)), rng.uniform(0.1, 0.8), rng.uniform(0.1, 0.7)
            ),
            0.9,
            0.3,
        )
        parts.append(lathe(np.array(((body * 1.01, 0), (body * 1.01, 0.22))), 1, 24).moved(y=0.15))
    elif kind < 0.5:
        wide = rng.uniform(0.8, 1.6)
        t = np.linspace(0, 1, 12)
        outer = np.stack(
            (0.18 + (wide / 2 - 0.18) * t ** rng.uniform(0.3, 1), t * rng.uniform(0.4, 0.9)), 1
        )
        shape = np.concatenate((outer, outer[::-1] * (0.93, 1) + (0, 0.03)))
    elif kind < 0.65:
        t = np.linspace(-1, 1, 12)
        shape = np.stack((0.45 - 0.1 * t**2, (t + 1) * 0.55), 1)
        parts += [
            lathe(np.array(((0.455 - 0.1 * a**2, -0.03), (0.455 - 0.1 * a**2, 0.03))), 1, 20).moved(
                y=(a + 1) * 0.55
            )
            for a in (-0.7, -0.3, 0.3, 0.7)
        ]
        paints[0] = wood(rng)
    else:
        shape = _profile(rng) * (1, rng.uniform(0.8, 1.8))
        if rng.random() < 0.3:
            parts.append(ball(0.2, 0).moved(y=shape[-1, 1] + 0.12))
    if rng.random() < 0.35 and kind > 0.25:
        low, up = np.quantile(shape[:, 1], (0.35, 0.85))
        reach, t = np.interp((low, up), shape[:12, 1], shape[:12, 0]), np.linspace(0, 1, 9)
        x = reach[0] * (1 - t) + reach[1] * t + 0.28 * np.sin(np.pi * t) - 0.03
        parts.append(tube(np.stack((x, low + (up - low) * t, 0 * t), 1), 0.045, 0, 8))
    if rng.random() < 0.25:
        path = np.array(
            (
                (shape[:, 0].max() * 0.8, 0.4, 0),
                (shape[:, 0].max() + 0.15, 0.55, 0),
                (shape[:, 0].max() + 0.35, 0.85, 0),
            )
        )
        parts.append(tube(path, np.array((0.1, 0.07, 0.045)), 0, 10))
    return render(rng, joined([lathe(shape, 0, 24), *parts]), paints, side, pitch=(-5, 35))


def tool(rng: Generator, side: int) -> Pair:
    """A hammer, a spoon, a pan, a bell, an umbrella, a screw, lying or held at any angle."""
    paints = [wood(rng), plain(rng, palettes.metal(rng), 0.8, 0.3), _cloth(rng)]
    handle = lathe(np.array(((0.05, 0), (0.06, 0.2), (0.04, 0.9), (0.045, 1.2))), 0, 10)
    kind = int(rng.integers(5))
    if kind == 0:
        parts = [
            handle,
            box((0.45, 0.16, 0.16), (0.05, 1.15, 0), 1),
            box((0.3, 0.14, 0.16), (-0.3, 1.16, 0), 1, 0.6),
        ]
    elif kind == 1:
        t = np.linspace(0, np.pi, 9)
        bowl = lathe(np.stack((0.2 * np.sin(t) + 0.003, -0.25 * np.cos(t)), 1), 1, 12).scaled(
            1, 1, 0.35
        )
        parts = [
            tube(np.array(((0, 0, 0), (0, 0.7, 0.06), (0, 1.2, 0))), 0.035, 1, 6),
            bowl.moved(y=1.35),
        ]
    elif kind == 2:
        pan = lathe(np.array(((0.35, 0), (0.45, 0.12), (0.43, 0.12), (0.34, 0.02))), 1, 22)
        parts = [pan, handle.scaled(0.8, 0.9, 0.8).turned("z", -80).moved(0.42, 0.09)]
    elif kind == 3:
        t = np.linspace(0, 1, 8)
        shade = lathe(
            np.stack((0.75 * np.cos(t * np.pi / 2) + 0.01, 0.4 * np.sin(t * np.pi / 2)), 1),
            2,
            8,
            smooth=False,
        )
        hook = tube(
            np.array(((0, 0, 0), (0, -0.06, 0), (0.07, -0.13, 0), (0.14, -0.06, 0))), 0.025, 0, 6
        )
        parts = [shade.moved(y=0.85), cylinder(0.02, 1.3, 1, 6), hook]
    else:
        t = np.linspace(0, 6 * np.pi, 60)
        spring = tube(np.stack((0.25 * np.cos(t), t * 0.06, 0.25 * np.sin(t)), 1), 0.06, 1, 6)
        parts = [
            spring,
            cylinder(0.3, 0.1, 0, 14).moved(y=1.13),
            cylinder(0.3, 0.1, 0, 14).moved(y=-0.1),
        ]
    turned = joined(parts).turned("z", rng.uniform(-100, 100)).turned("x", rng.uniform(-60, 60))
    return render(rng, turned, paints, side, pitch=(0, 40))


def fruit(rng: Generator, side: int) -> Pair:
    """Apples, pears, pumpkins, eggs, stones, a few together or alone."""
    parts, count = [], int(rng.integers(1, 6))
    colour = rng.choice(np.array((palettes.bright, palettes.earthy, palettes.leafy), object))(rng)
    t = np.linspace(0, np.pi, 12)
    radius = np.sin(t) * (1 + rng.uniform(-0.3, 0.3) * np.cos(t)) + 0.01
    dent = rng.uniform(0, 0.35)
    height = -np.cos(t) * (1 - dent * np.abs(np.cos(t)) ** 3) * rng.uniform(0.7, 1.3)
    body = lathe(np.stack((radius, height), 1), 0, 16)
    stem = tube(np.array(((0, 0.5, 0), (0.03, 1.0, 0), (0.14, 1.25, 0))), 0.05, 1, 5)
    one = joined([body, stem]) if rng.random() < 0.7 else body
    for number in range(count):
        angle, out = number * 2.4, 1.0 * np.sqrt(number) * 1.05
        tipped = (
            one.turned("x", rng.normal(0, 25))
            .turned("z", rng.normal(0, 25))
            .scaled(*rng.uniform(0.8, 1.1, 3))
        )
        parts.append(tipped.moved(out * np.cos(angle), rng.uniform(-0.1, 0.1), out * np.sin(angle)))
    return render(rng, joined(parts), [any_paint(rng, colour), wood(rng)], side, pitch=(5, 50))


def pile(rng: Generator, side: int) -> Pair:
    """Boxes, bricks, logs or books on top of each other."""
    paints = [any_paint(rng) for _ in range(3)]
    parts, level = [], 0.0
    for _ in range(int(rng.integers(1, 7))):
        size = rng.uniform((0.4, 0.1, 0.3), (1.0, 0.6, 0.8))
        if rng.random() < 0.2:
            one = (
                cylinder(size[1] / 2, size[0], count=12)
                .turned("z", 90)
                .moved(size[0] / 2, size[1] / 2)
            )
        else:
            one = box(size)
        one = one.painted(int(rng.integers(3))).turned("y", rng.normal(0, 15))
        parts.append(one.moved(rng.normal(0, 0.06), level, rng.normal(0, 0.06)))
        level += float(size[1])
    return render(rng, joined(parts), paints, side, pitch=(0, 30))

"""Cars, vans, buses, lorries, boats, ships, aeroplanes, balloons: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import Mesh, ball, box, cylinder, joined, lathe, loft, ring, slab, tube
from .noise import Array
from .render import render
from .surfaces import Paint, any_paint, glass, panes, plain, planks, stripes

__all__ = ["aeroplane", "balloon", "boat", "car", "ship", "truck"]

BODY, GLASS, TYRE, HUB, SECOND = range(5)


def _paints(rng: Generator) -> list[Paint]:
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


def _body(stations: Array, across: float, power: float, paint: int = BODY) -> Mesh:
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
        _body(np.array(ends), wide, 5.0),
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
    parts.append(_body(cabin, wide, 6.0, GLASS))
    lid = cabin[1:4] + np.array(((0, 0, 0.02, 0.005),))
    lid[:, 1] = lid[:, 2] - 0.1
    parts.append(_body(lid, wide, 6.0))
    for x in (*np.linspace(back + slope * 0.5, front - slope - 0.35, 3), front - 0.04):
        high = roof if x < front - 0.1 else belt
        parts.append(box((0.07, high - belt + 0.06, wide * 0.86), (x, belt - 0.08, 0)))
    for z in (-wide * 0.36, wide * 0.36):
        parts.append(ball(0.1, HUB, 8).scaled(0.5).moved(nose - 0.06, belt * 0.62, z))
        parts.append(box((0.06, 0.12, 0.2), (tail + 0.05, belt * 0.7, z), SECOND))
    parts.append(
        box((long * 0.97, 0.1, wide * 0.98), (0, low, 0), SECOND if rng.random() < 0.5 else TYRE)
    )
    return render(rng, joined(parts), _paints(rng), side, pitch=(0, 25))


def truck(rng: Generator, side: int) -> Pair:
    """A bus, a tram, or a lorry with a cab and a load."""
    long, wide, tall = rng.uniform(4.5, 9), rng.uniform(1.8, 2.3), rng.uniform(1.8, 2.6)
    wheel = rng.uniform(0.38, 0.5)
    paints = _paints(rng)
    parts = _wheels(
        wheel, np.array((-long * 0.36, -long * 0.24, long * 0.38))[int(rng.integers(2)) :], wide
    )
    parts.append(box((long, 0.25, wide * 0.8), (0, wheel * 0.8, 0), TYRE))
    if rng.random() < 0.5:
        parts.append(_rounded((long, tall, wide), (0, wheel * 1.1, 0)))
        bay = long / int(rng.integers(4, 9))
        low = wheel + tall * 0.5
        for x in np.arange(-long / 2 + bay * 0.6, long / 2 - bay * 0.3, bay):
            parts.append(box((bay * 0.85, tall * 0.36, wide * 1.012), (x, low, 0), GLASS))
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
    return _body(np.array(ends), z, 9.0).moved(*at)


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
    paints = _paints(rng)
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
        for x in (-0.9, 0.0, 0.9):
            parts.append(box((0.25, 0.06, wide * 0.9), (x, 0.03, 0), TYRE))
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
    paints = _paints(rng)
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
        for place in np.linspace(-0.3, 0.3, int(rng.integers(1, 4))) * part * long:
            parts.append(
                cylinder(0.2, rng.uniform(0.6, 1.1), BODY, 10, 0.9)
                .scaled(1.3)
                .moved(x + place, level)
            )
        for place in (-0.35, 0.33):
            parts.append(cylinder(0.04, rng.uniform(1, 2.2), TYRE, 5).moved(place * long, 0.1))
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
    found = []
    for x in np.arange(0.12 * long, 0.36 * long, 0.55):
        for level in range(int(rng.integers(1, 4))):
            found.append(
                box(
                    (0.52, 0.28, wide * 0.8),
                    (x, level * 0.29, 0),
                    int(rng.choice((BODY, HUB, TYRE))),
                )
            )
    return found


def aeroplane(rng: Generator, side: int) -> Pair:
    """An airliner, a jet, or a light aeroplane with a propeller."""
    long, thick = rng.uniform(5, 8), rng.uniform(0.3, 0.5)
    small = bool(rng.random() < 0.5)
    x = np.array((-0.5, -0.4, -0.2, 0.2, 0.38, 0.46, 0.495, 0.5)) * long
    radius = np.array((0.12, 0.4, 0.85, 1, 1, 0.75, 0.35, 0.05)) * thick
    lift = np.array((0.6, 0.45, 0.15, 0, 0, -0.05, -0.12, -0.15)) * thick
    stations = np.stack((x, lift - radius, lift + radius, 2 * radius), 1)
    parts = [_body(stations, 1.0, 2.0)]
    span, sweep = long * rng.uniform(0.42, 0.6), rng.uniform(0, 0.1 if small else 0.6)
    level = thick * (0.8 if small and rng.random() < 0.5 else -0.5)
    for z in (-1, 1):
        parts.append(_wing((0.12 * long, level, 0), span * z, long * 0.2, sweep, SECOND))
        parts.append(
            _wing((-0.4 * long, 0.3 * thick, 0), span * z * 0.36, long * 0.11, sweep, SECOND)
        )
        if not small:
            engine = cylinder(thick * 0.42, long * 0.13, HUB, 12).turned("z", 90)
            parts.append(engine.moved(0.1 * long, level - thick * 0.4, z * span * 0.36))
    fin = _wing((-0.37 * long, 0, 0), long * 0.18, long * 0.15, 0.7, SECOND).turned("x", -90)
    parts.append(fin.moved(y=thick * 0.4))
    window = thick * 0.22
    for place in np.arange(-0.25, 0.36, 0.06 if not small else 0.2) * long:
        parts.append(
            box(
                (window * (2 if small else 1), window, 2 * thick * 0.985),
                (place, thick * 0.15, 0),
                GLASS,
            )
        )
    parts.append(
        box((long * 0.03, window * 1.2, thick * 1.5), (0.455 * long, thick * 0.3, 0), GLASS)
    )
    if small:
        for angle in (30, 90, 150):
            parts.append(
                box((0.03, thick * 3.6, 0.1), (0, -thick * 1.8, 0), TYRE)
                .turned("x", angle)
                .moved(long * 0.505)
            )
        for place, z in ((0.3, 0), (0.0, -0.5), (0.0, 0.5)):
            parts.append(
                cylinder(0.16, 0.1, TYRE, 10).turned("x", 90).moved(place * long, -thick * 1.7, z)
            )
            parts.append(box((0.06, thick * 1.2, 0.06), (place * long, -thick * 1.7, z), HUB))
    return render(rng, joined(parts), _paints(rng), side, pitch=(-35, 35))


def _wing(
    at: tuple[float, float, float], span: float, chord: float, sweep: float, paint: int
) -> Mesh:
    """From its root `at` to z = span."""
    section = np.array(((0.5, 0), (0.2, 0.06), (-0.5, 0), (0.2, -0.04)))
    rings = []
    for t in np.linspace(0, 1, 4):
        size = chord * (1 - 0.6 * t)
        shift = np.array((-sweep * abs(span) * t, 0.08 * abs(span) * t, span * t))
        rings.append(
            np.column_stack((section[:, 0] * size, section[:, 1] * size, np.zeros(4))) + shift
        )
    return loft(np.stack(rings) + np.array(at), paint, smooth=False)


def balloon(rng: Generator, side: int) -> Pair:
    """A hot-air balloon with a basket, or an airship."""
    paints = [stripes(rng, palettes.family(rng, 3, palettes.bright(rng)), 0.5), *_paints(rng)[1:]]
    if rng.random() < 0.25:
        t = np.linspace(0, np.pi, 14)
        shell = lathe(np.stack((np.sin(t) + 0.01, -3 * np.cos(t)), 1), BODY, 18).turned("z", 90)
        fins = [_wing((2.3, 0, 0), 1.3, 0.9, 0.2, SECOND).turned("x", 90 * k) for k in range(4)]
        return render(
            rng, joined([shell, *fins, box((1, 0.3, 0.4), (-0.3, -1.25, 0), TYRE)]), paints, side
        )
    t = np.linspace(0, np.pi * 0.93, 16)
    radius = np.sin(t) * np.where(t > 1.7, 1 - 0.25 * (t - 1.7), 1) + 0.01
    height = np.cos(t) * np.where(t > 1.7, 1.35, 1)
    parts = [lathe(np.stack((radius, height), 1), BODY, 24)]
    parts.append(box((0.24, 0.2, 0.24), (0, -1.75, 0), TYRE, 1.1))
    for x in (-0.1, 0.1):
        for z in (-0.1, 0.1):
            parts.append(tube(np.array(((x, -1.6, z), (x * 2, -1.3, z * 2))), 0.012, TYRE, 4))
    return render(rng, joined(parts), paints, side, pitch=(-25, 10))


def monument(rng: Generator) -> Mesh:
    """A plinth in two steps, its top at y = 0."""
    wide = rng.uniform(0.6, 0.9)
    return joined(
        [
            box((wide, 0.6, wide), (0, -0.6, 0), SECOND),
            box((wide * 1.3, 0.2, wide * 1.3), (0, -0.8, 0), SECOND),
            slab(np.array(((-wide * 0.6, -0.08, 0), (wide * 0.6, -0.08, 0))), wide * 1.2, SECOND),
        ]
    )

"""Flowers, leaves, grass, ferns, cacti, mushrooms."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .bodies import Body, Coat, draw
from .canvas import Canvas, bent, petal
from .meshes import cylinder, joined, lathe
from .noise import Array
from .render import render
from .surfaces import any_paint, plain, spots

__all__ = ["cactus", "flower", "foliage", "grass", "leaf", "mushroom"]


def _bloom_colour(rng: Generator) -> Array:
    hue = rng.choice((0.0, 0.02, 0.08, 0.13, 0.14, 0.75, 0.83, 0.92, 0.62))
    return palettes.hsv(hue + rng.normal(0, 0.02), rng.uniform(0.02, 0.95), rng.uniform(0.65, 1.0))


def _leaf(
    canvas: Canvas, rng: Generator, at: Array, angle: float, long: float, *, colour: Array
) -> None:
    """One simple leaf with a midrib, its halves differently bright."""
    wide, full = long * rng.uniform(0.2, 0.5), rng.uniform(0.6, 1.0)
    outline = petal(at, angle, long, wide, full)
    canvas.shape(outline, colour)
    middle = at + np.linspace(0, 1, 12)[:, None] * long * np.array((np.sin(angle), -np.cos(angle)))
    canvas.shape(np.concatenate((outline[:12], middle[::-1])), colour * rng.uniform(0.7, 0.9))
    canvas.stroke(middle, long * 0.02, colour * 1.25 + 0.03)


def _head(
    canvas: Canvas, rng: Generator, at: Array, size: float, colour: Array, *, squash: float
) -> None:
    """A flower seen from above or aslant: rings of petals and a disc."""
    count, rings = int(rng.integers(4, 22)), int(rng.integers(1, 5))
    wide, full = rng.uniform(0.7, 2.2) * 4 / count + 0.12, rng.uniform(0.8, 1.6)
    start = rng.uniform(0, 6)
    for ring in range(rings):
        reach = size * (1 - 0.75 * ring / rings)
        for k in rng.permutation(count):
            angle = start + 2 * np.pi * (k + 0.5 * ring) / count + rng.normal(0, 0.08)
            tone = palettes.near(rng, colour * (0.75 + 0.3 * ring / rings), 0.1)
            long = reach * rng.uniform(0.88, 1.08)
            for part, shade in ((1.0, 0.82), (0.86, 1.0), (0.5, 0.86)):
                outline = petal(np.zeros(2), angle, long * part, long * wide * part, full)
                canvas.shape(at + outline * (1, squash), tone * shade)
    centre = palettes.hsv(
        rng.choice((0.12, 0.1, 0.06, 0.25)), rng.uniform(0.5, 0.9), rng.uniform(0.2, 0.9)
    )
    middle = size * rng.uniform(0.08, 0.4) if rings < 4 else size * 0.05
    t = np.linspace(0, 2 * np.pi, 24)
    canvas.shape(at + np.stack((np.cos(t), np.sin(t) * squash), 1) * middle, centre * 0.7)
    for _ in range(int(40 * middle / size) + 4):
        spot = rng.normal(0, 0.4, 2) * middle * (1, squash)
        canvas.disc(
            at + np.clip(spot, -middle, middle), middle * 0.12, palettes.near(rng, centre, 0.25)
        )


def flower(rng: Generator, side: int) -> Pair:
    """A head alone, one on a stem with leaves, a tulip, or a bunch."""
    canvas, colour, green = Canvas(side), _bloom_colour(rng), palettes.leafy(rng)
    kind = rng.random()
    if kind < 0.3:
        _head(canvas, rng, np.array((0.5, 0.5)), 0.48, colour, squash=rng.uniform(0.5, 1))
        return canvas.done(rng)
    stems = 1 if kind < 0.65 else int(rng.integers(2, 9))
    heads = []
    for _ in range(stems):
        lean = rng.normal(0, 0.12 if stems == 1 else 0.35)
        path = bent(
            rng, np.array((0.5 + rng.normal(0, 0.02), 1.0)), lean, rng.uniform(0.55, 0.8), 0.3
        )
        canvas.stroke(
            path, np.linspace(0.03, 0.018, 12) / np.sqrt(stems), palettes.near(rng, green, 0.15)
        )
        for _ in range(int(rng.integers(0, 4))):
            place = path[int(rng.integers(2, 8))]
            _leaf(
                canvas,
                rng,
                place,
                rng.choice((-1, 1)) * rng.uniform(0.3, 1.3),
                rng.uniform(0.15, 0.35),
                colour=palettes.near(rng, green, 0.15),
            )
        heads.append(path[-1])
    size, tulip = rng.uniform(0.15, 0.3) / stems**0.35, bool(rng.random() < 0.3)
    for at in heads:
        tone = palettes.near(rng, colour, 0.1)
        if tulip:
            for angle, shade in ((-0.35, 0.75), (0.35, 0.8), (-0.15, 0.95), (0.17, 1.0)):
                canvas.shape(
                    petal(at + (0, size * 0.5), angle, size * 1.7, size * 0.9, 0.8), tone * shade
                )
        else:
            _head(canvas, rng, at, size, tone, squash=rng.uniform(0.35, 1))
    return canvas.done(rng)


def leaf(rng: Generator, side: int) -> Pair:
    """One large leaf, simple, toothed or lobed, green or as in autumn, with veins."""
    canvas = Canvas(side)
    colour = (
        palettes.leafy(rng)
        if rng.random() < 0.6
        else palettes.hsv(rng.uniform(0, 0.14), rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.9))
    )
    t = np.linspace(0, 1, 240)
    lobes, depth = int(rng.integers(2, 6)), rng.uniform(0, 0.6)
    half = np.sin(np.pi * t ** rng.uniform(0.6, 1.1)) ** rng.uniform(0.6, 1.2) * rng.uniform(
        0.15, 0.45
    )
    half = half * (1 - depth * (0.5 + 0.5 * np.cos(2 * np.pi * lobes * t)))
    teeth = rng.uniform(0, 0.03) * (t * rng.integers(15, 40) % 1)
    half = half * (1 + teeth * 8)
    droop = rng.normal(0, 0.15) * np.sin(np.pi * t)
    middle = np.stack((0.5 + droop, 0.95 - 0.85 * t), 1)
    right, left = (
        middle + np.stack((half, 0.12 * half), 1),
        middle - np.stack((half, -0.12 * half), 1),
    )
    canvas.shape(np.concatenate((right, left[::-1])), colour)
    canvas.shape(np.concatenate((right, middle[::-1])), colour * rng.uniform(0.72, 0.95))
    pale = colour * 0.5 + palettes.near(rng, colour, 0.2) * 0.5 + rng.uniform(0.02, 0.15)
    for k in np.linspace(12, 200, int(rng.integers(5, 12))).astype(int):
        for edge in (left, right):
            tip = edge[min(k + 26, 239)] * 0.92 + middle[min(k + 26, 239)] * 0.08
            canvas.stroke(np.stack((middle[k], tip)), np.array((0.01, 0.004)), pale)
    for _ in range(int(rng.integers(0, 6))):
        spot = middle[int(rng.integers(40, 200))] + rng.normal(0, 0.06, 2)
        inside = canvas.mask.copy()
        canvas.disc(spot, rng.uniform(0.005, 0.03), colour * rng.uniform(0.3, 0.7))
        canvas.mask &= inside
    canvas.stroke(middle, np.linspace(0.02, 0.004, 240), pale)
    stem = bent(rng, middle[0], np.pi, rng.uniform(0.05, 0.25), 0.6)
    canvas.stroke(stem, 0.02, pale * 0.9)
    return canvas.done(rng)


def foliage(rng: Generator, side: int) -> Pair:
    """A twig, a fern or a pot plant: many leaves along stems."""
    canvas, green = Canvas(side), palettes.leafy(rng)
    wood = palettes.earthy(rng)
    pot, fern = bool(rng.random() < 0.4), bool(rng.random() < 0.4)
    root = np.array((0.5, 0.72 if pot else 1.0))
    for _ in range(int(rng.integers(1, 4)) if not pot else int(rng.integers(4, 12))):
        path = bent(
            rng, root, rng.normal(0, 0.6 if pot else 0.3), rng.uniform(0.4, 0.85), 0.7, count=24
        )
        canvas.stroke(
            path,
            np.linspace(0.022, 0.006, 24),
            palettes.near(rng, wood if not fern else green, 0.2),
        )
        turn = np.arctan2(*(np.gradient(path, axis=0) * (1, -1)).T)
        step = 1 if fern else int(rng.integers(2, 4))
        for k in range(5, 24, step):
            for hand in (-1, 1):
                long = rng.uniform(0.09, 0.2) * (1 - 0.6 * (k / 24)) * (1.2 if not fern else 1)
                _leaf(
                    canvas,
                    rng,
                    path[k],
                    turn[k] + hand * rng.uniform(0.6, 1.2),
                    long,
                    colour=palettes.near(rng, green, 0.2),
                )
        _leaf(canvas, rng, path[-1], turn[-1], 0.08, colour=palettes.near(rng, green, 0.2))
    if pot:
        clay, wide = palettes.paint(rng), rng.uniform(0.12, 0.22)
        for k in np.linspace(-1, 1, 12):
            x = 0.5 + k * wide
            outline = np.array(
                (
                    (x - wide / 10, 0.7),
                    (x + wide / 10, 0.7),
                    (0.5 + (k + 0.1) * wide * 0.75, 1.0),
                    (0.5 + (k - 0.1) * wide * 0.75, 1.0),
                )
            )
            canvas.shape(outline, clay * (0.55 + 0.5 * np.sqrt(max(0, 1 - (k + 0.3) ** 2 / 1.7))))
        canvas.stroke(np.array(((0.48 - wide, 0.71), (0.52 + wide, 0.71))), 0.045, clay * 0.9)
    return canvas.done(rng)


def grass(rng: Generator, side: int) -> Pair:
    """A tuft of blades, reeds or ears of corn."""
    canvas = Canvas(side)
    colour = (
        palettes.leafy(rng)
        if rng.random() < 0.6
        else palettes.hsv(rng.normal(0.12, 0.02), rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.9))
    )
    spread, ears = rng.uniform(0.15, 0.7), bool(rng.random() < 0.4)
    wide = rng.uniform(0.012, 0.04)
    for _ in range(int(rng.integers(12, 70))):
        at = np.array((0.5 + rng.normal(0, 0.05), 1.0 + rng.normal(0, 0.01)))
        path = bent(rng, at, rng.normal(0, spread * 0.6), rng.uniform(0.4, 0.95), spread * 1.5)
        tone = palettes.near(rng, colour, 0.25)
        canvas.stroke(path, wide * np.linspace(1, 0.1, 12) ** 0.7, tone)
        if ears and rng.random() < 0.5:
            canvas.stroke(path[-4:], np.array((0.01, 0.035, 0.03, 0.005)), tone * (1.1, 0.9, 0.6))
    return canvas.done(rng)


def cactus(rng: Generator, side: int) -> Pair:
    """A column with arms, a ball, or flat pads; in a pot or not."""
    body, kind = Body(), rng.random()
    if kind < 0.5:
        thick = rng.uniform(0.07, 0.14)
        body.limb((0, 0, 0), (0, rng.uniform(0.5, 1.0), 0), (thick, thick * 0.9))
        for _ in range(int(rng.integers(0, 5))):
            low, out = rng.uniform(0.15, 0.6), rng.choice((-1, 1)) * rng.uniform(0.14, 0.25)
            bend = np.array((out, low + 0.03, rng.normal(0, 0.1)))
            body.chain(
                np.stack((np.array((0, low, 0)), bend, bend + (0, rng.uniform(0.1, 0.4), 0))),
                thick * 0.6,
            )
    elif kind < 0.7:
        for at in np.cumsum(rng.uniform(-0.3, 0.3, (int(rng.integers(1, 5)), 3)), 0) * (1, 0.2, 1):
            size = rng.uniform(0.12, 0.25)
            body.limb(at, at + (0, size * 0.4, 0), (size, size * 0.9))
    else:
        pads = [np.array((0.0, 0.0, 0.0))]
        for _ in range(int(rng.integers(3, 9))):
            at = pads[int(rng.integers(len(pads)))]
            angle = rng.normal(0, 0.7)
            tip = at + 0.3 * np.array((np.sin(angle), np.cos(angle), rng.normal(0, 0.1)))
            body.limb(at + (tip - at) * 0.25, tip - (tip - at) * 0.25, (0.1, 0.13))
            pads.append(tip)
    if rng.random() < 0.4:
        body.limb((0, -0.25, 0), (0, -0.1, 0), (0.13, 0.19), 1)
    green = palettes.leafy(rng)
    look = Coat(
        np.stack((green, palettes.paint(rng))),
        green * 1.3 + 0.1,
        str(rng.choice(("spots", "stripes"))),
        belly=0,
    )
    look.fur, look.scale = rng.uniform(0, 0.006), rng.uniform(1.2, 3)
    return draw(rng, body, look, side, (0, 360), pitch=(-5, 15))


def mushroom(rng: Generator, side: int) -> Pair:
    """One or several, of many shapes of caps."""
    cap = palettes.hsv(rng.choice((0.0, 0.06, 0.1)), rng.uniform(0.1, 0.9), rng.uniform(0.3, 0.95))
    white = palettes.hsv(0.1, 0.1, 0.92)
    pattern = rng.random()
    top = spots(rng, np.stack((cap, white))) if pattern < 0.4 else plain(rng, cap, 0.3, 0.4)
    paints = [
        top if pattern < 0.8 else any_paint(rng, cap),
        plain(rng, palettes.hsv(0.1, rng.uniform(0.05, 0.3), 0.85), 0, 0.4),
    ]
    t = np.linspace(0, np.pi / 2, 8)
    parts = []
    for number in range(int(rng.integers(1, 5))):
        wide, high, stem = rng.uniform(0.25, 0.55), rng.uniform(0.12, 0.5), rng.uniform(0.3, 0.9)
        dome = np.stack((wide * np.cos(t) ** rng.uniform(0.7, 1.3) + 0.004, high * np.sin(t)), 1)
        gills = lathe(np.array(((0.06, 0.03), (wide, 0.0))), 1, 20)
        stalk = cylinder(rng.uniform(0.06, 0.13), stem + 0.05, 1, 12, rng.uniform(0.6, 1))
        one = joined([lathe(dome, 0, 20).moved(y=stem), gills.moved(y=stem), stalk]).turned(
            "z", rng.normal(0, 9)
        )
        size = 1 / (1 + 0.3 * number)
        angle = number * 2.2
        place = 0.55 * min(1, number)
        parts.append(
            one.scaled(size, size, size).moved(place * np.cos(angle), 0, place * np.sin(angle))
        )
    return render(rng, joined(parts), paints, side, pitch=(-12, 30))

"""Thin structures: bicycles and wheels, ladders, fences, posts and street lamps, ropes, kites, tripods."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .canvas import Canvas, bent
from .meshes import Mesh, ball, box, cylinder, joined, lathe, tube
from .noise import Array
from .render import render
from .surfaces import Paint, any_paint, plain, wood

__all__ = ["bicycle", "fence", "kite", "ladder", "post", "rope"]

FRAME, STEEL, DARK = range(3)


def _paints(rng: Generator) -> list[Paint]:
    frame = palettes.paint(rng)
    dark = palettes.hsv(0.1, 0.1, rng.uniform(0.05, 0.2))
    return [plain(rng, frame, 0.5), plain(rng, palettes.metal(rng), 0.7), plain(rng, dark, 0.1)]


def _circle(radius: float, count: int = 28) -> Array:
    t = np.linspace(0, 2 * np.pi, count + 1)
    return np.stack((radius * np.cos(t), radius * np.sin(t), 0 * t), 1)


def _wheel(rng: Generator, radius: float, spokes: int, thick: float) -> Mesh:
    """A rim, a tyre, a hub and its spokes, in x and y."""
    parts = [
        tube(_circle(radius), thick, DARK, 6),
        tube(_circle(radius - 1.6 * thick), thick * 0.6, STEEL, 5),
    ]
    parts.append(cylinder(thick * 1.8, thick * 4, STEEL, 8).turned("x", 90).moved(z=-thick * 2))
    spoke = max(0.006, thick * rng.uniform(0.15, 0.4))
    for angle in np.arange(spokes) * 2 * np.pi / spokes:
        rim = (radius - thick) * np.array((np.cos(angle), np.sin(angle), 0))
        parts.append(tube(np.stack((rim * 0.05, rim)), spoke, STEEL, 4))
    return joined(parts)


def bicycle(rng: Generator, side: int) -> Pair:
    """A bicycle, a scooter-like motorcycle, or a cart wheel alone."""
    paints = _paints(rng)
    kind = rng.random()
    if kind < 0.2:
        paints = [wood(rng), wood(rng), wood(rng)]
        wheel = _wheel(rng, 1.0, int(rng.integers(6, 15)), rng.uniform(0.05, 0.1))
        return render(rng, wheel, paints, side, yaw=(-60, 60), pitch=(-5, 20))
    heavy = kind > 0.8
    radius, thick = (
        rng.uniform(0.3, 0.36),
        rng.uniform(0.045, 0.07) if heavy else rng.uniform(0.012, 0.024),
    )
    bar = 0.035 if heavy else rng.uniform(0.014, 0.022)
    wheel = _wheel(rng, radius, int(rng.integers(8, 20)), thick)
    back, front = np.array((-0.52, radius, 0)), np.array((0.52, radius, 0))
    pedal, seat, head = (
        np.array((-0.08, 0.29, 0)),
        np.array((-0.22, 0.8, 0)),
        np.array((0.36, 0.82, 0)),
    )
    low = head - (-0.025, 0.12, 0)
    pairs = [(pedal, seat), (seat, head), (pedal, low), (back, pedal), (back, seat), (front, head)]
    if rng.random() < 0.3:
        pairs[1] = (pedal + (-0.05, 0.15, 0), low)
    parts = [wheel.moved(*back), wheel.moved(*front)]
    parts += [tube(np.stack(pair), bar, FRAME, 6) for pair in pairs]
    parts.append(tube(np.stack((seat, seat + (-0.03, 0.1, 0))), bar * 0.8, STEEL, 5))
    parts.append(box((0.26, 0.06, 0.13), seat + (-0.04, 0.1, 0), DARK, 0.8))
    grip = head + (0.02, 0.16, 0)
    bars = np.array(
        ((-0.12, 0.0, -0.26), (0.02, 0.02, -0.2), (0, 0, 0), (0.02, 0.02, 0.2), (-0.12, 0.0, 0.26))
    )
    parts += [tube(np.stack((head, grip)), bar, STEEL, 5), tube(grip + bars, bar * 0.9, STEEL, 5)]
    parts.append(tube(pedal + _circle(0.09, 12), 0.012, STEEL, 4))
    for hand in (-1, 1):
        crank = pedal + hand * np.array((0.11, -0.12, 0.08))
        parts += [
            tube(np.stack((pedal, crank)), 0.012, STEEL, 4),
            box((0.1, 0.025, 0.08), crank, DARK),
        ]
    if heavy:
        parts.append(ball(0.2).scaled(1.3, 0.7, 0.6).moved(0.08, 0.75))
        parts.append(box((0.4, 0.28, 0.24), (-0.02, 0.3, 0), STEEL))
        parts.append(ball(0.1, STEEL).moved(0.45, 0.8))
    elif rng.random() < 0.4:
        parts.append(box((0.25, 0.2, 0.3), grip + (0.16, -0.15, 0), DARK))
    turn = (0.0, 180.0)[int(rng.integers(2))]
    return render(rng, joined(parts), paints, side, yaw=(turn - 55, turn + 55), pitch=(-3, 20))


def ladder(rng: Generator, side: int) -> Pair:
    """A ladder, a step ladder, a tripod or an easel."""
    paints = [
        wood(rng) if rng.random() < 0.6 else plain(rng, palettes.metal(rng), 0.6),
        any_paint(rng),
    ]
    high, wide, thick = rng.uniform(1.2, 3), rng.uniform(0.35, 0.5), rng.uniform(0.035, 0.06)
    if rng.random() < 0.35:
        parts = [ball(0.06).moved(y=high), box((0.18, 0.12, 0.14), (0, high + 0.03, 0), 1)]
        for angle in (0, 120, 240):
            leg = np.array(((0.02, high, 0), (high * 0.35, 0, 0)))
            parts.append(tube(leg, thick * 0.5, 0, 6).turned("y", angle + 20))
        return render(rng, joined(parts), paints, side, pitch=(-5, 20))
    rails = [box((thick, high, thick), (0, 0, z * wide / 2)) for z in (-1, 1)]
    rungs = [box((thick * 0.7, 0.03, wide), (0, level, 0)) for level in np.arange(0.15, high, 0.25)]
    one = joined([*rails, *rungs]).turned("z", -14)
    parts = [one, joined(rails).turned("z", 14).moved(high * 0.48)] if rng.random() < 0.5 else [one]
    return render(rng, joined(parts), paints, side, pitch=(-5, 20))


def fence(rng: Generator, side: int) -> Pair:
    """A piece of a fence, a gate or a railing."""
    paints = [
        wood(rng) if rng.random() < 0.5 else plain(rng, palettes.paint(rng), 0.2),
        any_paint(rng),
    ]
    long, high = rng.uniform(1.2, 3), rng.uniform(0.7, 1.3)
    parts = [box((0.1, high * 1.1, 0.1), (x, 0, 0)) for x in (-long / 2, long / 2)]
    parts += [
        box((long, 0.05, 0.04), (0, level * high, 0))
        for level in ((0.2, 0.8), (0.15, 0.5, 0.85))[int(rng.integers(2))]
    ]
    count, wide = int(long * rng.uniform(3, 9)), rng.uniform(0.02, 0.09)
    if rng.random() < 0.8:
        for x in np.linspace(-long / 2, long / 2, count)[1:-1]:
            parts.append(box((wide, high * 0.95, 0.025), (x, 0.03, 0.03)))
            if wide > 0.05:
                parts.append(box((wide, 0.08, 0.025), (x, high * 0.95 + 0.03, 0.03), top=0.05))
    else:
        parts.append(tube(np.array(((-long / 2, 0.1, 0), (long / 2, high, 0))), 0.03, 0, 5))
    return render(rng, joined(parts), paints, side, yaw=(-60, 60), pitch=(-5, 20))


def post(rng: Generator, side: int) -> Pair:
    """A street lamp, a sign, a traffic light, a flag, a windmill of steel, a pylon."""
    paints = [
        *_paints(rng),
        plain(rng, palettes.bright(rng), 0.1),
        plain(rng, palettes.hsv(0.13, 0.2, 1.0)),
    ]
    high, thick = rng.uniform(1.5, 3.5), rng.uniform(0.025, 0.06)
    parts = [
        cylinder(thick, high, int(rng.integers(3)), 8, 0.7),
        cylinder(thick * 2, high * 0.08, FRAME, 8, 0.6),
    ]
    kind = int(rng.integers(5))
    if kind == 0:
        t = np.linspace(0, np.pi * rng.uniform(0.5, 0.9), 8)
        for hand in (-1, 1)[int(rng.integers(2)) :]:
            arm = np.stack((hand * 0.3 * (1 - np.cos(t)), high + 0.2 * np.sin(t), 0 * t), 1)
            parts.append(tube(arm, thick * 0.6, FRAME, 5))
            parts.append(
                lathe(np.array(((0.03, 0.06), (0.14, -0.02), (0.01, -0.06))), 4, 10).moved(*arm[-1])
            )
    elif kind == 1:
        parts.append(
            lathe(
                np.array(((0.08, 0), (0.16, 0.3), (0.2, 0.32), (0.02, 0.5))), 4, 6, smooth=False
            ).moved(y=high)
        )
    elif kind == 2:
        plate = cylinder(0.3, 0.03, 3, int(rng.choice((3, 4, 8, 24)))).turned("x", 90)
        parts.append(plate.moved(0, high - 0.2, thick))
        parts.append(cylinder(0.22, 0.035, 4, 16).turned("x", 90).moved(0, high - 0.2, thick))
    elif kind == 3:
        t, s = np.linspace(0, 1, 10)[None], np.linspace(0, 1, 4)[:, None]
        wave = 0.08 * np.sin(t * rng.uniform(4, 9)) * t
        sheet = np.stack(
            (0.9 * t + 0 * s, high - 0.05 - 0.55 * s - 0.2 * t * rng.uniform(0, 1), wave + 0 * s), 2
        )
        flag = np.stack(
            (sheet[:-1, :-1], sheet[:-1, 1:], sheet[1:, 1:], sheet[1:, :-1]), 2
        ).reshape(-1, 4, 3)
        normals = np.broadcast_to((0.0, 0.0, 1.0), flag.shape)
        parts.append(Mesh(flag, normals, flag[:, :, :2], np.full(len(flag), 3)))
    else:
        start = rng.uniform(0, 120)
        for k in range(3):
            blade = box((0.09, high * 0.5, 0.02), paint=STEEL, top=0.25)
            parts.append(blade.turned("z", start + 120 * k).moved(0, high, thick * 2))
        parts.append(ball(thick * 1.6, STEEL, 8).moved(0, high, thick * 1.5))
    return render(rng, joined(parts), paints, side, yaw=(-60, 60), pitch=(-15, 12))


def rope(rng: Generator, side: int) -> Pair:
    """A coil, a knot, a spiral, a ring or a chain."""
    paints = [any_paint(rng), plain(rng, palettes.metal(rng), 0.8)]
    t = np.linspace(0, 2 * np.pi, 60)
    kind, thick = int(rng.integers(4)), rng.uniform(0.03, 0.12)
    if kind == 0:
        p, q = ((2, 3), (3, 2), (2, 5), (3, 4))[int(rng.integers(4))]
        r = 0.6 + 0.25 * np.cos(q * t)
        path = np.stack((r * np.cos(p * t), r * np.sin(p * t), 0.3 * np.sin(q * t)), 1)
    elif kind == 1:
        turns = rng.uniform(2, 5)
        path = np.stack(
            ((0.2 + 0.1 * t) * np.cos(turns * t), 0.02 * t, (0.2 + 0.1 * t) * np.sin(turns * t)), 1
        )
    elif kind == 2:
        path = _circle(0.7, 40) * (1, rng.uniform(0.6, 1.2), 1)
    else:
        links = []
        for k in range(int(rng.integers(3, 9))):
            link = tube(_circle(0.2, 16) * (1.5, 1, 1), 0.05, 1, 6).turned("x", 90 * (k % 2))
            links.append(link.turned("z", rng.normal(0, 8)).moved(0.45 * k, -0.03 * (k - 3) ** 2))
        return render(rng, joined(links), paints, side, pitch=(-20, 40))
    return render(rng, tube(path, thick, 0, 8), paints, side, pitch=(-20, 70))


def kite(rng: Generator, side: int) -> Pair:
    """A kite with a tail, a bunch of balloons on strings, a net or a web."""
    canvas, kind = Canvas(side), rng.random()
    if kind < 0.5:
        colours = palettes.family(rng, 4, palettes.bright(rng))
        top, left, right, low = (
            np.array(p) for p in ((0.55, 0.02), (0.3, 0.22), (0.8, 0.25), (0.52, 0.6))
        )
        middle = np.array((0.55, 0.24))
        for k, (a, b) in enumerate(((top, left), (left, low), (low, right), (right, top))):
            canvas.shape(np.stack((middle, a, b)), colours[k])
        tail = bent(rng, low, np.pi * 0.95, 0.5, 1.5, count=24)
        canvas.stroke(tail, 0.006, colours[0] * 0.7)
        for k in range(3, 24, 4):
            for hand in (-1, 1):
                ends = tail[k] + np.array(((0.045 * hand, -0.018), (0.045 * hand, 0.018)))
                canvas.shape(np.stack((tail[k], *ends)), colours[k % 4])
    elif kind < 0.8:
        for _ in range(int(rng.integers(1, 9))):
            at, size = (
                np.array((rng.uniform(0.25, 0.75), rng.uniform(0.05, 0.45))),
                rng.uniform(0.08, 0.16),
            )
            colour = palettes.bright(rng)
            t = np.linspace(0, 1, 10)[:, None]
            canvas.stroke(at + (np.array((0.5, 1.0)) - at) * t, 0.004, colour * 0.6)
            for part in np.linspace(1, 0.1, 8):
                canvas.disc(
                    at - (1 - part) * size * np.array((0.35, 0.4)),
                    size * part,
                    colour * (0.75 + 0.5 * (1 - part) ** 2),
                )
    else:
        colour, rings = palettes.any_colour(rng), int(rng.integers(3, 9))
        spokes = np.sort(rng.uniform(0, 0.25, 12)) + np.arange(12) * np.pi / 6
        wide = rng.uniform(0.006, 0.016)
        for k, angle in enumerate(spokes):
            aim, after = (np.array((np.cos(a), np.sin(a))) for a in (angle, spokes[(k + 1) % 12]))
            canvas.stroke(np.stack((np.array((0.5, 0.5)), 0.5 + 0.5 * aim)), wide, colour)
            for ring in np.linspace(0.12, 0.48, rings):
                sag = (aim + after) / 2 * 0.9
                canvas.stroke(0.5 + ring * np.stack((aim, sag, after)), wide * 0.8, colour)
    return canvas.done(rng)

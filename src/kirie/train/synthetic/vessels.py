"""Bottles, vases, jugs, tools, fruit and piles of things: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import ball, box, cylinder, joined, lathe, tube
from .noise import Array
from .render import render
from .surfaces import any_paint, cloth, plain, wood

__all__ = ["fruit", "pile", "tool", "turned", "vessel"]


def turned(rng: Generator) -> Array:
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
        shape = turned(rng) * (1, rng.uniform(0.8, 1.8))
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
    paints = [wood(rng), plain(rng, palettes.metal(rng), 0.8, 0.3), cloth(rng)]
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

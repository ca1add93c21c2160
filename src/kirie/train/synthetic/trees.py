"""Broad-leaved trees, bare ones, conifers, palms and bushes."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .canvas import Canvas, bent, petal
from .noise import Array

__all__ = ["bare", "bush", "conifer", "palm", "tree"]


def _limbs(
    canvas: Canvas,
    rng: Generator,
    at: Array,
    shape: tuple[float, float, float],
    depth: int,
    *,
    colour: Array,
) -> list[Array]:
    """A branch (its angle, length and width) and those that grow from it; returns where the last ones end."""
    angle, long, thick = shape
    path = bent(rng, at, angle, long, 0.35, count=8)
    canvas.stroke(path, np.linspace(thick, thick * 0.65, 8), palettes.near(rng, colour, 0.12))
    if depth == 0:
        return [path[-1]]
    ends = []
    for k in range(int(rng.integers(2, 4))):
        turn = angle + (k - 1) * rng.uniform(0.3, 0.7) + rng.normal(0, 0.2)
        start = path[-1] if k != 1 else path[int(rng.integers(4, 8))]
        next_ = turn * 0.93, long * rng.uniform(0.6, 0.85), thick * 0.62
        ends += _limbs(canvas, rng, start, next_, depth - 1, colour=colour)
    return ends


def _clusters(
    canvas: Canvas, rng: Generator, balls: Array, colour: Array, count: int, *, size: float
) -> None:
    """Leaves over balls (B, 3) of x, y, radius: those on the sunny side are drawn last and brighter."""
    which = rng.integers(len(balls), size=count)
    angle, out = (
        rng.uniform(0, 2 * np.pi, count),
        np.sqrt(rng.random(count)) * rng.normal(1, 0.08, count),
    )
    offset = np.stack((np.cos(angle), np.sin(angle)), 1) * out[:, None]
    places = balls[which, :2] + offset * balls[which, 2:]
    sun = np.array((rng.normal(0, 0.5), -0.8))
    light = (
        offset @ sun
        + rng.normal(0, 0.25, count)
        + 0.8 * (balls[which, 1] - balls[:, 1].mean()) * sun[1]
    )
    order, turns = np.argsort(light), rng.integers(16, size=count)
    outlines = [
        petal(np.zeros(2), turn, size * 1.6, size * 1.1)[::2] for turn in np.arange(16) * np.pi / 8
    ]
    for k in order:
        shade = 0.72 + 0.38 * np.clip(light[k], -1, 1)
        tone = colour * shade + np.array((0.05, 0.04, -0.02)) * shade * rng.uniform(0, 1.5)
        canvas.shape(outlines[turns[k]] + places[k], tone)


def _foliage(rng: Generator) -> Array:
    """Green, or as in autumn or in bloom."""
    kind = rng.random()
    if kind < 0.75:
        return palettes.leafy(rng)
    if kind < 0.92:
        return palettes.hsv(rng.uniform(0.02, 0.14), rng.uniform(0.5, 0.9), rng.uniform(0.45, 0.9))
    return palettes.hsv(rng.uniform(0.85, 0.98), rng.uniform(0.1, 0.4), rng.uniform(0.75, 1))


def tree(rng: Generator, side: int) -> Pair:
    """A trunk, branches and a crown of leaves."""
    canvas, bark, green = Canvas(side), palettes.earthy(rng) * 0.8, _foliage(rng)
    thick, stem = rng.uniform(0.04, 0.12), rng.uniform(0.2, 0.38)
    root = np.array((0.5, 1.0))
    canvas.stroke(
        np.array(((0.5, 1.01), (0.5, 0.96), (0.5, 0.9))),
        np.array((thick * 1.6, thick * 1.15, thick)),
        bark,
    )
    ends = _limbs(canvas, rng, root, (rng.normal(0, 0.08), stem, thick), 3, colour=bark)
    middle = np.array((0.5, 0.45))
    spread = rng.uniform(0.8, 1.1)
    balls = [(*(middle + (end - middle) * spread), rng.uniform(0.07, 0.16)) for end in ends]
    count = int(rng.integers(500, 1300))
    _clusters(canvas, rng, np.array(balls), green, count, size=rng.uniform(0.014, 0.028))
    return canvas.done(rng, 0.25)


def bare(rng: Generator, side: int) -> Pair:
    """A tree in winter, a dead tree, driftwood, a stump of coral."""
    canvas = Canvas(side)
    bark = palettes.earthy(rng)
    depth = int(rng.integers(3, 6))
    shape = rng.normal(0, 0.15), rng.uniform(0.2, 0.32), rng.uniform(0.04, 0.12)
    _limbs(canvas, rng, np.array((0.5, 1.0)), shape, depth, colour=bark)
    return canvas.done(rng, 0.5)


def bush(rng: Generator, side: int) -> Pair:
    """A bush or hedge, cut or wild, with or without flowers."""
    canvas, green = Canvas(side), _foliage(rng)
    balls = rng.uniform((0.2, 0.55, 0.1), (0.8, 0.85, 0.25), (int(rng.integers(1, 9)), 3))
    size = rng.uniform(0.015, 0.035)
    _clusters(canvas, rng, balls, green, int(rng.integers(600, 1300)), size=size)
    if rng.random() < 0.4:
        bloom = palettes.bright(rng)
        for _ in range(int(rng.integers(10, 80))):
            x, y, r = balls[int(rng.integers(len(balls)))]
            canvas.disc(
                np.array((x, y)) + rng.normal(0, 0.45, 2) * r,
                size * rng.uniform(0.3, 0.8),
                palettes.near(rng, bloom, 0.15),
            )
    return canvas.done(rng, 0.3)


def conifer(rng: Generator, side: int) -> Pair:
    """A fir, spruce or cypress."""
    canvas, bark = Canvas(side), palettes.earthy(rng) * 0.7
    green = palettes.leafy(rng) * rng.uniform(0.5, 0.9)
    wide, droop = rng.uniform(0.12, 0.34), rng.uniform(-0.5, 0.9)
    canvas.stroke(
        np.array(((0.5, 1.0), (0.5, 0.5), (0.5, 0.03))), np.array((0.04, 0.025, 0.006)), bark
    )
    for level in np.linspace(0.92, 0.05, int(rng.integers(14, 30))):
        reach = wide * (level - 0.03) ** rng.uniform(0.7, 1.0) + 0.01
        for _ in range(9):
            x = rng.uniform(-1, 1)
            tip = np.array(
                (0.5 + x * reach * rng.uniform(0.75, 1.1), level + droop * 0.12 * abs(x))
            )
            start = np.array((0.5 + x * 0.02, level - 0.04))
            shade = 0.65 + 0.5 * rng.random() - 0.2 * (x > 0)
            middle = (start + tip) / 2 + (0, rng.uniform(-0.02, 0.01))
            canvas.stroke(
                np.stack((start, middle, tip)), np.array((0.03, 0.035, 0.004)), green * shade
            )
            canvas.stroke(
                np.stack((middle, tip + (0.0, 0.035))),
                np.array((0.02, 0.003)),
                green * shade * 0.75,
            )
    return canvas.done(rng, 0.3)


def palm(rng: Generator, side: int) -> Pair:
    """A palm, a tree fern or an agave."""
    canvas, green, bark = Canvas(side), palettes.leafy(rng), palettes.earthy(rng)
    path = bent(rng, np.array((0.5, 1.0)), rng.normal(0, 0.15), rng.uniform(0.05, 0.65), 0.35)
    for k, place in enumerate(np.linspace(path[:-1], path[1:], 3, axis=1).reshape(-1, 2)):
        canvas.stroke(
            np.stack((place - (0.025, 0), place + (0.025, 0.003))),
            0.03,
            bark * (0.75 + 0.25 * (k % 2)),
        )
    for angle in rng.permutation(np.linspace(-2.3, 2.3, int(rng.integers(7, 16)))):
        frond = bent(rng, path[-1], angle * 0.55, rng.uniform(0.28, 0.42), 0.1, count=16)
        frond[:, 1] += 0.25 * np.linspace(0, 1, 16) ** 2 * abs(angle) * 0.5
        tone = palettes.near(rng, green, 0.25)
        turn = np.arctan2(*(np.gradient(frond, axis=0) * (1, -1)).T)
        for k in range(1, 16):
            for hand in (-1, 1):
                long = 0.13 * np.sin(np.pi * (k + 1) / 18) + 0.02
                canvas.shape(
                    petal(frond[k], turn[k] + hand * rng.uniform(0.5, 0.9), long, 0.018),
                    tone * rng.uniform(0.7, 1.1),
                )
        canvas.stroke(frond, np.linspace(0.014, 0.004, 16), tone * 0.9)
    return canvas.done(rng, 0.3)

"""Walls, rooms, cloth, paper, studio grounds, blurred lights without a subject: float32 (h, w, 3), 0…1."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from . import palettes, surfaces
from .noise import Array, cells, fractal, ridged
from .skies import mixed, relief
from .surfaces import Paint

__all__ = ["cloth", "lights", "paper", "room", "studio", "wall"]


def _wall_paint(rng: Generator) -> Paint:
    colour = (
        palettes.hsv(rng.normal(0.1, 0.06), rng.uniform(0, 0.35), rng.uniform(0.35, 0.95))
        if rng.random() < 0.6
        else palettes.paint(rng)
    )
    colours = palettes.family(rng, 3, colour)
    maker = rng.choice(
        np.array((surfaces.bricks, surfaces.planks, surfaces.marble, surfaces.stripes), object)
    )
    if rng.random() < 0.35:
        return surfaces.plain(rng, colour, 0, rng.uniform(0.02, 0.3))
    return maker(rng, colours)


def _flat(paint: Paint, u: Array, v: Array) -> Array:
    """A paint at places (h, w)."""
    return paint.look(u.ravel(), v.ravel()).reshape(*u.shape, 3).astype(np.float32)


def wall(rng: Generator, h: int, w: int) -> Array:
    """Bricks, boards, plaster, tiles, straight on or aslant, with stains."""
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32) / np.float32(min(h, w))
    scale, slant = rng.uniform(0.4, 2), rng.normal(0, 0.35)
    near = 1 / np.clip(1 + slant * (xs - 0.5), 0.4, 3)
    u, v = (xs - 0.5) * near * scale, (ys - 0.5) * near * scale
    image = _flat(_wall_paint(rng), u + 9, v + 9)
    stains = fractal(rng, (h, w), 1.5, 5, 0.6)
    return image * (1 - rng.uniform(0, 0.5) * stains)[:, :, None]


def room(rng: Generator, h: int, w: int) -> Array:
    """A floor and a wall, with or without a skirting board and a corner."""
    edge = int(rng.uniform(0.45, 0.8) * h)
    image = np.empty((h, w, 3), np.float32)
    image[:edge] = wall(rng, edge, w)
    y, x = np.mgrid[0 : h - edge, 0:w].astype(np.float32)
    depth = 1 / (y / h + rng.uniform(0.25, 0.6))
    turn = rng.uniform(-0.7, 0.7)
    u, v = (x / w - 0.5) * depth * 2, depth * 1.5
    floor = surfaces.wood(rng) if rng.random() < 0.2 else _wall_paint(rng)
    if rng.random() < 0.4:
        floor = surfaces.planks(rng, palettes.family(rng, 3, palettes.earthy(rng)), 0.15)
    image[edge:] = _flat(
        floor, u * np.cos(turn) - v * np.sin(turn) + 9, u * np.sin(turn) + v * np.cos(turn) + 9
    )
    if rng.random() < 0.6:
        high = max(2, int(rng.uniform(0.01, 0.05) * h))
        image[edge - high : edge] = palettes.hsv(0.1, 0.1, rng.uniform(0.3, 1))
    shadow = np.exp(-np.abs(np.arange(h) - edge) / (0.06 * h)) * rng.uniform(0, 0.5)
    return image * (1 - shadow)[:, None, None]


def cloth(rng: Generator, h: int, w: int) -> Array:
    """Folds of a plain or patterned cloth, a curtain."""
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32) / np.float32(min(h, w))
    angle, warp = rng.uniform(0, np.pi), fractal(rng, (h, w), 1.5, 3)
    along = xs * np.cos(angle) + ys * np.sin(angle) + warp * rng.uniform(0.1, 0.9)
    folds = np.sin(along * rng.uniform(6, 30)) + 0.5 * np.sin(
        along * rng.uniform(20, 60) + 4 * warp
    )
    shade = 0.72 + 0.16 * rng.uniform(0.3, 1.2) * folds
    paint = surfaces.stripes if rng.random() < 0.3 else surfaces.plain
    colour = palettes.any_colour(rng)
    made = (
        paint(rng, palettes.family(rng, 3, colour))
        if paint is surfaces.stripes
        else surfaces.plain(rng, colour, 0, 0.1)
    )
    weave = 1 + rng.uniform(0, 0.12) * (rng.random((h, w), np.float32) - 0.5)
    return _flat(made, xs + 0.05 * folds + 5, ys + 0.05 * folds + 5) * (shade * weave)[:, :, None]


def paper(rng: Generator, h: int, w: int) -> Array:
    """Paper or foil, smooth or crumpled."""
    colour = palettes.hsv(rng.random(), rng.uniform(0, 0.3), rng.uniform(0.6, 1.0))
    labels, distance = cells(rng, (h, w), int(rng.uniform(10, 80)))
    tilt = rng.uniform(-1, 1, 4096)[labels % 4096].astype(np.float32) * rng.uniform(0, 0.15)
    height = ridged(rng, (h, w), rng.uniform(2, 6), 3) * rng.uniform(0, 1) + 0.1 * distance
    soft: Any = cv2.GaussianBlur(tilt, (0, 0), 1.5)
    light = relief(rng, height.astype(np.float32), rng.uniform(0.5, 3)) + soft
    return colour * (light + 0.15)[:, :, None]


def studio(rng: Generator, h: int, w: int) -> Array:
    """Plain grounds as behind products: one colour, brighter in the middle or to one side, a soft horizon."""
    ys, xs = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    colour = (
        palettes.hsv(rng.random(), rng.uniform(0, 0.25), rng.uniform(0.5, 1))
        if rng.random() < 0.6
        else palettes.any_colour(rng)
    )
    x, y = rng.uniform(-0.8, 0.8, 2)
    glow = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) * rng.uniform(0.1, 1.2))
    image = colour * (rng.uniform(0.4, 1) + rng.uniform(0, 0.6) * glow)[:, :, None]
    if rng.random() < 0.4:
        edge, soft = rng.uniform(0, 0.7), rng.uniform(0.01, 0.3)
        image = mixed(
            image,
            image * rng.uniform(0.7, 1.25),
            1 / (1 + np.exp(np.clip(-(ys - edge) / soft, -50, 50))),
        )
    return image


def lights(rng: Generator, h: int, w: int) -> Array:
    """What is far behind the depth of field: blurred patches and discs of light."""
    tall, wide = h // 2, w // 2
    first, second, third = (palettes.any_colour(rng) * rng.uniform(0.3, 1) for _ in range(3))
    image = mixed(
        mixed(first, second, fractal(rng, (tall, wide), 1.5, 2)),
        third,
        fractal(rng, (tall, wide), 2, 2) ** 2,
    )
    image = np.ascontiguousarray(image, np.float32)
    for _ in range(int(rng.integers(0, 40))):
        at = int(rng.integers(wide)), int(rng.integers(tall))
        glow: Any = np.zeros((tall, wide), np.float32)
        cv2.circle(
            glow, at, int(rng.uniform(0.02, 0.09) * min(tall, wide)) + 1, 1.0, -1, cv2.LINE_AA
        )
        image = image + glow[:, :, None] * palettes.bright(rng).astype(np.float32) * np.float32(
            rng.uniform(0.1, 0.6)
        )
    return cv2.resize(cv2.GaussianBlur(image, (0, 0), rng.uniform(1, 5)), (w, h))

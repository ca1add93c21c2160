"""Things without a name: random outlines with a texture that coheres, and stones, shells and lumps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .bodies import Body, coat, draw
from .noise import Array, fractal
from .render import FINER, Light, developed, finished
from .surfaces import any_paint

__all__ = ["blob", "stone"]


def _outline(rng: Generator, size: int) -> Array:
    """(size, size) above 0 inside: a disc, its radius varied around, its places bent by noise."""
    ys, xs = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    bend = rng.uniform(0, 0.6)
    xs = xs + bend * (fractal(rng, (size, size), rng.uniform(1, 4), int(rng.integers(1, 6))) - 0.5)
    ys = ys + bend * (fractal(rng, (size, size), rng.uniform(1, 4), int(rng.integers(1, 6))) - 0.5)
    angle, long = np.arctan2(ys, xs), rng.uniform(0.4, 1.0)
    radius = np.full_like(angle, 0.62)
    for k in range(1, int(rng.integers(2, 9))):
        radius += np.float32(rng.normal(0, 0.16 / k**0.7)) * np.cos(
            k * angle + np.float32(rng.uniform(0, 6))
        )
    field = np.maximum(radius, 0.12) - np.hypot(xs, ys / long)
    if rng.random() < 0.3:  # a hole, or several
        field = np.minimum(
            field, rng.uniform(0.55, 0.75) - fractal(rng, (size, size), rng.uniform(2, 5), 2)
        )
    return field


def blob(rng: Generator, side: int) -> Pair:
    """One piece of a random outline: flat, domed or embossed, in any texture; often of a ground's colours."""
    size = int(side * FINER * 0.8)
    mask = (_outline(rng, size) > 0).astype(np.uint8)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(mask)
    if count > 1:  # the largest piece
        mask = (labels == 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    else:
        cv2.circle(mask, (size // 2, size // 2), size // 3, 1, -1)
    inside = np.flatnonzero(mask)
    height = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    round_ = rng.uniform(0.05, 1.0) * float(height.max())
    dome = (
        np.sqrt(np.maximum(0, 1 - (1 - np.minimum(height / round_, 1)) ** 2))
        * round_
        * rng.uniform(0.2, 1)
    )
    dome = cv2.GaussianBlur(dome, (0, 0), 0.01 * size)
    if rng.random() < 0.5:
        dome += fractal(rng, (size, size), rng.uniform(4, 16), 4) * np.float32(
            rng.uniform(0.005, 0.05) * size
        )
    slopes = (
        cv2.Sobel(dome, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(dome, cv2.CV_32F, 0, 1, scale=0.125),
    )
    normals = np.stack((-slopes[0], slopes[1], np.ones_like(dome)), 2).reshape(-1, 3)[inside]
    normals /= np.sqrt((normals**2).sum(1, keepdims=True))
    y, x = np.divmod(inside.astype(np.float32), np.float32(size))
    paint, light = any_paint(rng), Light.drawn(rng)
    scale, turn = rng.uniform(0.8, 4) / size, rng.uniform(0, 2 * np.pi)
    u, v = (
        (x * np.cos(turn) - y * np.sin(turn)) * scale + 9,
        (x * np.sin(turn) + y * np.cos(turn)) * scale + 9,
    )
    colours = paint.look(u, v) * light.on(normals)
    colours += (paint.gloss * light.glint(normals, paint.sharp))[:, None] * light.sun
    canvas = np.zeros((size * size, 3), np.uint8)
    canvas[inside] = developed(colours)
    return finished(rng, canvas.reshape(size, size, 3), mask * 255, side)


def stone(rng: Generator, side: int) -> Pair:
    """Lumps that have grown together: boulders, roots, corals, clay."""
    body = Body()
    places = [np.zeros(3)]
    for _ in range(int(rng.integers(1, 9))):
        start = places[int(rng.integers(len(places)))]
        end = start + rng.normal(0, 0.25, 3) * (1, rng.uniform(0.3, 1), 1)
        body.limb(
            start, end, (rng.uniform(0.05, 0.25), rng.uniform(0.05, 0.25)), int(rng.integers(2))
        )
        places.append(end)
    look = coat(rng, 4, palettes.any_colour(rng))
    look.fur, look.gloss = rng.uniform(0, 0.008), rng.uniform(0, 0.3)
    return draw(rng, body, look, side, (0, 360), pitch=(-20, 60))

"""Paints of meshes: colours as functions of a place (u, v) on a surface, in the lengths of the mesh.

A paint is made once, with random colours, and then asked for many places: `paint(u, v) → (N, 3)` float32 RGB, 0…1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from . import palettes
from .noise import Array, Tile

__all__ = [
    "MAKERS",
    "Paint",
    "any_paint",
    "bricks",
    "cloth",
    "glass",
    "panes",
    "plain",
    "planks",
    "wood",
]

Look = Callable[[Array, Array], Array]


@dataclass(frozen=True, slots=True)
class Paint:
    """look: gives the colours. gloss: how strong the highlight is, 0…1. sharp: its exponent."""

    look: Look
    gloss: float = 0.1
    sharp: float = 20.0


def plain(rng: Generator, colour: Array, gloss: float = 0.1, dirt: float = 0.2) -> Paint:
    """One colour, uneven by `dirt`."""
    tile, scale = Tile(rng), rng.uniform(0.15, 0.6)

    def look(u: Array, v: Array) -> Array:
        return colour * (1 - dirt * tile(u * scale, v * scale))[:, None]

    return Paint(look, gloss)


def glass(rng: Generator) -> Paint:
    """A dark pane with a soft reflection."""
    return plain(rng, palettes.hsv(0.57, rng.uniform(0.1, 0.4), rng.uniform(0.08, 0.4)), 0.7, 0.4)


def stripes(rng: Generator, colours: Array, period: float = 0.0) -> Paint:
    """Bands of several widths, a little wavy."""
    tile = Tile(rng)
    period = period or rng.uniform(0.08, 0.5)
    widths = np.cumsum(rng.uniform(0.3, 1, 2 * len(colours)))
    turn, wave = rng.choice((0.0, 1.0)), rng.uniform(0, 0.4)
    numbers = np.arange(2 * len(colours)) % len(colours)

    def look(u: Array, v: Array) -> Array:
        along = (u * turn + v * (1 - turn)) / period + wave * tile(u * 0.5, v * 0.5)
        place = np.searchsorted(widths, along % 1.0 * widths[-1]) % len(numbers)
        return colours[numbers[place]] * (0.85 + 0.15 * tile(u, v))[:, None]

    return Paint(look, rng.uniform(0, 0.3))


def spots(rng: Generator, colours: Array) -> Paint:
    """Patches by a threshold of noise."""
    tile, scale, level = Tile(rng, 4, 3), rng.uniform(0.4, 1.5), rng.uniform(0.35, 0.65)

    def look(u: Array, v: Array) -> Array:
        there = np.clip((tile(u * scale, v * scale) - level) * 12 + 0.5, 0, 1)[:, None]
        return colours[0] * (1 - there) + colours[1 % len(colours)] * there

    return Paint(look, rng.uniform(0, 0.3))


def marble(rng: Generator, colours: Array) -> Paint:
    """Veins and clouds, also rust, moss and lichen."""
    tile, scale, bend = Tile(rng), rng.uniform(0.2, 0.8), rng.uniform(0.2, 1.0)

    def look(u: Array, v: Array) -> Array:
        warp = tile(u * scale, v * scale)
        mix = tile(u * scale + bend * warp, v * scale + bend * warp)[:, None]
        return colours[0] * (1 - mix) + colours[1 % len(colours)] * mix

    return Paint(look, rng.uniform(0, 0.4))


def bricks(rng: Generator, colours: Array, wide: float = 0.0) -> Paint:
    """Courses of bricks, stones or tiles with joints."""
    wide = wide or rng.uniform(0.07, 0.25)
    tall, joint = wide * rng.uniform(0.3, 0.7), rng.uniform(0.04, 0.1)
    tile, grout = Tile(rng), palettes.near(rng, colours[0], 0.4)

    def look(u: Array, v: Array) -> Array:
        row = np.floor(v / tall)
        along = u / wide + 0.5 * (row % 2)
        level = tile(np.floor(along) * 0.37, row * 0.61)
        base = colours[(level * 7.3 * len(colours)).astype(int) % len(colours)]
        base = base * (0.7 + 0.3 * tile(u * 2, v * 2) + 0.2 * (level - 0.5))[:, None]
        seam = (along % 1 < joint) | (v / tall % 1 < joint * wide / tall)
        return np.where(seam[:, None], grout, base)

    return Paint(look, 0.05)


def planks(rng: Generator, colours: Array, wide: float = 0.0) -> Paint:
    """Boards side by side, their seams dark."""
    wide, turn = wide or rng.uniform(0.05, 0.2), bool(rng.random() < 0.5)
    tile = Tile(rng)

    def look(u: Array, v: Array) -> Array:
        across, along = (u, v) if turn else (v, u)
        board = np.floor(across / wide)
        tone = tile(board * 0.37, board * 0.73)
        grain = tile(across * 4, along * 0.3 + board * 0.17)
        base = (
            colours[board.astype(int) % len(colours)] * (0.6 + 0.25 * tone + 0.25 * grain)[:, None]
        )
        return np.where((across / wide % 1 < 0.08)[:, None], base * 0.4, base)

    return Paint(look, 0.08)


def wood(rng: Generator, colour: Array | None = None) -> Paint:
    """Grain along u or v."""
    base = palettes.hsv(rng.normal(0.07, 0.015), rng.uniform(0.35, 0.75), rng.uniform(0.2, 0.75))
    base = base if colour is None else colour
    tile, turn = Tile(rng), bool(rng.random() < 0.5)

    def look(u: Array, v: Array) -> Array:
        across, along = (u, v) if turn else (v, u)
        rings = np.sin(25 * across + 9 * tile(across * 0.4, along * 0.15))
        grain = tile(across * 3, along * 0.2)
        return base * (0.75 + 0.1 * rings + 0.25 * grain)[:, None]

    return Paint(look, rng.uniform(0.05, 0.4))


def panes(rng: Generator, wall: Paint, size: tuple[float, float] = (0.0, 0.0)) -> Paint:
    """A wall with rows of windows; size: of one bay, wide and tall."""
    wide = size[0] or rng.uniform(0.12, 0.4)
    tall = size[1] or wide * rng.uniform(0.8, 1.6)
    share, rise = rng.uniform(0.35, 0.85), rng.uniform(0.4, 0.8)
    dark, frame = palettes.hsv(0.58, 0.25, rng.uniform(0.05, 0.45)), palettes.paint(rng)
    arch, bar = bool(rng.random() < 0.25), bool(rng.random() < 0.5)
    tile = Tile(rng)

    def look(u: Array, v: Array) -> Array:
        across, up = np.abs(u / wide % 1 - 0.5) * 2 / share, np.abs(v / tall % 1 - 0.5) * 2 / rise
        reach = np.hypot(across, np.maximum(v / tall % 1 - 0.5, 0) * 2 / rise) if arch else across
        inside, edge = (reach < 1) & (up < 1), (reach < 1.18) & (up < 1.15)
        lit = tile(np.floor(u / wide) * 0.31, np.floor(v / tall) * 0.43)
        pane = dark * (0.5 + 1.2 * lit + 0.3 * (v / tall % 1))[:, None]
        if bar:
            pane = np.where((across < 0.08)[:, None], frame, pane)
        found = np.where(edge[:, None], frame * 0.9, wall.look(u, v))
        return np.where(inside[:, None], pane, found)

    return Paint(look, 0.15)


def _one(rng: Generator, colours: Array) -> Paint:
    return plain(rng, colours[0], rng.uniform(0, 0.6), rng.uniform(0.1, 0.6))


def _wooden(rng: Generator, colours: Array) -> Paint:
    return wood(rng, colours[0])


MAKERS: tuple[Callable[[Generator, Array], Paint], ...] = (
    *(_one, _one, _one, marble, marble, spots, stripes, bricks, planks, _wooden),
)


def any_paint(rng: Generator, colour: Array | None = None) -> Paint:
    """A random one, in shades of a colour."""
    maker = MAKERS[int(rng.integers(len(MAKERS)))]
    return maker(rng, palettes.family(rng, int(rng.integers(2, 5)), colour))


def cloth(rng: Generator) -> Paint:
    """What covers chairs and umbrellas: plain or striped."""
    colour = palettes.any_colour(rng)
    if rng.random() < 0.3:
        return stripes(rng, palettes.family(rng, 3, colour))
    return plain(rng, colour, 0.03, rng.uniform(0.1, 0.4))

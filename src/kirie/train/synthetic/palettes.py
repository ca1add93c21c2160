"""Colours as nature and weathered paint have them: RGB, float32, 0…1."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.random import Generator

from .noise import Array

__all__ = [
    "any_colour",
    "bright",
    "earthy",
    "family",
    "hsv",
    "leafy",
    "metal",
    "near",
    "paint",
    "skin",
]


def hsv(hue: float, saturation: float, value: float) -> Array:
    """One colour (3,), hue in turns; saturation and value are clipped."""
    s, v = (float(np.clip(x, 0.0, 1.0)) for x in (saturation, value))
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, s, v), np.float32)


def earthy(rng: Generator) -> Array:
    """Soil, fur, stone, bark, dry grass: browns and warm greys from dark to pale."""
    return hsv(rng.normal(0.085, 0.025), rng.uniform(0.05, 0.6), rng.beta(2, 2) * 0.8 + 0.12)


def leafy(rng: Generator) -> Array:
    """Greens, from olive to blue-green, dark to fresh."""
    return hsv(rng.normal(0.26, 0.045), rng.uniform(0.25, 0.75), rng.uniform(0.22, 0.7))


def metal(rng: Generator) -> Array:
    """Greys, slightly blue or warm."""
    return hsv(rng.choice((0.08, 0.6)), rng.uniform(0, 0.12), rng.uniform(0.15, 0.85))


def bright(rng: Generator) -> Array:
    """Any hue, clear: clothes, flowers, balloons, toys."""
    return hsv(rng.random(), rng.uniform(0.5, 0.95), rng.uniform(0.5, 1.0))


def paint(rng: Generator) -> Array:
    """What walls, cars and boats are painted with: white, grey, black, muted hues, now and then a clear one."""
    kind = rng.random()
    if kind < 0.25:
        return hsv(rng.normal(0.1, 0.05), rng.uniform(0, 0.15), rng.uniform(0.75, 1.0))
    if kind < 0.45:
        return metal(rng)
    if kind < 0.85:
        return hsv(rng.random(), rng.uniform(0.15, 0.5), rng.uniform(0.25, 0.8))
    return bright(rng)


def skin(rng: Generator) -> Array:
    """Of people."""
    return hsv(rng.normal(0.055, 0.012), rng.uniform(0.25, 0.6), rng.uniform(0.25, 0.95))


def any_colour(rng: Generator) -> Array:
    """One of the kinds above; earthy and leafy ones are commonest, for they hide best."""
    return rng.choice(np.array((earthy, leafy, earthy, metal, paint, bright), object))(rng)


def near(rng: Generator, colour: Array, spread: float = 0.08) -> Array:
    """A colour like another."""
    light = rng.normal(0, spread)
    return np.clip(colour * (1 + light) + rng.normal(0, spread * 0.12, 3), 0.01, 1).astype(
        np.float32
    )


def family(rng: Generator, count: int, colour: Array | None = None) -> Array:
    """(count, 3) colours that go together: one hue, drifting, from dark to light."""
    base = any_colour(rng) if colour is None else colour
    hue, saturation, value = colorsys.rgb_to_hsv(*(float(c) for c in base))
    drift, spread = rng.normal(0, 0.05), rng.uniform(0.15, 0.4)
    steps = rng.permutation(np.linspace(-1, 1, count)) if count > 1 else np.zeros(1)
    return np.stack(
        [
            hsv(hue + drift * t, saturation * (1 - 0.3 * t), value * (1 + spread * t) + 0.02)
            for t in steps
        ]
    )

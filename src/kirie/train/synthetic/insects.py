"""Insects, butterflies, spiders, crabs, jellyfish and starfish: bodies of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .bodies import Body, coat, draw, patterned
from .noise import Array

__all__ = ["butterfly", "insect", "jellyfish", "spider", "starfish"]

BODY, FACE, DARK, PALE, MORE, LAST = range(6)


def _legs(rng: Generator, body: Body, roots: Array, long: float, thick: float) -> None:
    """Pairs of jointed legs at x = roots."""
    middle = roots.mean()
    for x in roots:
        fan = np.clip((x - middle) / (np.ptp(roots) + 1e-6) * 2, -1, 1) * 0.9
        for z in (-1, 1):
            angle = fan + rng.normal(0, 0.15)
            aim = np.array((np.sin(angle), 0, z * np.cos(angle)))
            knee = np.array((x, 0, z * 0.03)) + long * 0.5 * aim + (0, long * 0.25, 0)
            foot = knee + long * 0.6 * aim - (0, long * 0.5, 0)
            body.chain(
                np.stack((np.array((x, 0, 0)), knee, foot, foot + 0.15 * long * aim)),
                thick * np.array((1.4, 1, 0.7, 0.4)),
                DARK,
            )


def _feelers(rng: Generator, body: Body, head: Array, long: float) -> None:
    for z in (-1, 1):
        bend = head + long * np.array((0.5, rng.uniform(0.1, 0.5), z * 0.25))
        body.chain(
            np.stack((head, bend, bend + long * np.array((0.5, 0.05, z * 0.25)))),
            np.array((0.012, 0.009, 0.008)),
            DARK,
        )


def insect(rng: Generator, side: int) -> Pair:
    """A beetle, bee, fly, ant, grasshopper or dragonfly."""
    body = Body()
    tail, waist = rng.uniform(0.2, 0.6), rng.uniform(0.03, 0.1)
    fat = min(rng.uniform(0.05, 0.2), tail * 0.6)
    body.limb((-0.05, 0, 0), (0.1, 0, 0), (waist * 1.2, waist * 1.3), FACE)
    body.limb((-0.05 - fat * 0.6, 0, 0), (-0.05 - tail * 0.6, -0.01, 0), (fat, fat * 0.95))
    body.limb((-0.05 - tail * 0.6, -0.01, 0), (-0.08 - tail, -0.04, 0), (fat * 0.9, fat * 0.25))
    head = np.array((0.2, 0.0, 0))
    body.limb(head - (0.03, 0, 0), head + (0.02, -0.01, 0), (waist * 1.1, waist * 0.9), FACE)
    for z in (-1, 1):
        eye = head + (0.02, 0.02, z * waist * 0.8)
        body.limb(eye, eye, (waist * 0.5, waist * 0.5), LAST)
    _legs(
        rng, body, np.array((-0.06, 0.03, 0.11)), rng.uniform(0.2, 0.45), rng.uniform(0.009, 0.02)
    )
    _feelers(rng, body, head, rng.uniform(0.1, 0.45))
    if rng.random() < 0.6:
        long, wide, out = rng.uniform(0.35, 0.75), rng.uniform(0.05, 0.13), rng.uniform(0.1, 1.5)
        for z in (-1, 1):
            for turn in (0.0, -0.45):
                aim = np.array((-np.cos(out + turn), 0.25, z * np.sin(out + turn)))
                across = np.array((-aim[2], 0.0, aim[0]))
                t = np.linspace(0, 1, 9)[:, None]
                upper = t * long * aim + np.sin(np.pi * t**0.7) * wide * across
                lower = t * long * aim - np.sin(np.pi * t**0.7) * wide * 0.6 * across
                body.flap(np.concatenate((upper, lower[::-1])) + (0.05, waist, z * 0.02), MORE)
    look = coat(rng, 6, palettes.bright(rng) if rng.random() < 0.4 else None)
    patterned(rng, look, ("stripes", "spots", "plain", "scales"), 0.6)
    look.colours[MORE] = palettes.hsv(rng.random(), rng.uniform(0, 0.2), rng.uniform(0.6, 0.95))
    return draw(rng, body, look, side, (0, 360), pitch=(5, 75))


def butterfly(rng: Generator, side: int) -> Pair:
    """A butterfly or moth, its wings open, half open or folded."""
    body, fold = Body(), rng.uniform(0.0, 1.45)
    body.chain(
        np.array(((0.22, 0, 0), (0.1, 0, 0), (0, 0, 0), (-0.35, 0, 0))),
        np.array((0.035, 0.04, 0.045, 0.02)),
        DARK,
    )
    _feelers(rng, body, np.array((0.24, 0, 0)), rng.uniform(0.15, 0.4))
    t = np.linspace(0, 1, 26)[:-1] * 2 * np.pi
    waves = rng.uniform(0, 0.06) * np.sin(t * rng.integers(6, 14))
    shapes = []
    for angle, long, wide in (
        (rng.uniform(0.7, 1.1), rng.uniform(0.5, 0.75), 0.26),
        (rng.uniform(-1.0, -0.5), rng.uniform(0.35, 0.55), 0.27),
    ):
        along = (0.5 + 0.5 * np.cos(t)) * long * (1 + waves)
        across = np.sin(t) * wide * (0.25 + 0.75 * (0.5 + 0.5 * np.cos(t)))
        x, y = (
            along * np.sin(angle) - across * np.cos(angle),
            along * np.cos(angle) + across * np.sin(angle),
        )
        shapes.append(np.stack((x, y), 1))
    for z in (-1, 1):
        side_on = np.array((0, np.sin(fold), z * np.cos(fold)))
        for number, shape in enumerate(shapes):
            for size, part in ((1.0, MORE), (0.86, BODY), (rng.uniform(0.3, 0.5), LAST)):
                inner = shape * size + (0.9 - size) * shape.mean(0) * (1 - size > 0.05)
                lift = (0.0, 0.004, 0.008)[(MORE, BODY, LAST).index(part)] + 0.01 * (1 - number)
                body.flap(
                    np.stack(
                        (
                            inner[:, 0] + (0.07 if number == 0 else 0.02),
                            inner[:, 1] * side_on[1] + lift,
                            inner[:, 1] * side_on[2],
                        ),
                        1,
                    ),
                    part,
                )
    look = coat(rng, 6, palettes.bright(rng) if rng.random() < 0.6 else None)
    look.colours[MORE] = look.colours[0] * rng.uniform(0.15, 0.5)
    look.colours[LAST] = palettes.any_colour(rng)
    look.pattern, look.scale = (
        str(rng.choice(("spots", "stripes", "plain", "mottled"))),
        rng.uniform(0.2, 0.8),
    )
    look.belly = 0.0
    return draw(rng, body, look, side, (0, 360), pitch=(15, 85))


def spider(rng: Generator, side: int) -> Pair:
    """A spider, a crab or a scorpion."""
    body, crab = Body(), bool(rng.random() < 0.4)
    fat = rng.uniform(0.1, 0.22)
    if crab:
        for z in (-0.12, 0.0, 0.12):
            body.limb((-0.05, 0, z), (0.06, 0, z), (fat * 0.7, fat * 0.65))
        for z in (-1, 1):
            elbow = np.array((0.28, 0.05, z * 0.32))
            body.chain(
                np.stack((np.array((0.1, 0, z * 0.15)), elbow, elbow + (0.16, 0.02, -z * 0.12))),
                np.array((0.035, 0.05, 0.07)),
                FACE,
            )
            for spread in (-0.05, 0.05):
                body.limb(
                    elbow + (0.16, 0.02, -z * 0.12),
                    elbow + (0.3, 0.02, -z * 0.16 + spread),
                    (0.05, 0.012),
                    FACE,
                )
    else:
        body.limb((0.1, 0, 0), (0.16, 0, 0), (fat * 0.5, fat * 0.4), FACE)
        body.limb((-0.05, 0.02, 0), (-0.2, 0.02, 0), (fat * 0.8, fat))
    _legs(rng, body, np.linspace(-0.06, 0.14, 4), rng.uniform(0.35, 0.7), rng.uniform(0.01, 0.025))
    look = coat(rng, 6, palettes.bright(rng) if crab else None)
    look.colours[DARK] = look.colours[FACE] * 0.7
    look.fur = 0.0 if crab else rng.uniform(0, 0.004)
    return draw(rng, body, look, side, (0, 360), pitch=(15, 85))


def starfish(rng: Generator, side: int) -> Pair:
    """A starfish, a sea urchin, or an octopus-like thing with arms."""
    body, arms = Body(), int(rng.integers(5, 10))
    long, thick, curl = rng.uniform(0.35, 0.5), rng.uniform(0.05, 0.11), rng.uniform(-0.8, 0.8)
    t = np.linspace(0, 1, 8)
    for angle in np.arange(arms) * 2 * np.pi / arms + rng.normal(0, 0.06, arms):
        turn = angle + curl * t**2 * rng.uniform(0.5, 1.5)
        path = np.stack((long * t * np.cos(turn), -0.05 * t, long * t * np.sin(turn)), 1)
        body.chain(path, thick * (1.15 - 0.85 * t))
    body.limb((0, 0.02, 0), (0, 0.03, 0), (thick * 1.4, thick * 1.3))
    look = coat(rng, 4, palettes.any_colour(rng))
    look.pattern, look.fur = str(rng.choice(("spots", "mottled", "plain"))), rng.uniform(0, 0.006)
    return draw(rng, body, look, side, (0, 360), pitch=(35, 88))


def jellyfish(rng: Generator, side: int) -> Pair:
    """A jellyfish: a bell with trailing threads."""
    body, wide = Body(), rng.uniform(0.2, 0.32)
    body.limb((0, 0, 0), (0, wide * 0.4, 0), (wide, wide * 0.8))
    for angle in np.linspace(0, 2 * np.pi, int(rng.integers(6, 16))):
        t = np.linspace(0, 1, 12)
        sway = rng.uniform(0.02, 0.1) * np.sin(t * rng.uniform(3, 9) + angle)
        x, z = wide * 0.8 * np.cos(angle), wide * 0.8 * np.sin(angle)
        path = np.stack(
            (x * (1 - 0.3 * t) + sway, -wide * 0.5 - t * rng.uniform(0.3, 0.8), z * (1 - 0.3 * t)),
            1,
        )
        body.chain(path, np.linspace(0.022, 0.006, 12), FACE)
    look = coat(rng, 4, palettes.hsv(rng.random(), rng.uniform(0.1, 0.6), rng.uniform(0.6, 1)))
    look.gloss = rng.uniform(0.1, 0.6)
    return draw(rng, body, look, side, (0, 360), pitch=(-30, 40))

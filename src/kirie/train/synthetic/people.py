"""Standing, walking and sitting figures in clothes, and statues of them on plinths: bodies of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .bodies import Body, Coat, draw
from .noise import Array

__all__ = ["person", "statue"]

TOP, LEGS, SKIN, HAIR, SHOES, STONE = range(6)


def _direction(angle: float, out: float = 0.0) -> Array:
    """Down at 0, ahead at a positive angle; out: sideways."""
    return np.array((np.sin(angle) * np.cos(out), -np.cos(angle) * np.cos(out), np.sin(out)))


def _figure(rng: Generator, *, sitting: bool) -> Body:
    """About 1.7 high, the feet at y = 0 where it stands; x is ahead."""
    body = Body()
    hip, wide, build = 0.9, rng.uniform(0.15, 0.2), rng.uniform(0.85, 1.25)
    lean = rng.normal(0.05, 0.1)
    chest = np.array((0.42 * np.sin(lean), hip + 0.42 * np.cos(lean), 0))
    body.limb((0, hip - 0.02, -0.07), (0, hip - 0.02, 0.07), (0.115 * build, 0.115 * build), LEGS)
    for z in (-1, 1):
        body.limb(
            (0, hip + 0.1, z * 0.05), chest + (0, 0, z * wide * 0.55), (0.11 * build, 0.105 * build)
        )
        body.limb(chest, chest + (0, 0.03, z * wide), (0.09, 0.075 * build))
    head = chest + (0.03, 0.3, 0)
    body.limb(chest, head - (0.02, 0.1, 0), (0.07, 0.05), SKIN)
    body.limb(head, head + (0.015, -0.06, 0), (0.095, 0.075), SKIN)
    hair = rng.uniform(0.2, 1.2)
    body.limb(head + (-0.03, 0.025, 0), head + (-0.015, 0.04, 0), (0.095, 0.095), HAIR)
    if hair > 0.6:
        body.limb(head + (-0.05, 0, 0), head + (-0.08, -0.25 * hair, 0), (0.09, 0.07), HAIR)
    if rng.random() < 0.25:
        body.limb(head + (0, 0.08, 0), head + (0, 0.12, 0), (0.1, 0.08), TOP)
        body.flap(
            np.stack(
                [head + (0.17 * np.cos(a), 0.085, 0.17 * np.sin(a)) for a in np.arange(0, 6.2, 0.5)]
            ),
            TOP,
        )
    step = rng.normal(0, 0.3)
    for z in (-1, 1):
        thigh = rng.uniform(1.3, 1.6) if sitting else step * z + rng.normal(0, 0.06)
        shin = rng.uniform(-0.1, 0.2) if sitting else min(thigh, thigh * 0.4) - abs(step) * 0.5
        top = np.array((0, hip - 0.05, z * 0.09))
        knee = top + 0.42 * _direction(thigh, z * rng.uniform(0, 0.12))
        foot = knee + 0.42 * _direction(shin)
        body.chain(np.stack((top, knee, foot)), np.array((0.095, 0.07, 0.05)) * build, LEGS)
        body.limb(foot + (0, -0.03, 0), foot + (0.14, -0.05, 0), (0.05, 0.035), SHOES)
        raised, elbow_out = rng.uniform(-0.5, 0.7), rng.uniform(0.05, 0.5)
        if rng.random() < 0.15:
            raised, elbow_out = rng.uniform(1.5, 3.0), rng.uniform(0.2, 0.8)
        shoulder = chest + (0, 0.03, z * (wide + 0.03))
        elbow = shoulder + 0.28 * _direction(raised, z * elbow_out)
        hand = elbow + 0.26 * _direction(raised + rng.uniform(0, 1.2), z * rng.uniform(-0.4, 0.3))
        body.limb(shoulder, elbow, (0.062 * build, 0.05 * build))
        body.limb(elbow, hand, (0.048 * build, 0.036), TOP if rng.random() < 0.6 else SKIN)
        body.limb(hand, hand + (hand - elbow) * 0.25, (0.038, 0.03), SKIN)
    if rng.random() < 0.3 and not sitting:
        flare, low = rng.uniform(0.2, 0.4), rng.uniform(0.1, 0.5)
        for z in (-1, 0, 1):
            for x in (-1, 1):
                body.limb(
                    (0, hip, z * 0.06),
                    (x * flare * 0.5, hip - 0.9 + low, z * flare * 0.6),
                    (0.12, 0.14),
                    LEGS if rng.random() < 0.02 else TOP,
                )
    return body


def person(rng: Generator, side: int) -> Pair:
    """Somebody in bright, dark or striped clothes."""
    sitting = bool(rng.random() < 0.2)
    body = _figure(rng, sitting=sitting)
    top, legs = (
        palettes.bright(rng) if rng.random() < 0.5 else palettes.paint(rng) for _ in range(2)
    )
    hair = palettes.hsv(0.08, rng.uniform(0.1, 0.7), rng.uniform(0.04, 0.6))
    shoes = palettes.hsv(0.07, rng.uniform(0, 0.5), rng.uniform(0.05, 0.5))
    colours = np.stack((top, legs, palettes.skin(rng), hair, shoes, shoes))
    pattern = str(rng.choice(("plain", "plain", "plain", "stripes", "spots", "patches")))
    look = Coat(colours, palettes.paint(rng), pattern, belly=0.05, marked=int(rng.integers(1, 3)))
    return draw(rng, body, look, side, (0, 360), pitch=(-5, 15))


def statue(rng: Generator, side: int) -> Pair:
    """A figure or a bust of stone or bronze on a plinth; or a pillar of balanced stones."""
    body, kind = Body(), rng.random()
    if kind < 0.2:
        level = 0.0
        for _ in range(int(rng.integers(3, 8))):
            wide, tall = rng.uniform(0.1, 0.3), rng.uniform(0.06, 0.15)
            body.limb(
                (-wide, level + tall, rng.normal(0, 0.03)),
                (wide, level + tall, 0),
                (tall, tall * rng.uniform(0.7, 1)),
            )
            level += 1.8 * tall
    else:
        figure = _figure(rng, sitting=kind < 0.4)
        body.add(figure, 1.0, (0, 0, 0))
        low = -0.05 if kind > 0.4 else 0.35
        for level, wide in ((0.0, 0.26), (-0.25, 0.26), (-0.5, 0.26), (-0.7, 0.33)):
            for x in (-0.5, 0.0, 0.5):
                body.limb(
                    (x * wide, low + level, -wide * 0.6),
                    (x * wide, low + level, wide * 0.6),
                    (0.15, 0.15),
                    STONE,
                )
    bronze = palettes.hsv(rng.choice((0.09, 0.42)), rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.5))
    stone = palettes.hsv(rng.choice((0.1, 0.6)), rng.uniform(0.02, 0.25), rng.uniform(0.4, 0.95))
    base = stone if rng.random() < 0.6 else bronze
    colours = np.stack(
        [palettes.near(rng, base, 0.04) for _ in range(5)] + [palettes.near(rng, stone, 0.1)]
    )
    look = Coat(
        colours,
        base * rng.uniform(0.3, 0.8),
        "mottled",
        belly=0.0,
        gloss=rng.uniform(0, 0.4),
        marked=6,
    )
    return draw(rng, body, look, side, (0, 360), pitch=(-10, 10))

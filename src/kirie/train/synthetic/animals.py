"""Animals on four legs, from cats to elephants; tortoises, frogs, lizards, snakes: bodies of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .bodies import Body, coat, draw, patterned
from .noise import Array

__all__ = ["beast", "lizard", "snake", "tortoise"]

BODY, FACE, DARK, PALE = range(4)


def _leg(
    body: Body, top: Array, long: float, thick: float, pose: tuple[float, float], *, foot: float
) -> None:
    """Upper and lower leg and a foot; pose: the angles of both to the vertical, in radians."""
    knee = top + long * 0.5 * np.array((np.sin(pose[0]), -np.cos(pose[0]), 0))
    ankle = knee + long * 0.45 * np.array((np.sin(pose[1]), -np.cos(pose[1]), 0))
    body.limb(top, knee, (thick * 1.5, thick * 0.85), BODY)
    body.limb(knee, ankle, (thick * 0.8, thick * 0.6), FACE)
    body.limb(ankle, ankle + (foot, -thick * 0.2, 0), (thick * 0.65, thick * 0.55), DARK)


def _head(rng: Generator, body: Body, at: Array, size: float, down: float) -> None:
    """Skull, muzzle, nose, eyes, ears; now and then horns, antlers or a trunk."""
    muzzle = size * rng.uniform(0.5, 2.0)
    aim = np.array((np.cos(down), -np.sin(down), 0))
    up = np.array((np.sin(down), np.cos(down), 0))
    nose = at + aim * (size * 0.7 + muzzle)
    body.limb(at, at + aim * size * 0.4, (size, size * 0.85), FACE)
    body.limb(at + aim * size * 0.4, nose, (size * 0.75, size * rng.uniform(0.35, 0.55)), FACE)
    body.limb(nose, nose + aim * size * 0.12, (size * 0.35, size * 0.25), DARK)
    ear, wide, droop = (
        size * rng.uniform(0.5, 2.2),
        size * rng.uniform(0.3, 0.6),
        rng.uniform(-0.6, 0.9),
    )
    kind = rng.random()
    for z in (-1, 1):
        side = np.array((0, 0, z * size))
        eye = at + aim * size * 0.65 + up * size * 0.35 + side * 0.72
        body.limb(eye, eye + side * 0.05, (size * 0.16, size * 0.14), DARK)
        root = at - aim * size * 0.3 + up * size * 0.7 + side * 0.5
        tip = root + ear * (
            up * np.cos(droop) - aim * 0.3 + side / size * (0.3 + abs(np.sin(droop)))
        )
        base = aim * wide + side * 0.25
        body.flap(
            np.stack(
                (
                    root - base,
                    (root + tip) / 2 - base * 1.1,
                    tip,
                    (root + tip) / 2 + base * 1.1,
                    root + base,
                )
            ),
            FACE,
        )
        if kind < 0.15:
            bend = root + up * size * 1.2 - aim * size * 0.5 + side * 0.4
            body.chain(
                np.stack((root, bend, bend + size * (0.8 * up + aim * rng.uniform(-1, 1)))),
                np.array((0.25, 0.16, 0.05)) * size,
                PALE,
            )
        elif kind < 0.3:
            _antler(rng, body, root, size, up - aim * 0.4 + side / size * 0.8)
    if kind > 0.93:
        t = np.linspace(0, 1, 7)[:, None]
        sway = rng.uniform(-0.5, 1.5)
        path = nose + size * (
            aim * 1.2 * np.sin(t * 2)
            + np.array((0, -1, 0)) * 3 * t
            + np.array((1, 0, 0)) * sway * t**2
        )
        body.chain(path, np.linspace(0.42, 0.16, 7) * size, FACE)


def _antler(rng: Generator, body: Body, root: Array, size: float, aim: Array) -> None:
    """A branching pair's half."""
    at, thick = root, size * 0.14
    for _ in range(int(rng.integers(2, 5))):
        step = size * rng.uniform(0.6, 1.0) * (aim + rng.normal(0, 0.25, 3))
        body.limb(at, at + step, (thick, thick * 0.8), PALE)
        point = at + step
        body.limb(
            point,
            point + size * 0.8 * np.array((rng.uniform(0.2, 0.9), 0.6, 0)),
            (thick * 0.8, thick * 0.3),
            PALE,
        )
        at, thick, aim = point, thick * 0.8, aim + (rng.uniform(-0.3, 0.4), 0.1, 0)


def beast(rng: Generator, side: int) -> Pair:
    """Standing, walking, grazing, lying or sitting."""
    body = Body()
    thick, leg = rng.uniform(0.12, 0.26), rng.uniform(0.2, 0.75)
    half, hump = rng.uniform(0.28, 0.5), rng.normal(0.03, 0.05)
    pose = str(rng.choice(("stand", "walk", "walk", "lie", "sit", "graze")))
    tilt = rng.uniform(0.5, 1.0) if pose == "sit" else rng.normal(0, 0.06)
    ahead, up = (
        np.array((np.cos(tilt), np.sin(tilt), 0)),
        np.array((-np.sin(tilt), np.cos(tilt), 0)),
    )
    hip, shoulder = -half * ahead, half * ahead + hump * up
    body.limb(hip, hip * 0.2 - up * thick * 0.1, (thick * rng.uniform(0.8, 1.05), thick))
    body.limb(hip * 0.2 - up * thick * 0.1, shoulder, (thick, thick * rng.uniform(0.85, 1.15)))
    width = thick * 0.55
    slim = thick * rng.uniform(0.22, 0.42)
    for front in (False, True):
        for z in (-1, 1):
            top = (shoulder if front else hip) + np.array((0, -thick * 0.35, z * width))
            swing = rng.normal(0, 0.4) if pose == "walk" else rng.normal(0, 0.07)
            angles, long = (swing + (0.1 if front else 0.35), swing - (0.1 if front else 0.3)), leg
            if pose == "lie":
                angles, long = ((1.2, 1.5) if front else (1.0, -0.2)), leg * 0.8
            elif pose == "sit" and not front:
                angles, long = (1.4, -0.6), leg * 0.8
            elif pose == "sit":
                long = leg + float(shoulder[1] - hip[1]) * 0.55
            _leg(body, top, long, slim, angles, foot=slim * rng.uniform(0.3, 1.6))
    neck, size = rng.uniform(0.1, 0.6), thick * rng.uniform(0.45, 0.75)
    lift = rng.uniform(-1.1, -0.6) if pose == "graze" else rng.uniform(0.1, 1.3)
    root = shoulder + up * thick * 0.3
    head = root + neck * np.array((np.cos(lift), np.sin(lift), rng.normal(0, 0.15)))
    body.limb(root, head, (thick * 0.8, size * rng.uniform(0.7, 1.0)))
    if rng.random() < 0.2:
        mane = root * 0.4 + head * 0.6
        body.limb(mane, mane + (0, 0.02, 0), (size * 2.0, size * 1.9), 4)
    _head(
        rng, body, head, size, rng.uniform(0.2, 1.2) if pose != "graze" else rng.uniform(0.9, 1.5)
    )
    _tail(rng, body, hip - ahead * thick * 0.7 + up * thick * 0.3, thick)
    look = coat(rng, 5)
    look.fur, look.marked = (
        (rng.uniform(0.002, 0.01) if rng.random() < 0.7 else 0.0),
        int(rng.integers(1, 3)),
    )
    turn = (0.0, 180.0)[int(rng.integers(2))]
    return draw(rng, body, look, side, (turn - 65, turn + 65), pitch=(-3, 18))


def _tail(rng: Generator, body: Body, at: Array, thick: float) -> None:
    long, curl = rng.uniform(0.1, 0.6), rng.uniform(-2.5, 2.5)
    t = np.linspace(0, 1, 7)
    angle = rng.uniform(-1.2, 0.6) + curl * t
    path = (
        at
        + np.cumsum(np.stack((-np.cos(angle), np.sin(angle), 0.2 * np.sin(3 * t)), 1), 0) * long / 7
    )
    bush = rng.uniform(0.15, 0.6)
    body.chain(path, thick * np.interp(t, (0, 0.5, 1), (0.3, bush, 0.08)))


def snake(rng: Generator, side: int) -> Pair:
    """A snake, worm or eel: winding, or coiled."""
    body, t = Body(), np.linspace(0, 1, 64)
    coils, wide = rng.uniform(1, 3.5), rng.uniform(0.08, 0.3)
    if rng.random() < 0.4:
        angle, out = 2 * np.pi * coils * t, 0.15 + 0.35 * (1 - t)
        path = np.stack((out * np.cos(angle), 0.25 * t**2, out * np.sin(angle)), 1)
    else:
        path = np.stack(
            (
                t,
                0.2 * np.maximum(0, t - 0.85),
                wide * np.sin(2 * np.pi * coils * t + rng.uniform(0, 6)),
            ),
            1,
        )
    thick = rng.uniform(0.02, 0.05)
    body.chain(path, thick * np.interp(t, (0, 0.3, 0.9, 0.96, 1), (0.15, 1, 0.9, 1.3, 0.7)))
    colour = palettes.leafy(rng) if rng.random() < 0.4 else None
    look = coat(rng, 4, colour)
    patterned(rng, look, ("scales", "spots", "stripes", "patches"), 0.4)
    return draw(rng, body, look, side, (0, 360), pitch=(15, 75))


def lizard(rng: Generator, side: int) -> Pair:
    """A lizard, salamander, crocodile or frog, from above or aside."""
    body = Body()
    frog = bool(rng.random() < 0.3)
    thick, tail = (
        rng.uniform(0.06, 0.13) * (1.8 if frog else 1),
        0.0 if frog else rng.uniform(0.4, 0.9),
    )
    spine = np.array(
        (
            (-0.25, 0, 0),
            (0, 0.02, rng.normal(0, 0.03)),
            (0.25, 0.02, 0),
            (0.4, 0.04, rng.normal(0, 0.06)),
        )
    )
    body.chain(spine, thick * np.array((0.7, 1.1, 0.9, 0.75)))
    snout = spine[3] + (rng.uniform(0.08, 0.3), -0.01, rng.normal(0, 0.02))
    body.limb(spine[3], snout, (thick * 0.8, thick * 0.4))
    for z in (-1, 1):
        body.limb(
            spine[3] + (0.02, thick * 0.5, z * thick * 0.6),
            spine[3] + (0.03, thick * 0.55, z * thick * 0.6),
            (thick * 0.25, thick * 0.2),
            DARK,
        )
        for x, bend in ((-0.22, -1), (0.22, 1)):
            knee = np.array((x + bend * 0.06, 0.0, z * (thick + rng.uniform(0.08, 0.16))))
            foot = knee + (bend * rng.uniform(-0.02, 0.14), -thick, z * rng.uniform(0.03, 0.12))
            body.chain(
                np.stack((np.array((x, 0, z * thick * 0.7)), knee, foot)),
                thick * np.array((0.5, 0.35, 0.25)) * (1.3 if frog else 1),
            )
            for spread in (-0.03, 0.0, 0.03):
                body.limb(
                    foot,
                    foot + (bend * 0.03 + 0.02, 0, spread + z * 0.03),
                    (thick * 0.15, thick * 0.1),
                    FACE,
                )
    if tail:
        t = np.linspace(0, 1, 12)
        path = np.stack(
            (
                -0.25 - tail * t,
                0.01 - thick * t,
                rng.uniform(-0.3, 0.3) * np.sin(t * rng.uniform(1, 5)),
            ),
            1,
        )
        body.chain(path, thick * (0.75 * (1 - t) + 0.08))
    look = coat(rng, 4, palettes.leafy(rng) if rng.random() < 0.5 else None)
    patterned(rng, look, ("scales", "spots", "mottled", "stripes"), 0.4)
    return draw(rng, body, look, side, (0, 360), pitch=(10, 80))


def tortoise(rng: Generator, side: int) -> Pair:
    """A tortoise, turtle, beetle-like dome, hedgehog or snail shell on a soft body."""
    body = Body()
    high = rng.uniform(0.12, 0.3)
    for z in (-0.12, 0.0, 0.12):
        body.limb((-0.2, high * 0.3, z), (0.2, high * 0.3, z), (high, high))
    body.limb((-0.1, high * 0.55, 0), (0.1, high * 0.55, 0), (high * 0.95, high * 0.9))
    head = np.array(
        (0.25 + high + rng.uniform(0.05, 0.15), rng.uniform(0, 0.15), rng.normal(0, 0.05))
    )
    body.limb((0.2, 0.02, 0), head, (0.07, 0.06), FACE)
    body.limb(head, head + (0.05, 0, 0), (0.075, 0.055), FACE)
    body.limb(head + (0.04, 0.03, 0.05), head + (0.045, 0.03, 0.05), (0.014, 0.012), DARK)
    for x in (-0.22, 0.22):
        for z in (-1, 1):
            foot = (x * 1.4 + rng.normal(0, 0.04), -high * 0.8, z * (0.12 + high * 0.9))
            body.limb((x, 0, z * 0.16), foot, (0.09, 0.06), FACE)
    body.limb((-0.2 - high, 0, 0), (-0.3 - high, -0.05, 0), (0.05, 0.015), FACE)
    look = coat(rng, 4, palettes.leafy(rng) if rng.random() < 0.4 else None)
    patterned(rng, look, ("scales", "spots", "mottled"), 0.3)
    look.scale = rng.uniform(0.1, 0.6)
    return draw(rng, body, look, side, (-80, 80), pitch=(0, 50))

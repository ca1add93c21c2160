"""Birds standing, swimming and flying; fish and whales: bodies of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .bodies import Body, Coat, coat, draw
from .noise import Array

__all__ = ["bird", "fish", "flyer", "swimmer"]

BODY, FACE, DARK, PALE, MORE = range(5)


def _feathers(rng: Generator) -> Coat:
    """Earthy, grey, white, black, or bright."""
    kind = rng.random()
    if kind < 0.5:
        colour = palettes.earthy(rng)
    elif kind < 0.75:
        colour = palettes.hsv(0.6, rng.uniform(0, 0.2), rng.choice((0.08, 0.4, 0.95)))
    else:
        colour = palettes.bright(rng)
    look = coat(rng, 5, colour)
    look.pattern = str(rng.choice(("plain", "plain", "scales", "spots", "mottled", "stripes")))
    if rng.random() < 0.4:
        look.colours[FACE] = palettes.any_colour(rng)
    look.colours[MORE] = palettes.near(rng, look.colours[0] * rng.uniform(0.4, 1.1), 0.1)
    return look


def _bill(rng: Generator, body: Body, head: Array, size: float, long: float) -> Array:
    """Eyes and a beak; returns where the head looks."""
    down = rng.uniform(-0.1, 0.5)
    aim = np.array((np.cos(down), -np.sin(down), 0))
    body.limb(head, head + aim * size * 0.25, (size, size * 0.85), FACE)
    tip = head + aim * (size + long) - (0, rng.uniform(0, 0.4) * long, 0)
    beak = PALE if rng.random() < 0.3 else DARK
    body.limb(head + aim * size * 0.8, tip, (size * 0.38, size * 0.08), beak)
    for z in (-1, 1):
        eye = head + aim * size * 0.4 + (0, size * 0.25, z * size * 0.82)
        body.limb(eye, eye, (size * 0.17, size * 0.17), DARK)
    if rng.random() < 0.2:
        for lean in (0.6, 0.9, 1.2):
            top = head + size * np.array((-np.cos(lean), np.sin(lean), 0)) * rng.uniform(1.6, 2.6)
            body.limb(head, top, (size * 0.4, size * 0.1), FACE)
    return aim


def _quills(root: Array, aim: Array, spread: Array, long: float, count: int) -> list[Array]:
    """Overlapping feathers from `root`: outlines, fanning from `aim` to `spread`."""
    found = []
    for t in np.linspace(0, 1, count):
        along = (aim * (1 - t) + spread * t) * long
        across = np.cross(along, (0, 0, 1.0))
        across = across / (np.linalg.norm(across) + 1e-9) * long * 0.13
        found.append(
            np.stack(
                (
                    root - across * 0.6,
                    root + along * 0.8 - across,
                    root + along,
                    root + along * 0.8 + across,
                    root + across * 0.6,
                )
            )
        )
    return found


def bird(rng: Generator, side: int) -> Pair:
    """A small bird, a raptor, a hen, or a wader on long legs."""
    body = Body()
    tilt, fat = rng.uniform(0.05, 1.0), rng.uniform(0.14, 0.24)
    ahead = np.array((np.cos(tilt), np.sin(tilt), 0))
    breast, rump = ahead * 0.2, -ahead * 0.24
    body.limb(rump * 0.2, breast, (fat, fat * 0.85))
    body.limb(rump * 0.2, rump, (fat, fat * 0.45))
    neck = rng.uniform(0.05, 0.15) if rng.random() < 0.65 else rng.uniform(0.3, 0.6)
    size = fat * rng.uniform(0.45, 0.7) * (0.7 if neck > 0.2 else 1)
    t = np.linspace(0, 1, 6)[:, None]
    bow = rng.uniform(0, 0.6) * neck * np.sin(t * np.pi) * np.array((1, 0.2, 0))
    path = (
        breast + (0.03, fat * 0.5, 0) + t * neck * np.array((rng.uniform(0.1, 0.6), 0.9, 0)) + bow
    )
    body.chain(path, np.linspace(fat * 0.65, size * 0.75, 6), BODY if rng.random() < 0.5 else FACE)
    _bill(rng, body, path[-1] + (0, size * 0.4, 0), size, size * rng.uniform(0.5, 2.8))
    tail = -ahead * rng.uniform(0.25, 0.7) + (0, rng.uniform(-0.1, 0.15), 0)
    for feather in _quills(rump, tail + (0, 0.05, 0.03), tail - (0, 0.05, 0.03), 1.0, 4):
        body.flap(feather, MORE)
    for z in (-1, 1):
        shoulder = breast * 0.7 + (0, fat * 0.15, z * fat * 0.72)
        end = rump * 1.5 + (0, 0, z * fat * 0.35)
        body.limb(shoulder, (shoulder + end) / 2, (fat * 0.42, fat * 0.42), MORE)
        body.limb((shoulder + end) / 2, end, (fat * 0.42, fat * 0.08), MORE)
    long, thin = (
        rng.uniform(0.12, 0.3) if neck < 0.2 else rng.uniform(0.3, 0.7),
        rng.uniform(0.01, 0.022),
    )
    for z in (-1, 1):
        hip = np.array((-0.02, -fat * 0.6, z * fat * 0.35))
        knee = hip + (rng.uniform(-0.08, 0.02), -long * 0.5, 0)
        foot = knee + (rng.uniform(0, 0.08), -long * 0.5, 0)
        body.chain(np.stack((hip, knee, foot)), np.array((thin * 2.2, thin, thin)), DARK)
        for toe in ((0.09, 0.03), (0.1, -0.01), (0.08, -0.05), (-0.05, 0.0)):
            body.limb(foot, foot + (toe[0], 0, toe[1]), (thin, thin * 0.6), DARK)
    look = _feathers(rng)
    look.fur = rng.uniform(0, 0.004)
    turn = (0.0, 180.0)[int(rng.integers(2))]
    return draw(rng, body, look, side, (turn - 60, turn + 60))


def swimmer(rng: Generator, side: int) -> Pair:
    """A duck, goose or swan on water: no legs to be seen."""
    body = Body()
    fat, neck = rng.uniform(0.13, 0.2), rng.uniform(0.08, 0.5)
    body.limb((-0.2, 0, 0), (0.2, 0, 0), (fat, fat))
    body.limb((-0.2, 0.02, 0), (-0.45, 0.12, 0), (fat * 0.8, fat * 0.15), MORE)
    t = np.linspace(0, 1, 9)[:, None]
    curve = np.concatenate((0.12 * np.sin(t * np.pi * 1.2), t, 0 * t), 1) * (1, neck, 1)
    path = np.array((0.26, fat * 0.4, 0)) + curve
    size = fat * rng.uniform(0.4, 0.55)
    body.chain(path, np.linspace(fat * 0.6, size * 0.75, 9), BODY if rng.random() < 0.6 else FACE)
    _bill(rng, body, path[-1] + (0.03, size * 0.3, 0), size, size * rng.uniform(0.9, 1.6))
    for z in (-1, 1):
        body.limb(
            (0.15, 0.03, z * fat * 0.7), (-0.3, 0.08, z * fat * 0.5), (fat * 0.6, fat * 0.2), MORE
        )
    look = _feathers(rng)
    turn = (0.0, 180.0)[int(rng.integers(2))]
    return draw(rng, body, look, side, (turn - 60, turn + 60), pitch=(0, 25))


def flyer(rng: Generator, side: int) -> Pair:
    """A bird or bat with spread wings, gliding or beating."""
    body, fat = Body(), rng.uniform(0.05, 0.1)
    body.limb((-0.16, 0, 0), (0.16, 0.01, 0), (fat * 0.6, fat))
    neck = rng.uniform(0.05, 0.25)
    head = np.array((0.2 + neck, 0.03, 0))
    body.limb((0.16, 0.01, 0), head, (fat * 0.8, fat * 0.6), BODY)
    _bill(rng, body, head, fat * 0.75, fat * rng.uniform(0.5, 1.6))
    span, lift, sweep = rng.uniform(0.45, 0.9), rng.uniform(-0.5, 0.9), rng.uniform(-0.2, 0.35)
    chord, bend = rng.uniform(0.14, 0.28), rng.uniform(-0.7, 0.3)
    for z in (-1, 1):
        root, wrist = np.array((0.1, 0.03, z * fat * 0.6)), np.array((0.18, 0, 0))
        wrist = root + span * 0.45 * np.array((0.15, np.sin(lift), z * np.cos(lift)))
        aim = np.array((-sweep, np.sin(lift + bend), z * np.cos(lift + bend)))
        tip = wrist + span * 0.6 * aim
        back = np.array((-chord, 0, 0))
        body.flap(np.stack((root, wrist, wrist + back, root + back * 1.1)), MORE)
        count = int(rng.integers(5, 9))
        for t in np.linspace(0, 1, count):
            start = wrist + (tip - wrist) * 0.15 * t
            end = wrist + back * (1.15 - 0.9 * t) + (tip - wrist) * (0.1 + 0.9 * t**0.7)
            wide = np.array((0.05, 0, 0)) * (1 - 0.5 * t) + 0.02 * (end - start)[[1, 0, 2]] * 0
            body.flap(
                np.stack(
                    (
                        start + wide,
                        (start + end) / 2 + wide * 1.4,
                        end,
                        (start + end) / 2 - wide * 1.4,
                        start - wide,
                    )
                ),
                MORE if t < 0.8 else DARK,
            )
    tail = np.array((-rng.uniform(0.15, 0.35), 0, 0))
    fan = rng.uniform(0.05, 0.16)
    start = np.array((-0.14, 0, 0))
    body.flap(
        np.stack(
            (
                start + (0, 0, -0.03),
                start + tail + (0, 0, -fan),
                start + tail * rng.uniform(0.7, 1.2),
                start + tail + (0, 0, fan),
                start + (0, 0, 0.03),
            )
        ),
        MORE,
    )
    return draw(rng, body, _feathers(rng), side, (0, 360), pitch=(-70, 70))


def fish(rng: Generator, side: int) -> Pair:
    """A fish, shark or whale."""
    body, t = Body(), np.linspace(0, 1, 12)
    deep = rng.uniform(0.07, 0.2)
    shape = np.sin(np.pi * t ** rng.uniform(0.6, 0.9)) ** 0.8
    swing = rng.normal(0, 0.12) * np.sin(np.pi * t * 1.3)
    path = np.stack((0.5 - t, 0 * t, swing), 1)
    radii = deep * (0.12 + 0.88 * shape)
    layers = 5 if deep > 0.1 else 3  # tall and narrow: layers above each other
    for k in np.linspace(-0.6, 0.6, layers):
        body.chain(
            path + np.stack((0 * t, k * radii, 0 * t), 1), radii * (1 - abs(k) * 0.75) * 0.75
        )
    tail, fork = path[-1], rng.uniform(0.4, 1.1)
    reach = rng.uniform(0.12, 0.25)
    body.flap(
        np.stack(
            (
                tail + (0.06, 0, 0),
                tail + (-reach, reach * 0.9, 0),
                tail + (-reach * fork * 0.6, 0, 0),
                tail + (-reach, -reach * 0.9, 0),
            )
        ),
        MORE,
    )
    for up, start, end, high in (
        (1, 0.3, rng.uniform(0.5, 0.85), rng.uniform(0.3, 1.0)),
        (-1, 0.6, 0.8, rng.uniform(0.2, 0.7)),
    ):
        x = np.linspace(start, end, 6)
        edge = np.interp(x, t, radii) * up
        tips = edge * (1 + high * np.array((0.6, 1, 0.8, 0.7, 0.6, 0.2)) * rng.uniform(0.8, 1.2, 6))
        low, top = (
            np.stack((0.5 - x, edge * 0.7, 0 * x), 1),
            np.stack((0.47 - x * 1.02, tips, 0 * x), 1),
        )
        body.flap(np.concatenate((low, top[::-1])), MORE)
    for z in (-1, 1):
        root = np.array((0.17, -deep * 0.3, z * deep * 0.6))
        body.flap(
            np.stack(
                (
                    root,
                    root + (-0.06, 0.02, z * 0.02),
                    root + (-0.16, -0.09, z * 0.1),
                    root + (-0.06, -0.07, z * 0.05),
                )
            ),
            MORE,
        )
        eye = np.array((0.38, deep * 0.22, z * float(np.interp(0.12, t, radii)) * 0.62))
        body.limb(eye, eye, (0.026, 0.026), PALE)
        body.limb(eye + (0.004, 0, z * 0.012), eye + (0.004, 0, z * 0.012), (0.016, 0.016), DARK)
    look = _feathers(rng)
    look.gloss, look.belly = rng.uniform(0.1, 0.7), rng.uniform(0.2, 0.9)
    turn = (0.0, 180.0)[int(rng.integers(2))]
    return draw(rng, body, look, side, (turn - 55, turn + 55), pitch=(-15, 40))

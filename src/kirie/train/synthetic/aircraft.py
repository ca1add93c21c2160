"""Aeroplanes, hot-air balloons and airships: meshes of random proportions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import Mesh, box, cylinder, joined, lathe, loft, tube
from .render import render
from .surfaces import stripes
from .vehicles import BODY, GLASS, HUB, SECOND, TYRE, painted, shell

__all__ = ["aeroplane", "balloon"]


def aeroplane(rng: Generator, side: int) -> Pair:
    """An airliner, a jet, or a light aeroplane with a propeller."""
    long, thick = rng.uniform(5, 8), rng.uniform(0.3, 0.5)
    small = bool(rng.random() < 0.5)
    x = np.array((-0.5, -0.4, -0.2, 0.2, 0.38, 0.46, 0.495, 0.5)) * long
    radius = np.array((0.12, 0.4, 0.85, 1, 1, 0.75, 0.35, 0.05)) * thick
    lift = np.array((0.6, 0.45, 0.15, 0, 0, -0.05, -0.12, -0.15)) * thick
    stations = np.stack((x, lift - radius, lift + radius, 2 * radius), 1)
    parts = [shell(stations, 1.0, 2.0)]
    span, sweep = long * rng.uniform(0.42, 0.6), rng.uniform(0, 0.1 if small else 0.6)
    level = thick * (0.8 if small and rng.random() < 0.5 else -0.5)
    for z in (-1, 1):
        parts.append(_wing((0.12 * long, level, 0), span * z, long * 0.2, sweep, SECOND))
        parts.append(
            _wing((-0.4 * long, 0.3 * thick, 0), span * z * 0.36, long * 0.11, sweep, SECOND)
        )
        if not small:
            engine = cylinder(thick * 0.42, long * 0.13, HUB, 12).turned("z", 90)
            parts.append(engine.moved(0.1 * long, level - thick * 0.4, z * span * 0.36))
    fin = _wing((-0.37 * long, 0, 0), long * 0.18, long * 0.15, 0.7, SECOND).turned("x", -90)
    parts.append(fin.moved(y=thick * 0.4))
    window = thick * 0.22
    parts.extend(
        box(
            (window * (2 if small else 1), window, 2 * thick * 0.985),
            (place, thick * 0.15, 0),
            GLASS,
        )
        for place in np.arange(-0.25, 0.36, 0.06 if not small else 0.2) * long
    )
    parts.append(
        box((long * 0.03, window * 1.2, thick * 1.5), (0.455 * long, thick * 0.3, 0), GLASS)
    )
    if small:
        parts.extend(
            box((0.03, thick * 3.6, 0.1), (0, -thick * 1.8, 0), TYRE)
            .turned("x", angle)
            .moved(long * 0.505)
            for angle in (30, 90, 150)
        )
        for along, across in ((0.3, 0.0), (0.0, -0.5), (0.0, 0.5)):
            parts.append(
                cylinder(0.16, 0.1, TYRE, 10)
                .turned("x", 90)
                .moved(along * long, -thick * 1.7, across)
            )
            parts.append(box((0.06, thick * 1.2, 0.06), (along * long, -thick * 1.7, across), HUB))
    return render(rng, joined(parts), painted(rng), side, pitch=(-35, 35))


def _wing(
    at: tuple[float, float, float], span: float, chord: float, sweep: float, paint: int
) -> Mesh:
    """From its root `at` to z = span."""
    section = np.array(((0.5, 0), (0.2, 0.06), (-0.5, 0), (0.2, -0.04)))
    rings = []
    for t in np.linspace(0, 1, 4):
        size = chord * (1 - 0.6 * t)
        shift = np.array((-sweep * abs(span) * t, 0.08 * abs(span) * t, span * t))
        rings.append(
            np.column_stack((section[:, 0] * size, section[:, 1] * size, np.zeros(4))) + shift
        )
    return loft(np.stack(rings) + np.array(at), paint, smooth=False)


def balloon(rng: Generator, side: int) -> Pair:
    """A hot-air balloon with a basket, or an airship."""
    paints = [stripes(rng, palettes.family(rng, 3, palettes.bright(rng)), 0.5), *painted(rng)[1:]]
    if rng.random() < 0.25:
        t = np.linspace(0, np.pi, 14)
        shell = lathe(np.stack((np.sin(t) + 0.01, -3 * np.cos(t)), 1), BODY, 18).turned("z", 90)
        fins = [_wing((2.3, 0, 0), 1.3, 0.9, 0.2, SECOND).turned("x", 90 * k) for k in range(4)]
        return render(
            rng, joined([shell, *fins, box((1, 0.3, 0.4), (-0.3, -1.25, 0), TYRE)]), paints, side
        )
    t = np.linspace(0, np.pi * 0.93, 16)
    radius = np.sin(t) * np.where(t > 1.7, 1 - 0.25 * (t - 1.7), 1) + 0.01
    height = np.cos(t) * np.where(t > 1.7, 1.35, 1)
    parts = [lathe(np.stack((radius, height), 1), BODY, 24)]
    parts.append(box((0.24, 0.2, 0.24), (0, -1.75, 0), TYRE, 1.1))
    for x in (-0.1, 0.1):
        parts.extend(
            tube(np.array(((x, -1.6, z), (x * 2, -1.3, z * 2))), 0.012, TYRE, 4)
            for z in (-0.1, 0.1)
        )
    return render(rng, joined(parts), paints, side, pitch=(-25, 10))

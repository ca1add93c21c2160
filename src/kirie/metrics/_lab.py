"""sRGB → CIE Lab (D65, 2°), and the colour difference ΔE 2000 by Sharma, Wu and Dalal (2005)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["difference", "lab"]

Plane = NDArray[np.float64]

TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(rgb: NDArray[np.uint8]) -> Plane:
    """(H, W, 3) uint8 sRGB → (H, W, 3) L, a, b."""
    table = np.arange(256) / 255
    linear = np.where(table > 0.04045, ((table + 0.055) / 1.055) ** 2.4, table / 12.92)[rgb]
    share = linear @ TO_XYZ.T / WHITE
    f = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def difference(one: Plane, other: Plane) -> Plane:
    """ΔE 2000 of two planes of colours (H, W, 3); symbols as in the paper."""
    chroma = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(other[..., 1], other[..., 2])) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))  # 1 + G
    c1, h1 = _polar(one, stretch)
    c2, h2 = _polar(other, stretch)
    turn = h2 - h1
    turn = np.where(turn > np.pi, turn - 2 * np.pi, np.where(turn < -np.pi, turn + 2 * np.pi, turn))
    turn = np.where(c1 * c2 == 0, 0.0, turn)
    apart = np.abs(h1 - h2) > np.pi
    hue = np.where(apart, h1 + h2 + np.where(h1 + h2 < 2 * np.pi, 2, -2) * np.pi, h1 + h2)
    hue = np.where(c1 * c2 == 0, h1 + h2, hue / 2)
    light, mean = (one[..., 0] + other[..., 0]) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * np.cos(hue - np.pi / 6) + 0.24 * np.cos(2 * hue)
    t += 0.32 * np.cos(3 * hue + np.deg2rad(6)) - 0.20 * np.cos(4 * hue - np.deg2rad(63))
    s_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean, 1 + 0.015 * mean * t
    around = np.deg2rad(60) * np.exp(-(((np.rad2deg(hue) - 275) / 25) ** 2))
    bend = -2 * np.sqrt(mean**7 / (mean**7 + 25.0**7)) * np.sin(around)  # R_T
    dl = (other[..., 0] - one[..., 0]) / s_l
    dc = (c2 - c1) / s_c
    dh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / s_h
    total: Plane = np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + bend * dc * dh, 0))
    return total


def _polar(colours: Plane, stretch: Plane) -> tuple[Plane, Plane]:
    """C' and h' in 0…2π."""
    a, b = colours[..., 1] * stretch, colours[..., 2]
    return np.hypot(a, b), np.arctan2(b, a) % (2 * np.pi)

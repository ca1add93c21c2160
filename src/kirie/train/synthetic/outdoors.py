"""Hills, water, grounds, rock and forests without a subject: float32 (h, w, 3), 0…1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import palettes
from .noise import Array, Tile, cells, fractal, ragged, ridged
from .skies import heights, mixed, relief, sky

__all__ = [
    "bluff",
    "forest",
    "hills",
    "land",
    "leaves",
    "pebbles",
    "plane",
    "rock",
    "sea",
    "underwater",
]


def plane(rng: Generator, h: int, w: int, colours: Array, fine: float = 1.0) -> Array:
    """A flat ground from above the horizon's edge (row 0) to the viewer's feet: colours (2 or 3, 3) mixed by noise in perspective."""
    x, y = heights(h, w)
    depth = 1 / (y + rng.uniform(0.04, 0.25))
    u, v = x * depth * 0.35, depth * 0.6 + 0 * x
    total, weight = np.zeros((h, w), np.float32), 0.0
    for octave in range(5):
        scale = 0.25 * fine * 2.2**octave
        fade = np.clip(2.2 - depth * scale * 0.16, 0, 1) * 0.72**octave  # far away it is even
        total += (Tile(rng)(u * scale, v * scale) - 0.5) * fade
        weight += 0.5 * 0.72**octave
    share = np.clip(0.5 + total / weight * 1.6, 0, 1)
    large = np.clip(Tile(rng, 4, 3)(u * 0.15, v * 0.15) * 2.4 - 0.7, 0, 1)
    return mixed(mixed(colours[0], colours[1], share), mixed(colours[-1], colours[1], share), large)


def _ground(rng: Generator) -> tuple[Array, float]:
    """Colours and fineness of grass, earth, sand, snow, gravel, asphalt."""
    kind = rng.random()
    if kind < 0.35:
        green = palettes.leafy(rng)
        other = palettes.hsv(rng.normal(0.13, 0.02), rng.uniform(0.2, 0.5), rng.uniform(0.3, 0.6))
        return np.stack((green * 0.6, green, other)), rng.uniform(2, 5)
    if kind < 0.55:
        earth = palettes.earthy(rng)
        return np.stack((earth * 0.55, earth, palettes.near(rng, earth, 0.2))), rng.uniform(1, 4)
    if kind < 0.75:
        sand = palettes.hsv(rng.normal(0.1, 0.015), rng.uniform(0.1, 0.45), rng.uniform(0.5, 0.9))
        return np.stack((sand * 0.8, sand, palettes.near(rng, sand, 0.1))), rng.uniform(1, 5)
    if kind < 0.85:
        snow = palettes.hsv(0.6, rng.uniform(0, 0.12), rng.uniform(0.8, 1))
        return np.stack((snow * 0.82, snow, snow * 0.93)), rng.uniform(0.5, 2)
    grey = palettes.hsv(0.6, rng.uniform(0, 0.08), rng.uniform(0.2, 0.6))
    return np.stack((grey * 0.6, grey, palettes.near(rng, grey, 0.1))), rng.uniform(4, 7)


def _blades(rng: Generator, image: Array) -> Array:
    """Upright streaks that grow towards the viewer, as grass has them."""
    h, w = image.shape[:2]
    streaks = cv2.resize(
        rng.random((max(2, h // 9), w), np.float32), (w, h), interpolation=cv2.INTER_CUBIC
    )
    return image * (1 + (streaks - 0.5) * np.linspace(0.1, 0.9, h)[:, None])[:, :, None]


def land(rng: Generator, h: int, w: int) -> Array:
    """A ground with a horizon, or so near that there is none; perhaps with a strip of distant trees."""
    colours, fine = _ground(rng)
    if rng.random() < 0.3:
        far = int(rng.uniform(0.3, 2) * h)
        image = plane(rng, h + far, w, colours, fine)[far:]
        return _blades(rng, image) if fine > 2 and rng.random() < 0.4 else image
    edge = int(rng.uniform(0.1, 0.6) * h)
    image = np.concatenate((sky(rng, edge, w), plane(rng, h - edge, w, colours, fine)))
    if rng.random() < 0.4:
        image[edge:] = _blades(rng, image[edge:])
    if rng.random() < 0.5:
        tall = rng.uniform(0.02, 0.25) * h
        top = edge - tall * (0.4 + 0.6 * fractal(rng, (8, w), 4, 5)[4])
        tone = palettes.leafy(rng) * rng.uniform(0.3, 0.9)
        speckle = fractal(rng, (h, w), 24, 3)
        strip = (np.arange(h)[:, None] > top) & (np.arange(h)[:, None] <= edge + 1)
        image = mixed(image, tone * (0.5 + speckle[:, :, None]), strip)
    return image


def sea(rng: Generator, h: int, w: int) -> Array:
    """Sea or lake under a sky, or water alone; ripples grow towards the viewer."""
    edge = 0 if rng.random() < 0.3 else int(rng.uniform(0.15, 0.6) * h)
    tall = h - edge
    far = int(rng.uniform(0.2, 2) * h) if edge == 0 else 0
    blue = palettes.hsv(rng.normal(0.55, 0.05), rng.uniform(0.15, 0.7), rng.uniform(0.15, 0.7))
    above = sky(rng, max(edge, 8), w)
    pale = above[-1].mean(0) * rng.uniform(0.6, 1.0)
    x, y = heights(tall + far, w)
    depth = 1 / (y + 0.03)
    tile, rough = Tile(rng), rng.uniform(0.3, 1.2)
    u, v = x * depth * 0.3, depth * 1.5 + 0 * x
    wave = tile(u * rough, v * rough) + 0.6 * tile(u * 2.3 * rough, v * 2.3 * rough + 0.3) - 0.8
    calm = np.clip(1.4 - depth * 0.1, 0.15, 1)
    share = np.clip(0.75 - 0.7 * y + wave * calm * rng.uniform(0.4, 1.6), 0, 1)
    water = mixed(blue, pale, share)
    water += (np.clip(wave * calm - rng.uniform(0.25, 0.6), 0, 1) * rng.uniform(0, 2))[:, :, None]
    water = water[far:]
    return np.concatenate((above[:edge], water)) if edge else water


def hills(rng: Generator, h: int, w: int) -> Array:
    """Ranges behind each other, paler with the distance, before a sky."""
    image = sky(rng, h, w)
    haze, level = image[h // 3].mean(0), rng.uniform(0.2, 0.5)
    count = int(rng.integers(2, 7))
    rough, tone = (
        rng.uniform(0.3, 0.62),
        (palettes.leafy(rng) if rng.random() < 0.5 else palettes.earthy(rng)) * 0.8,
    )
    rows = np.arange(h)[:, None]
    for k in range(count):
        near = (k + 1) / count
        line = (level + rng.uniform(0.08, 0.35) * (0.5 - ragged(rng, w, rough))) * h
        texture = 0.55 + 0.8 * fractal(rng, (h, w), rng.uniform(4, 14), 5, 0.7)
        colour = palettes.near(rng, tone, 0.15) * near**0.5 + haze * (1 - near)
        shade = 1 + (texture - 1) * near
        there = np.clip(rows - line, 0, 1)
        image = mixed(image, colour * shade[:, :, None], there)
        level += rng.uniform(0.08, 0.3)
    return image


def forest(rng: Generator, h: int, w: int) -> Array:
    """Many trunks before foliage: none stands out."""
    green, bark = palettes.leafy(rng), palettes.earthy(rng) * 0.8
    back = leaves(rng, h, w, green * rng.uniform(0.6, 1.3))
    haze = green * 0.3 + rng.uniform(0.2, 0.6)
    image = mixed(back, haze, np.full((h, w), rng.uniform(0.1, 0.6)))
    floor = int(rng.uniform(0.55, 0.9) * h)
    colours = np.stack((palettes.earthy(rng) * 0.6, green * 0.7, green))
    image[floor:] = plane(rng, h - floor, w, colours, 3)
    grain = 0.5 + fractal(rng, (max(2, h // 6), w), 30, 3)
    grain = cv2.resize(grain, (w, h))[:, :, None]
    for depth in np.sort(rng.random(int(rng.integers(12, 34)))):
        wide, x = (0.008 + 0.05 * depth**2) * w, rng.uniform(-0.05, 1.05) * w
        foot, lean = floor + depth**2 * (h - floor) * 0.8, rng.normal(0, 0.04) * h
        mask = np.zeros((h, w), np.float32)
        corners = np.array(
            (
                (x + lean - wide * 0.4, -2),
                (x + lean + wide * 0.4, -2),
                (x + wide * 0.6, foot),
                (x - wide * 0.6, foot),
            )
        )
        cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
        left, right = max(0, int(corners[:, 0].min()) - 1), min(w, int(corners[:, 0].max()) + 2)
        if right <= left:
            continue
        round_ = 1 - 0.6 * np.abs(np.linspace(-0.6, 1, right - left))[None, :, None]
        tone = (
            (bark * depth + haze * (1 - depth)) * round_ * (1 + (grain[:, left:right] - 1) * depth)
        )
        image[:, left:right] = mixed(image[:, left:right], tone, mask[:, left:right])
    return image


def leaves(rng: Generator, h: int, w: int, green: Array | None = None) -> Array:
    """A wall or a floor of leaves of one size, fallen or growing."""
    base = (
        green
        if green is not None
        else (palettes.leafy(rng) if rng.random() < 0.7 else palettes.earthy(rng))
    )
    image = np.broadcast_to(base * 0.35, (h, w, 3)).astype(np.float32)
    for layer in range(2):
        labels, distance = cells(rng, (h, w), int(rng.uniform(150, 1600) * (layer + 1)))
        tones = np.stack([palettes.near(rng, base, 0.3) for _ in range(64)])
        shine = np.clip(1.15 - distance * rng.uniform(0.3, 0.9), 0.3, 1.2)
        shown = np.clip((0.9 - distance) * 4 * rng.uniform(0.5, 1), 0, 1)
        image = mixed(image, tones[labels % 64] * shine[:, :, None], shown)
    large = fractal(rng, (h, w), 2, 4)
    return image * (0.5 + 0.8 * large)[:, :, None]


def pebbles(rng: Generator, h: int, w: int) -> Array:
    """Stones, scales or cobbles side by side."""
    labels, distance = cells(rng, (h, w), int(rng.uniform(60, 1200)))
    base = palettes.earthy(rng)
    tones = np.stack([palettes.near(rng, base, 0.25) for _ in range(50)])
    dome = np.sqrt(np.clip(1.1 - distance**2, 0.02, 1))
    slope = cv2.Sobel(cv2.GaussianBlur(dome, (0, 0), 1), cv2.CV_32F, int(rng.integers(2)), 1)
    speckle = fractal(rng, (h, w), 30, 3)
    tones = tones.astype(np.float32)
    return (
        tones[labels % 50]
        * ((0.3 + 0.7 * dome + 0.25 * slope) * (0.75 + 0.5 * speckle))[:, :, None]
    )


def rock(rng: Generator, h: int, w: int) -> Array:
    """Rock, bark, dried mud, asphalt or rough plaster, seen from near."""
    height = fractal(rng, (h, w), rng.uniform(2, 12), 6, rng.uniform(0.5, 0.8))
    if rng.random() < 0.4:
        height = height * 0.6 + 0.4 * ridged(rng, (h, w), rng.uniform(2, 8), 5)
    if rng.random() < 0.3:
        height = (
            cv2.resize(height[: max(8, h // 5)], (w, h))
            if rng.random() < 0.5
            else cv2.resize(height[:, : max(8, w // 5)], (w, h))
        )
    base = palettes.earthy(rng)
    image = mixed(base * 0.7, palettes.near(rng, base, 0.25), fractal(rng, (h, w), 2, 5))
    return image * relief(rng, height, rng.uniform(1.5, 5))[:, :, None]


def bluff(rng: Generator, h: int, w: int) -> Array:
    """A wall of rock or leaves behind a ground."""
    back = rock(rng, h, w) if rng.random() < 0.5 else leaves(rng, h, w)
    colours, fine = _ground(rng)
    edge = (
        rng.uniform(0.45, 0.85) + rng.uniform(0.01, 0.08) * (fractal(rng, (8, w), 3, 4)[4] - 0.5)
    ) * h
    front = np.concatenate(
        (np.zeros((h // 3, w, 3), np.float32), plane(rng, h - h // 3, w, colours, fine))
    )
    return mixed(back, front, np.clip((np.arange(h)[:, None] - edge) / rng.uniform(1, 8), 0, 1))


def underwater(rng: Generator, h: int, w: int) -> Array:
    """Blue or green depth with rays from above, sand below at times."""
    x, y = heights(h, w)
    hue = rng.uniform(0.42, 0.6)
    top, low = (
        palettes.hsv(hue, rng.uniform(0.3, 0.8), rng.uniform(0.5, 0.95)),
        palettes.hsv(hue + 0.03, rng.uniform(0.5, 0.95), rng.uniform(0.05, 0.4)),
    )
    image = mixed(top, low, y + 0 * x)
    if rng.random() < 0.4:
        edge = int(rng.uniform(0.6, 0.9) * h)
        sand = plane(rng, h - edge, w, np.stack((top * 0.5, top * 0.8, top * 0.6)), 2)
        image[edge:] = sand * 0.6 + image[edge:] * 0.4
    beams = fractal(rng, (8, w), 5, 4)[4][None]
    image += (np.clip(beams - 0.5, 0, 1) * (1 - y) * rng.uniform(0, 0.8))[:, :, None]
    return image + (ridged(rng, (h, w), 6, 2) ** 4 * (1 - y) * rng.uniform(0, 0.2))[:, :, None]

"""Living bodies: tapered limbs with round ends and thin flaps in space, drawn as a height field, coloured by a coat, and lit.

x runs from tail to head, y up, z across; a body is of the order of 1 long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from ..geometry import Pair
from . import palettes
from .meshes import rotation
from .noise import Array, cells, fractal
from .render import FINER, Light, developed, finished

__all__ = ["Body", "Coat", "coat", "draw", "patterned"]

Point = Any  # three numbers: a tuple or an array


@dataclass(slots=True)
class Body:
    """limbs: (from, to, radius, radius, part). flaps: (outline (K, 3), part). A part is the number of a colour."""

    limbs: list[tuple[Array, Array, float, float, int]] = field(default_factory=list)
    flaps: list[tuple[Array, int]] = field(default_factory=list)

    def limb(self, start: Point, end: Point, radii: tuple[float, float], part: int = 0) -> None:
        """One tapered piece."""
        self.limbs.append((np.array(start, float), np.array(end, float), *radii, part))

    def chain(self, path: Array, radii: Array | float, part: int = 0) -> None:
        """Pieces along a path (S, 3), radii (S,) or one."""
        radii = np.broadcast_to(radii, len(path))
        for k in range(len(path) - 1):
            self.limb(path[k], path[k + 1], (float(radii[k]), float(radii[k + 1])), part)

    def flap(self, outline: Array, part: int = 0) -> None:
        """A thin flat piece: a wing, an ear, a fin, a skirt."""
        self.flaps.append((np.asarray(outline, float), part))

    def add(self, other: Body, scale: float, at: Point, matrix: Array | None = None) -> None:
        """Another body's pieces, turned, scaled and moved."""
        turn, at = np.eye(3) if matrix is None else matrix, np.array(at, float)
        for a, b, r, s, part in other.limbs:
            self.limb(turn @ a * scale + at, turn @ b * scale + at, (r * scale, s * scale), part)
        for outline, part in other.flaps:
            self.flap(outline @ turn.T * scale + at, part)


@dataclass(slots=True)
class Coat:
    """How a body is coloured.

    Attributes:
        colours: (P, 3) of the parts.
        mark: the colour of marks on parts below `marked`. pattern: plain, spots, stripes, patches, scales or mottled.
        belly: how much paler the underside is, 0…1. fur: how ragged the outline is, in parts of the side. gloss: 0…1.
    """

    colours: Array
    mark: Array
    pattern: str = "plain"
    belly: float = 0.3
    fur: float = 0.0
    gloss: float = 0.05
    marked: int = 1
    scale: float = 1.0


def draw(
    rng: Generator,
    body: Body,
    coat: Coat,
    side: int,
    yaw: tuple[float, float] = (-70, 70),
    *,
    pitch: tuple[float, float] = (-5, 20),
) -> Pair:
    """A body from a random direction: premultiplied colours and alpha, the longer side about `side` pixels."""
    turn = rotation("x", rng.uniform(*pitch)) @ rotation("y", rng.uniform(*yaw))
    turn = rotation("z", rng.normal(0, 3)) @ turn
    height, parts = _heights(body, turn, side * FINER)
    there = height > 0
    soft = max(0.6, 0.01 * side * FINER)
    weight = cv2.GaussianBlur(there.astype(np.float32), (0, 0), soft)
    smooth = cv2.GaussianBlur(height, (0, 0), soft) / np.maximum(weight, 1e-3)
    slopes = (
        cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125),
    )
    inside = np.flatnonzero(there)
    normals = np.stack((-slopes[0], slopes[1], np.ones_like(height)), 2).reshape(-1, 3)[inside]
    normals /= np.sqrt((normals**2).sum(1, keepdims=True))
    light = Light.drawn(rng)
    base = _coloured(rng, parts, coat).reshape(-1, 3)[inside]
    under = np.clip(-normals[:, 1:2] * 1.2, 0, 1) * coat.belly
    base = base * (1 - under) + (0.55 + 0.45 * base) * under
    colours = base * light.on(normals)
    colours += coat.gloss * light.glint(normals, 18.0)[:, None] * light.sun
    colours *= _hidden(height, there).ravel()[inside, None]
    canvas = np.zeros((height.size, 3), np.uint8)
    canvas[inside] = developed(colours)
    image = canvas.reshape(*height.shape, 3)
    if coat.fur:
        return finished(rng, *_furry(rng, image, there, coat.fur * side * FINER), side)
    return finished(rng, image, there.astype(np.uint8) * 255, side)


def _heights(body: Body, turn: Array, side: int) -> tuple[Array, Array]:
    """Heights (h, w) above the farthest point, in pixels, 0 where there is nothing; and the parts (h, w) uint8."""
    limbs = [(turn @ a, turn @ b, r, s, part) for a, b, r, s, part in body.limbs]
    flaps = [(outline @ turn.T, part) for outline, part in body.flaps]
    ends = [
        p + r * sign for a, b, r, s, _ in limbs for p, r in ((a, r), (b, s)) for sign in (-1, 1)
    ]
    places = np.concatenate([np.array(ends).reshape(-1, 3), *(outline for outline, _ in flaps)])
    low, high = places.min(0), places.max(0)
    scale = side / float((high - low)[:2].max())
    pad = 0.05 * side  # for fur, and soft edges
    w, h = (int(n * scale + 2 * pad) + 2 for n in (high - low)[:2])
    factors = np.array((scale, -scale, scale))
    shift = np.array((pad - low[0] * scale, h - pad + low[1] * scale, 1 - low[2] * scale))
    height, parts = np.zeros((h, w), np.float32), np.zeros((h, w), np.uint8)
    for a, b, r, s, part in limbs:
        _limb(
            height, parts, (a * factors + shift, b * factors + shift), (r * scale, s * scale), part
        )
    for outline, part in flaps:
        _flap(height, parts, outline * factors + shift, part)
    return height, parts


def _limb(
    height: Array, parts: Array, ends: tuple[Array, Array], radii: tuple[float, float], part: int
) -> None:
    """One swept ball into the height field."""
    a, b = ends
    r, s = (max(radius, 0.7) for radius in radii)
    most = max(r, s) + 1
    low = np.maximum(np.minimum(a, b)[:2] - most, 0).astype(int)
    high = np.minimum(np.maximum(a, b)[:2] + most + 1, height.shape[::-1]).astype(int)
    if (high <= low).any():
        return
    x = np.arange(low[0], high[0], dtype=np.float32) - np.float32(a[0])
    y = np.arange(low[1], high[1], dtype=np.float32)[:, None] - np.float32(a[1])
    dx, dy, dz = (float(n) for n in b - a)
    length = max(dx * dx + dy * dy, 1e-6)
    t = np.clip((x * (dx / length)) + y * (dy / length), 0, 1)
    inside = (r + (s - r) * t) ** 2 - (x - t * dx) ** 2 - (y - t * dy) ** 2
    found = np.sqrt(np.maximum(inside, 0)) + (a[2] + dz * t)
    roi = np.s_[low[1] : high[1], low[0] : high[0]]
    hit = (inside > 0) & (found > height[roi])
    height[roi][hit] = np.maximum(found[hit], 0.1)
    parts[roi][hit] = part


def _flap(height: Array, parts: Array, outline: Array, part: int) -> None:
    """One flat piece into the height field."""
    h, w = height.shape
    low = np.clip(outline[:, :2].min(0) - 1, 0, (w, h)).astype(int)
    high = np.clip(outline[:, :2].max(0) + 2, 0, (w, h)).astype(int)
    if (high <= low).any():
        return
    mask: Any = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    corners = np.round((outline[:, :2] - low) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], 1, cv2.LINE_8, 4)
    middle = outline.mean(0)
    centred = outline - middle
    square = centred[:, :2].T @ centred[:, :2] + np.eye(2) * 1e-2 * len(outline)
    slope = np.clip(np.linalg.solve(square, centred[:, :2].T @ centred[:, 2]), -2, 2)
    x = np.arange(low[0], high[0], dtype=np.float32) - middle[0]
    y = np.arange(low[1], high[1], dtype=np.float32)[:, None] - middle[1]
    found = np.maximum(x * slope[0] + y * slope[1] + middle[2], 0.1)
    roi = np.s_[low[1] : high[1], low[0] : high[0]]
    hit = mask.view(bool) & (found > height[roi])
    height[roi][hit] = found[hit]
    parts[roi][hit] = part


def _coloured(rng: Generator, parts: Array, coat: Coat) -> Array:
    """(h, w, 3): the parts' colours under their marks, a little uneven."""
    size = parts.shape
    small = size[0] // 2, size[1] // 2
    marks = cv2.resize(_marks(rng, small, coat), size[::-1])
    base = coat.colours.astype(np.float32)[np.minimum(parts, len(coat.colours) - 1)]
    marks = (marks * (parts < coat.marked))[:, :, None]
    base = base * (1 - marks) + coat.mark.astype(np.float32) * marks
    uneven = cv2.resize(fractal(rng, small, 4, 5, 0.65), size[::-1])
    return base * (0.78 + 0.36 * uneven)[:, :, None]


def _marks(rng: Generator, size: tuple[int, int], coat: Coat) -> Array:
    """(h, w) how much of the mark's colour there is: 0…1."""
    h, w = size
    if coat.pattern == "plain":
        return np.zeros(size, np.float32)
    noise = fractal(rng, size, 3 * coat.scale, 3)
    if coat.pattern == "stripes":
        x = np.arange(w, dtype=np.float32) / max(h, w)
        y = np.arange(h, dtype=np.float32)[:, None] / max(h, w)
        lean = rng.uniform(-0.5, 0.5)
        wave = np.sin(70 * coat.scale * (x + lean * y) + 9 * noise)
        return np.clip(wave * 2.5 + rng.uniform(-0.8, 0.8), 0, 1)
    if coat.pattern == "spots":
        count = max(4, int(rng.uniform(60, 260) * coat.scale))
        _, distance = cells(rng, size, count)
        return np.clip((rng.uniform(0.3, 0.55) - distance * (0.7 + 0.6 * noise)) * 12 + 0.5, 0, 1)
    if coat.pattern == "scales":
        labels, distance = cells(rng, size, int(500 * coat.scale))
        return np.clip(distance - 0.25 + 0.3 * (labels % 3 - 1), 0, 1).astype(np.float32)
    hard = 14.0 if coat.pattern == "patches" else 3.0
    return np.clip((noise - rng.uniform(0.4, 0.65)) * hard + 0.5, 0, 1)


def _hidden(height: Array, there: Array) -> Array:
    """Factors (h, w): what lies behind other parts gets less light."""
    size = max(3, round(0.08 * max(height.shape)))
    weight = cv2.blur(there.astype(np.float32), (size, size))
    mean = cv2.blur(height, (size, size)) / np.maximum(weight, 1e-3)
    return 1 - np.clip((mean - height) / (0.25 * max(height.shape)), 0, 0.5)


def _furry(rng: Generator, image: Array, there: Array, long: float) -> tuple[Array, Array]:
    """The outline moved in and out by fine noise, the colours with it."""
    h, w = there.shape
    ys, xs = np.arange(h, dtype=np.float32)[:, None], np.arange(w, dtype=np.float32)
    first = min(h, w) / 7.0
    across, down = ((fractal(rng, (h, w), first, 2) - 0.5) * (2 * long) for _ in range(2))
    mask = there.astype(np.uint8) * 255
    fill = cv2.dilate(image, np.ones((3, 3), np.uint8))
    image = np.where(there[:, :, None], image, fill)
    places = (xs + across).astype(np.float32), (ys + down - 0.3 * long).astype(np.float32)
    return cv2.remap(image, *places, cv2.INTER_LINEAR), cv2.remap(mask, *places, cv2.INTER_LINEAR)


def coat(rng: Generator, parts: int, colour: Array | None = None) -> Coat:
    """A random one, of earthy colours unless one is given: 0 body, 1 face and legs, 2 dark (hooves, beak), 3 pale, then shades."""
    base = palettes.earthy(rng) if colour is None else colour
    second = base if rng.random() < 0.5 else palettes.near(rng, base, 0.35)
    dark = palettes.hsv(0.08, rng.uniform(0.1, 0.5), rng.uniform(0.05, 0.25))
    pale = palettes.hsv(0.1, rng.uniform(0.05, 0.4), rng.uniform(0.7, 1.0))
    more = [palettes.near(rng, base, 0.3) for _ in range(max(0, parts - 4))]
    mark = dark if rng.random() < 0.6 else pale
    patterns = ("plain", "plain", "plain", "mottled", "spots", "stripes", "patches")
    pattern = str(rng.choice(patterns))
    belly, scale = rng.uniform(0, 0.7), rng.uniform(0.6, 1.5)
    return Coat(np.stack((base, second, dark, pale, *more)), mark, pattern, belly, scale=scale)


def patterned(rng: Generator, look: Coat, patterns: tuple[str, ...], gloss: float) -> None:
    """Give a coat one of some patterns instead of its own, and a gloss of up to `gloss`."""
    look.pattern, look.gloss = str(rng.choice(patterns)), rng.uniform(0, gloss)

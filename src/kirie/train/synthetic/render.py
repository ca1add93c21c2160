"""A small renderer: a mesh seen in perspective, by a depth buffer, and lit → premultiplied colours and alpha.

Every face leaves its number in a buffer. Only then, and for all pixels at once, are normals, places on the texture and colours worked
out: divided by the distance they are linear in the picture, so that three numbers a face and value suffice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from ..geometry import Bytes, Pair
from . import palettes
from .meshes import Mesh, rotation
from .noise import Array
from .surfaces import Paint

__all__ = ["Light", "developed", "finished", "render"]

FINER = 2  # pixels of a side that become one
CHUNK = 1 << 13  # pixels lit at a time: what they need stays in the processor's cache
SHIFT = 4  # bits below a pixel, of OpenCV's corners


@dataclass(frozen=True, slots=True)
class Light:
    """towards: the sun, (3,) of length 1, in the camera's view (x right, y up, z to the viewer). sun, sky, ground: colours (3,)."""

    towards: Array
    sun: Array
    sky: Array
    ground: Array

    @classmethod
    def drawn(cls, rng: Generator) -> Light:
        """From above and more often from the front; harsh or overcast."""
        direction = np.array((rng.normal(0, 0.7), rng.uniform(0.25, 1.0), rng.uniform(-0.2, 1.0)))
        hard = rng.uniform(0.25, 1.0)
        warm = palettes.hsv(0.1, rng.uniform(0, 0.25), 1.0)
        cool = palettes.hsv(0.6, rng.uniform(0, 0.25), 1.0)
        fill = (1.3 - 0.9 * hard) * rng.uniform(0.7, 1.0)
        bounce = palettes.earthy(rng) * fill * 0.7
        towards = (direction / np.linalg.norm(direction)).astype(np.float32)
        values = (warm * hard, cool * fill, bounce)
        return cls(towards, *(value.astype(np.float32) for value in values))

    def on(self, normals: Array) -> Array:
        """(N, 3) light that falls on surfaces of those normals (N, 3)."""
        direct = np.maximum(normals @ self.towards, 0)[:, None] * self.sun
        above = (0.5 + 0.5 * normals[:, 1])[:, None]
        return direct + above * self.sky + (1 - above) * self.ground

    def glint(self, normals: Array, sharp: float) -> Array:
        """(N,) the highlight, for a viewer straight ahead."""
        half = self.towards + np.array((0, 0, 1), np.float32)
        half /= np.linalg.norm(half)
        return np.maximum(normals @ half, 0) ** np.float32(sharp)


def render(
    rng: Generator,
    mesh: Mesh,
    paints: Sequence[Paint],
    side: int,
    *,
    yaw: tuple[float, float] = (0, 360),
    pitch: tuple[float, float] = (-2, 28),
) -> Pair:
    """A mesh from a random direction.

    Args:
        rng: draws camera and light.
        mesh: faces, y up.
        paints: by the numbers in the mesh.
        side: pixels of the longer side of what comes out.
        yaw: degrees about y, from and to; 0 shows x to the right.
        pitch: degrees from which the camera looks down.
    """
    turn = rotation("x", rng.uniform(*pitch)) @ rotation("y", rng.uniform(*yaw))
    turn = rotation("z", rng.normal(0, 2)) @ turn
    middle = (mesh.points.min((0, 1)) + mesh.points.max((0, 1))) / 2
    points = (mesh.points - middle) @ turn.T  # (F, 4, 3), z to the viewer
    away = np.linalg.norm(points, axis=2).max() * rng.uniform(2.2, 6.0)
    near = 1 / (away - points[:, :, 2])  # (F, 4)
    flat = points[:, :, :2] * near[:, :, None] * (1, -1)
    low, high = flat.min((0, 1)), flat.max((0, 1))
    scale = FINER * side / float((high - low).max())
    flat = (flat - low) * scale + 1
    w, h = (int(n) + 3 for n in (high - low) * scale)
    normals = _to_viewer(mesh.normals @ turn.T, points, away)
    values = np.concatenate((normals, mesh.places), 2) * near[:, :, None]
    fits = _linear(flat, np.concatenate((near[:, :, None], values), 2))  # (F, 3, 6)
    depth, numbers = _rasterised(flat, fits[:, :, 0], h, w)
    there = numbers >= 0
    inside = np.flatnonzero(there)
    light, tables = Light.drawn(rng), fits[:, :, 1:].astype(np.float32)
    dark = _creases(depth, away).ravel()
    canvas = np.zeros((h * w, 3), np.uint8)
    for start in range(0, len(inside), CHUNK):
        here = inside[start : start + CHUNK]
        seen = numbers.ravel()[here]
        own = _interpolated(here, w, tables, seen) / depth.ravel()[here, None]
        colours = _coloured(own, mesh.paints[seen], paints, light) * dark[here, None]
        canvas[here] = developed(colours)
    return finished(rng, canvas.reshape(h, w, 3), there.astype(np.uint8) * 255, side)


def developed(colours: Array) -> Array:
    """Light → levels 0…255: shadows lifted, highlights rolled off, as a camera does."""
    return np.minimum(255 * (1.15 * colours) ** np.float32(0.75) + 0.5, 255)


def _interpolated(pixels: Array, w: int, tables: Array, faces: Array) -> Array:
    """(N, V) at flat pixel numbers (N,), of faces (N,) with tables (F, 3, V)."""
    y, x = np.divmod(pixels.astype(np.int32), np.int32(w))
    table = tables[faces]
    found = table[:, 0] * x.astype(np.float32)[:, None]
    found += table[:, 1] * y.astype(np.float32)[:, None]
    found += table[:, 2]
    return found


def _to_viewer(normals: Array, points: Array, away: float) -> Array:
    """Normals (F, 4, 3) turned so that a face that is seen is lit on the side that is seen."""
    flat = np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
    sight = np.array((0, 0, away)) - points.mean(1)
    towards = np.sign((flat * sight).sum(1))
    out = np.sign((flat * normals.mean(1)).sum(1))
    return normals * np.where(towards * out < 0, -1.0, 1.0)[:, None, None]


def _linear(flat: Array, values: Array) -> Array:
    """Least squares of values (F, 4, V) at places (F, 4, 2): (F, 3, V), the factors of x, y and 1."""
    middle = flat.mean(1, keepdims=True)
    centred = flat - middle  # better conditioned
    square = np.einsum("fki,fkj->fij", centred, centred) + np.eye(2) * 1e-3
    mean = values.mean(1, keepdims=True)
    slopes = np.linalg.solve(square, np.einsum("fki,fkv->fiv", centred, values - mean))
    rest = mean[:, 0] - np.einsum("fi,fiv->fv", middle[:, 0], slopes)
    return np.concatenate((slopes, rest[:, None]), 1)


def _rasterised(flat: Array, planes: Array, h: int, w: int) -> tuple[Array, Array]:
    """1 / distance (h, w) and the number of the nearest face (h, w), −1 where there is none."""
    low = np.maximum(np.floor(flat.min(1)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(flat.max(1)).astype(int) + 2, (w, h))
    corners = np.round((flat - low[:, None]) * (1 << SHIFT)).astype(np.int32)
    boxes = np.concatenate((low, high), 1).tolist()
    factors = planes.tolist()
    depth, numbers = np.zeros((h, w), np.float32), np.full((h, w), -1, np.int32)
    scratch = np.zeros((h, w), np.uint8)
    columns, rows = np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)[:, None]
    for number, ((x0, y0, x1, y1), (a, b, c)) in enumerate(zip(boxes, factors, strict=True)):
        mask: Any = scratch[: y1 - y0, : x1 - x0]
        mask[:] = 0
        cv2.fillConvexPoly(mask, corners[number], 1, cv2.LINE_8, SHIFT)
        near = columns[x0:x1] * a + (rows[y0:y1] * b + c)
        before = depth[y0:y1, x0:x1]
        front = (near > before) & mask.view(bool)
        before[front] = near[front]
        numbers[y0:y1, x0:x1][front] = number
    return depth, numbers


def _coloured(own: Array, numbers: Array, paints: Sequence[Paint], light: Light) -> Array:
    """(N, 3) from normals and places (N, 5) and the numbers of the paints (N,)."""
    normals = own[:, :3]
    length = np.sqrt(np.einsum("nk,nk->n", normals, normals))
    normals = normals / np.maximum(length, 1e-6)[:, None]
    colours = light.on(normals)
    for number, paint in enumerate(paints):
        here = np.flatnonzero(numbers == number)
        if not here.size:
            continue
        colours[here] *= paint.look(own[here, 3], own[here, 4])
        if paint.gloss > 0.02:
            glint = paint.gloss * light.glint(normals[here], paint.sharp)
            colours[here] += glint[:, None] * light.sun
    return colours


def _creases(depth: Array, away: float) -> Array:
    """Factors (h, w) that darken what lies behind its surroundings: light reaches corners less."""
    near = depth * np.float32(away)
    size = max(3, round(0.06 * max(depth.shape)))
    there = (depth > 0).astype(np.float32)
    mean = cv2.blur(near, (size, size)) / np.maximum(cv2.blur(there, (size, size)), 1e-3)
    return 1 - np.clip((mean - near) * 2.5, 0, 0.45) * there


def finished(rng: Generator, colours: Bytes, mask: Bytes, side: int) -> Pair:
    """What was drawn larger → premultiplied colours and alpha, cropped, soft as a lens makes it.

    Args:
        rng: draws how soft.
        colours: (h, w, 3).
        mask: (h, w), 0 where nothing was drawn.
        side: pixels of the longer side of what comes out; less where so little was drawn.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mask = mask[inside]
    colours = cv2.multiply(colours[inside], cv2.merge((mask, mask, mask)), scale=1 / 255)
    scale = min(1.0, side / max(mask.shape))
    size = [max(1, round(n * scale)) for n in mask.shape[::-1]]
    colours = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:
        soft, border = (
            rng.uniform(0.35, 0.8),
            cv2.BORDER_CONSTANT,
        )  # nothing around: edges are soft there too
        colours = cv2.GaussianBlur(colours, (0, 0), soft, borderType=border)
        alpha = cv2.GaussianBlur(alpha, (0, 0), soft, borderType=border)
    return cv2.min(colours, cv2.merge((alpha, alpha, alpha))), alpha

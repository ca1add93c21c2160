"""Meshes of four-cornered faces that the project makes itself, and how they are put together.

x runs along a thing, y up, z across; lengths are of the order of 1. A mesh keeps each face's corners apart, so that normals and
texture places may break at an edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .noise import Array

__all__ = ["Mesh", "ball", "box", "cylinder", "joined", "lathe", "loft", "ring", "slab", "tube"]

Triple = Any  # three numbers: a tuple or an array


@dataclass(frozen=True, slots=True)
class Mesh:
    """Faces.

    Attributes:
        points: (F, 4, 3) corners; a triangle repeats one.
        normals: (F, 4, 3) of length 1.
        places: (F, 4, 2) where on the texture, in the lengths of the mesh.
        paints: (F,) int: the number of the paint of each face.
    """

    points: Array
    normals: Array
    places: Array
    paints: Array

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """Shifted."""
        return replace(self, points=self.points + np.array((x, y, z)))

    def scaled(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Mesh:
        """Stretched along the axes; the texture stays with it."""
        factors = np.array((x, y, z))
        normals = self.normals / factors
        normals = normals / np.linalg.norm(normals, axis=2, keepdims=True)
        return replace(self, points=self.points * factors, normals=normals)

    def turned(self, axis: str, degrees: float) -> Mesh:
        """Turned about x, y or z through the origin."""
        matrix = rotation(axis, degrees).T
        return replace(self, points=self.points @ matrix, normals=self.normals @ matrix)

    def painted(self, number: int) -> Mesh:
        """With another paint all over."""
        return replace(self, paints=np.full(len(self.paints), number))


def rotation(axis: str, degrees: float) -> Array:
    """(3, 3) about an axis."""
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix, angle = np.eye(3), np.deg2rad(degrees)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
    return matrix


def joined(parts: Sequence[Mesh]) -> Mesh:
    """All as one."""
    names = ("points", "normals", "places", "paints")
    return Mesh(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def faces(points: Array, paint: int = 0) -> Mesh:
    """Flat faces (F, 4, 3): walls' texture runs along them and up, floors' along x and z."""
    flat = _flat_normals(points)
    upright = np.abs(flat[:, 1]) < 0.8
    along = np.where(np.abs(flat[:, :1]) > np.abs(flat[:, 2:]), points[:, :, 2], points[:, :, 0])
    level = np.stack((points[:, :, 0], points[:, :, 2]), 2)
    wall = np.stack((along, points[:, :, 1]), 2)
    places = np.where(upright[:, None, None], wall, level)
    normals = np.repeat(flat[:, None], 4, 1)
    return Mesh(points, normals, places, np.full(len(points), paint))


def _flat_normals(points: Array) -> Array:
    """(F, 3) from the diagonals; of a face without area, up."""
    normals = np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-9, normals / np.maximum(length, 1e-9), (0.0, 1.0, 0.0))


def box(size: Triple, at: Triple = (0, 0, 0), paint: int = 0, top: float = 1.0) -> Mesh:
    """A box of (x, y, z) extents standing on `at`, the middle of its floor; top: how wide its upper end is to the lower."""
    x, y, z = (float(n) for n in size)
    low = np.array([(-x, 0, -z), (x, 0, -z), (x, 0, z), (-x, 0, z)]) / 2
    high = low * (top, 1, top) + (0, y, 0)
    sides = [np.array((low[i], low[i - 3], high[i - 3], high[i])) for i in range(4)]
    return faces(np.stack([*sides, low, high]) + np.array(at, float), paint)


def slab(outline: Array, thick: float, paint: int = 0) -> Mesh:
    """A plate in x and y, `thick` along z: outline (K, 3) of x, lower y, upper y, in the order of x."""
    x, low, high = np.asarray(outline, float).T
    back = np.full(len(x), -thick / 2)
    rings = np.stack(
        [
            np.stack((x, low, back), 1),
            np.stack((x, low, -back), 1),
            np.stack((x, high, -back), 1),
            np.stack((x, high, back), 1),
        ],
        1,
    )  # (K, 4, 3)
    return loft(rings, paint, smooth=False)


def loft(rings: Array, paint: int = 0, *, smooth: bool = True, caps: bool = True) -> Mesh:
    """A skin over closed rings (S, K, 3), K points each; the first and the last are closed.

    smooth: normals turn gradually around, as on a bottle; else each face is flat, as on a crate.
    """
    rings = np.asarray(rings, float)
    closed = np.concatenate((rings, rings[:, :1]), 1)  # (S, K + 1, 3)
    corners = np.stack((closed[:-1, :-1], closed[:-1, 1:], closed[1:, 1:], closed[1:, :-1]), 2)
    points = corners.reshape(-1, 4, 3)
    around = _lengths(closed, 1)
    onward = _lengths(closed, 0)
    places = np.stack((around, onward), 2)
    places = np.stack((places[:-1, :-1], places[:-1, 1:], places[1:, 1:], places[1:, :-1]), 2)
    normals = _smooth_normals(rings) if smooth else np.repeat(_flat_normals(points)[:, None], 4, 1)
    skin = Mesh(points, normals, places.reshape(-1, 4, 2), np.full(len(points), paint))
    if not caps:
        return skin
    return joined([skin, _cap(rings[0], paint), _cap(rings[-1], paint)])


def _lengths(points: Array, axis: int) -> Array:
    """How far it is along an axis, from the start to each point: (S, K)."""
    steps = np.linalg.norm(np.diff(points, axis=axis), axis=2)
    if axis == 0:  # one length for a whole ring, or the texture would be skewed
        steps = np.repeat(steps.mean(1, keepdims=True), steps.shape[1], 1)
    else:
        steps = np.repeat(steps.max(0, keepdims=True), steps.shape[0], 0)
    start = np.zeros_like(np.take(steps, [0], axis))
    return np.concatenate((start, np.cumsum(steps, axis)), axis)


def _smooth_normals(rings: Array) -> Array:
    """(F, 4, 3): at each point the mean over its neighbourhood."""
    around = np.roll(rings, -1, 1) - np.roll(rings, 1, 1)
    onward = np.gradient(rings, axis=0) if len(rings) > 1 else np.zeros_like(rings)
    normals = np.cross(around, onward)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    outward = rings - rings.mean(1, keepdims=True)
    normals = np.where(length > 1e-9, normals / np.maximum(length, 1e-9), outward + 1e-9)
    normals = normals / np.linalg.norm(normals, axis=2, keepdims=True)
    sign = np.sign((normals * outward).sum(2).mean())
    closed = np.concatenate((normals, normals[:, :1]), 1) * (sign or 1.0)
    corners = np.stack((closed[:-1, :-1], closed[:-1, 1:], closed[1:, 1:], closed[1:, :-1]), 2)
    return corners.reshape(-1, 4, 3)


def _cap(ring: Array, paint: int) -> Mesh:
    """A fan about the middle."""
    after = np.roll(ring, -1, 0)
    middle = np.broadcast_to(ring.mean(0), ring.shape)
    return faces(np.stack((ring, after, middle, middle), 1), paint)


def ring(count: int, power: float = 2.0) -> Array:
    """(count, 2) around the unit circle; a higher power makes it squarer."""
    angle = np.arange(count) * (2 * np.pi / count)
    points = np.stack((np.cos(angle), np.sin(angle)), 1)
    return np.sign(points) * np.abs(points) ** (2 / power)


def lathe(profile: Array, paint: int = 0, count: int = 20, *, smooth: bool = True) -> Mesh:
    """A surface of revolution about y: profile (S, 2) of radius and height."""
    radius, height = np.asarray(profile, float).T
    circle = ring(count)
    rings = np.empty((len(radius), count, 3))
    rings[:, :, 0], rings[:, :, 2] = radius[:, None] * circle[:, 0], radius[:, None] * circle[:, 1]
    rings[:, :, 1] = height[:, None]
    return loft(rings, paint, smooth=smooth)


def cylinder(
    radius: float, height: float, paint: int = 0, count: int = 16, top: float = 1.0
) -> Mesh:
    """Standing on the origin; top: the upper radius to the lower."""
    return lathe(np.array(((radius, 0), (radius * top, height))), paint, count)


def ball(radius: float, paint: int = 0, count: int = 14) -> Mesh:
    """About the origin."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, count // 2 + 1)
    return lathe(np.stack((np.cos(angle) * radius + 1e-4, np.sin(angle) * radius), 1), paint, count)


def tube(path: Array, radii: Array | float, paint: int = 0, count: int = 8) -> Mesh:
    """Around a path (S, 3), radii (S,) or one."""
    path = np.asarray(path, float)
    radii = np.broadcast_to(radii, len(path))
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    # across the axis to which the path keeps most at right angles, or the skin would be wrung where it comes near
    aside = np.cross(along, np.eye(3)[int(np.abs(along).max(0).argmin())])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True) + 1e-9
    up = np.cross(aside, along)
    circle = ring(count)
    offsets = circle[None, :, :1] * aside[:, None] + circle[None, :, 1:] * up[:, None]
    return loft(path[:, None] + offsets * radii[:, None, None], paint)

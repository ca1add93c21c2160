"""SCENES: backgrounds without a subject, and the camera that takes them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from ...errors import BadInput
from ..geometry import Bytes
from . import indoors, outdoors, skies
from .noise import Array, fractal

__all__ = ["SCENES", "drawn", "scene"]

LEAST = 64  # pixels of a side; what lies behind a horizon needs some of them

# name → (weight, maker)
SCENES: dict[str, tuple[float, Callable[[Generator, int, int], Array]]] = {
    "bluff": (1.0, outdoors.bluff),
    "cloth": (0.5, indoors.cloth),
    "forest": (1.2, outdoors.forest),
    "hills": (1.2, outdoors.hills),
    "land": (2.0, outdoors.land),
    "leaves": (1.0, outdoors.leaves),
    "lights": (0.8, indoors.lights),
    "paper": (0.3, indoors.paper),
    "pebbles": (0.6, outdoors.pebbles),
    "rock": (1.0, outdoors.rock),
    "room": (1.0, indoors.room),
    "sea": (1.5, outdoors.sea),
    "sky": (1.0, skies.sky),
    "studio": (0.5, indoors.studio),
    "underwater": (0.5, outdoors.underwater),
    "wall": (1.0, indoors.wall),
}


def drawn(rng: Generator) -> str:
    """The name of a kind by the weights."""
    weights = np.array([weight for weight, _ in SCENES.values()])
    return list(SCENES)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def scene(rng: Generator, height: int, width: int, kind: str | None = None) -> Bytes:
    """A background, (height, width, 3) uint8 RGB.

    Args:
        rng: decides everything.
        height: pixels, at least 64.
        width: pixels, at least 64.
        kind: one of SCENES; None: as `drawn` has it.

    Raises:
        BadInput: there is no such kind, or the picture is too small.
    """
    if min(height, width) < LEAST:
        raise BadInput(
            f"A scene of {height}×{width} pixels is too small: both must be at least {LEAST}."
        )
    kind = drawn(rng) if kind is None else kind
    if kind not in SCENES:
        raise BadInput(f"There is no kind of scene {kind!r}; there are {', '.join(SCENES)}.")
    return _taken(rng, SCENES[kind][1](rng, height, width))


def _taken(rng: Generator, image: Array) -> Bytes:
    """What a camera makes of it: uneven light, vignette, blur, exposure, noise."""
    h, w = image.shape[:2]
    image = np.clip(image, 0, 1.5).astype(np.float32)
    if rng.random() < 0.3:  # the shadows of what is out of the picture
        shade = np.clip((fractal(rng, (h, w), 1.5, 4) - rng.uniform(0.4, 0.7)) * 5, 0, 1)
        image *= (1 - rng.uniform(0.1, 0.5) * shade)[:, :, None]
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(
            image, (0, 0), rng.choice((rng.uniform(0.4, 1), rng.uniform(1, 4)))
        )
    ys, xs = np.linspace(-1, 1, h)[:, None], np.linspace(-1, 1, w)[None]
    image *= (1 - rng.uniform(0, 0.3) * (xs**2 + ys**2) / 2).astype(np.float32)[:, :, None]
    image *= np.exp(rng.normal(0, 0.05, 3)).astype(np.float32) * np.float32(rng.uniform(0.75, 1.2))
    noise = rng.standard_normal((h, w, 3), np.float32) * np.float32(rng.uniform(0.3, 4))
    return np.clip(image * 255 + noise + 0.5, 0, 255).astype(np.uint8)

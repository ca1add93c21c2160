"""KINDS: what can be made as a subject, and how often it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from ...errors import BadInput
from ..geometry import Pair
from . import (
    aircraft,
    animals,
    birds,
    blobs,
    buildings,
    furniture,
    insects,
    monuments,
    people,
    plants,
    ships,
    thin,
    trees,
    vehicles,
    vessels,
)
from .grouping import grouped

__all__ = ["KINDS", "drawn", "subject"]

Make = Callable[[Generator, int], Pair]

# name → (weight, maker)
KINDS: dict[str, tuple[float, Make]] = {
    "aeroplane": (1.5, aircraft.aeroplane),
    "balloon": (0.3, aircraft.balloon),
    "bare": (0.8, trees.bare),
    "beast": (6.0, animals.beast),
    "bicycle": (1.5, thin.bicycle),
    "bird": (3.0, birds.bird),
    "blob": (4.0, blobs.blob),
    "boat": (2.0, ships.boat),
    "bridge": (0.8, monuments.bridge),
    "bush": (0.8, trees.bush),
    "butterfly": (1.0, insects.butterfly),
    "cabinet": (0.6, furniture.cabinet),
    "cactus": (0.7, plants.cactus),
    "car": (2.5, vehicles.car),
    "chair": (1.5, furniture.chair),
    "church": (1.2, buildings.church),
    "conifer": (0.7, trees.conifer),
    "fence": (0.6, thin.fence),
    "fish": (2.0, birds.fish),
    "flower": (2.5, plants.flower),
    "flyer": (1.8, birds.flyer),
    "foliage": (1.0, plants.foliage),
    "fruit": (1.2, vessels.fruit),
    "grass": (0.6, plants.grass),
    "house": (1.8, buildings.house),
    "insect": (1.5, insects.insect),
    "jellyfish": (0.4, insects.jellyfish),
    "kite": (0.6, thin.kite),
    "ladder": (0.4, thin.ladder),
    "lamp": (0.8, furniture.lamp),
    "leaf": (1.0, plants.leaf),
    "lighthouse": (0.8, buildings.lighthouse),
    "lizard": (1.5, animals.lizard),
    "mushroom": (0.8, plants.mushroom),
    "pagoda": (0.8, monuments.pagoda),
    "palm": (0.6, trees.palm),
    "person": (3.0, people.person),
    "pile": (0.8, vessels.pile),
    "post": (0.8, thin.post),
    "rope": (0.5, thin.rope),
    "ship": (1.2, ships.ship),
    "snake": (1.0, animals.snake),
    "sofa": (0.8, furniture.sofa),
    "spider": (0.6, insects.spider),
    "starfish": (0.5, insects.starfish),
    "statue": (1.5, people.statue),
    "stone": (1.5, blobs.stone),
    "swimmer": (1.2, birds.swimmer),
    "table": (0.8, furniture.table),
    "temple": (0.8, monuments.temple),
    "tool": (1.0, vessels.tool),
    "tortoise": (0.8, animals.tortoise),
    "tower": (1.5, buildings.tower),
    "tree": (1.8, trees.tree),
    "truck": (1.5, vehicles.truck),
    "vessel": (1.5, vessels.vessel),
}
LONELY = {
    "house",
    "tower",
    "bridge",
    "church",
    "pagoda",
    "temple",
}  # not grouped: what stands beside is background
GROUPS = 0.12  # how many of the others are groups


def drawn(rng: Generator) -> str:
    """The name of a kind by the weights, or "group"."""
    if rng.random() < GROUPS:
        return "group"
    return _weighted(rng, list(KINDS))


def subject(rng: Generator, side: int = 256, kind: str | None = None) -> Pair:
    """A thing alone: premultiplied colours (h, w, 3) uint8 RGB and alpha (h, w) uint8, cropped to it.

    Args:
        rng: decides everything.
        side: pixels of the longer side; a thing of which little was drawn may be smaller.
        kind: one of KINDS, or "group": two to five of a kind; None: as `drawn` has it.

    Raises:
        BadInput: there is no such kind.
    """
    kind = drawn(rng) if kind is None else kind
    if kind == "group":
        chosen = _weighted(rng, [name for name in KINDS if name not in LONELY])
        return grouped(rng, KINDS[chosen][1], side)
    if kind not in KINDS:
        raise BadInput(
            f"There is no kind of subject {kind!r}; there are {', '.join(KINDS)}, group."
        )
    return KINDS[kind][1](rng, side)


def _weighted(rng: Generator, names: list[str]) -> str:
    weights = np.array([KINDS[name][0] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]

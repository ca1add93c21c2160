"""Everything that a run needs to go on exactly where it stopped, in one file that executes nothing when it is read.

There are no random states in it: the generators are seeded anew before every update, from the run's seed, the update's number
and the process, and every picture from the run's seed and its own number. So the number of the next update and of the next
picture are the whole state of the chance, also with another number of processes.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import BadCheckpoint
from ..nn.save import replacing
from ..spec import ModelCard, Preparation, Procedure, ReadOut
from .recipe import Phase, Recipe
from .settings import changed

__all__ = ["FILE", "Progressed", "read", "recipe_from", "seed_update", "tell", "write"]

FILE = "checkpoint.pt"
VERSION = 1
# What may change between the parts of a run without making it another one.
FREE = {
    *("epochs", "steps", "minutes", "patience", "workers", "save_every", "report_every"),
    *("pictures", "validate_every", "about", "init", "backbone_weights"),
}


@dataclass(slots=True)
class Progressed:
    """How far a run is. elapsed: seconds of training over all its parts.

    loss: the mean of the last report. best: the best validation's value and its update; None before the first. stale: validations
    since. validated: the update of the last validation. scores: of the best one.
    """

    updates: int = 0
    pictures: int = 0
    elapsed: float = 0.0
    loss: float = math.nan
    best: tuple[float, int] | None = None
    stale: int = 0
    validated: int = -1
    scores: dict[str, float] = field(default_factory=dict)


def seed_update(seed: int, update: int, rank: int) -> None:
    """Seed PyTorch's generators for one update (dropout, stochastic depth)."""
    torch.manual_seed(int(np.random.SeedSequence((seed, update, rank)).generate_state(1)[0]))


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Replace the folder's checkpoint in one step; what was there before stays whole until then."""
    with replacing(folder / FILE) as temporary, temporary.open("wb") as file:
        torch.save({"version": VERSION, **content}, file)
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> dict[str, Any]:
    """The folder's checkpoint: tensors and plain values, on the CPU.

    Raises:
        BadCheckpoint: there is none, or it cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        raise BadCheckpoint(f"{path} does not exist: start without --resume.")
    try:
        # weights_only: tensors and plain values, nothing is executed.
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
        version = state["version"]
    except Exception as error:  # torch raises half a dozen kinds for damaged files
        raise BadCheckpoint(
            f"{path} cannot be read ({type(error).__name__}): it is damaged, or not a checkpoint of kirie's training. Start "
            "anew with another --out, or with --init best.safetensors."
        ) from error
    if version != VERSION:
        raise BadCheckpoint(f"{path} is of another version of kirie's training: start anew.")
    return state


# --- recipes as text ---------------------------------------------------------------------------------------------------


def tell(recipe: Recipe) -> str:
    """A recipe as JSON."""
    return json.dumps(asdict(recipe), default=str)


def recipe_from(text: str) -> Recipe:
    """The recipe that `tell` told."""
    content = _tuples(json.loads(text))
    parts = {"preparation": Preparation, "readout": ReadOut, "procedure": Procedure}
    for key, kind in parts.items():
        content[key] = kind(**content[key])
    content["phases"] = tuple(Phase(**each) for each in content["phases"])
    return Recipe(**content)


def _tuples(value: Any) -> Any:
    """JSON knows lists only; recipes hold tuples."""
    if isinstance(value, list):
        return tuple(_tuples(each) for each in value)
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return value


def check_same(path: Path, old: Recipe, new: Recipe) -> None:
    """Refuse to go on with another recipe than the run began with, but for what does not matter to it."""
    differ = [name for name in changed(old, new) if name not in FREE]
    if differ:
        pairs = ", ".join(f"{n}={getattr(old, n)!r}" for n in differ)
        raise BadCheckpoint(
            f"{path} was begun with {pairs}: set the same, or another --out. Only {', '.join(sorted(FREE))} may change."
        )


def card_from(text: str) -> ModelCard | None:
    """The parent's card, where there is one."""
    return ModelCard.from_json(text) if text else None

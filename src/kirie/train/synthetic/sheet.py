"""A contact sheet of the synthetic pictures, for looking at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..._encode import encode
from ..._files import write_atomic
from ..geometry import Bytes, fit
from .scenes import SCENES, scene
from .subjects import KINDS, subject

__all__ = ["contact"]

CELL, COLUMNS, LABEL = 128, 8, 84  # pixels, pictures a row, pixels of the names' column


def contact(path: str | Path, seed: int = 0, names: Sequence[str] = ()) -> None:
    """Write a PNG file with a row of pictures of each kind: subjects on scenes, then scenes alone.

    Args:
        path: of the file.
        seed: of all pictures.
        names: of KINDS, SCENES, or "group"; none: all.

    Raises:
        BadInput: there is no such kind, or the file cannot be written.
    """
    rows = [_row(seed, name) for name in names or (*KINDS, "group", *SCENES)]
    write_atomic(path, encode(np.vstack(rows), "png"))


def _row(seed: int, name: str) -> Bytes:
    label = np.full((CELL, LABEL, 3), 32, np.uint8)
    cv2.putText(
        label, name, (4, CELL // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA
    )
    return np.hstack(
        [label, *(_cell(np.random.default_rng((seed, k)), name) for k in range(COLUMNS))]
    )


def _cell(rng: np.random.Generator, name: str) -> Bytes:
    """One picture, (CELL, CELL, 3)."""
    if name in SCENES:
        return fit(scene(rng, 2 * CELL, 2 * CELL, name), CELL, CELL)
    colours, alpha = subject(rng, CELL - 8, name)
    image = fit(scene(rng, 2 * CELL, 2 * CELL), CELL, CELL)
    h, w = alpha.shape
    top, left = (CELL - h) // 2, (CELL - w) // 2
    here = image[top : top + h, left : left + w]
    rest = 255 - alpha
    here[:] = cv2.add(colours, cv2.multiply(here, cv2.merge((rest, rest, rest)), scale=1 / 255))
    return image

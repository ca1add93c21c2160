"""Small views of a picture, its truth, its prediction and where the two differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import _masks, image, metrics
from ..errors import KirieError
from ..evaluate import Sample

__all__ = ["Predict", "views"]

Predict = Callable[[Sample], NDArray[np.uint8]]

RIGHT = (250, 250, 250)  # found and true
FALSE = (213, 94, 0)  # found, not true
MISSED = (0, 114, 178)  # true, not found
EMPTY = (12, 14, 18)


def views(sample: Sample, predict: Predict | None, height: int) -> list[Image.Image | None]:
    """Picture (None where there is none), truth, prediction and difference, each of that height, at most thrice as wide.

    The difference is white where both agree on the subject, orange where it was found and is not, blue where it was missed.
    Files that cannot be read, or not any more, give None.
    """
    try:
        truth = _masks.mask(sample.truth).values
        found = predict(sample) if predict else _masks.mask(sample.prediction).values  # type: ignore[arg-type]
        given = metrics.pair(found, truth)
        photo = None if sample.image is None else image.decode(sample.image).rgb
    except KirieError:
        return [None] * 4
    p, true = given.p, given.mask
    share = np.where(true, p, 1 - p)[..., None]  # of the right colour
    differs = np.where(true[..., None], MISSED, FALSE).astype(np.float64)
    agrees = np.where(true[..., None], RIGHT, EMPTY).astype(np.float64)
    maps = [
        true * np.uint8(255),
        (p * 255).astype(np.uint8),
        (agrees * share + differs * (1 - share)).astype(np.uint8),
    ]
    return [
        None if photo is None else small(photo, height),
        *(small(plane, height) for plane in maps),
    ]


def small(pixels: NDArray[np.uint8], height: int) -> Image.Image:
    """A view of that height, averaged."""
    rows, columns = pixels.shape[:2]
    width = min(max(round(columns * height / rows), 1), 3 * height)
    picture: Any = Image.fromarray(pixels).convert("RGB")
    reduced: Image.Image = picture.resize((width, height), Image.Resampling.BOX)
    return reduced

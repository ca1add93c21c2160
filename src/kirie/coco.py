"""A COCO annotation of one picture: the mask as run lengths, exact, and as polygons.

The format is that of the COCO data sets: `images`, `annotations` and `categories`, boxes as x, y, width, height, run lengths
down the columns, packed into a text as COCO's own tools do it (five bits a character, from the third run on as the
difference to the run before the last).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import contour

__all__ = ["annotation", "packed", "runs", "unpacked"]

LEVEL = 0.5
CATEGORY = {"id": 1, "name": "subject"}


def annotation(alpha: NDArray[np.float32], name: str) -> str:
    """The annotation as JSON, of alpha (H, W); no entry in `annotations` where there is no subject.

    `segmentation` holds the run lengths; `polygons`, which COCO itself does not know, the outer outlines, each x, y, x, y …
    """
    height, width = alpha.shape
    mask = alpha >= LEVEL
    entries: list[dict[str, Any]] = []
    if mask.any():
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, top = int(columns[0]), int(rows[0])
        outer = [points for points in contour.polygons(alpha) if contour.area(points) > 0]
        entries.append(
            {
                "id": 1,
                "image_id": 1,
                "category_id": CATEGORY["id"],
                "iscrowd": 0,
                "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
                "area": int(mask.sum()),
                "segmentation": {"size": [height, width], "counts": packed(runs(mask))},
                "polygons": [points.round(2).ravel().tolist() for points in outer],
            }
        )
    content = {
        "images": [{"id": 1, "width": width, "height": height, "file_name": name}],
        "annotations": entries,
        "categories": [CATEGORY],
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def runs(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of a mask (H, W) down its columns, False first."""
    line = mask.T.ravel()
    turns = np.flatnonzero(line[1:] != line[:-1]) + 1
    edges = np.concatenate(([0], turns, [line.size]))
    lengths: list[int] = np.diff(edges).tolist()
    return [0, *lengths] if line[0] else lengths


def packed(lengths: list[int]) -> str:
    """Run lengths as COCO's text."""
    text = []
    for index, length in enumerate(lengths):
        rest = length - (lengths[index - 2] if index > 2 else 0)  # noqa: PLR2004
        more = True
        while more:
            bits = rest & 0x1F
            rest >>= 5
            more = rest != -1 if bits & 0x10 else rest != 0
            text.append(chr(48 + (bits | 0x20 if more else bits)))
    return "".join(text)


def unpacked(text: str) -> list[int]:
    """The run lengths that a COCO text stands for."""
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))  # noqa: PLR2004
        value = shift = 0
    return lengths

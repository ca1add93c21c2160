"""Annotations that are outlines or run lengths: COCO and LabelMe, and the masks that they stand for.

Coordinates are x and y in pixels of the picture, whose upper left corner is 0, 0 and whose first pixel's centre is 0.5, 0.5: the
convention of both formats. A polygon's edge pixels are grey by the share that it covers of them.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import coco, image
from .._formats import displayed
from ..errors import BadInput

__all__ = ["Piece", "Polygons", "coco_pictures", "is_coco", "labelme_picture"]

FINE = 8  # lines to a pixel, by which the share of an edge pixel is counted
BACKGROUND = ("_background_", "background")
IGNORED = ("__ignore__", "ignore")
CIRCLE = 72  # corners that stand for a circle


@dataclass(frozen=True, slots=True)
class Piece:
    """One annotated object.

    Attributes:
        label: its name.
        rings: closed outlines, each (n, 2); the object is all that any of them encloses.
        runs: lengths of runs down the columns of the whole picture, background first, instead of rings.
        stored: an encoded picture of the object and the (left, top) where it lies, instead of rings.
    """

    label: str
    rings: tuple[tuple[float, ...], ...] = ()
    runs: tuple[int, ...] = ()
    stored: tuple[bytes, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Polygons:
    """What is annotated in one picture. `size`: (height, width) that the annotations are of; `source`: their file."""

    source: Path
    size: tuple[int, int]
    pieces: tuple[Piece, ...]

    def mask(self) -> NDArray[np.uint8]:
        """The union of all objects: (H, W), 0…255, soft at the edges of polygons."""
        union = np.zeros(self.size, np.uint8)
        for piece in self.pieces:
            if piece.label.lower() not in BACKGROUND + IGNORED:
                np.maximum(union, _piece(piece, self, FINE), out=union)
        return union

    def label_map(self, classes: Sequence[str]) -> NDArray[np.int16]:
        """The class number of each pixel: (H, W) int16; 255 where it is to be ignored, 0 where nothing is annotated.

        A later annotation lies over an earlier one, as both formats mean it.
        """
        numbers = {name: number for number, name in enumerate(classes)}
        labels = np.zeros(self.size, np.int16)
        for piece in self.pieces:
            ignored = piece.label.lower() in IGNORED
            labels[_piece(piece, self, 1) >= 128] = 255 if ignored else numbers[piece.label]
        return labels


def _piece(piece: Piece, whole: Polygons, fine: int) -> Any:
    """One object: (H, W) uint8."""
    if piece.runs:
        return _from_runs(piece.runs, whole)
    plane: Any = np.zeros(whole.size, np.uint8)
    if piece.stored:
        data, left, top = piece.stored
        part = image.numbers(data, displayed(whole.source))
        part = part[..., 0] if part.ndim == 3 else part
        height, width = whole.size
        part = part[: max(0, height - top), : max(0, width - left)]
        plane[top : top + part.shape[0], left : left + part.shape[1]] = (part > 0) * np.uint8(255)
        return plane
    for ring in piece.rings:
        points = np.array(ring).reshape(-1, 2)
        limits = whole.size[::-1]
        left, top = np.floor(points.min(0)).clip(0, limits).astype(int)
        right, bottom = np.ceil(points.max(0)).clip(0, limits).astype(int)
        part = plane[top:bottom, left:right]
        np.maximum(part, _filled(points - (left, top), part.shape, fine), out=part)
    return plane


def _filled(points: NDArray[np.float64], size: tuple[int, int], fine: int) -> NDArray[np.uint8]:
    """What a ring (n, 2) encloses of a plane, by the even-odd rule: (H, W), 0…255.

    Each row of pixels is crossed by `fine` lines; along a line the shares of pixels are exact.
    """
    height, width = size
    x0, y0 = points.T * [[1.0], [fine]]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    # Line k lies at k + 0.5; an edge crosses those from its upper end to before its lower one.
    first = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), 0, height * fine).astype(int)
    last = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), 0, height * fine).astype(int)
    counts = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(points)), counts)
    if not edge.size:
        return np.zeros(size, np.uint8)
    line = np.arange(edge.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    slope = (x1 - x0)[edge] / (y1 - y0)[edge]
    place = np.clip(x0[edge] + slope * (line + 0.5 - y0[edge]), 0, width)
    order = np.lexsort((place, line))
    line, place = line[order] // fine, place[order]
    sign = np.where(np.arange(edge.size) % 2, -1.0, 1.0)  # a line enters and leaves by turns
    whole = np.floor(place).astype(int)
    part = place - whole
    steps = np.zeros((height, width + 2), np.float32)
    np.add.at(steps, (line, whole), sign * (1 - part))
    np.add.at(steps, (line, whole + 1), sign * part)
    covered = np.cumsum(steps, axis=1, out=steps)[:, :width]
    covered *= 255 / fine
    return (covered + np.float32(0.5)).clip(0, 255).astype(np.uint8)


def _from_runs(runs: tuple[int, ...], whole: Polygons) -> Any:
    height, width = whole.size
    if sum(runs) != height * width or min(runs) < 0:
        raise BadInput(
            f"{displayed(whole.source)}: run lengths of {sum(runs)} pixels for a picture of {width}×{height}: the annotation is "
            "damaged, or of another picture."
        )
    values = np.tile(np.array([0, 255], np.uint8), len(runs) // 2 + 1)[: len(runs)]
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)


# COCO


def is_coco(content: Any) -> bool:
    """Whether a JSON value is a COCO annotation file."""
    return isinstance(content, dict) and {"images", "annotations"} <= content.keys()


def loaded(path: Path) -> Any:
    """A JSON file's value; `BadInput` where it is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{displayed(path)} cannot be read as JSON: {error}.") from error


def coco_pictures(path: Path) -> list[tuple[str, Polygons]]:
    """(file name, annotations) of each picture that a COCO file lists, in the order of the file names.

    Pictures without annotations are listed too: they show nothing of what was looked for.

    Raises:
        BadInput: the file is no COCO annotation, or an entry of it is damaged.
    """
    content = loaded(path)
    if not is_coco(content):
        raise BadInput(
            f"{displayed(path)} is no COCO annotation file: it must hold images and annotations."
        )
    try:
        names = {c["id"]: str(c["name"]) for c in content.get("categories", ())}
        pieces: dict[Any, list[Piece]] = {}
        for entry in content["annotations"]:
            label = names.get(entry.get("category_id"), "subject")
            pieces.setdefault(entry["image_id"], []).append(_coco_piece(entry, label))
        return sorted(
            (
                (
                    str(one["file_name"]),
                    Polygons(
                        path,
                        (int(one["height"]), int(one["width"])),
                        tuple(pieces.get(one["id"], ())),
                    ),
                )
                for one in content["images"]
            ),
            key=lambda pair: pair[0],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{displayed(path)} is a damaged COCO annotation file: {type(error).__name__} {error}; write it anew."
        ) from error


def _coco_piece(entry: dict[str, Any], label: str) -> Piece:
    shape = entry.get("segmentation")
    if isinstance(shape, dict):
        counts = shape["counts"]
        return Piece(
            label,
            runs=tuple(coco.unpacked(counts) if isinstance(counts, str) else map(int, counts)),
        )
    if shape:
        return Piece(label, rings=tuple(tuple(map(float, ring)) for ring in shape if len(ring) > 5))
    left, top, width, height = map(float, entry["bbox"])  # a box is all that is known
    return Piece(label, rings=(_box(left, top, left + width, top + height),))


# LabelMe


def labelme_picture(path: Path) -> tuple[str, Polygons] | None:
    """(file name of the picture, annotations) of a LabelMe file; None where the JSON is something else.

    Shapes that enclose nothing (points, lines) are no objects and left out.

    Raises:
        BadInput: the file is damaged.
    """
    content = loaded(path)
    if not (isinstance(content, dict) and isinstance(content.get("shapes"), list)):
        return None
    try:
        pieces = [_labelme_piece(shape) for shape in content["shapes"]]
        size = int(content["imageHeight"]), int(content["imageWidth"])
    except (KeyError, TypeError, ValueError, IndexError, binascii.Error) as error:
        raise BadInput(
            f"{displayed(path)} is a damaged LabelMe file: {type(error).__name__} {error}; save it anew."
        ) from error
    name = str(content.get("imagePath") or f"{path.stem}.jpg").replace("\\", "/")
    return name, Polygons(path, size, tuple(piece for piece in pieces if piece))


def _labelme_piece(shape: dict[str, Any]) -> Piece | None:
    label, points = str(shape["label"]), [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type") or "polygon"
    if kind == "polygon" and len(points) > 2:
        return Piece(label, rings=(tuple(v for point in points for v in point),))
    if kind == "rectangle":
        (x1, y1), (x2, y2) = points[0], points[-1] if len(points) == 2 else points[2]
        return Piece(label, rings=(_box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)),))
    if kind == "circle":
        (x, y), (on_x, on_y) = points
        radius = math.hypot(on_x - x, on_y - y)
        turns = [2 * math.pi * i / CIRCLE for i in range(CIRCLE)]
        ring = ((x + radius * math.cos(t), y + radius * math.sin(t)) for t in turns)
        return Piece(label, rings=(tuple(v for point in ring for v in point),))
    if kind == "mask":
        data = base64.b64decode(shape["mask"], validate=True)
        return Piece(label, stored=(data, round(points[0][0]), round(points[0][1])))
    return None


def _box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
    return (left, top, right, top, right, bottom, left, bottom)

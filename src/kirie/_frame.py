"""Where the picture comes to lie in the result: crop, canvas, scale and position.

A frame is the result's size, and the place and size of the whole picture in it. Everything is moved by `moved` (alpha and
colours, transparent where the picture ends) or `mirrored` (a background, which goes on beyond the picture's border).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ._lengths import Length
from .options import ORIGINALS, CutOptions

__all__ = ["Frame", "frame", "mirrored", "moved", "visible"]

Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom

VISIBLE = 0.1  # alpha from which a pixel counts when a picture is cropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The result's size, and the picture's place in it.

    Attributes:
        size: (height, width) of the result.
        picture: (height, width) of the picture before, and `scaled` after it was scaled.
        top, left: of the picture's corner in the result; may be negative.
    """

    size: tuple[int, int]
    picture: tuple[int, int]
    scaled: tuple[int, int]
    top: int
    left: int

    @property
    def scale(self) -> float:
        """Pixels of the result per pixel of the picture."""
        return max(self.scaled) / max(self.picture)

    @property
    def covered(self) -> bool:
        """Whether the picture reaches everywhere."""
        bottom, right = self.top + self.scaled[0], self.left + self.scaled[1]
        return self.top <= 0 <= bottom - self.size[0] and self.left <= 0 <= right - self.size[1]

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return self.size == self.picture == self.scaled and self.top == self.left == 0


def visible(alpha: Floats) -> tuple[int, int, int, int] | None:
    """The box (left, top, right, bottom) of what can be seen; None where that is nothing."""
    some = alpha > VISIBLE
    rows, columns = np.flatnonzero(some.any(axis=1)), np.flatnonzero(some.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def frame(alpha: Floats, options: CutOptions, room: Box = (0, 0, 0, 0)) -> Frame:
    """Work out the frame.

    What is placed is the subject with its margin where `crop`, `position` or a `scale` in percent is given, else the
    whole picture. It fills the canvas unless `scale` says otherwise, and stands in the middle unless `position` does. On its own
    background it is not cropped beyond the picture's border.

    Args:
        alpha: (H, W) float32 in [0, 1]; without anything visible the whole picture is placed.
        options: resolved.
        room: what a shadow or an outline needs around the subject, as shares of its longer side: left, top, right, bottom.
    """
    height, width = alpha.shape
    share = options.scale if isinstance(options.scale, Length) else None
    box: Box = (0, 0, width, height)
    if options.crop is not None or options.position is not None or share is not None:
        seen = visible(alpha)
        if seen is not None:
            box = _with_room(seen, options.crop, room)
            if options.canvas is None and options.background in ORIGINALS:
                box = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    content = (box[2] - box[0], box[3] - box[1])
    canvas = options.canvas
    if canvas is None:
        cropped = options.crop is not None
        canvas = (
            (max(1, round(content[0])), max(1, round(content[1]))) if cropped else (width, height)
        )
    fill = min(canvas[0] / content[0], canvas[1] / content[1])
    factor = 1.0
    if share is not None:
        factor = fill * share.value / 100
    elif options.scale is None and options.canvas is not None:
        factor = fill
    x, y = options.position or (50.0, 50.0)
    left = (canvas[0] - factor * content[0]) * x / 100 - factor * box[0]
    top = (canvas[1] - factor * content[1]) * y / 100 - factor * box[1]
    return Frame(
        size=(canvas[1], canvas[0]),
        picture=(height, width),
        scaled=(max(1, round(factor * height)), max(1, round(factor * width))),
        top=round(top),
        left=round(left),
    )


def _with_room(seen: tuple[int, int, int, int], margin: Length | None, room: Box) -> Box:
    longer = max(seen[2] - seen[0], seen[3] - seen[1])
    more = margin.of(longer) if margin is not None else 0.0
    wide = [share * longer + more for share in room]
    return seen[0] - wide[0], seen[1] - wide[1], seen[2] + wide[2], seen[3] + wide[3]


def moved(colours: NDArray[Any], alpha: Floats, place: Frame) -> tuple[NDArray[Any], Floats]:
    """Colours (H, W, 3) and alpha (H, W) in the frame; black and transparent where the picture does not reach."""
    if place.still:
        return colours, alpha
    out = np.zeros((*place.size, 3), colours.dtype)
    share = np.zeros(place.size, np.float32)
    rows = slice(max(0, place.top), min(place.size[0], place.top + place.scaled[0]))
    columns = slice(max(0, place.left), min(place.size[1], place.left + place.scaled[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return out, share
    down, across = (n / m for n, m in zip(place.picture, place.scaled, strict=True))
    box = (
        (columns.start - place.left) * across,
        (rows.start - place.top) * down,
        (columns.stop - place.left) * across,
        (rows.stop - place.top) * down,
    )
    if place.scaled == place.picture:
        whole = np.s_[round(box[1]) : round(box[3]), round(box[0]) : round(box[2])]
        out[rows, columns], share[rows, columns] = colours[whole], alpha[whole]
        return out, share
    size = (columns.stop - columns.start, rows.stop - rows.start)
    weight = _resized(alpha, size, box)
    share[rows, columns] = weight.clip(0, 1)
    top = np.float32(np.iinfo(colours.dtype).max)
    weight = np.maximum(weight, np.float32(1 / 65535))
    for channel in range(3):  # weighted by alpha: what is hidden has no say in what is seen
        plane = _resized(colours[..., channel] * alpha, size, box)
        out[rows, columns, channel] = (plane / weight + np.float32(0.5)).clip(0, top)
    return out, share


def mirrored(pixels: NDArray[np.uint8], place: Frame) -> NDArray[np.uint8]:
    """A picture (H, W, 3) in the frame, mirrored where it does not reach."""
    if place.still:
        return pixels
    height, width = place.size
    if place.scaled[0] <= place.picture[0]:
        small = Image.fromarray(pixels).resize(place.scaled[::-1], Image.Resampling.LANCZOS)
        values = np.asarray(small) if place.scaled != place.picture else pixels
        rows = _reflected(np.arange(height) - place.top, place.scaled[0])
        return values[rows[:, None], _reflected(np.arange(width) - place.left, place.scaled[1])]
    down, across = (n / m for n, m in zip(place.picture, place.scaled, strict=True))
    box = (-place.left * across, -place.top * down)
    far = ((width - place.left) * across, (height - place.top) * down)
    start = (int(np.floor(box[0])), int(np.floor(box[1])))
    rows, columns = (
        _reflected(np.arange(start[axis], int(np.ceil(far[axis])) + 1), place.picture[1 - axis])
        for axis in (1, 0)
    )
    part = Image.fromarray(pixels[rows[:, None], columns])
    inside = (box[0] - start[0], box[1] - start[1], far[0] - start[0], far[1] - start[1])
    return np.asarray(part.resize((width, height), Image.Resampling.BICUBIC, box=inside))


def _reflected(place: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices beyond 0…count - 1, led back by mirrors at both ends."""
    place = place % (2 * count)
    return np.minimum(place, 2 * count - 1 - place)


def _resized(plane: NDArray[Any], size: tuple[int, int], box: Box) -> Floats:
    larger = size[0] > box[2] - box[0]
    how = Image.Resampling.BICUBIC if larger else Image.Resampling.LANCZOS
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize(size, how, box=_inside(box, image.size)))


def _inside(box: Box, size: tuple[int, int]) -> Box:
    """The same box without what rounding put beyond the border."""
    return max(0, box[0]), max(0, box[1]), min(size[0], box[2]), min(size[1], box[3])

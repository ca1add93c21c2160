"""The network's alpha → the alpha and the colours that are shown. The order of everything that is done to an edge is here.

1. `window`: `box` decides what the network is shown.
2. `placed`: its answer goes back to its place in the picture; outside the window and outside `roi` nothing is subject.
3. `matte` (`edges="matte"`): alpha is worked out anew where it is uncertain.
4. `threshold`: a hard edge.
5. `min_area`, `largest`: pieces.
6. `fill_holes`.
7. `shift`.
8. `feather`. Here the subject is found; coverage, box and the other signals are of this alpha.
9. `invert`: everything else is kept instead.
10. The picture's own transparency stays.
11. The colours: what the edge shows of the old background is taken out (`decontaminate`), by the alpha that says how the
    picture is mixed: that of step 3, and of 6 and 7 where those add to it. A threshold, a fade or an edge moved inwards change what is
    shown, not what was photographed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _pieces, _shape, backgrounds, compose, edges
from ._lengths import Length
from .errors import BadInput
from .image import Picture
from .options import CutOptions

__all__ = ["Refined", "confidence", "placed", "refine", "window"]

Floats = NDArray[np.float32]
Window = tuple[slice, slice]

MARGIN = 0.1  # what the network sees around a box, of its longer side
SAMPLES = 512  # a side, for the confidence
MAYBE = 0.05  # alpha below which a pixel is surely background


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refined:
    """What the options have made of an answer.

    Attributes:
        alpha: (H, W) float32 in [0, 1]: what is shown.
        subject: the same before it was inverted and before the picture's own alpha.
        colours: (H, W, 3) at the picture's depth.
        confidence: of the network's answer, 0…1.
    """

    alpha: Floats
    subject: Floats
    colours: NDArray[Any]
    confidence: float


def window(size: tuple[int, int], options: CutOptions) -> Window:
    """Rows and columns of a picture of `size` (height, width) that the network is shown."""
    if options.box is None:
        return slice(0, size[0]), slice(0, size[1])
    rows, columns = _area(options.box, size)
    margin = round(MARGIN * max(rows.stop - rows.start, columns.stop - columns.start))
    return _widened(rows, margin, size[0]), _widened(columns, margin, size[1])


def placed(alpha: Floats, size: tuple[int, int], options: CutOptions) -> Floats:
    """The window's alpha in a picture of `size`, with nothing outside the window and outside `roi`."""
    if options.box is None and options.roi is None:
        return alpha
    rows, columns = window(size, options)
    if alpha.shape != size:
        whole = np.zeros(size, np.float32)
        whole[rows, columns] = alpha
        alpha = whole
    if options.roi is not None:
        inside = np.zeros(size, np.float32)
        region = _area(options.roi, size)
        inside[region] = alpha[region]
        alpha = inside
    return alpha


def refine(picture: Picture, alpha: Floats, options: CutOptions) -> Refined:
    """Steps 3 to 11.

    Args:
        picture: as it was read.
        alpha: (H, W) float32 in [0, 1], as `placed` returns it.
        options: resolved.
    """
    sure = confidence(alpha)
    mixed = alpha
    if options.edges == "matte":
        from . import matting

        mixed = matting.matte(picture.rgb, alpha)
    subject, mixed = _shaped(mixed, options)
    shown = 1 - subject if options.invert else subject
    mixed = 1 - mixed if options.invert else mixed
    colours = _colours(picture, mixed, shown, options)
    if picture.alpha is not None:  # what the picture already hides stays hidden
        top = np.float32(np.iinfo(picture.alpha.dtype).max)
        shown = shown * (picture.alpha.astype(np.float32) / top)
    return Refined(alpha=shown, subject=subject, colours=colours, confidence=sure)


def confidence(alpha: Floats) -> float:
    """How decided an answer is: the mean distance of alpha from one half, as 0…1, where it is not nearly zero.

    1 where there is nothing to decide. Looked at in at most 512×512 places.
    """
    steps = tuple(max(1, n // SAMPLES) for n in alpha.shape)
    some = alpha[:: steps[0], :: steps[1]]
    some = some[some > MAYBE]
    return float(np.abs(2 * some - 1).mean(dtype=np.float64)) if some.size else 1.0


def _shaped(mixed: Floats, options: CutOptions) -> tuple[Floats, Floats]:
    """Steps 4 to 8: what is shown, and how the picture is mixed."""
    alpha = mixed
    if options.threshold is not None:
        alpha = (mixed >= options.threshold).astype(np.float32)
    if options.largest or options.min_area is not None:
        least = options.min_area.of(alpha.size) if options.min_area is not None else 0.0
        alpha = _pieces.keep(alpha, largest=options.largest, least=least)
    if options.fill_holes:
        whole = _pieces.fill_holes(alpha)
        mixed = np.where(whole > alpha, whole, mixed)
        alpha = whole
    if options.shift:
        moved = _shape.shift(alpha, options.shift)
        if options.shift > 0:
            mixed = moved if options.threshold is None else _shape.shift(mixed, options.shift)
        alpha = moved
    return _shape.feather(alpha, options.feather), mixed


def _colours(picture: Picture, mixed: Floats, shown: Floats, options: CutOptions) -> NDArray[Any]:
    """Step 11; masks and the like need no colours."""
    share = 1.0 if options.decontaminate is None else options.decontaminate
    if options.edges == "raw" or not share or options.as_ not in ("cutout", "checker", "layers"):
        return picture.pixels
    found = edges.clean(_whole(picture), mixed, None if mixed is shown else shown)
    if share == 1:
        return found
    return compose.on(found, np.broadcast_to(np.float32(share), mixed.shape), picture.pixels)


def _whole(picture: Picture) -> NDArray[Any]:
    """The pixels, with visible neighbours' colours spread into what the picture's own alpha hides.

    Colours beside a hidden area are pure already: taken for a mixture with the black that stands for nothing,
    they would come out too bright.
    """
    if picture.alpha is None:
        return picture.pixels
    hidden = picture.alpha == 0
    if not hidden.any() or hidden.all():
        return picture.pixels
    # Far from everything visible: the mean of it; near, what lies next to it.
    mean = picture.pixels[~hidden].mean(axis=0).astype(picture.pixels.dtype)
    filled = np.where(hidden[..., None], mean, picture.pixels)
    spread = backgrounds.blurred(filled, hidden.astype(np.float32))
    return np.where(hidden[..., None], compose.deepen(spread, filled.dtype), filled)


def _area(box: tuple[Length, Length, Length, Length], size: tuple[int, int]) -> Window:
    """Rows and columns of a box (left, top, right, bottom), cut off where the picture ends."""
    sides = []
    for near, far, whole in ((box[1], box[3], size[0]), (box[0], box[2], size[1])):
        side = slice(int(near.of(whole)), min(round(far.of(whole)), whole))
        if side.start >= side.stop:
            raise BadInput(
                f"The box {','.join(map(str, box))} holds nothing of a picture of {size[1]}×{size[0]} pixels."
            )
        sides.append(side)
    return sides[0], sides[1]


def _widened(side: slice, margin: int, whole: int) -> slice:
    return slice(max(0, side.start - margin), min(whole, side.stop + margin))

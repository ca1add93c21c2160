"""Colours and alpha → the picture that is asked for. The order of the composition is here.

1. `crop`, `canvas`, `scale` and `position` say where the picture comes to lie (`_frame.py`).
2. The background: a colour, a picture fitted to the canvas, or the picture itself, mirrored where it does not reach.
3. On it the shadow, on that the outline, on that the subject; without a background they stay transparent.

Results have the picture's depth, or that of `depth`, and its profile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _frame, _layers, backgrounds, compose, image
from .options import ORIGINALS, CutOptions

__all__ = ["arranged", "background", "flat", "overlay"]

Floats = NDArray[np.float32]
EIGHT, SIXTEEN = np.dtype(np.uint8), np.dtype(np.uint16)


def arranged(
    picture: image.Picture, colours: NDArray[Any], alpha: Floats, options: CutOptions
) -> tuple[NDArray[Any], Floats, _frame.Frame]:
    """Colours and alpha in their frame, at the depth that is asked for, with shadow and outline under them.

    Args:
        picture: as it was read.
        colours: (H, W, 3), in the picture's profile.
        alpha: (H, W) float32 in [0, 1].
        options: resolved.
    """
    place = _frame.frame(alpha, options, _room(alpha, options))
    colours, alpha = _frame.moved(_deep(colours, options.depth), alpha, place)
    top = np.iinfo(colours.dtype).max
    subject = alpha
    if options.outline is not None:
        width, name = options.outline
        seen = _frame.visible(subject) or (0, 0, 0, 0)
        longer = max(seen[2] - seen[0], seen[3] - seen[1])
        wide = width.of(longer) if width.unit == "%" else width.value * place.scale
        subject = _layers.outline(alpha, wide)
        paint = _in_profile(backgrounds.colour(name) or (255, 255, 255), picture, top)
        colours, alpha = _layers.under(colours, alpha, paint, subject)
    if options.shadow is not None:
        shadow = _layers.drop if options.shadow == "drop" else _layers.contact
        colours, alpha = _layers.under(colours, alpha, (0, 0, 0), shadow(subject))
    return colours, alpha, place


def background(
    picture: image.Picture, alpha: Floats, given: Any, options: CutOptions, place: _frame.Frame
) -> NDArray[Any]:
    """What `given` (a colour, a name, or a picture of any kind) puts behind, (h, w, 3) uint8 or at the picture's depth.

    Args:
        picture: as it was read.
        alpha: the subject's, of the picture's size.
        given: `CutOptions.background`, or anything that can be read as a picture.
        options: resolved; for `fit`.
        place: the frame.
    """
    if isinstance(given, str) and given in ORIGINALS:
        plane = backgrounds.changed(picture.pixels, alpha, given)
        if given == "blur" and not place.covered:  # nothing in it has to lie where it was
            return backgrounds.fitted(compose.eight_bits(plane), place.size)
        return plane if place.still else _frame.mirrored(compose.eight_bits(plane), place)
    named = backgrounds.colour(given) if isinstance(given, str) else given
    if isinstance(named, tuple):
        paint = _in_profile(named, picture, 255)
        return np.broadcast_to(np.array(paint, np.uint8), (*place.size, 3))
    if named is None:
        backgrounds.check(CutOptions(background=given))
        named = given
    plane = backgrounds.fitted(image.decode(named).rgb, place.size, options.fit)
    return image.from_srgb(plane, picture.icc)


def flat(colours: NDArray[Any], alpha: Floats, behind: NDArray[Any]) -> NDArray[Any]:
    """Colours and their alpha on a background, at the colours' depth: (H, W, 3)."""
    return compose.on(colours, alpha, _as_deep(behind, colours.dtype))


def overlay(picture: image.Picture, alpha: Floats, options: CutOptions) -> NDArray[Any]:
    """The picture in its frame, tinted where it is not subject: (H, W, 3)."""
    place = _frame.frame(alpha, options)
    pixels = _deep(picture.pixels, options.depth)
    shown, _ = _frame.moved(pixels, np.ones_like(alpha), place)
    _, share = _frame.moved(pixels, alpha, place)
    return compose.overlay(shown, share)


def _room(alpha: Floats, options: CutOptions) -> tuple[float, float, float, float]:
    """What shadow and outline need around the subject, as shares of its longer side."""
    room = _layers.ROOM.get(options.shadow or "", (0.0, 0.0, 0.0, 0.0))
    wide = 0.0
    if options.outline is not None:
        seen = _frame.visible(alpha) or (0, 0, 1, 1)
        longer = max(seen[2] - seen[0], seen[3] - seen[1])
        wide = 1.2 * options.outline[0].of(longer) / longer
    left, top, right, bottom = (max(0.0, share) + wide for share in room)
    return left, top, right, bottom


def _in_profile(
    colour: tuple[int, int, int], picture: image.Picture, top: int
) -> tuple[float, ...]:
    """An sRGB colour in the picture's profile, as levels up to `top`."""
    plane = image.from_srgb(np.array([[colour]], np.uint8), picture.icc)
    return tuple(float(level) * top / 255 for level in plane[0, 0])


def _deep(pixels: NDArray[Any], depth: int | None) -> NDArray[Any]:
    return pixels if depth is None else _as_deep(pixels, EIGHT if depth == 8 else SIXTEEN)  # noqa: PLR2004


def _as_deep(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if pixels.dtype == dtype:
        return pixels
    return compose.eight_bits(pixels) if dtype == EIGHT else compose.deepen(pixels, dtype)

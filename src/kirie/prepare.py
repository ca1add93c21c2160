"""RGB picture → network input, as each checkpoint was trained to see it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .spec import Filter, Preparation, Procedure

__all__ = ["Geometry", "Views", "network_size", "prepare", "views"]

PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where a network's input came from: the picture's and the input's (height, width).

    small: that of a second, smaller input, where there is one.
    """

    picture: tuple[int, int]
    network: tuple[int, int]
    small: tuple[int, int] | None = None

    @property
    def seen(self) -> tuple[tuple[int, int], ...]:
        """The sizes of all inputs, the smallest first."""
        return (self.small, self.network) if self.small else (self.network,)


class Views(NamedTuple):
    """What a network is to see of one or several pictures.

    whole: (B, 3, h, w) as `prepare` makes it. small: the same pictures smaller, where two answers are to be blended.
    """

    whole: NDArray[Any]
    small: NDArray[Any] | None = None


def views(
    rgb: NDArray[np.uint8], preparation: Preparation, procedure: Procedure
) -> tuple[Views, Geometry]:
    """As `prepare`, for a procedure: `pyramid` sees a large picture twice, squashed and nearly whole."""
    batch, geometry = prepare(rgb, preparation)
    if procedure.name != "pyramid":
        return Views(batch), geometry
    bound = replace(preparation, policy="bound")
    if min(network_size(geometry.picture, bound)) <= procedure.threshold:
        return Views(batch), geometry
    whole, large = prepare(rgb, bound)
    return Views(whole, batch), replace(large, small=geometry.network)


def prepare(rgb: NDArray[np.uint8], preparation: Preparation) -> tuple[NDArray[Any], Geometry]:
    """Turn a picture into a network's input.

    Args:
        rgb: (H, W, 3) uint8, sRGB.
        preparation: the checkpoint's own, from its card.

    Returns:
        (1, 3, h, w) float32, normalised (uint8 as it is, where the network's file holds the normalisation), and the
        geometry that leads back to the picture.
    """
    picture = (rgb.shape[0], rgb.shape[1])
    geometry = Geometry(picture=picture, network=network_size(picture, preparation))
    values = _resized(
        rgb, geometry.network, preparation.filter
    )  # (h, w, 3) float32, 0..255 or, by scikit-image, 0..1
    top = 1.0 if preparation.filter.startswith("skimage") else 255.0
    if preparation.scale == "none":
        pixels = np.rint(values * (255 / top)).clip(0, 255).astype(np.uint8)
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]), geometry  # HWC → NCHW
    if preparation.scale == "maximum":
        # An all-black picture: the published script divides by zero; a floor as rembg has it (1e-6) keeps it black.
        top = max(float(values.max()), 1e-6)
    gain = (1 / (top * np.asarray(preparation.std, np.float64))).astype(np.float32)
    shift = (-np.asarray(preparation.mean) / np.asarray(preparation.std)).astype(np.float32)
    batch = np.ascontiguousarray((values * gain + shift).transpose(2, 0, 1)[None])  # HWC → NCHW
    return batch, geometry


def network_size(picture: tuple[int, int], preparation: Preparation) -> tuple[int, int]:
    """The (height, width) at which a network sees a picture of that (height, width)."""
    if preparation.policy == "squash":
        return preparation.size
    if preparation.policy == "bound":
        return _bound(picture, preparation)
    scale = min(min(preparation.size) / min(picture), preparation.longest / max(picture))
    step = preparation.multiple
    height, width = (max(1, math.floor(side * scale + 0.5)) for side in picture)
    return -(-height // step) * step, -(-width // step) * step


def _bound(picture: tuple[int, int], preparation: Preparation) -> tuple[int, int]:
    """In the order of InSPyReNet's published arithmetic, whose rounding decides between two sizes."""
    short, long = float(min(picture)), float(max(picture))
    if short > preparation.shorter:
        short, long = preparation.shorter, long / (short / preparation.shorter)
    if long > preparation.longest:
        short, long = short / (long / preparation.longest), preparation.longest
    step = preparation.multiple
    short, long = (max(round(side / step), 1) * step for side in (short, long))  # halves to even
    return (short, long) if picture[0] <= picture[1] else (long, short)


def _resized(rgb: NDArray[np.uint8], size: tuple[int, int], how: Filter) -> NDArray[np.float32]:
    height, width = size
    if how.startswith("skimage"):
        from ._resample import resize_skimage

        return resize_skimage(
            rgb.astype(np.float64) / 255, (height, width), anti_aliasing=how == "skimage"
        ).astype(np.float32)
    if how == "torch":
        from ._resample import resize_torch

        return resize_torch(rgb, (height, width))
    if how == "shrink":
        if rgb.shape[0] >= height and rgb.shape[1] >= width:
            return _shrunk(rgb, height, width).astype(np.float32)
        how = "bilinear"  # libvips' enlarging works in 1/32 steps; Pillow's is exact, and small pictures are cheap
    image = Image.fromarray(rgb).resize((width, height), PILLOW[how])
    return np.asarray(image, np.float32)


def _shrunk(rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    import pyvips

    rgb = np.ascontiguousarray(rgb)
    full = pyvips.Image.new_from_memory(rgb.data, rgb.shape[1], rgb.shape[0], 3, "uchar")
    small = full.resize(width / rgb.shape[1], vscale=height / rgb.shape[0], kernel="linear")
    if (small.height, small.width) != (height, width):  # libvips rounds the size itself
        return np.asarray(
            Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3)
        )
    return np.frombuffer(small.write_to_memory(), np.uint8).reshape(height, width, 3)

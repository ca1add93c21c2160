"""RGB picture → network input, as each checkpoint was trained to see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .spec import Preparation

__all__ = ["Geometry", "prepare"]

PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where a network's input came from: the picture's and the input's (height, width)."""

    picture: tuple[int, int]
    network: tuple[int, int]


def prepare(
    rgb: NDArray[np.uint8], preparation: Preparation
) -> tuple[NDArray[np.float32], Geometry]:
    """Turn a picture into a network's input.

    Args:
        rgb: (H, W, 3) uint8, sRGB.
        preparation: the checkpoint's own, from its card.

    Returns:
        (1, 3, h, w) float32, normalised, and the geometry that leads back to the picture.
    """
    values = _resized(rgb, preparation)  # (h, w, 3) float32, 0..255 or, by scikit-image, 0..1
    top = 1.0 if preparation.filter.startswith("skimage") else 255.0
    if preparation.scale == "maximum":
        # An all-black picture: the published script divides by zero; a floor as rembg has it (1e-6) keeps it black.
        top = max(float(values.max()), 1e-6)
    gain = (1 / (top * np.asarray(preparation.std, np.float64))).astype(np.float32)
    shift = (-np.asarray(preparation.mean) / np.asarray(preparation.std)).astype(np.float32)
    batch = np.ascontiguousarray((values * gain + shift).transpose(2, 0, 1)[None])  # HWC → NCHW
    return batch, Geometry(picture=(rgb.shape[0], rgb.shape[1]), network=preparation.size)


def _resized(rgb: NDArray[np.uint8], preparation: Preparation) -> NDArray[np.float32]:
    height, width = preparation.size
    how = preparation.filter
    if how.startswith("skimage"):
        from ._resample import resize_skimage

        return resize_skimage(
            rgb.astype(np.float64) / 255, (height, width), anti_aliasing=how == "skimage"
        ).astype(np.float32)
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

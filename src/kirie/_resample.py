"""The resizing of two published scripts in NumPy: scikit-image's (U²-Net) and PyTorch's (IS-Net).

`skimage.transform.resize(image, size, order=1, mode="constant")` smooths with a Gaussian where it shrinks (since 0.15; the
0.14 that the authors pinned did not) and then interpolates linearly at pixel centres. Outside the picture there are
zeros in both steps, and at the end the values are clipped to the input's range. Both steps are linear and
separable, so each output row is one short weighted sum of input rows, and each output column one of columns.

PyTorch's bilinear `interpolate` never smooths: each value lies between the four pixels around its place, and the border
repeats outside the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import BadInput

__all__ = ["gaussian", "resize_skimage", "resize_torch"]

TRUNCATE = 4.0  # the Gaussian ends at this many standard deviations (scipy.ndimage's default)


def resize_skimage(
    image: NDArray[np.float64], size: tuple[int, int], *, anti_aliasing: bool
) -> NDArray[np.float64]:
    """Resize a picture as scikit-image 0.25 does with order 1 and mode `constant`.

    Args:
        image: (H, W, C) float64, any range.
        size: (h, w) of the result; the aspect ratio is not kept.
        anti_aliasing: smooth before shrinking, as scikit-image does from 0.15 on.

    Returns:
        (h, w, C) float64 within the input's range, equal to scikit-image's up to rounding.

    Raises:
        BadInput: not three axes, or an empty picture or size.
    """
    if image.ndim != 3 or 0 in image.shape or min(size) < 1:  # noqa: PLR2004
        raise BadInput(
            f"Cannot resize an array of shape {image.shape} to {size}: expected (H, W, C) and (h, w), "
            "nothing empty."
        )
    height, width, channels = image.shape
    h, w = size
    rows = _along_first(
        image.reshape(height, width * channels), h, smooth=anti_aliasing
    )  # (h, W·C)
    across = (
        rows.reshape(h, width, channels).transpose(1, 0, 2).reshape(width, h * channels)
    )  # (h, W, C) → (W, h·C)
    out = _along_first(across, w, smooth=anti_aliasing).reshape(w, h, channels).transpose(1, 0, 2)
    low, high = float(image.min()), float(image.max())
    if not low <= 0 <= high and out.min() <= 0 <= out.max():
        low, high = min(low, 0.0), max(high, 0.0)  # scikit-image keeps the padding's value then
    return np.clip(out, low, high)


def _along_first(values: NDArray[np.float64], targets: int, *, smooth: bool) -> NDArray[np.float64]:
    """Resize (n, m) to (targets, m)."""
    sources = values.shape[0]
    factor = sources / targets
    kernel = gaussian(max(0.0, (factor - 1) / 2) if smooth else 0.0)
    radius = len(kernel) // 2
    place = (np.arange(targets) + 0.5) * factor - 0.5
    out = np.empty((targets, values.shape[1]))
    for target, below in enumerate(np.floor(place).astype(int)):
        share = place[target] - below
        taps = np.zeros(len(kernel) + 1)
        if below >= 0:  # else the left neighbour is the zero padding
            taps[:-1] += (1 - share) * kernel
        if below + 1 < sources:
            taps[1:] += share * kernel
        first = below - radius
        start, stop = max(first, 0), min(first + len(taps), sources)
        out[target] = taps[start - first : stop - first] @ values[start:stop]
    return out


def gaussian(sigma: float) -> NDArray[np.float64]:
    """A sampled, normalised Gaussian of odd length; [1] where there is nothing to smooth."""
    if sigma <= 1e-15:  # noqa: PLR2004  scipy skips such an axis
        return np.ones(1)
    radius = int(TRUNCATE * sigma + 0.5)
    distance = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 / (sigma * sigma) * distance**2)
    return np.asarray(kernel / kernel.sum())


def resize_torch(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize a picture as PyTorch's `interpolate` does (bilinear, corners not aligned), cut to whole numbers.

    Args:
        image: (H, W, C) uint8.
        size: (h, w) of the result; the aspect ratio is not kept.

    Returns:
        (h, w, C) float32, whole numbers in 0..255; now and then one less or more than PyTorch's, whose sums round
        otherwise.
    """
    above, below, down = _neighbours(image.shape[0], size[0])
    left, right, along = _neighbours(image.shape[1], size[1])
    along, down = along[:, None], down[:, None, None]

    def across(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(h, W, C) → (h, w, C)."""
        return (1 - along) * rows.take(left, axis=1) + along * rows.take(right, axis=1)

    # In PyTorch's order of sums, and with its 32 bits: where they come out whole, the cut decides.
    return np.floor((1 - down) * across(image[above]) + down * across(image[below]))


def _neighbours(
    sources: int, targets: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each target pixel the two source pixels around its centre, and the share of the second."""
    scale = np.float32(sources / targets)
    place = (np.arange(targets, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    place = np.maximum(place, np.float32(0))
    first = np.minimum(place.astype(np.intp), sources - 1)
    return first, np.minimum(first + 1, sources - 1), place - first.astype(np.float32)

"""Raw network output → alpha of the picture's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import BadCheckpoint
from .prepare import PILLOW, Geometry
from .spec import ReadOut

__all__ = ["alpha", "probabilities"]


def alpha(raw: NDArray[np.float32], readout: ReadOut, geometry: Geometry) -> NDArray[np.float32]:
    """Read one picture's alpha.

    Args:
        raw: (K, h, w) float32, what the engine returned for one picture; the subject is channel 0 where the
            network has one channel, and everything but the background (channel 0) where it has more.
        readout: the checkpoint's own, from its card.
        geometry: from `prepare`.

    Returns:
        (H, W) float32 in [0, 1], of the picture's size.
    """
    subject = probabilities(raw, readout)
    if readout.stretch:
        low, high = float(subject.min()), float(subject.max())
        # A constant map has no subject to stretch out (the published script divides 0 by 0).
        subject = (subject - low) / (high - low) if high > low else np.zeros_like(subject)
    low, high = readout.levels
    if (low, high) != (0.0, 1.0):
        subject = ((subject - low) / (high - low)).clip(0, 1)
    height, width = geometry.picture
    if readout.quantise:
        levels = Image.fromarray((subject * 255).clip(0, 255).astype(np.uint8))  # truncates
        resized = levels.resize((width, height), PILLOW[readout.filter])
        return np.asarray(resized, np.float32) / np.float32(255)
    subject = np.ascontiguousarray(subject, np.float32)
    if readout.filter == "bilinear" and height >= subject.shape[0] and width >= subject.shape[1]:
        return _enlarged(subject, height, width)
    resized = Image.fromarray(subject).resize((width, height), PILLOW[readout.filter])
    return np.clip(np.asarray(resized), 0, 1)


def probabilities(raw: NDArray[np.float32], readout: ReadOut) -> NDArray[np.float32]:
    """The subject's probability map (h, w) float32 in [0, 1], of the network's size."""
    if raw.ndim != 3 or not np.isfinite(raw).all():  # noqa: PLR2004
        raise BadCheckpoint(
            "The network returned something that is not a finite map (shape "
            f"{raw.shape}): the file is damaged, or its precision does not suit this device."
        )
    if readout.activation == "softmax":
        powers = np.exp(raw - raw.max(axis=0))
        subject: NDArray[np.float32] = 1 - powers[0] / powers.sum(axis=0)
    elif readout.activation == "sigmoid":
        # Written with tanh, which cannot overflow.
        subject = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * raw[0]))
    else:
        subject = raw[0]
    return subject


def _enlarged(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Bilinear, pixel centres at halves, as Pillow's; several times faster on large pictures.

    All output rows between the same two source rows are one outer product, small enough for the cache.
    """
    sources, columns = plane.shape
    across = plane @ _weights(columns, width).T  # (h, W)
    place = (np.arange(height) + 0.5) * sources / height - 0.5
    upper = np.clip(np.floor(place), 0, sources - 1).astype(np.intp)
    share = np.clip(place - upper, 0, 1).astype(np.float32)
    starts = np.searchsorted(upper, np.arange(sources + 1))
    steps = np.diff(across, axis=0, append=across[-1:])  # below the last row there is nothing
    out = np.empty((height, width), np.float32)
    for row in range(sources):
        rows = slice(starts[row], starts[row + 1])
        np.multiply(share[rows, None], steps[row], out=out[rows])
        out[rows] += across[row]
    return out


def _weights(sources: int, targets: int) -> NDArray[np.float32]:
    """(targets, sources): the two bilinear weights of each target."""
    place = np.clip((np.arange(targets) + 0.5) * sources / targets - 0.5, 0, sources - 1)
    left = np.minimum(np.floor(place).astype(np.intp), max(sources - 2, 0))
    share = place - left
    matrix = np.zeros((targets, sources), np.float32)
    each = np.arange(targets)
    matrix[each, left] = 1 - share
    matrix[each, np.minimum(left + 1, sources - 1)] += share
    return matrix

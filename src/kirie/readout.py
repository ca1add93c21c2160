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
    image = Image.fromarray(np.ascontiguousarray(subject, np.float32))
    resized = image.resize((width, height), PILLOW[readout.filter])
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
        return 1 - powers[0] / powers.sum(axis=0)
    subject = raw[0]
    if readout.activation == "sigmoid":
        # Written with tanh, which cannot overflow.
        return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * subject))
    return subject

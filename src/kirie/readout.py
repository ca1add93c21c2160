"""Raw network output → alpha of the picture's size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import _classmap
from ._bilinear import resized as enlarged
from .errors import BadCheckpoint
from .prepare import PILLOW, Geometry
from .spec import ReadOut

__all__ = ["absence", "alpha", "calibrated", "classes", "probabilities", "scores", "share"]

NOT_A_MAP = (
    "The network returned something that is not a finite map (shape {}): the file is damaged, or its precision does not "
    "suit this device."
)
LEAST = 1e-7  # probabilities below it count as it: a logarithm needs one
SLACK = 0.05  # how far a network's own resizing may take probabilities out of [0, 1]


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
    if readout.presence and not _present(subject, (low + high) / 2, readout.presence):
        subject = np.zeros_like(subject)
    if (low, high) != (0.0, 1.0):
        subject = ((subject - low) / (high - low)).clip(0, 1)
    height, width = geometry.picture
    if readout.quantise:
        levels = Image.fromarray((subject * 255).clip(0, 255).astype(np.uint8))  # truncates
        resized = levels.resize((width, height), PILLOW[readout.filter])
        return np.asarray(resized, np.float32) / np.float32(255)
    subject = np.ascontiguousarray(subject, np.float32)
    if readout.filter == "corners":
        return enlarged(subject, height, width, corners=True)
    if readout.filter == "bilinear" and height >= subject.shape[0] and width >= subject.shape[1]:
        return enlarged(subject, height, width)
    resized = Image.fromarray(subject).resize((width, height), PILLOW[readout.filter])
    return np.clip(np.asarray(resized), 0, 1)


def _present(subject: NDArray[np.float32], middle: float, presence: float) -> bool:
    """Whether what counts as subject is probable enough in the mean."""
    found = subject[subject >= middle]
    return bool(found.size and found.mean(dtype=np.float64) >= presence)


def calibrated(decided: float, readout: ReadOut) -> float:
    """What an answer's decidedness in 0…1 is worth: the IoU to be expected, where the card knows; otherwise itself."""
    if not readout.calibration:
        return decided
    places = np.linspace(0, 1, len(readout.calibration))
    return float(np.interp(decided, places, readout.calibration))


def absence(raw: NDArray[np.float32], readout: ReadOut) -> float:
    """How decided an answer of nothing is, 0…1: 1 where no pixel is likely at all, 0 where one is as likely as not."""
    return max(0.0, 1 - 2 * float(probabilities(raw, readout).max()))


def probabilities(raw: NDArray[np.float32], readout: ReadOut) -> NDArray[np.float32]:
    """The subject's probability map (h, w) float32 in [0, 1], of the network's size."""
    if raw.ndim != 3 or not np.isfinite(raw).all():  # noqa: PLR2004
        raise BadCheckpoint(NOT_A_MAP.format(raw.shape))
    _check_channels(len(raw), readout)
    if readout.activation == "softmax":
        powers = np.exp(raw - raw.max(axis=0))
        subject: NDArray[np.float32] = 1 - powers[0] / powers.sum(axis=0)
    elif readout.activation == "sigmoid":
        # Written with tanh, which cannot overflow.
        subject = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * raw[0]))
    else:
        low, high = float(raw.min()), float(raw.max())
        if low < -SLACK or high > 1 + SLACK:
            raise BadCheckpoint(
                f"The network's answer goes from {low:.3g} to {high:.3g}, but its card says that these are probabilities: "
                "the card does not fit the file."
            )
        subject = (raw[0] if len(raw) == 1 else 1 - raw[0]).clip(0, 1)
    return 1 - subject if readout.invert else subject


def scores(raw: NDArray[np.float32], readout: ReadOut) -> NDArray[np.float32]:
    """The scores of all classes (K, h, w), K ≥ 2: their softmax is what the network believes of each pixel.

    One map becomes two classes: not the subject, and the subject.
    """
    if raw.ndim != 3 or not np.isfinite(raw).all():  # noqa: PLR2004
        raise BadCheckpoint(NOT_A_MAP.format(raw.shape))
    if readout.classes and len(readout.classes) != max(len(raw), 2):
        raise BadCheckpoint(
            f"The network gives {len(raw)} maps for each picture, but its card names {len(readout.classes)} classes: the "
            "card does not fit the file."
        )
    if readout.activation == "none":  # what the file holds are probabilities already
        likely = raw.clip(LEAST, 1)
        raw = np.log(likely) if len(raw) > 1 else np.log(likely) - np.log((1 - raw).clip(LEAST, 1))
    if len(raw) > 1:
        return raw
    return np.concatenate((np.zeros_like(raw), -raw if readout.invert else raw))


def classes(
    scores: NDArray[np.float32], geometry: Geometry
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The class of each pixel of the picture, (H, W): the highest of the scores, which are enlarged first."""
    return _classmap.class_map(scores, geometry.picture)


def share(
    scores: NDArray[np.float32], geometry: Geometry, chosen: Sequence[int]
) -> NDArray[np.float32]:
    """How likely each pixel of the picture is of one of the chosen classes: (H, W) float32 in [0, 1]."""
    return _classmap.probability(scores, geometry.picture, chosen)


def _check_channels(count: int, readout: ReadOut) -> None:
    """Refuse a network whose maps are not those that the card reads: the answer would be wrong without a sign of it."""
    named = len(readout.classes)
    several = named > 1 or readout.activation == "softmax"
    if (named and count != named) or (count > 1) != several:
        wanted = named or ("several" if several else 1)
        raise BadCheckpoint(
            f"The network gives {count} map{'s' * (count != 1)} for each picture, but its card reads {wanted}: the card does "
            "not fit the file."
        )

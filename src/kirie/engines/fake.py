"""A stand-in for a network: bright is subject. Answers in microseconds, needs no file; for tests and trials."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceUnavailable
from ..spec import IMAGENET_MEAN, IMAGENET_STD, Preparation

__all__ = ["FakeEngine"]

LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


class FakeEngine:
    """Logits of a luminance threshold at one half; steep, so that its masks are nearly binary."""

    name = "fake"
    device = "cpu"
    precision = "fp32"
    reason = "a luminance threshold, not a network"

    def __init__(self, preparation: Preparation | None = None, *, device: str = "auto") -> None:
        if device not in ("auto", "cpu"):
            raise DeviceUnavailable(f"The fake engine runs on the CPU only, not on {device}.")
        self._mean = preparation.mean if preparation else IMAGENET_MEAN
        self._std = preparation.std if preparation else IMAGENET_STD

    def __call__(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """(B, 3, h, w) normalised → {"logits": (B, 1, h, w)}."""
        mean, std, weights = (
            np.asarray(values, np.float32)[:, None, None]
            for values in (self._mean, self._std, LUMINANCE)
        )
        luminance = ((batch * std + mean) * weights).sum(axis=1, keepdims=True)
        return {"logits": 40 * (luminance - np.float32(0.5))}

    def close(self) -> None:
        """Nothing to give back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

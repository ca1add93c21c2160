"""A stand-in for a network: bright is subject. Answers in microseconds, needs no file; for tests and trials."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceUnavailable
from ..spec import IMAGENET_MEAN, IMAGENET_STD, ModelCard, ReadOut

__all__ = ["FakeEngine"]

LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


class FakeEngine:
    """Maps of a luminance threshold at one half; steep, so that its masks are nearly binary."""

    name = "fake"
    device = "cpu"
    precision = "fp32"
    reason = "a luminance threshold, not a network"

    def __init__(
        self, card: ModelCard | None = None, *, device: str = "auto", calls: int = 1
    ) -> None:
        if device not in ("auto", "cpu"):
            raise DeviceUnavailable(f"The fake engine runs on the CPU only, not on {device}.")
        self.calls = calls
        self._mean = card.preparation.mean if card else IMAGENET_MEAN
        self._std = card.preparation.std if card else IMAGENET_STD
        self._readout = card.readout if card else ReadOut()
        self._maps = card.procedure.maps if card else ("logits",)

    def __call__(self, batch: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """(B, 3, h, w), normalised or uint8 → the maps that the card reads, each (B, K, h, w), or a quarter of it."""
        mean, std, weights = (
            np.asarray(values, np.float32)[:, None, None]
            for values in (self._mean, self._std, LUMINANCE)
        )
        colours = batch / np.float32(255) if batch.dtype == np.uint8 else batch * std + mean
        luminance = (colours * weights).sum(axis=1, keepdims=True)
        if not self._readout.background:
            # Networks that name things answer at a quarter of the size.
            luminance = luminance[:, :, 2::4, 2::4]
        logits = 40 * (luminance - np.float32(0.5))
        if len(self._readout.classes) > 1:  # the background, and bright for the first of the others
            others = np.full_like(logits, -40).repeat(len(self._readout.classes) - 2, axis=1)
            logits = np.concatenate([-logits, logits, others], axis=1)
        if self._readout.activation == "none":
            logits = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * logits))
        return dict.fromkeys(self._maps, logits)

    def close(self) -> None:
        """Nothing to give back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

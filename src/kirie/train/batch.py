"""A batch of training pictures: bytes in memory, numbers on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..spec import Preparation

__all__ = ["NO_CLASS", "Batch"]

NO_CLASS = (
    -100
)  # the class of a picture without one; what PyTorch's cross-entropy leaves out by itself
DARKEST = (
    255e-6  # of a picture's maximum: the floor of `prepare`, which keeps a black picture black
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures as they are handed to the loop; bytes, as they are four times cheaper to move than floats.

    Attributes:
        names: of each picture, for messages.
        images: (N, h, w, 3) uint8 RGB.
        truth: (N, h, w) uint8, 0…255, how much of a pixel is subject; or int16, a label map in which 255 does not count.
        classes: (N,) int64, of the auxiliary head, `NO_CLASS` where a picture has none; None where no picture has one.
        first: the running number of its first picture.
    """

    names: list[str]
    images: Tensor
    truth: Tensor
    classes: Tensor | None
    first: int

    def inputs(self, preparation: Preparation, device: torch.device | str = "cpu") -> Tensor:
        """What the network sees: (N, 3, h, w) float32, normalised as `kirie.prepare` does it, channels last in memory."""
        x = self.images.to(device, non_blocking=True).float()  # (N, h, w, 3), 0…255
        if preparation.scale != "none":
            top: Tensor | float = 255.0
            if preparation.scale == "maximum":
                top = x.amax(dim=(1, 2, 3), keepdim=True).clamp(min=DARKEST)
            mean, std = (
                torch.tensor(each, device=x.device) for each in (preparation.mean, preparation.std)
            )
            x = (x / top - mean) / std
        return x.permute(0, 3, 1, 2)  # NHWC memory, seen as NCHW

    def targets(self, device: torch.device | str = "cpu") -> Tensor:
        """What it should answer: (N, 1, h, w) float32 in [0, 1], or (N, h, w) int64 labels."""
        truth = self.truth.to(device, non_blocking=True)
        if truth.dtype == torch.uint8:
            return truth[:, None].float() / 255
        return truth.long()

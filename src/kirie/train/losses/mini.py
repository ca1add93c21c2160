"""kirie-mini's loss: cross-entropy, soft intersection over union and structural similarity at three scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import BadInput
from .maps import bce, box_ssim, iou
from .several import supervise

__all__ = ["PARTS", "SCALES", "MiniLosses", "mini_losses", "soft_iou"]

SCALES = (1.0, 0.4, 0.3)
PARTS = (1.0, 0.7, 0.3)


class MiniLosses(NamedTuple):
    """The three weighted terms, each the weighted sum over the maps."""

    bce: Tensor
    iou: Tensor
    ssim: Tensor


def soft_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """`iou` with one pixel added to both, so that empty truth is defined."""
    return iou(logits, truth, smooth=1.0)


def mini_losses(
    maps: Sequence[Tensor],
    truth: Tensor,
    *,
    scales: Sequence[float] = SCALES,
    parts: Sequence[float] = PARTS,
) -> MiniLosses:
    """The three terms, to be added up.

    Args:
        maps: the answer first, then the sides: (N, 1, ·, ·) logits.
        truth: (N, 1, h, w) in [0, 1], averaged down to each map.
        scales: one weight for each map.
        parts: weights of cross-entropy, intersection over union and similarity.

    Raises:
        BadInput: not as many weights as maps or terms.
    """
    if len(scales) != len(maps) or len(parts) != 3:
        raise BadInput(
            f"scales has {len(scales)} and parts {len(parts)} numbers, but there are {len(maps)} maps and 3 terms."
        )
    weights = torch.tensor(scales, device=truth.device, dtype=torch.float32)
    losses = [
        part * (supervise(maps, truth, loss, resize="truth") * weights).sum()
        for part, loss in zip(parts, (bce, soft_iou, box_ssim), strict=True)
    ]
    return MiniLosses(*losses)

"""BASNet's hybrid loss as it is published, from logits."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...nn.basnet import BASNetMaps
from .maps import bce, iou, ssim
from .several import supervise

__all__ = ["BASNetLosses", "basnet_loss", "basnet_losses"]


class BASNetLosses(NamedTuple):
    """The three terms, (8,) each: of every map, in the order of the maps."""

    bce: Tensor
    ssim: Tensor  # 1 − SSIM
    iou: Tensor


def basnet_losses(maps: BASNetMaps, truth: Tensor) -> BASNetLosses:
    """Binary cross-entropy, 1 − structural similarity, and 1 − soft intersection over union of each of the eight maps.

    Args:
        maps: `net.maps(x)`, each (N, 1, h, w) logits.
        truth: (N, 1, h, w) float in [0, 1].

    Raises:
        BadInput: the truth has another shape than the maps.
    """
    return BASNetLosses(*(supervise(maps, truth, loss) for loss in (bce, ssim, iou)))


def basnet_loss(maps: BASNetMaps, truth: Tensor) -> Tensor:
    """The published training loss: the sum of all terms of all maps, each with weight 1; see `basnet_losses`."""
    return torch.stack(basnet_losses(maps, truth)).sum()

"""InSPyReNet's losses as they are published, from logits."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...nn.inspyrenet import InSPyReNetMaps
from ...nn.pyramid import ImagePyramid
from ._exact import fitting, kind
from .maps import pixel_iou, weighted_bce
from .several import consistency

__all__ = ["CONSISTENCY", "InSPyReNetLosses", "inspyrenet_loss", "inspyrenet_losses"]

CONSISTENCY = 1e-4  # the weight of consistency in the sum; all others are 1


class InSPyReNetLosses(NamedTuple):
    """The terms of the published loss, each a mean over all pixels; the order is that of `maps.saliency`, d3 … d0.

    bce, iou: (4,), of each saliency map. consistency: (3,), of d3, d2 and d1 with the map above, reduced.
    """

    bce: Tensor
    iou: Tensor
    consistency: Tensor


def inspyrenet_losses(maps: InSPyReNetMaps, truth: Tensor) -> InSPyReNetLosses:
    """All terms; each saliency map is compared with the truth of its level of the image pyramid, both enlarged.

    Args:
        maps: `net.maps(x)`.
        truth: (N, 1, h, w) float in [0, 1], as large as the network's input.

    Raises:
        BadInput: the truth has another shape than the logits.
    """
    truths, size = [fitting(truth, maps.logits)], truth.shape[-2:]
    with torch.autocast(truth.device.type, enabled=False):
        pyramid = ImagePyramid().to(truth.device)
        while len(truths) < len(maps.saliency):
            truths.append(pyramid.reduce(truths[-1]))
        pairs = [
            (_enlarged(logits.to(kind(logits)), size), _enlarged(level, size))
            for logits, level in zip(maps.saliency, reversed(truths), strict=True)
        ]
    neighbours = zip(maps.saliency[:-1], maps.saliency[1:], strict=True)
    return InSPyReNetLosses(
        torch.stack([weighted_bce(*pair) for pair in pairs]),
        torch.stack([pixel_iou(*pair) for pair in pairs]),
        torch.stack([consistency(coarse, fine, size) for coarse, fine in neighbours]),
    )


def inspyrenet_loss(maps: InSPyReNetMaps, truth: Tensor) -> Tensor:
    """The published training loss: the sum of all terms, those of consistency times 10⁻⁴; see `inspyrenet_losses`."""
    losses = inspyrenet_losses(maps, truth)
    return losses.bce.sum() + losses.iou.sum() + CONSISTENCY * losses.consistency.sum()


def _enlarged(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, size=size, mode="nearest")

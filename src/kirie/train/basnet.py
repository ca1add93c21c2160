"""BASNet's hybrid loss as it is published, for training and for checking against the published code."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadInput
from ..nn.basnet import BASNetMaps

__all__ = ["BASNetLosses", "basnet_loss", "basnet_losses", "similarity"]

WINDOW, SIGMA = 11, 1.5  # of the similarity's Gaussian window, in pixels
_C1, _C2 = 0.01**2, 0.03**2  # the constants of the SSIM paper, for values in 0..1


class BASNetLosses(NamedTuple):
    """The three terms, (8,) each: of every map, in the order of the maps."""

    cross_entropy: Tensor
    dissimilarity: Tensor  # 1 − SSIM
    iou: Tensor


def basnet_losses(maps: BASNetMaps, truth: Tensor) -> BASNetLosses:
    """Binary cross-entropy, 1 − structural similarity, and 1 − soft intersection over union of each of the eight maps.

    Args:
        maps: `net.maps(x)`, each (N, 1, h, w) logits.
        truth: (N, 1, h, w) float in [0, 1].

    Raises:
        BadInput: the truth has another shape than the maps.
    """
    if truth.shape != maps.logits.shape:
        raise BadInput(
            f"The truth has the shape {tuple(truth.shape)}, but the maps have {tuple(maps.logits.shape)}: they must be equal."
        )
    truth = truth.to(maps.logits.dtype)
    probabilities = [each.sigmoid() for each in maps]
    return BASNetLosses(
        torch.stack([F.binary_cross_entropy_with_logits(each, truth) for each in maps]),
        torch.stack([1 - similarity(each, truth) for each in probabilities]),
        torch.stack([_iou(each, truth) for each in probabilities]),
    )


def basnet_loss(maps: BASNetMaps, truth: Tensor) -> Tensor:
    """The published training loss: the sum of all terms of all maps, each with weight 1; see `basnet_losses`."""
    return torch.stack(basnet_losses(maps, truth)).sum()


def similarity(x: Tensor, y: Tensor) -> Tensor:
    """Mean structural similarity (Wang et al., 2004) of (N, 1, h, w) in 0…1, by a Gaussian window; outside are zeros."""
    places = range(-(WINDOW // 2), WINDOW // 2 + 1)
    gauss = torch.tensor([math.exp(-(n**2) / (2 * SIGMA**2)) for n in places], device="cpu")
    # In float32 whatever the maps are: the kernel's rounding shows in the variances, and thereby in the published numbers.
    gauss = gauss / gauss.sum()
    kernel = torch.outer(gauss, gauss).to(x)[None, None].repeat(5, 1, 1, 1)
    moments = torch.cat((x, y, x * x, y * y, x * y), dim=1)  # (N, 5, h, w)
    means = F.conv2d(moments, kernel, padding=WINDOW // 2, groups=5)
    mx, my, xx, yy, xy = means.unbind(1)
    vx, vy, both = xx - mx * mx, yy - my * my, xy - mx * my
    ssim = (2 * mx * my + _C1) * (2 * both + _C2) / ((mx * mx + my * my + _C1) * (vx + vy + _C2))
    return ssim.mean()


def _iou(p: Tensor, truth: Tensor) -> Tensor:
    """As published, nothing is added to the quotient; where both are zero everywhere, it counts as 0."""
    both = (p * truth).sum((1, 2, 3))  # (N,)
    either = (p + truth).sum((1, 2, 3)) - both
    return (1 - both / either.clamp_min(torch.finfo(p.dtype).tiny)).mean()

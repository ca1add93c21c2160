"""Losses on logits: cross-entropy, soft intersection over union, structural similarity; and their sum over scales.

All take logits and truth (N, 1, h, w), truth in 0..1 (soft edges count), return a mean over the batch, compute in
float32 whatever the logits are, and reach 0 (to rounding) where sigmoid(logits) equals a truth of 0 and 1. The sum of
the three is BASNet's hybrid loss (Qin et al., CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["cross_entropy", "deep", "iou", "similarity"]

WINDOW = 8  # side of the similarity's square window, in pixels
_C1, _C2 = 0.01**2, 0.03**2  # the constants of the SSIM paper, for values in 0..1


def cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy, mean over all pixels."""
    return F.binary_cross_entropy_with_logits(logits.float(), truth.float())


def iou(logits: Tensor, truth: Tensor) -> Tensor:
    """1 − soft intersection over union, each picture by itself; one pixel added to both, so that empty truth is defined."""
    p, t = logits.float().sigmoid(), truth.float()
    both = (p * t).sum((1, 2, 3))  # (N,)
    either = (p + t).sum((1, 2, 3)) - both
    return (1 - (both + 1) / (either + 1)).mean()


def similarity(logits: Tensor, truth: Tensor) -> Tensor:
    """1 − SSIM (Wang et al., 2004) of probability and truth, over square windows that lie wholly inside."""
    p, t = logits.float().sigmoid(), truth.float()
    moments = torch.cat((p, t, p * p, t * t, p * t), 1)  # (N, 5, h, w)
    mp, mt, pp, tt, pt = _window_means(moments).unbind(1)  # (N, h-7, w-7) each
    vp, vt, cov = pp - mp * mp, tt - mt * mt, pt - mp * mt
    ssim = (2 * mp * mt + _C1) * (2 * cov + _C2) / ((mp * mp + mt * mt + _C1) * (vp + vt + _C2))
    return (1 - ssim).mean()


def _window_means(x: Tensor) -> Tensor:
    """Means over 8×8 windows, (N, C, h, w) → (N, C, h-7, w-7); over the whole of a smaller map.

    Pairs, then pairs of pairs, then of those: six additions, where `avg_pool2d` took a seventh of a training step.
    """
    if min(x.shape[2:]) < WINDOW:
        return x.mean((2, 3), keepdim=True)
    for shift in (1, 2, 4):
        x = x[:, :, shift:] + x[:, :, :-shift]
    for shift in (1, 2, 4):
        x = x[..., shift:] + x[..., :-shift]
    return x / WINDOW**2


def deep(
    maps: Sequence[Tensor],
    truth: Tensor,
    scales: Sequence[float] = (1.0, 0.4, 0.3),
    parts: tuple[float, float, float] = (1.0, 0.7, 0.3),
) -> Tensor:
    """The weighted sum over maps (the answer first, then the sides), truth averaged down to each map's size.

    scales: one weight for each map. parts: weights of cross-entropy, IoU and similarity.
    """
    total = torch.zeros((), device=truth.device)
    for weight, logits in zip(scales, maps, strict=True):
        h, w = logits.shape[2:]
        t = truth if truth.shape[2:] == (h, w) else F.adaptive_avg_pool2d(truth, (h, w))
        losses = (cross_entropy(logits, t), iou(logits, t), similarity(logits, t))
        total = total + weight * sum(k * loss for k, loss in zip(parts, losses, strict=True))
    return total

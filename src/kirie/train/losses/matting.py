"""Losses of alpha, beside `maps.mae` and `maps.mse`: its Laplacian pyramid, its gradient, and what is composed with it.

All take logits and alpha (N, 1, h, w), alpha in [0, 1], and return one number; see `maps` for the rules.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ...nn.pyramid import ImagePyramid
from ._exact import exact

__all__ = ["alpha_gradient", "alpha_laplacian", "composition"]

LEVELS = 5
_LEAST = 8  # pixels of the shorter side that a level of the pyramid is made of: its kernel mirrors three at each side


@exact
def alpha_laplacian(logits: Tensor, alpha: Tensor, *, levels: int = LEVELS) -> Tensor:
    """The distance of the two Laplacian pyramids: Σ 2ⁱ · mean |Lᵢ(probability) − Lᵢ(alpha)|, i = 0 the finest.

    After Hou and Liu, "Context-Aware Image Matting", ICCV 2019, with means in place of sums, and with InSPyReNet's pyramid;
    the last level is what remains, so that an offset costs, too. Levels of fewer than 8 pixels are not made.
    """
    pyramid = ImagePyramid().to(logits.device)
    gap, level = logits.sigmoid() - alpha, 0  # the pyramid is linear
    total = gap.new_zeros(())
    while level < levels and min(gap.shape[-2:]) >= _LEAST:
        gap, detail = pyramid.deconstruct(gap)
        total = total + 2**level * detail.abs().mean()
        level += 1
    return total + 2**level * gap.abs().mean()


@exact
def alpha_gradient(logits: Tensor, alpha: Tensor) -> Tensor:
    """The mean absolute difference of the two maps' steps to the next pixel, down and across."""
    gap = logits.sigmoid() - alpha
    down, across = gap[:, :, 1:] - gap[:, :, :-1], gap[..., 1:] - gap[..., :-1]
    return down.abs().mean() + across.abs().mean()


@exact
def composition(logits: Tensor, alpha: Tensor, *, foreground: Tensor, background: Tensor) -> Tensor:
    """The mean absolute difference of the two pictures that the probability and alpha compose (Xu et al., CVPR 2017).

    Args:
        logits: (N, 1, h, w).
        alpha: (N, 1, h, w) in [0, 1].
        foreground: (N, 3, h, w) colours in [0, 1].
        background: (N, 3, h, w) colours in [0, 1].
    """
    p = logits.sigmoid()
    colours = foreground.to(p.dtype) - background.to(p.dtype)
    return F.l1_loss(p * colours, alpha * colours)

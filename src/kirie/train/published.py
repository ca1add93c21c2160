"""Losses as the papers publish them, from logits, for training and for checking against the published code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadInput
from ..nn.u2net import U2NetMaps

__all__ = ["u2net_loss", "u2net_losses"]


def u2net_losses(maps: U2NetMaps, truth: Tensor) -> Tensor:
    """The binary cross-entropy of each of U²-Net's seven maps, in the order of the maps.

    The published code takes probabilities; from logits it is the same number, without the rounding of large ones.

    Args:
        maps: `net.maps(x)`, each (N, 1, h, w) logits.
        truth: (N, 1, h, w) float in [0, 1].

    Returns:
        (7,) means over all pixels.

    Raises:
        BadInput: the truth has another shape than the maps.
    """
    if truth.shape != maps.logits.shape:
        raise BadInput(
            f"The truth has the shape {tuple(truth.shape)}, but the maps have {tuple(maps.logits.shape)}: they must be equal."
        )
    truth = truth.to(maps.logits.dtype)
    return torch.stack([F.binary_cross_entropy_with_logits(each, truth) for each in maps])


def u2net_loss(maps: U2NetMaps, truth: Tensor) -> Tensor:
    """The published training loss of U²-Net: the sum of the seven, all with weight 1; see `u2net_losses`."""
    return u2net_losses(maps, truth).sum()

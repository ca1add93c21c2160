"""The losses of U²-Net and IS-Net as they are published, from logits: cross-entropy of every map, and features."""

from __future__ import annotations

import torch
from torch import Tensor

from ...nn.isnet import ISNetMaps
from ...nn.u2net import U2NetMaps
from .maps import bce
from .several import Distance, feature_distance, supervise

__all__ = ["isnet_feature_losses", "isnet_loss", "isnet_losses", "u2net_loss", "u2net_losses"]


def u2net_losses(maps: U2NetMaps, truth: Tensor) -> Tensor:
    """The binary cross-entropy of each of U²-Net's seven maps, in the order of the maps.

    Args:
        maps: `net.maps(x)`, each (N, 1, h, w) logits.
        truth: (N, 1, h, w) float in [0, 1].

    Returns:
        (7,) means over all pixels.

    Raises:
        BadInput: the truth has another shape than the maps.
    """
    return supervise(maps, truth, bce)


def u2net_loss(maps: U2NetMaps, truth: Tensor) -> Tensor:
    """The published training loss of U²-Net: the sum of the seven, all with weight 1; see `u2net_losses`."""
    return u2net_losses(maps, truth).sum()


def isnet_losses(maps: ISNetMaps, truth: Tensor) -> Tensor:
    """The binary cross-entropy of each of the six maps of IS-Net, or of its ground-truth encoder, in their order.

    Args:
        maps: `net.maps(x)`, each map (N, 1, h, w) logits.
        truth: (N, 1, h, w) float in [0, 1].

    Returns:
        (6,) means over all pixels.

    Raises:
        BadInput: the truth has another shape than the maps.
    """
    return supervise(maps[:6], truth, bce)


def isnet_feature_losses(
    maps: ISNetMaps, encoded: ISNetMaps, *, distance: Distance = "mse"
) -> Tensor:
    """How far each of IS-Net's six features is from that of the ground-truth encoder (the paper's feature synchronisation).

    Args:
        maps: `net.maps(x)`.
        encoded: `encoder.maps(truth)` for the truths of the same pictures; no gradient goes there.
        distance: see `feature_distance`.

    Returns:
        (6,) means.

    Raises:
        BadInput: a distance that does not exist, or features of other shapes.
    """
    pairs = zip(maps.features, encoded.features, strict=True)
    return torch.stack([feature_distance(*pair, distance=distance) for pair in pairs])


def isnet_loss(
    maps: ISNetMaps,
    truth: Tensor,
    encoded: ISNetMaps | None = None,
    *,
    distance: Distance = "mse",
) -> Tensor:
    """The published training loss: the sum of `isnet_losses` and, with `encoded`, of `isnet_feature_losses`.

    All weights are 1. Without `encoded` it is also the loss that the ground-truth encoder itself is trained with.
    """
    total = isnet_losses(maps, truth).sum()
    if encoded is None:
        return total
    return total + isnet_feature_losses(maps, encoded, distance=distance).sum()

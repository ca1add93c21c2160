"""Losses as the papers publish them, from logits, for training and for checking against the published code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadInput
from ..nn.isnet import ISNetMaps
from ..nn.u2net import U2NetMaps

__all__ = ["isnet_feature_losses", "isnet_loss", "isnet_losses", "u2net_loss", "u2net_losses"]

Distance = Literal["mse", "kl", "mae", "smooth_l1"]


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
    return _cross_entropies(maps, truth)


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
    return _cross_entropies(maps[:6], truth)


def isnet_feature_losses(
    maps: ISNetMaps, encoded: ISNetMaps, *, distance: Distance = "mse"
) -> Tensor:
    """How far each of IS-Net's six features is from that of the ground-truth encoder (the paper's feature synchronisation).

    Args:
        maps: `net.maps(x)`.
        encoded: `encoder.maps(truth)` for the truths of the same pictures; no gradient goes there.
        distance: the mean over all elements of: the squared difference (what the paper trains with), the absolute difference,
            its smooth form, or the terms of the Kullback-Leibler divergence, where each pixel's channels are a distribution.

    Returns:
        (6,) means.

    Raises:
        BadInput: a distance that does not exist, or features of other shapes.
    """
    if distance not in DISTANCES:
        raise BadInput(f"distance is {distance!r}, but can only be one of: {', '.join(DISTANCES)}.")
    shapes = [[tuple(each.shape) for each in side.features] for side in (maps, encoded)]
    if shapes[0] != shapes[1]:
        raise BadInput(
            f"The network's features have the shapes {shapes[0]}, but the encoder's have {shapes[1]}: give both the same "
            "number of pictures, of the same size."
        )
    pairs = zip(maps.features, encoded.features, strict=True)
    measure = DISTANCES[distance]
    return torch.stack([measure(have, want.detach().to(have.dtype)) for have, want in pairs])


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


def _divergence(have: Tensor, want: Tensor) -> Tensor:
    # PyTorch warns of its own mean over elements, which is the published one.
    have, want = F.log_softmax(have, dim=1), F.softmax(want, dim=1)
    return F.kl_div(have, want, reduction="none").mean()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "kl": _divergence,
    "mae": F.l1_loss,
    "smooth_l1": F.smooth_l1_loss,
}


def _cross_entropies(maps: Sequence[Tensor], truth: Tensor) -> Tensor:
    """The mean of each map; the maps are of one shape."""
    if truth.shape != maps[0].shape:
        raise BadInput(
            f"The truth has the shape {tuple(truth.shape)}, but the maps have {tuple(maps[0].shape)}: they must be equal."
        )
    truth = truth.to(maps[0].dtype)
    return torch.stack([F.binary_cross_entropy_with_logits(each, truth) for each in maps])

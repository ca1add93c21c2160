"""InSPyReNet's losses and learning rate as they are published, for training and for checking against the published code."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadInput
from ..nn.inspyrenet import InSPyReNetMaps
from ..nn.pyramid import ImagePyramid

__all__ = ["InSPyReNetLosses", "inspyrenet_loss", "inspyrenet_losses", "rate", "weights"]

CONSISTENCY = 1e-4  # the weight of consistency in the sum; all others are 1
WINDOW = 31  # side of the window that finds a truth's edges, in pixels


class InSPyReNetLosses(NamedTuple):
    """The terms of the published loss, each a mean over all pixels; the order is that of `maps.saliency`, d3 … d0.

    cross_entropy, iou: (4,), of each saliency map. consistency: (3,), of d3, d2 and d1 with the map above, reduced.
    """

    cross_entropy: Tensor
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
    if truth.shape != maps.logits.shape:
        raise BadInput(
            f"The truth has the shape {tuple(truth.shape)}, but the logits have {tuple(maps.logits.shape)}: they must be equal."
        )
    pyramid = ImagePyramid().to(truth.device)
    truths = [truth.to(maps.logits.dtype)]
    while len(truths) < len(maps.saliency):
        truths.append(pyramid.reduce(truths[-1]))
    size = truth.shape[-2:]
    pairs = [
        (_enlarged(logits, size), _enlarged(level, size))
        for logits, level in zip(maps.saliency, reversed(truths), strict=True)
    ]
    above = [_enlarged(pyramid.reduce(each.detach()), size) for each in maps.saliency[1:]]
    return InSPyReNetLosses(
        torch.stack([_cross_entropy(*pair) for pair in pairs]),
        torch.stack([_iou(*pair) for pair in pairs]),
        torch.stack([F.l1_loss(pair[0], want) for pair, want in zip(pairs, above, strict=False)]),
    )


def inspyrenet_loss(maps: InSPyReNetMaps, truth: Tensor) -> Tensor:
    """The published training loss: the sum of all terms, those of consistency times 10⁻⁴; see `inspyrenet_losses`."""
    losses = inspyrenet_losses(maps, truth)
    return losses.cross_entropy.sum() + losses.iou.sum() + CONSISTENCY * losses.consistency.sum()


def weights(truth: Tensor) -> Tensor:
    """How much each pixel counts in the cross-entropy: 1 far from edges, up to 6 at them; (N, 1, h, w) → the same."""
    near = F.avg_pool2d(truth, WINDOW, stride=1, padding=WINDOW // 2)  # zeros outside are counted
    return 1 + 5 * (near - truth).abs()


def rate(step: int, *, steps: int, peak: float, warm_up: int = 12_000) -> float:
    """The learning rate at a step from 0 on: polynomial decay, and below it a linear warm-up from a tenth.

    Args:
        step: at most `steps`.
        steps: of the whole training.
        peak: 1e-5 for the backbone and 1e-4 for the rest, as published.
        warm_up: steps until the warm-up ends.
    """
    least = 1e-7
    decayed = (peak - least) * (1 - step / steps) ** 0.9 + least
    return min(decayed, peak * (0.1 + 0.9 * step / warm_up)) if step < warm_up else decayed


def _enlarged(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(x, size=size, mode="nearest")


def _cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """As published, the mean is over pixels, not over weights."""
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (weights(truth) * each).mean()


def _iou(logits: Tensor, truth: Tensor) -> Tensor:
    """As published, each pixel has an intersection over union of its own."""
    p = logits.sigmoid()
    both = p * truth
    return (1 - (both + 1) / (p + truth - both + 1)).mean()

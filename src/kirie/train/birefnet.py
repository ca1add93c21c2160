"""BiRefNet's losses as they are published, for training and for checking against the published code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadInput
from ..nn.birefnet import BiRefNetMaps
from ..nn.birefnet_blocks import aligned
from .basnet import similarity
from .inspyrenet import weights as edge_weights

__all__ = [
    "TASKS",
    "TERMS",
    "BiRefNetLosses",
    "birefnet_loss",
    "birefnet_losses",
    "late_weights",
    "structure",
]

CLASSES = 5.0  # the weight of the auxiliary head's loss
PATCH = 64  # side of the patch that is looked at by itself, in pixels


class BiRefNetLosses(NamedTuple):
    """The three parts of the published loss, each a sum as it is trained.

    terms: for each term, its weighted sum over the maps: m4, m3, m2 and the logits, all of which count the same.
    gradient: of the gates, that they predict where the picture's own edges and the side maps meet; 0 without gates.
    classes: of the auxiliary head; 0 without labels.
    """

    terms: dict[str, Tensor]
    gradient: Tensor
    classes: Tensor


def birefnet_losses(
    maps: BiRefNetMaps,
    truth: Tensor,
    *,
    weights: Mapping[str, float],
    labels: Tensor | None = None,
) -> BiRefNetLosses:
    """All parts of the published loss.

    Args:
        maps: `net.maps(x)`.
        truth: (N, 1, h, w) float, as large as the network's input; what is outside of [0, 1] counts as 0 or 1.
        weights: of `TASKS`, or by `late_weights`; terms without weight are not computed.
        labels: (N,) the pictures' classes, for a network with an auxiliary head.

    Raises:
        BadInput: the truth has another shape than the logits, or there is no such term.
    """
    if truth.shape != maps.logits.shape:
        raise BadInput(
            f"The truth has the shape {tuple(truth.shape)}, but the logits have {tuple(maps.logits.shape)}: they must be equal."
        )
    if unknown := [name for name in weights if name not in TERMS]:
        raise BadInput(
            f"There is no term {unknown[0]!r} of the loss; there are: {', '.join(TERMS)}."
        )
    truth = truth.to(maps.logits.dtype).clamp(0, 1)
    passes = maps.passes or (maps.logits,)
    every = [aligned(each, truth.shape[-2:]) for each in (*maps.sides, *passes)]
    nothing = maps.logits.new_zeros(())
    classes = [F.cross_entropy(each, labels) for each in maps.classes] if labels is not None else []
    return BiRefNetLosses(
        {
            name: weight * torch.stack([TERMS[name](each, truth) for each in every]).sum()
            for name, weight in weights.items()
            if weight
        },
        sum(
            (_gradient(*pair) for pair in zip(maps.gradients, maps.references, strict=True)),
            nothing,
        ),
        CLASSES * sum(classes, nothing),
    )


def birefnet_loss(
    maps: BiRefNetMaps,
    truth: Tensor,
    *,
    weights: Mapping[str, float],
    labels: Tensor | None = None,
) -> Tensor:
    """The published training loss: the sum of all parts of `birefnet_losses`."""
    losses = birefnet_losses(maps, truth, weights=weights, labels=labels)
    return torch.stack([*losses.terms.values(), losses.gradient, losses.classes]).sum()


# --- terms, of logits and truth (N, 1, h, w) -------------------------------------------------------------------------


def _iou(p: Tensor, truth: Tensor) -> Tensor:
    """As published, the sum over the pictures, and nothing is added to the quotient."""
    both = (p * truth).sum((1, 2, 3))  # (N,)
    either = (p + truth).sum((1, 2, 3)) - both
    return (1 - both / either.clamp_min(torch.finfo(p.dtype).tiny)).sum()


def _contour(p: Tensor, truth: Tensor) -> Tensor:
    """Chan and Vese's: how long the contour is, and how well both sides are filled."""
    down = p[:, :, 1:] - p[:, :, :-1]
    across = p[:, :, :, 1:] - p[:, :, :, :-1]
    # As published, the two differences at a place are of pixels that stand diagonally.
    steps = down[:, :, 1:, :-2].square() + across[:, :, :-2, 1:].square()
    length = (steps + 1e-8).sqrt().mean()
    return 10 * length + (p * (truth - 1).square()).mean() + ((1 - p) * truth.square()).mean()


def structure(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy and intersection over union, weighted at edges (F³Net)."""
    weights, p = edge_weights(truth), logits.sigmoid()
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    entropy = (weights * each).sum((2, 3)) / weights.sum((2, 3))
    both = (weights * p * truth).sum((2, 3))
    either = (weights * (p + truth)).sum((2, 3)) - both
    return (entropy + 1 - (both + 1) / (either + 1)).mean()


def _gradient(logits: Tensor, reference: Tensor) -> Tensor:
    """The cross-entropy of a gate's prediction; as published, the reference learns from it, too."""
    x = aligned(logits, reference.shape[-2:])
    return (F.softplus(x) - x * reference.sigmoid()).mean()


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": F.binary_cross_entropy_with_logits,
    "iou": lambda x, truth: _iou(x.sigmoid(), truth),
    "iou_patch": lambda x, truth: _iou(
        x[..., :PATCH, :PATCH].sigmoid(), truth[..., :PATCH, :PATCH]
    ),
    "ssim": lambda x, truth: 1 - (1 + similarity(x.sigmoid(), truth)) / 2,
    "mae": lambda x, truth: F.l1_loss(x.sigmoid(), truth),
    "mse": lambda x, truth: F.mse_loss(x.sigmoid(), truth),
    "reg": lambda x, _: (1 - x.sigmoid().square() - (x.sigmoid() - 1).square()).mean(),
    "cnt": lambda x, truth: _contour(x.sigmoid(), truth),
    "structure": lambda x, truth: structure(x.sigmoid(), truth),  # as published, sigmoid twice
}

# --- weights ---------------------------------------------------------------------------------------------------------

_SUBJECTS = {"bce": 30.0, "iou": 0.5, "ssim": 10.0}
_GENERAL = {**_SUBJECTS, "mae": 100.0}
# task → the weights that its networks are trained with; the published names
TASKS: dict[str, dict[str, float]] = {
    "DIS5K": _SUBJECTS,
    "COD": _SUBJECTS,
    "HRSOD": _SUBJECTS,
    "General": _GENERAL,
    "General-2K": _GENERAL,
    "Matting": {"bce": 30.0, "ssim": 10.0, "mae": 100.0},
}


def late_weights(task: str, epochs: int) -> dict[str, float]:
    """The weights of a task after some of its last epochs (40 of DIS5K, 10 of Matting, 20 of others); each changes them more.

    Raises:
        BadInput: no such task.
    """
    if task not in TASKS:
        raise BadInput(f"There is no task {task!r}; there are: {', '.join(TASKS)}.")
    factors = {"ssim": 0.9} if task == "Matting" else {"bce": 0.0, "iou": 0.5, "mae": 0.9}
    return {name: weight * factors.get(name, 1.0) ** epochs for name, weight in TASKS[task].items()}

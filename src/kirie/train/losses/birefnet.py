"""BiRefNet's losses as they are published, from logits: terms, tasks, and how the last epochs change them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ...errors import BadInput
from ...nn.birefnet import BiRefNetMaps
from . import maps as single
from ._exact import fitting, kind
from .maps import bce, contour, mae, mse, regional
from .several import auxiliary, gradient_reference, supervise, true_reference

__all__ = [
    "CLASSES",
    "EPOCHS",
    "LATE",
    "TASKS",
    "TERMS",
    "BiRefNetLosses",
    "GradientTarget",
    "birefnet_loss",
    "birefnet_losses",
    "check_terms",
    "late_epochs",
    "late_weights",
    "weighted_terms",
]

CLASSES = 5.0  # the weight of the auxiliary head's loss
GradientTarget = Literal["prediction", "truth"]

# --- terms, of logits and truth (N, 1, h, w); the published names ------------------------------------------------------


def iou(logits: Tensor, truth: Tensor) -> Tensor:
    """As published, the sum over the pictures."""
    return single.iou(logits, truth, reduction="sum")


def patch_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """As published, of the patch at the top left, the sum over the pictures."""
    return single.patch_iou(logits, truth, reduction="sum")


def half_ssim(logits: Tensor, truth: Tensor) -> Tensor:
    """1 − (1 + SSIM) / 2."""
    return single.ssim(logits, truth) / 2


def structure(logits: Tensor, truth: Tensor) -> Tensor:
    """As published, the sigmoid is taken twice."""
    return single.structure(logits.to(kind(logits)).sigmoid(), truth)


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": bce,
    "iou": iou,
    "iou_patch": patch_iou,
    "ssim": half_ssim,
    "mae": mae,
    "mse": mse,
    "reg": regional,
    "cnt": contour,
    "structure": structure,
}

# --- weights -----------------------------------------------------------------------------------------------------------

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
# task → how many epochs it is trained for, and how many of them are the last, in which weights change
EPOCHS = {"DIS5K": 500, "COD": 150, "HRSOD": 150, "General": 200, "General-2K": 250, "Matting": 150}
LATE = {"DIS5K": 40, "COD": 20, "HRSOD": 20, "General": 20, "General-2K": 20, "Matting": 10}


def late_weights(
    task: str, epochs: int, weights: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The weights of a task in the n-th of its late epochs, from 1 on; 0 gives those before them.

    Each late epoch changes them once more. Of Matting, `ssim` and `mse` shrink; of the others, cross-entropy is left out,
    `iou` and `mae` shrink.

    Args:
        task: one of `TASKS`.
        epochs: how many late epochs have begun.
        weights: to begin with, instead of the task's own.

    Raises:
        BadInput: no such task.
    """
    _known(task)
    matting = {"mse": 0.9, "ssim": 0.9}
    factors = matting if task == "Matting" else {"bce": 0.0, "iou": 0.5, "mae": 0.9}
    chosen = TASKS[task] if weights is None else weights
    return {name: weight * factors.get(name, 1.0) ** epochs for name, weight in chosen.items()}


def late_epochs(task: str, epoch: int, epochs: int) -> int:
    """How many late epochs have begun, in epoch `epoch` (from 0 on) of a training of `epochs`.

    With the published number of epochs these are the last `LATE[task]`. A shorter or longer training is stretched to it,
    so that it begins to change the weights at the same share, and ends with the same.

    Raises:
        BadInput: no such task.
    """
    _known(task)
    passed = (epoch + 1) * EPOCHS[task] // epochs
    return max(0, passed - (EPOCHS[task] - LATE[task]))


def _known(task: str) -> None:
    if task not in TASKS:
        raise BadInput(f"There is no task {task!r}; there are: {', '.join(TASKS)}.")


# --- the loss ----------------------------------------------------------------------------------------------------------


class BiRefNetLosses(NamedTuple):
    """The three parts of the published loss, each a sum as it is trained.

    terms: for each term, its weighted sum over the maps: m4, m3, m2 and the logits, all of which count the same.
    gradient: of the gates, that they see where edges are; 0 without gates.
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
    gradient_target: GradientTarget = "prediction",
    images: Tensor | None = None,
) -> BiRefNetLosses:
    """All parts of the published loss.

    Args:
        maps: `net.maps(x)`.
        truth: (N, 1, h, w) float, as large as the network's input; what is outside of [0, 1] counts as 0 or 1.
        weights: of `TASKS`, or by `late_weights`; terms without weight are not computed.
        labels: (N,) the pictures' classes, for a network with an auxiliary head.
        gradient_target: what the gates are to see: `prediction`, as published: the picture's Laplacian times the side map
            of their level, which learns from it, too; `truth`: the Laplacian times the true mask.
        images: x, which `truth` needs.

    Raises:
        BadInput: the truth has another shape than the logits; there is no such term or target; `truth` without images.
    """
    truth = fitting(truth, maps.logits).clamp(0, 1)
    every = (*maps.sides, *(maps.passes or (maps.logits,)))
    references = _references(maps, truth, gradient_target, images)
    gates = [gradient_reference(*pair) for pair in zip(maps.gradients, references, strict=True)]
    classes = [auxiliary(each, labels) for each in maps.classes] if labels is not None else []
    nothing = truth.new_zeros(())
    return BiRefNetLosses(
        weighted_terms(every, truth, weights), sum(gates, nothing), CLASSES * sum(classes, nothing)
    )


def birefnet_loss(
    maps: BiRefNetMaps,
    truth: Tensor,
    *,
    weights: Mapping[str, float],
    labels: Tensor | None = None,
    gradient_target: GradientTarget = "prediction",
    images: Tensor | None = None,
) -> Tensor:
    """The published training loss: the sum of all parts of `birefnet_losses`."""
    losses = birefnet_losses(
        maps, truth, weights=weights, labels=labels, gradient_target=gradient_target, images=images
    )
    return torch.stack([*losses.terms.values(), losses.gradient, losses.classes]).sum()


def weighted_terms(
    maps: tuple[Tensor, ...], truth: Tensor, weights: Mapping[str, float]
) -> dict[str, Tensor]:
    """For each term with a weight, its weighted sum over maps that are enlarged to the truth.

    Raises:
        BadInput: there is no such term.
    """
    check_terms(weights)
    return {
        name: weight * supervise(maps, truth, TERMS[name], resize="maps").sum()
        for name, weight in weights.items()
        if weight
    }


def check_terms(weights: Mapping[str, float], terms: Collection[str] = tuple(TERMS)) -> None:
    """Refuse weights of terms that do not exist.

    Raises:
        BadInput: there is no such term.
    """
    if unknown := [name for name in weights if name not in terms]:
        raise BadInput(
            f"There is no term {unknown[0]!r} of the loss; there are: {', '.join(terms)}."
        )


def _references(
    maps: BiRefNetMaps, truth: Tensor, target: GradientTarget, images: Tensor | None
) -> tuple[Tensor, ...]:
    if target == "prediction":
        return maps.references
    if target != "truth":
        raise BadInput(f"gradient_target is {target!r}, but can only be one of: prediction, truth.")
    if images is None:
        raise BadInput("gradient_target 'truth' needs the pictures: give images=x.")
    return (true_reference(images, truth),) * len(maps.gradients)

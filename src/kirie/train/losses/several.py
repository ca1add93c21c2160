"""Losses over several maps, and of what is no map: scales, features, classes, and label maps; see `maps` for the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import BadInput
from ...nn.birefnet_blocks import aligned
from ...nn.birefnet_decoder import laplacian
from ...nn.pyramid import ImagePyramid
from ._exact import kind

__all__ = [
    "DISTANCES",
    "IGNORED",
    "Distance",
    "auxiliary",
    "consistency",
    "cross_entropy",
    "feature_distance",
    "gradient_reference",
    "supervise",
    "true_reference",
]

IGNORED = 255  # the label of pixels that do not count
Distance = Literal["mse", "kl", "mae", "smooth_l1"]


def supervise(
    maps: Sequence[Tensor],
    truth: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    resize: Literal["none", "maps", "truth"] = "none",
) -> Tensor:
    """Multi-scale supervision: the same loss for each map, for the caller to weigh and to add up.

    Args:
        maps: K of (N, 1, ·, ·) logits.
        truth: (N, 1, h, w) in [0, 1].
        loss: of (logits, truth), one number; any of `maps`.
        resize: `none`: all have the truth's size; `maps`: each map is enlarged to it, bilinearly with corners aligned
            (BiRefNet); `truth`: the truth is averaged down to each map (kirie-mini).

    Returns:
        (K,).

    Raises:
        BadInput: a map of another size, with `none`; or no such way of resizing.
    """
    if resize not in ("none", "maps", "truth"):
        raise BadInput(f"resize is {resize!r}, but can only be one of: none, maps, truth.")
    losses = []
    for each in maps:
        x, t = each, truth
        if resize == "maps":
            x = aligned(each.to(kind(each)), truth.shape[-2:])
        elif resize == "truth" and each.shape[-2:] != truth.shape[-2:]:
            h, w = each.shape[-2:]
            t = F.adaptive_avg_pool2d(truth.to(kind(each)), (h, w))
        losses.append(loss(x, t))
    return torch.stack(losses)


# --- what InSPyReNet and IS-Net add ------------------------------------------------------------------------------------


def consistency(logits: Tensor, finer: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Pyramidal consistency: how far a saliency map is from the next finer one, reduced; no gradient goes to that one.

    Args:
        logits: (N, 1, h, w).
        finer: (N, 1, 2h, 2w), logits too.
        size: of the picture; both are enlarged to it (nearest), and the mean absolute difference is taken there.
    """
    with torch.autocast(logits.device.type, enabled=False):
        wide = kind(logits)
        pyramid = ImagePyramid().to(logits.device)
        want = pyramid.reduce(finer.detach().to(wide))
        have, want = (F.interpolate(x, size=size, mode="nearest") for x in (logits.to(wide), want))
        return F.l1_loss(have, want)


def feature_distance(have: Tensor, want: Tensor, *, distance: Distance = "mse") -> Tensor:
    """How far a feature is from another network's; no gradient goes to that one.

    Args:
        have: (N, C, h, w).
        want: (N, C, h, w).
        distance: the mean over all elements of: `mse`, the squared difference (what IS-Net's paper trains with); `mae`, the
            absolute difference; `smooth_l1`, its smooth form; or `kl`, the terms of the Kullback-Leibler divergence, where
            each pixel's channels are a distribution.

    Raises:
        BadInput: a distance that does not exist, or features of different shapes.
    """
    if distance not in DISTANCES:
        raise BadInput(f"distance is {distance!r}, but can only be one of: {', '.join(DISTANCES)}.")
    if have.shape != want.shape:
        raise BadInput(
            f"The network's feature has the shape {tuple(have.shape)}, but the encoder's has {tuple(want.shape)}: give both "
            "the same number of pictures, of the same size."
        )
    with torch.autocast(have.device.type, enabled=False):
        return DISTANCES[distance](have.to(kind(have)), want.detach().to(kind(have)))


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

# --- what BiRefNet adds ------------------------------------------------------------------------------------------------


def gradient_reference(logits: Tensor, reference: Tensor) -> Tensor:
    """The cross-entropy of a gate's prediction, enlarged, against the sigmoid of what it is to see.

    Args:
        logits: (N, 1, ·, ·), one of `BiRefNetMaps.gradients`.
        reference: (N, 1, h, w): one of `BiRefNetMaps.references`, which learns from this, too, as published (the picture's
            Laplacian times a side map); or `true_reference`, which is a constant.
    """
    with torch.autocast(logits.device.type, enabled=False):
        x = aligned(logits.to(kind(logits)), reference.shape[-2:])
        return (F.softplus(x) - x * reference.to(x.dtype).sigmoid()).mean()


def true_reference(images: Tensor, truth: Tensor) -> Tensor:
    """The picture's Laplacian where the subject is: (N, 3, h, w) normalised and (N, 1, h, w) in [0, 1] → (N, 1, h, w)."""
    with torch.autocast(images.device.type, enabled=False):
        edges = laplacian(images.to(kind(images)))
        return edges * truth.to(edges.dtype)


def auxiliary(logits: Tensor, labels: Tensor) -> Tensor:
    """Auxiliary classification: the cross-entropy of (N, classes) logits against the pictures' classes.

    labels: (N,) int64; a picture without a class has a negative one, and does not count.
    """
    with torch.autocast(logits.device.type, enabled=False):
        known = labels >= 0
        each = F.cross_entropy(logits.to(kind(logits)), labels.clamp(min=0), reduction="none")
        return (each * known).sum() / known.sum().clamp(min=1)


# --- label maps --------------------------------------------------------------------------------------------------------


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    average: Literal["all", "valid"] = "all",
    ignored: int = IGNORED,
) -> Tensor:
    """The cross-entropy of logits, enlarged bilinearly to the size of a label map.

    With one class it is the binary cross-entropy, of labels 0 and 1.

    Args:
        logits: (N, classes, h, w).
        labels: (N, H, W) whole numbers from 0 to classes - 1, and `ignored`.
        average: over all pixels, ignored ones adding 0, as SegFormer's authors train; or over the valid ones only, as
            transformers does (with one class, transformers too divides by all).
        ignored: the label of pixels that do not count.

    Returns:
        One number; 0 where no pixel counts.

    Raises:
        BadInput: labels of another shape or kind, or an average that does not exist.
    """
    if average not in ("all", "valid"):
        raise BadInput(f"average is {average!r}, but can only be one of: all, valid.")
    if labels.ndim != 3 or len(labels) != len(logits) or labels.is_floating_point():
        raise BadInput(
            f"The labels are {labels.dtype} of the shape {tuple(labels.shape)}, but must be whole numbers, (N, H, W) for "
            f"N = {len(logits)} pictures."
        )
    with torch.autocast(logits.device.type, enabled=False):
        large = F.interpolate(
            logits.to(kind(logits)), size=labels.shape[-2:], mode="bilinear", align_corners=False
        )  # (N, classes, H, W)
        counts = labels != ignored
        if logits.shape[1] == 1:
            wanted = (labels * counts).to(large.dtype)
            each = F.binary_cross_entropy_with_logits(large[:, 0], wanted, reduction="none")
            total = (each * counts).sum()
        else:
            total = F.cross_entropy(large, labels.long(), ignore_index=ignored, reduction="sum")
        return total / (counts.sum().clamp(min=1) if average == "valid" else labels.numel())

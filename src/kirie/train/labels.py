"""Losses of networks that give each pixel a class, against label maps; as published, from logits."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from ..errors import BadInput
from ..nn.segformer import SegFormerMaps

__all__ = ["IGNORED", "segformer_loss"]

IGNORED = 255


def segformer_loss(
    maps: SegFormerMaps,
    labels: Tensor,
    *,
    average: Literal["all", "valid"] = "all",
    ignored: int = IGNORED,
) -> Tensor:
    """The cross-entropy of SegFormer's logits, enlarged to the labels' size.

    With one class it is the binary cross-entropy, of labels 0 and 1.

    Args:
        maps: `net.maps(x)`; logits (N, classes, h, w).
        labels: (N, H, W) whole numbers from 0 to classes - 1, and `ignored`.
        average: over all pixels, ignored ones adding 0, as the authors train; or over the valid ones only, as
            transformers does (with one class, transformers too divides by all).
        ignored: the label of pixels that do not count.

    Returns:
        One number; 0 where no pixel counts.

    Raises:
        BadInput: labels of another shape or kind, or an average that does not exist.
    """
    logits = maps.logits
    if average not in ("all", "valid"):
        raise BadInput(f"average is {average!r}, but can only be one of: all, valid.")
    if labels.ndim != 3 or len(labels) != len(logits) or labels.is_floating_point():
        raise BadInput(
            f"The labels are {labels.dtype} of the shape {tuple(labels.shape)}, but must be whole numbers, (N, H, W) for "
            f"N = {len(logits)} pictures."
        )
    enlarged = F.interpolate(
        logits, size=labels.shape[-2:], mode="bilinear", align_corners=False
    )  # (N, classes, H, W)
    counts = labels != ignored
    if logits.shape[1] == 1:
        wanted = (labels * counts).to(logits.dtype)
        each = F.binary_cross_entropy_with_logits(enlarged[:, 0], wanted, reduction="none")
        total = (each * counts).sum()
    else:
        total = F.cross_entropy(enlarged, labels.long(), ignore_index=ignored, reduction="sum")
    return total / (counts.sum().clamp(min=1) if average == "valid" else labels.numel())

"""SegFormer's loss as it is published, from logits."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ...nn.segformer import SegFormerMaps
from .several import IGNORED, cross_entropy

__all__ = ["segformer_loss"]


def segformer_loss(
    maps: SegFormerMaps,
    labels: Tensor,
    *,
    average: Literal["all", "valid"] = "all",
    ignored: int = IGNORED,
) -> Tensor:
    """The cross-entropy of SegFormer's logits, enlarged to the labels' size; see `cross_entropy`."""
    return cross_entropy(maps.logits, labels, average=average, ignored=ignored)

"""Blocks that several networks share."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ConvNormReLU", "cat_resized", "published", "rename", "resize_to"]


class ConvNormReLU(nn.Module):
    """3×3 convolution with bias → BatchNorm → ReLU; (B, inputs, H, W) → (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation
        )
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the three in turn."""
        return F.relu(self.norm(self.conv(x)))


def resize_to(x: Tensor, like: Tensor) -> Tensor:
    """Resize (B, C, h, w) to the size of `like` (B, ·, H, W), bilinear, corners not aligned."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def cat_resized(deep: Tensor, skip: Tensor) -> Tensor:
    """Concatenate the deeper map, resized, and the skip connection, in this order."""
    return torch.cat((resize_to(deep, skip), skip), dim=1)


def rename(name: str, keys: Mapping[str, str]) -> str:
    """Our name of a published tensor: each dotted part that `keys` lists is replaced, pairs of parts first."""
    return _replace(name, keys)


def published(name: str, keys: Mapping[str, str]) -> str:
    """The published name of one of our tensors: the inverse of `rename`."""
    return _replace(name, {ours: theirs for theirs, ours in keys.items()})


def _replace(name: str, table: Mapping[str, str]) -> str:
    parts, out = name.split("."), []
    while parts:
        length = 2 if ".".join(parts[:2]) in table else 1
        part = ".".join(parts[:length])
        out.append(table.get(part, part))
        del parts[:length]
    return ".".join(out)

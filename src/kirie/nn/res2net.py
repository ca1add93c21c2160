"""Res2Net v1b with 26 channels in 4 groups, as a backbone: in each block, groups of channels are convolved one after another.

Paper: Gao, Cheng, Zhao, Zhang, Yang, Torr: "Res2Net: A new multi-scale backbone architecture", IEEE TPAMI 43, 2021; arXiv
1904.01169. Upstream: github.com/Res2Net/Res2Net-PretrainedModels; the form here is InSPyReNet's (MIT).
Written anew from the paper and from facts about InSPyReNet's form, which differs from the classifier in one thing: the 3×3
convolutions of stages 3 and 4 are dilated, though their strides are kept. Its checkpoints depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from .layouts import Layout

__all__ = ["PUBLISHED", "VARIANTS", "Res2Net", "keys"]

EXPANSION = 4  # a block's channels out, in planes
GROUPS = 4  # the paper's scale

# --- blocks ----------------------------------------------------------------------------------------------------------


class Shortcut(nn.Sequential):
    """What a stage's first block adds: (B, inputs, H, W) → (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__(
            nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )


class Block(nn.Module):
    """Bottle2neck: (B, inputs, H, W) → (B, 4·planes, ⌈H/stride⌉, ⌈W/stride⌉).

    Args:
        inputs: channels in.
        planes: sets the width inside, `width` of 64 planes for each group, and the channels out.
        width: channels of each group, where planes are 64.
        stride, dilation: of the 3×3 convolutions.
        first: the first of its stage: the groups are convolved separately, and the shortcut has weights.
    """

    def __init__(
        self, inputs: int, planes: int, *, width: int, stride: int, dilation: int, first: bool
    ) -> None:
        super().__init__()
        inner, outputs = planes * width // 64, EXPANSION * planes
        self.first = first
        self.conv1 = nn.Conv2d(inputs, GROUPS * inner, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(GROUPS * inner)
        self.convs = nn.ModuleList(
            nn.Conv2d(
                inner, inner, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
            )
            for _ in range(GROUPS - 1)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(inner) for _ in range(GROUPS - 1))
        self.pool = nn.AvgPool2d(3, stride, padding=1) if first else nn.Identity()
        self.conv3 = nn.Conv2d(GROUPS * inner, outputs, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(outputs)
        self.shortcut = Shortcut(inputs, outputs, stride=stride) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve group after group, each with the result before it added; the last passes."""
        *groups, last = F.relu(self.norm1(self.conv1(x))).chunk(GROUPS, dim=1)
        mixed: list[Tensor] = []
        for group, conv, norm in zip(groups, self.convs, self.norms, strict=True):
            y = group if self.first or not mixed else mixed[-1] + group
            mixed.append(F.relu(norm(conv(y))))
        y = torch.cat((*mixed, self.pool(last)), dim=1)  # (B, GROUPS·inner, H/stride, W/stride)
        return F.relu(self.norm3(self.conv3(y)) + self.shortcut(x))


# --- model -----------------------------------------------------------------------------------------------------------


class Res2Net(nn.Module):
    """Res2Net v1b: (B, inputs, H, W) → four features (B, 256·2ⁿ, ⌈H/2ⁿ⁺²⌉, ⌈W/2ⁿ⁺²⌉), n = 0 … 3; any H and W.

    Args:
        depths: blocks of each stage.
        width: channels of each group in the first stage; each stage has twice those of the one before.
        planes: a quarter of the first feature's channels.
        dilations: of each stage's 3×3 convolutions: one for all its blocks, or one for each of the first, and the last of
            them for those that follow.
        inputs: channels of the input.
    """

    def __init__(
        self,
        *,
        depths: tuple[int, int, int, int],
        width: int = 26,
        planes: int = 64,
        dilations: tuple[int | tuple[int, ...], ...] = (1, 1, 2, (4, 8, 16)),
        inputs: int = 3,
    ) -> None:
        super().__init__()
        if len(depths) != 4 or min(*depths, planes * width // 64, inputs) < 1:
            raise BadInput(
                "Res2Net needs four depths, and at least one block, channel of a group and input, not "
                f"depths={depths}, width={width}, planes={planes}, inputs={inputs}."
            )
        self.channels = tuple(EXPANSION * planes * 2**n for n in range(4))
        self.stem_channels = planes
        self.entry = nn.Sequential(
            nn.Conv2d(inputs, 32, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, planes, 3, padding=1, bias=False),
        )
        self.norm = nn.BatchNorm2d(planes)
        self.levels = nn.ModuleList()
        before = planes
        for level, depth in enumerate(depths):
            rates = _each(dilations[level], depth)
            blocks = nn.Sequential()
            for index, rate in enumerate(rates):
                stride = 2 if level and not index else 1
                blocks.append(
                    Block(
                        before,
                        planes * 2**level,
                        width=width,
                        stride=stride,
                        dilation=rate,
                        first=index == 0,
                    )
                )
                before = self.channels[level]
            self.levels.append(blocks)
        self.apply(_initialise)

    def stem(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, planes, ⌈H/4⌉, ⌈W/4⌉): three convolutions and a pooling."""
        return F.max_pool2d(F.relu(self.norm(self.entry(x))), 3, stride=2, padding=1)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """The four features of what `stem` returned."""
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        return tuple(features)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The four features of a picture."""
        return self.features(self.stem(x))


def _each(rates: int | Sequence[int], depth: int) -> list[int]:
    """The dilation of each of a stage's blocks."""
    given = [rates] if isinstance(rates, int) else list(rates)
    return (given + given[-1:] * depth)[:depth]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


# --- published names → ours ------------------------------------------------------------------------------------------


def keys(theirs: str) -> dict[str, str]:
    """The authors' names of a backbone that a publisher calls `theirs` and we `backbone`."""
    return {
        theirs: "backbone",
        f"{theirs}.conv1": "backbone.entry",
        f"{theirs}.bn1": "backbone.norm",  # a block has a bn1, too
        **{f"{theirs}.layer{n}": f"backbone.levels.{n - 1}" for n in range(1, 5)},
        "bn1": "norm1",
        "bns": "norms",
        "bn3": "norm3",
        "downsample": "shortcut",
    }


# The authors' ImageNet files, and the copy of one that InSPyReNet's authors keep, which has no classifier.
PUBLISHED: tuple[Layout, ...] = (
    Layout(name="Res2Net", keys=keys("backbone"), within="backbone.", unused=("fc.*",)),
)

# --- variants --------------------------------------------------------------------------------------------------------

# name → the arguments that make the size
VARIANTS: dict[str, dict[str, tuple[int, ...]]] = {
    "res2net50": {"depths": (3, 4, 6, 3)},
    "res2net101": {"depths": (3, 4, 23, 3)},
}

"""BiRefNet's blocks: what its network, and its predecessor of 2023, are put together from.

Paper, upstream and licence: see `birefnet`. All resizing is bilinear with aligned corners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .deform import Steps, aggregate2d, deform_conv2d

__all__ = [
    "ASPP",
    "ATTENTIONS",
    "BLOCKS",
    "CUTS",
    "ASPPDeformable",
    "Block",
    "Cut",
    "Norm",
    "ResidualBlock",
    "aligned",
]

Norm = Callable[[int], nn.Module]  # BatchNorm2d, or Identity
BRANCH = 256  # channels of each branch of an ASPP

# --- resizing and cutting --------------------------------------------------------------------------------------------


def aligned(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Resize (B, C, h, w) to (B, C, *size)."""
    if x.shape[-2:] == torch.Size(size):
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def _pieces(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The image (B, C, H, W) cut in a grid of pieces: (B, C, rows, h, columns, w), where size = (h, w)."""
    B, C, H, W = image.shape
    h, w = size
    return image.reshape(B, C, H // h, h, W // w, w)


def by_colour(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The pieces as channels, colour by colour, row by row."""
    # b c i h j w -> b (c i j) h w
    return _pieces(image, size).permute(0, 1, 2, 4, 3, 5).flatten(1, 3)


def by_grid(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The pieces as channels, column by column, with the colours of a piece side by side: the order until November 2024."""
    # b c i h j w -> b (j i c) h w
    return _pieces(image, size).permute(0, 4, 2, 1, 3, 5).flatten(1, 3)


Cut = tuple[Callable[..., Tensor], Callable[[int], int]]


def _pixels(stride: int) -> int:
    return 3 * stride * stride


def _three(_stride: int) -> int:
    return 3


# patches → patch order → how the image is brought to a level's size, and how many channels that makes at a stride
CUTS: dict[str, dict[str, Cut | None]] = {
    "split": {"colour": (by_colour, _pixels), "grid": (by_grid, _pixels)},
    "resized": dict.fromkeys(("colour", "grid"), (aligned, _three)),
    "none": dict.fromkeys(("colour", "grid")),
}

# --- attention -------------------------------------------------------------------------------------------------------


class DeformableConv(nn.Module):
    """A convolution whose taps are moved and weighed by what it sees: (B, inputs, H, W) → (B, outputs, H, W)."""

    opset = 19  # of ONNX: the first with such an operator

    def __init__(self, inputs: int, outputs: int, *, kernel: int) -> None:
        super().__init__()
        around = kernel // 2
        self.steps = Steps(padding=(around, around))
        self.offset = nn.Conv2d(inputs, 2 * kernel**2, kernel, padding=around)
        self.modulator = nn.Conv2d(inputs, kernel**2, kernel, padding=around)
        self.regular = nn.Conv2d(inputs, outputs, kernel, padding=around, bias=False)
        for layer in (self.offset, self.modulator):  # it starts as a plain convolution
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Look where the offsets say."""
        share = 2 * self.modulator(x).sigmoid()
        return deform_conv2d(x, self.regular.weight, self.offset(x), share, steps=self.steps)


class DeformableConvV4(nn.Module):
    """The fourth version: groups of channels, each with its own taps, weighed without a softmax: (B, inputs, H, W) → (B, outputs, H, W).

    Source: arXiv 2401.06197, section 3 and figure 2: one linear layer sees where to look and how strongly; channels are mixed only
    before and after. No published BiRefNet has it. The weights of the taps begin at 1 / (h·w), where the third version's softmax begins.
    """

    opset = 19  # as `DeformableConv`
    share = 16  # channels of a group

    def __init__(self, inputs: int, outputs: int, *, kernel: int) -> None:
        super().__init__()
        around, taps = kernel // 2, kernel**2
        self.kernel, self.steps = (kernel, kernel), Steps(padding=(around, around))
        groups = max(n for n in range(1, max(1, inputs // self.share) + 1) if inputs % n == 0)
        self.value = nn.Conv2d(inputs, inputs, 1)
        self.offset = nn.Conv2d(inputs, 2 * groups * taps, 1)
        self.modulator = nn.Conv2d(inputs, groups * taps, 1)
        self.project = nn.Conv2d(inputs, outputs, 1, bias=False)
        for layer, first in ((self.offset, 0.0), (self.modulator, 1 / taps)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, first)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Look where the offsets say."""
        found = aggregate2d(
            self.value(x), self.offset(x), self.modulator(x), kernel=self.kernel, steps=self.steps
        )
        return self.project(found)


class Branch(nn.Module):
    """A convolution, handed in, norm and ReLU."""

    def __init__(self, conv: nn.Module, norm: Norm) -> None:
        super().__init__()
        self.conv = conv
        self.bn = norm(BRANCH)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the three in turn."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class _Pyramid(nn.Module):
    """Branches that see more and more, and one that sees the whole; mixed: (B, inputs, H, W) → (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, *, branches: int, norm: Norm) -> None:
        super().__init__()
        self.pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(inputs, BRANCH, 1, bias=False),
            norm(BRANCH),
            nn.ReLU(),
        )
        self.conv1 = nn.Conv2d((branches + 1) * BRANCH, outputs, 1, bias=False)
        self.bn1 = norm(outputs)
        self.dropout = nn.Dropout(0.5)

    def mixed(self, x: Tensor, branches: Iterable[nn.Module]) -> Tensor:
        """The branches of x, then the whole, concatenated, and `conv1` of that."""
        # It is the sum of its parts' convolutions; so one branch at a time is in memory.
        *shares, last = torch.split(self.conv1.weight, BRANCH, dim=1)
        y = F.conv2d(self.pool(x), last)  # (B, outputs, 1, 1): the same at all positions
        for branch, share in zip(branches, shares, strict=True):
            y = y + F.conv2d(branch(x), share)
        return self.dropout(F.relu(self.bn1(y)))


class ASPP(_Pyramid):
    """Branches of growing dilation."""

    def __init__(self, inputs: int, outputs: int, *, norm: Norm) -> None:
        super().__init__(inputs, outputs, branches=4, norm=norm)
        self.first = Branch(nn.Conv2d(inputs, BRANCH, 1, bias=False), norm)
        self.dilated = nn.ModuleList(
            Branch(nn.Conv2d(inputs, BRANCH, 3, padding=rate, dilation=rate, bias=False), norm)
            for rate in (6, 12, 18)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Mix what all branches see."""
        return self.mixed(x, (self.first, *self.dilated))


class ASPPDeformable(_Pyramid):
    """Branches of deformable convolutions with growing kernels; the first, without a number, is of one pixel."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        norm: Norm,
        kernels: tuple[int, ...],
        conv: type[DeformableConv | DeformableConvV4] = DeformableConv,
    ) -> None:
        super().__init__(inputs, outputs, branches=1 + len(kernels), norm=norm)
        self.first = Branch(conv(inputs, BRANCH, kernel=1), norm)
        self.deformed = nn.ModuleList(
            Branch(conv(inputs, BRANCH, kernel=kernel), norm) for kernel in kernels
        )

    def forward(self, x: Tensor) -> Tensor:
        """Mix what all branches see."""
        return self.mixed(x, (self.first, *self.deformed))


# name → (inputs, outputs, norm) → module
ATTENTIONS: dict[str, Callable[..., nn.Module]] = {
    "deformable": partial(ASPPDeformable, kernels=(1, 3, 7)),
    "deformable-2023": partial(ASPPDeformable, kernels=(3,)),
    "deformable-v4": partial(ASPPDeformable, kernels=(1, 3, 7), conv=DeformableConvV4),
    "aspp": ASPP,
    "none": nn.Identity,
}

# --- blocks ----------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """Two 3×3 convolutions with norms, attention between them: (B, inputs, H, W) → (B, outputs, H, W)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        attention: Callable[..., nn.Module],
        norm: Norm,
        inner: int | None,
    ) -> None:
        super().__init__()
        width = inner or max(1, inputs // 4)
        self.conv_in = nn.Conv2d(inputs, width, 3, padding=1)
        self.bn_in = norm(width)
        self.attend = attention(width, width, norm=norm)
        self.conv_out = nn.Conv2d(width, outputs, 3, padding=1)
        self.bn_out = norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all in turn; there is no ReLU at the end."""
        y = F.relu(self.bn_in(self.conv_in(x)), inplace=True)
        return self.bn_out(self.conv_out(self.attend(y)))


class ResidualBlock(Block):
    """A block, and what came in, by a 1×1 convolution."""

    def __init__(self, inputs: int, outputs: int, **arguments: Any) -> None:
        super().__init__(inputs, outputs, **arguments)
        self.residual = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both."""
        return super().forward(x) + self.residual(x)


BLOCKS: dict[str, type[Block]] = {"basic": Block, "residual": ResidualBlock}

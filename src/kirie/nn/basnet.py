"""BASNet: a residual encoder and decoder that predict, and a small U that refines the prediction along its boundary.

Paper: Qin, Zhang, Huang, Gao, Dehghan, Jagersand: "BASNet: Boundary-aware salient object detection", CVPR 2019; extended:
arXiv 2101.04704. Upstream: github.com/xuebinqin/BASNet (MIT).
Written anew from the papers and from facts about the upstream code. What differs: levels in loops, logits instead of
probabilities, and any input size (the upstream network takes multiples of 32).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from .layers import ConvNormReLU, cat_resized, resize_to

__all__ = ["KEYS", "BASNet", "BASNetMaps", "guesses"]

# --- blocks ----------------------------------------------------------------------------------------------------------


def _halve(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


class BasicBlock(nn.Module):
    """ResNet's block of two convolutions: (B, inputs, H, W) → (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve twice, and add what came in."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def _stage(inputs: int, outputs: int, *, depth: int, stride: int) -> nn.Sequential:
    """One level of the encoder; its first block shrinks."""
    first = BasicBlock(inputs, outputs, stride=stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(depth - 1)))


def _three(widths: tuple[int, int, int, int], dilations: tuple[int, int, int]) -> nn.Sequential:
    """One level of the decoder: three convolutions, of these channels in, between and out."""
    return nn.Sequential(
        *(
            ConvNormReLU(inputs, outputs, dilation=rate)
            for inputs, outputs, rate in zip(widths, widths[1:], dilations, strict=False)
        )
    )


class Refinement(nn.Module):
    """What is to be added to the predicted logits: (B, 1, H, W) → the same."""

    def __init__(self, width: int = 64, height: int = 4) -> None:
        super().__init__()
        self.entry = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.ModuleList(ConvNormReLU(width, width) for _ in range(height + 1))
        self.up = nn.ModuleList(ConvNormReLU(2 * width, width) for _ in range(height))
        self.head = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Go down and up again."""
        x, skips = self.entry(x), []
        *down, bottom = self.down
        for layer in down:
            skips.append(layer(x))
            x = _halve(skips[-1])
        x = bottom(x)
        for layer, skip in zip(reversed(self.up), reversed(skips), strict=True):
            x = layer(cat_resized(x, skip))
        return self.head(x)


# --- model -----------------------------------------------------------------------------------------------------------


class BASNetMaps(NamedTuple):
    """All maps of BASNet, each (N, 1, h, w) logits of the input's size.

    The published network returns their sigmoids in this order: dout, d1, …, d6, db.
    """

    logits: Tensor  # published dout: d1, refined
    d1: Tensor
    d2: Tensor
    d3: Tensor
    d4: Tensor
    d5: Tensor
    d6: Tensor
    bridge: Tensor  # published db


class BASNet(nn.Module):
    """BASNet: (N, channels, h, w) float, normalised → (N, 1, h, w) logits; any h and w; 87 M parameters.

    In training mode a call returns all maps, as `maps` does.

    Args:
        channels: channels of the input.
    """

    def __init__(self, *, channels: int = 3) -> None:
        super().__init__()
        if channels < 1:
            raise BadInput(f"BASNet has at least one channel, not channels={channels}.")
        self.entry = ConvNormReLU(channels, ENCODER[0][0])
        self.encoder = nn.ModuleList(  # stages 1 … 6
            _stage(inputs, outputs, depth=depth, stride=stride)
            for inputs, outputs, depth, stride in ENCODER
        )
        deepest = ENCODER[-1][1]
        self.bridge = _three((deepest,) * 4, (2, 2, 2))
        self.decoder = nn.ModuleList(_three(widths, rates) for widths, rates in DECODER)  # 1d … 6d
        sources = (*(widths[-1] for widths, _ in DECODER), deepest)  # the last is of the bridge
        self.side = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in sources)
        self.refine = Refinement()

    def maps(self, x: Tensor) -> BASNetMaps:
        """All eight maps, in either mode."""
        y, skips = self.entry(x), []
        for level, stage in enumerate(self.encoder):
            y = stage(_halve(y) if level in POOLED else y)
            skips.append(y)  # (N, C, h/2ⁿ, w/2ⁿ), n = level
        y = self.bridge(y)
        levels = [y]
        for stage, skip in zip(reversed(self.decoder), reversed(skips), strict=True):
            y = stage(cat_resized(y, skip))
            levels.insert(0, y)
        sides = [resize_to(head(level), x) for head, level in zip(self.side, levels, strict=True)]
        d1, d2, d3, d4, d5, d6, bridge = sides
        return BASNetMaps(d1 + self.refine(d1), d1, d2, d3, d4, d5, d6, bridge)

    def forward(self, x: Tensor) -> Tensor | BASNetMaps:
        """The refined logits in eval mode; all maps in training mode."""
        maps = self.maps(x)
        return maps if self.training else maps.logits


# --- published names → ours ------------------------------------------------------------------------------------------

_PARTS = (("conv", "conv"), ("bn", "norm"))  # published, ours

KEYS: dict[str, str] = {
    "inconv": "entry.conv",
    "inbn": "entry.norm",
    **{f"encoder{n}": f"encoder.{n - 1}" for n in range(1, 5)},
    **{f"resb{n}_{k}": f"encoder.{n - 1}.{k - 1}" for n in (5, 6) for k in (1, 2, 3)},
    "bn1": "norm1",
    "bn2": "norm2",
    "downsample": "shortcut",
    **{
        f"{theirs}{where}_{k}": f"{level}.{index}.{ours}"
        for theirs, ours in _PARTS
        for where, level in (
            ("bg", "bridge"),
            *((f"{n}d", f"decoder.{n - 1}") for n in range(1, 7)),
        )
        for index, k in enumerate("1m2")
    },
    **{f"outconv{n}": f"side.{n - 1}" for n in range(1, 7)},
    "outconvb": "side.6",
    "refunet": "refine",
    "refunet.conv0": "refine.entry",
    "refunet.conv_d0": "refine.head",
    **{
        f"refunet.{theirs}{n}": f"refine.down.{n - 1}.{ours}"
        for theirs, ours in _PARTS
        for n in range(1, 6)
    },
    **{
        f"refunet.{theirs}_d{n}": f"refine.up.{n - 1}.{ours}"
        for theirs, ours in _PARTS
        for n in range(1, 5)
    },
}

# --- variants --------------------------------------------------------------------------------------------------------

# (channels in, channels out, blocks, stride) of stages 1 … 6; the first four are ResNet-34's, at twice its size
ENCODER: tuple[tuple[int, int, int, int], ...] = (
    (64, 64, 3, 1),
    (64, 128, 4, 2),
    (128, 256, 6, 2),
    (256, 512, 3, 2),
    (512, 512, 3, 1),
    (512, 512, 3, 1),
)
POOLED = (4, 5)  # the levels that are halved by pooling

# (channels in, between, between, out), dilations of stages 1d … 6d
DECODER: tuple[tuple[tuple[int, int, int, int], tuple[int, int, int]], ...] = (
    ((128, 64, 64, 64), (1, 1, 1)),
    ((256, 128, 128, 64), (1, 1, 1)),
    ((512, 256, 256, 128), (1, 1, 1)),
    ((1024, 512, 512, 256), (1, 1, 1)),
    ((1024, 512, 512, 512), (1, 1, 1)),
    ((1024, 512, 512, 512), (1, 2, 2)),
)


def guesses(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, dict[str, Any]]]:
    """What a file with these tensors (our names) could hold: names of `build`, with arguments."""
    if not any(name.startswith(("bridge.", "refine.")) for name in shapes):
        return []
    entry = shapes.get("entry.conv.weight", ())
    return [("basnet", {"channels": max(1, entry[1]) if len(entry) == 4 else 3})]

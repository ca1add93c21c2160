"""U²-Net and its small version U²-Net-P: a U of U-shaped blocks.

Paper: Qin, Zhang, Huang, Dehghan, Zaiane, Jagersand: "U²-Net: Going deeper with nested U-structure for salient object
detection", Pattern Recognition 106, 107404, 2020; arXiv 2005.09007.
Upstream: github.com/xuebinqin/U-2-Net (Apache-2.0); the clothes variant is github.com/levindabhi/cloth-segmentation (MIT).
Written anew from the paper and from facts about the upstream code. What differs: one block class instead of five, one
network class instead of two, and logits instead of probabilities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from .layers import ConvNormReLU, cat_resized, resize_to

__all__ = [
    "KEYS",
    "RSU",
    "VARIANTS",
    "Stage",
    "U2Net",
    "U2NetMaps",
    "ascend",
    "block",
    "descend",
    "guesses",
    "votes",
]

# --- blocks ----------------------------------------------------------------------------------------------------------


def _halve(x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C, ⌈H/2⌉, ⌈W/2⌉), the maximum of each window; an odd edge has windows of one."""
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


class RSU(nn.Module):
    """Residual U-block: (B, inputs, H, W) → (B, outputs, H, W).

    Args:
        inputs: channels in.
        middle: channels inside the U.
        outputs: channels out.
        height: the paper's L, the number of levels.
        dilated: the paper's RSU-4F: growing dilation instead of pooling.
    """

    def __init__(
        self, inputs: int, middle: int, outputs: int, *, height: int, dilated: bool = False
    ) -> None:
        super().__init__()
        self.dilated = dilated
        # Level n is `down[n - 1]`; going up, it is `up[n - 1]`. The bottom level is dilated, not pooled.
        rates = [2**n for n in range(height)] if dilated else [1] * (height - 1) + [2]
        self.enter = ConvNormReLU(inputs, outputs)
        self.down = nn.ModuleList(
            ConvNormReLU(middle if n else outputs, middle, dilation=rates[n]) for n in range(height)
        )
        self.up = nn.ModuleList(
            ConvNormReLU(2 * middle, middle if n else outputs, dilation=rates[n])
            for n in range(height - 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Go down and up again, and add what came in."""
        residual = self.enter(x)
        height = len(self.down)
        y, levels = residual, []
        for level, layer in enumerate(self.down, start=1):
            pooled = 1 < level < height and not self.dilated
            y = layer(_halve(y) if pooled else y)  # (B, middle, H/2ⁿ, W/2ⁿ), n = level - 1
            levels.append(y)
        y = levels.pop()
        for level in range(height - 1, 0, -1):
            skip = levels.pop()
            # The bottom has the size of the level above it, and without pooling all have the same.
            same = self.dilated or level == height - 1
            y = self.up[level - 1](torch.cat((y, skip), 1) if same else cat_resized(y, skip))
        return y + residual


class Stage(NamedTuple):
    """One row of the table: a block's height and its channels in, inside and out."""

    height: int
    inputs: int
    middle: int
    outputs: int
    dilated: bool = False


def block(row: Stage) -> RSU:
    """The block that a row of the table describes."""
    return RSU(row.inputs, row.middle, row.outputs, height=row.height, dilated=row.dilated)


def descend(stages: nn.ModuleList, x: Tensor) -> list[Tensor]:
    """Encode: the map of each stage, each of half the size of the one before."""
    levels = []
    for index, stage in enumerate(stages):
        x = stage(_halve(x) if index else x)  # (N, C, h/2ⁿ, w/2ⁿ), n = index
        levels.append(x)
    return levels


def ascend(stages: nn.ModuleList, levels: list[Tensor]) -> list[Tensor]:
    """Decode: the same levels, each but the deepest replaced by its decoder's map."""
    *skips, x = levels
    decoded = [x]
    for stage, skip in zip(reversed(stages), reversed(skips), strict=True):
        x = stage(cat_resized(x, skip))
        decoded.insert(0, x)
    return decoded


# --- model -----------------------------------------------------------------------------------------------------------


class U2NetMaps(NamedTuple):
    """All maps of U²-Net, each (N, classes, h, w) logits of the input's size.

    The published network returns their sigmoids in this order: d0, d1, …, d6 (the paper's S_fuse, then S_side of stages
    1 to 6); the clothes network returns the logits themselves.
    """

    logits: Tensor  # published d0: the fusion of the six
    d1: Tensor
    d2: Tensor
    d3: Tensor
    d4: Tensor
    d5: Tensor
    d6: Tensor


class U2Net(nn.Module):
    """U²-Net: (N, channels, h, w) float, normalised → (N, classes, h, w) logits; any h and w.

    In training mode a call returns all maps, as `maps` does.

    Args:
        variant: `full` (44 M parameters) or `small` (U²-Net-P, 1.1 M).
        classes: channels of each map: 1 for a subject, 4 for the clothes network.
        channels: channels of the input.
    """

    def __init__(
        self, *, variant: Literal["full", "small"] = "full", classes: int = 1, channels: int = 3
    ) -> None:
        super().__init__()
        if variant not in VARIANTS or classes < 1 or channels < 1:
            raise BadInput(
                f"U2Net has the variants {', '.join(VARIANTS)} and at least one class and channel, not "
                f"variant={variant!r}, classes={classes}, channels={channels}."
            )
        going_down, going_up = VARIANTS[variant]
        first = going_down[0]._replace(inputs=channels)
        rows = (first, *going_down[1:])
        self.encoder = nn.ModuleList(block(row) for row in rows)  # stages 1 … 6
        self.decoder = nn.ModuleList(block(row) for row in going_up)  # stages 1d … 5d
        sources = (*going_up, going_down[-1])  # the deepest side map is of stage 6
        self.side = nn.ModuleList(nn.Conv2d(row.outputs, classes, 3, padding=1) for row in sources)
        self.fuse = nn.Conv2d(len(sources) * classes, classes, 1)

    def maps(self, x: Tensor) -> U2NetMaps:
        """All seven maps, in either mode."""
        levels = ascend(self.decoder, descend(self.encoder, x))
        first, *deeper = (head(level) for head, level in zip(self.side, levels, strict=True))
        sides = (first, *(resize_to(side, first) for side in deeper))  # six of (N, classes, h, w)
        return U2NetMaps(self.fuse(torch.cat(sides, dim=1)), *sides)

    def forward(self, x: Tensor) -> Tensor | U2NetMaps:
        """The fused logits in eval mode; all maps in training mode."""
        maps = self.maps(x)
        return maps if self.training else maps.logits


# --- published names → ours ------------------------------------------------------------------------------------------

KEYS: dict[str, str] = {
    **{f"stage{n}": f"encoder.{n - 1}" for n in range(1, 7)},
    **{f"stage{n}d": f"decoder.{n - 1}" for n in range(1, 6)},
    **{f"side{n}": f"side.{n - 1}" for n in range(1, 7)},
    "outconv": "fuse",
    "rebnconvin": "enter",
    **{f"rebnconv{n}": f"down.{n - 1}" for n in range(1, 8)},
    **{f"rebnconv{n}d": f"up.{n - 1}" for n in range(1, 7)},
    "conv_s1": "conv",
    "bn_s1": "norm",
}

# --- variants --------------------------------------------------------------------------------------------------------

# variant → (stages 1 … 6, stages 1d … 5d); the paper's table 1
VARIANTS: dict[str, tuple[tuple[Stage, ...], tuple[Stage, ...]]] = {
    "full": (
        (
            Stage(7, 3, 32, 64),
            Stage(6, 64, 32, 128),
            Stage(5, 128, 64, 256),
            Stage(4, 256, 128, 512),
            Stage(4, 512, 256, 512, dilated=True),
            Stage(4, 512, 256, 512, dilated=True),
        ),
        (
            Stage(7, 128, 16, 64),
            Stage(6, 256, 32, 64),
            Stage(5, 512, 64, 128),
            Stage(4, 1024, 128, 256),
            Stage(4, 1024, 256, 512, dilated=True),
        ),
    ),
    "small": (
        (
            Stage(7, 3, 16, 64),
            Stage(6, 64, 16, 64),
            Stage(5, 64, 16, 64),
            Stage(4, 64, 16, 64),
            Stage(4, 64, 16, 64, dilated=True),
            Stage(4, 64, 16, 64, dilated=True),
        ),
        (
            Stage(7, 128, 16, 64),
            Stage(6, 128, 16, 64),
            Stage(5, 128, 16, 64),
            Stage(4, 128, 16, 64),
            Stage(4, 128, 16, 64, dilated=True),
        ),
    ),
}


def guesses(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, dict[str, Any]]]:
    """What a file with these tensors (our names) could hold: names of `build`, with arguments."""
    classes = votes(shapes)
    entry = shapes.get("encoder.0.enter.conv.weight", ())
    arguments = {"classes": classes, "channels": max(1, entry[1]) if len(entry) == 4 else 3}
    full = "u2net-cloth" if classes == 4 else "u2net"
    return [(full, arguments), ("u2netp", arguments)]


def votes(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many classes most of the heads have, so that one damaged head does not mislead."""
    heads = [
        shapes.get(name, ()) for name in (*(f"side.{n}.weight" for n in range(6)), "fuse.weight")
    ]
    counts = Counter(shape[0] for shape in heads if len(shape) == 4 and shape[0])
    return counts.most_common(1)[0][0] if counts else 1

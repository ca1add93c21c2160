"""ResNet with bottlenecks, as a backbone; the stride stands in a bottleneck's 3×3 convolution, as in torchvision.

Paper: He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016; arXiv 1512.03385.
Written from the paper; names, weights and the place of the stride are torchvision's (BSD-3-Clause).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from .layouts import Layout

__all__ = ["PUBLISHED", "VARIANTS", "ResNet", "keys"]

EXPANSION = 4  # a bottleneck's channels out, in planes

# --- blocks ----------------------------------------------------------------------------------------------------------


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1, and what came in: (B, inputs, H, W) → (B, 4·planes, ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, inputs: int, planes: int, *, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * planes
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Apply all in turn, and add."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.shortcut(x))


# --- model -----------------------------------------------------------------------------------------------------------


class ResNet(nn.Module):
    """ResNet: (B, inputs, H, W) → four features (B, 256·2ⁿ, ⌈H/2ⁿ⁺²⌉, ⌈W/2ⁿ⁺²⌉), n = 0 … 3; any H and W.

    Args:
        depths: bottlenecks of each stage.
        inputs: channels of the input.
    """

    def __init__(self, *, depths: tuple[int, int, int, int], inputs: int = 3) -> None:
        super().__init__()
        if len(depths) != 4 or min(*depths, inputs) < 1:
            raise BadInput(
                f"ResNet needs four depths and at least one block and input, not depths={depths}, inputs={inputs}."
            )
        self.channels = (256, 512, 1024, 2048)
        self.stem_channels = 64
        self.entry = nn.Conv2d(inputs, self.stem_channels, 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(self.stem_channels)
        self.levels = nn.ModuleList()
        before = self.stem_channels
        for level, (depth, channels) in enumerate(zip(depths, self.channels, strict=True)):
            blocks = nn.Sequential()
            for index in range(depth):
                stride = 2 if level and not index else 1
                blocks.append(Bottleneck(before, channels // EXPANSION, stride=stride))
                before = channels
            self.levels.append(blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stem(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, 64, ⌈H/4⌉, ⌈W/4⌉): a convolution and a pooling."""
        return F.max_pool2d(F.relu(self.norm(self.entry(x))), 3, stride=2, padding=1)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """The four features of what `stem` returned."""
        features: list[Tensor] = []
        for level in self.levels:
            features.append(level(features[-1] if features else x))
        return tuple(features)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The four features of a picture."""
        return self.features(self.stem(x))


# --- published names → ours ------------------------------------------------------------------------------------------

_BLOCKS = {"downsample": "shortcut"}


def keys(theirs: str) -> dict[str, str]:
    """The names of BiRefNet's authors, who cut torchvision's network in four pieces, where they call it `theirs`."""
    return {
        theirs: "backbone",
        f"{theirs}.conv1.0": "backbone.entry",
        f"{theirs}.conv1.1": "backbone.norm",
        f"{theirs}.conv1.4": "backbone.levels.0",
        **{f"{theirs}.conv{n}": f"backbone.levels.{n - 1}" for n in (2, 3, 4)},
        **_BLOCKS,
    }


PUBLISHED: tuple[Layout, ...] = (
    Layout(
        name="torchvision",
        keys={
            "backbone.conv1": "backbone.entry",
            "backbone.bn1": "backbone.norm",
            **{f"backbone.layer{n}": f"backbone.levels.{n - 1}" for n in (1, 2, 3, 4)},
            **_BLOCKS,
        },
        within="backbone.",
        unused=("fc.*",),
    ),
)

# --- variants --------------------------------------------------------------------------------------------------------

# name → the arguments that make the size
VARIANTS: dict[str, dict[str, tuple[int, ...]]] = {"resnet50": {"depths": (3, 4, 6, 3)}}

"""VGG-16 without its classifier, as a backbone, with or without BatchNorm.

Paper: Simonyan, Zisserman: "Very deep convolutional networks for large-scale image recognition", ICLR 2015; arXiv 1409.1556.
Written from the paper; names and weights are torchvision's (BSD-3-Clause): layers keep their numbers in its one long list. The
features end in the poolings, the first of them in the second pooling, as BiRefNet cuts it.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..errors import BadInput
from .layouts import Layout

__all__ = ["PUBLISHED", "VARIANTS", "VGG", "keys"]

# The convolutions' channels of each stage; 0 is a pooling.
STAGES: tuple[tuple[int, ...], ...] = (
    (64, 64, 0, 128, 128, 0),
    (256, 256, 256, 0),
    (512, 512, 512, 0),
    (512, 512, 512, 0),
)


def _layers(width: int, inputs: int, *, norm: bool) -> list[nn.Module]:
    """One convolution, or a pooling, with what belongs to it."""
    if not width:
        return [nn.MaxPool2d(2)]
    normed: list[nn.Module] = [nn.BatchNorm2d(width)] if norm else []
    return [nn.Conv2d(inputs, width, 3, padding=1), *normed, nn.ReLU()]


class VGG(nn.Module):
    """VGG-16: (B, inputs, H, W) → four features (B, 128 … 512, ⌊H/4⌋ … ⌊H/32⌋, …); H and W from 32 on.

    Args:
        norm: whether each convolution has a BatchNorm.
        inputs: channels of the input.
    """

    def __init__(self, *, norm: bool, inputs: int = 3) -> None:
        super().__init__()
        if inputs < 1:
            raise BadInput(f"VGG needs at least one input, not {inputs}.")
        self.channels = tuple(max(widths) for widths in STAGES)
        self.stages = nn.ModuleList()
        number, before = 0, inputs
        for widths in STAGES:
            stage = nn.Sequential()
            for width in widths:
                for layer in _layers(width, before, norm=norm):
                    stage.add_module(str(number), layer)
                    number += 1
                before = width or before
            self.stages.append(stage)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The four features of a picture."""
        features: list[Tensor] = []
        for stage in self.stages:
            features.append(stage(features[-1] if features else x))
        return tuple(features)


# --- published names → ours ------------------------------------------------------------------------------------------


def keys(theirs: str) -> dict[str, str]:
    """The names of BiRefNet's authors for a backbone that they call `theirs` and we `backbone`."""
    return {
        theirs: "backbone",
        **{f"{theirs}.conv{n}": f"backbone.stages.{n - 1}" for n in (1, 2, 3, 4)},
    }


def _torchvision(*, norm: bool) -> Layout:
    ends = (14, 24, 34, 44) if norm else (10, 17, 24, 31)  # layers up to each stage's end
    stages = {n: sum(n >= end for end in ends) for n in range(ends[-1])}
    return Layout(
        name="torchvision",
        keys={f"backbone.features.{n}": f"backbone.stages.{at}.{n}" for n, at in stages.items()},
        within="backbone.",
        unused=("classifier.*",),
    )


PUBLISHED: tuple[Layout, ...] = (_torchvision(norm=False), _torchvision(norm=True))

# --- variants --------------------------------------------------------------------------------------------------------

VARIANTS: dict[str, dict[str, bool]] = {"vgg16": {"norm": False}, "vgg16bn": {"norm": True}}

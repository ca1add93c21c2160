"""IS-Net, U²-Net's U on a map of half the size, and the encoder of ground truths that supervises its features.

Paper: Qin, Dai, Hu, Fan, Shao, Van Gool: "Highly Accurate Dichotomous Image Segmentation", ECCV 2022; arXiv 2203.03041.
Upstream: github.com/xuebinqin/DIS (Apache-2.0).
Written anew from the paper and from facts about the upstream code. What differs: the blocks are those of `u2net`, logits
instead of probabilities, and the features come with the maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..errors import BadInput
from . import u2net
from .layers import ConvNormReLU, resize_to
from .u2net import Stage, ascend, block, descend

__all__ = ["KEYS", "ISNet", "ISNetMaps", "ISNetTruthEncoder", "guesses"]

# --- blocks ----------------------------------------------------------------------------------------------------------


def _heads(rows: tuple[Stage, ...], classes: int) -> nn.ModuleList:
    """One convolution for each level: (N, row.outputs, H, W) → (N, classes, H, W)."""
    return nn.ModuleList(nn.Conv2d(row.outputs, classes, 3, padding=1) for row in rows)


def _check(name: str, classes: int, channels: int) -> None:
    if classes < 1 or channels < 1:
        raise BadInput(
            f"{name} has at least one class and channel, not classes={classes}, channels={channels}."
        )


# --- model -----------------------------------------------------------------------------------------------------------


class ISNetMaps(NamedTuple):
    """All maps of IS-Net or of its ground-truth encoder: six of (N, classes, h, w) logits, and what they were read from.

    The published networks return two lists: the sigmoids of the six, from stage 1 to stage 6, and the features.
    """

    logits: Tensor  # published d1, the prediction
    d2: Tensor
    d3: Tensor
    d4: Tensor
    d5: Tensor
    d6: Tensor
    features: tuple[Tensor, ...]  # (N, C, h/2ⁿ, w/2ⁿ) for n = 1 … 6; C = 64, 64, 128, 256, 512, 512


class ISNet(nn.Module):
    """IS-Net: (N, channels, h, w) float, normalised → (N, classes, h, w) logits; any h and w; 44 M parameters.

    In training mode a call returns all maps, as `maps` does.

    Args:
        classes: channels of each map.
        channels: channels of the input.
    """

    def __init__(self, *, classes: int = 1, channels: int = 3) -> None:
        super().__init__()
        _check("ISNet", classes, channels)
        self.entry = nn.Conv2d(channels, ENCODER[0].inputs, 3, stride=2, padding=1)
        self.encoder = nn.ModuleList(block(row) for row in ENCODER)  # stages 1 … 6
        self.decoder = nn.ModuleList(block(row) for row in DECODER)  # stages 1d … 5d
        self.side = _heads((*DECODER, ENCODER[-1]), classes)

    def maps(self, x: Tensor) -> ISNetMaps:
        """All six maps and their features, in either mode."""
        levels = ascend(self.decoder, descend(self.encoder, self.entry(x)))
        return _read(self.side, levels, x)

    def forward(self, x: Tensor) -> Tensor | ISNetMaps:
        """The logits of stage 1 in eval mode; all maps in training mode."""
        maps = self.maps(x)
        return maps if self.training else maps.logits


class ISNetTruthEncoder(nn.Module):
    """The ground-truth encoder: (N, channels, h, w) truth in [0, 1] → (N, classes, h, w) logits of the same truth.

    It is trained first, on truths alone; then it is frozen, and IS-Net's features learn to be like its features. Any h and
    w; 6.9 M parameters. In training mode a call returns all maps, as `maps` does.

    Args:
        classes: channels of each map.
        channels: channels of the truth.
    """

    def __init__(self, *, classes: int = 1, channels: int = 1) -> None:
        super().__init__()
        _check("ISNetTruthEncoder", classes, channels)
        self.entry = ConvNormReLU(channels, TRUTH_ENCODER[0].inputs, stride=2)
        self.encoder = nn.ModuleList(block(row) for row in TRUTH_ENCODER)  # stages 1 … 6
        self.side = _heads(TRUTH_ENCODER, classes)

    def maps(self, x: Tensor) -> ISNetMaps:
        """All six maps and their features, in either mode."""
        return _read(self.side, descend(self.encoder, self.entry(x)), x)

    def forward(self, x: Tensor) -> Tensor | ISNetMaps:
        """The logits of stage 1 in eval mode; all maps in training mode."""
        maps = self.maps(x)
        return maps if self.training else maps.logits


def _read(heads: nn.ModuleList, levels: list[Tensor], like: Tensor) -> ISNetMaps:
    """The maps of six levels; even the first is enlarged, from half of the input's size."""
    sides = (resize_to(head(level), like) for head, level in zip(heads, levels, strict=True))
    d1, d2, d3, d4, d5, d6 = sides
    return ISNetMaps(d1, d2, d3, d4, d5, d6, tuple(levels))


# --- published names → ours ------------------------------------------------------------------------------------------

KEYS: dict[str, str] = {
    **{theirs: ours for theirs, ours in u2net.KEYS.items() if theirs != "outconv"},
    "conv_in": "entry",
    "conv_in.conv": "entry.conv",  # these two are the ground-truth encoder's
    "conv_in.bn": "entry.norm",
}

# --- variants --------------------------------------------------------------------------------------------------------

# Stages 1 … 6 and 1d … 5d: U²-Net's, but that the entry makes 64 channels of the picture.
ENCODER: tuple[Stage, ...] = (
    u2net.VARIANTS["full"][0][0]._replace(inputs=64),
    *u2net.VARIANTS["full"][0][1:],
)
DECODER: tuple[Stage, ...] = u2net.VARIANTS["full"][1]

TRUTH_ENCODER: tuple[Stage, ...] = (
    Stage(7, 16, 16, 64),
    Stage(6, 64, 16, 64),
    Stage(5, 64, 32, 128),
    Stage(4, 128, 32, 256),
    Stage(4, 256, 64, 512, dilated=True),
    Stage(4, 512, 64, 512, dilated=True),
)


def guesses(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, dict[str, Any]]]:
    """What a file with these tensors (our names) could hold: names of `build`, with arguments."""
    classes = u2net.votes(shapes)

    def channels(name: str, default: int) -> int:
        shape = shapes.get(name, ())
        return max(1, shape[1]) if len(shape) == 4 else default

    return [
        ("isnet", {"classes": classes, "channels": channels("entry.weight", 3)}),
        ("isnet-gt-encoder", {"classes": classes, "channels": channels("entry.conv.weight", 1)}),
    ]

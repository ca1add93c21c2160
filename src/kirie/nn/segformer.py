"""SegFormer b0 … b5: a Mix Transformer and a head of plain MLPs.

Paper: Xie, Wang, Yu, Anandkumar, Alvarez, Luo: "SegFormer: Simple and efficient design for semantic segmentation with
transformers", NeurIPS 2021; arXiv 2105.15203.
Upstream: github.com/NVlabs/SegFormer (non-commercial; none of it was read for this file) and its second home, Hugging Face's
transformers. Written from the paper and from facts about the published weights. What differs: keys and values of the
attention are one layer, and the dropout before the classes leaves out whole channels, as the authors have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from . import mit
from .backbones import build_backbone
from .layers import resize_to
from .layouts import Layout

__all__ = ["LAYOUTS", "MLPHead", "SegFormer", "SegFormerMaps", "guesses"]

# --- blocks ----------------------------------------------------------------------------------------------------------


class MLPHead(nn.Module):
    """The four features, each made `width` channels wide and resized to the first, mixed → logits.

    Args:
        channels: of the features, from 1/4 to 1/32.
        width: the paper's C.
        classes: channels of the logits.
        dropout: share of the mixed channels that are left out in training.
    """

    def __init__(
        self, channels: tuple[int, ...], *, width: int, classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(each, width) for each in channels)
        self.fuse = nn.Conv2d(len(channels) * width, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(width, classes, 1)
        self.apply(mit.initialise)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        """(B, Cᵢ, H/2ⁱ, W/2ⁱ), i = 0 … 3 → (B, classes, H, W)."""
        levels: list[Tensor] = []
        for project, feature in zip(self.project, features, strict=True):
            level = project(feature.permute(0, 2, 3, 1))  # b c h w -> b h w c
            level = level.permute(0, 3, 1, 2)  # (B, width, H/2ⁱ, W/2ⁱ)
            levels.append(resize_to(level, features[0]) if levels else level)
        mixed = self.fuse(torch.cat(levels[::-1], dim=1))  # the deepest first
        return self.classify(self.dropout(F.relu(self.norm(mixed))))


# --- model -----------------------------------------------------------------------------------------------------------


class SegFormerMaps(NamedTuple):
    """All maps of SegFormer.

    hidden: what the four stages give, normed: (N, Cᵢ, h/2ⁱ⁺², w/2ⁱ⁺²), i = 0 … 3; transformers' `hidden_states`.
    """

    logits: Tensor  # (N, classes, ⌈h/4⌉, ⌈w/4⌉)
    hidden: tuple[Tensor, ...]


class SegFormer(nn.Module):
    """SegFormer: (N, 3, h, w) float, normalised → (N, classes, ⌈h/4⌉, ⌈w/4⌉) logits; h and w from 29 on.

    In training mode a call returns all maps, as `maps` does.

    Args:
        backbone: `mit_b0` … `mit_b5`.
        classes: channels of the logits: 150 for ADE20K, 19 for Cityscapes, 1 for a subject.
        width: of the head; None takes the published one, 256 for b0 and b1, 768 for the others.
        eps: of the backbone's norms: 1e-6 in the authors' own network, 1e-5 in transformers'.
        dropout: share of the head's channels that are left out in training.
        drop_path: chance that a branch of the last block is left out in training.
    """

    def __init__(
        self,
        *,
        backbone: str = "mit_b0",
        classes: int = 150,
        width: int | None = None,
        eps: float = 1e-6,
        dropout: float = 0.1,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        if backbone not in WIDTHS or classes < 1 or (width is not None and width < 1):
            raise BadInput(
                f"SegFormer has the backbones {', '.join(WIDTHS)}, at least one class and a width of at least one, not "
                f"backbone={backbone!r}, classes={classes}, width={width}."
            )
        self.backbone: nn.Module = build_backbone(backbone, eps=eps, drop_path=drop_path)
        channels: Any = self.backbone.channels
        self.head = MLPHead(
            channels, width=width or WIDTHS[backbone], classes=classes, dropout=dropout
        )

    def maps(self, x: Tensor) -> SegFormerMaps:
        """The logits and the hidden states, in either mode."""
        hidden = self.backbone(x)
        return SegFormerMaps(self.head(hidden), hidden)

    def forward(self, x: Tensor) -> Tensor | SegFormerMaps:
        """The logits in eval mode; all maps in training mode."""
        maps = self.maps(x)
        return maps if self.training else maps.logits


# --- published names → ours ------------------------------------------------------------------------------------------

AUTHORS = Layout(
    name="NVlabs",
    keys={
        **mit.keys("backbone"),
        "decode_head": "head",
        **{f"decode_head.linear_c{n}.proj": f"head.project.{n - 1}" for n in range(1, 5)},
        "decode_head.linear_fuse.conv": "head.fuse",
        "decode_head.linear_fuse.bn": "head.norm",
        "decode_head.linear_pred": "head.classify",
    },
    unused=("decode_head.conv_seg.*",),
    arguments={"eps": 1e-6},
)
TRANSFORMERS = Layout(
    name="transformers",
    keys={
        **mit.TRANSFORMERS.keys,
        "decode_head": "head",
        **{f"decode_head.linear_c.{n}.proj": f"head.project.{n}" for n in range(4)},
        "decode_head.linear_fuse": "head.fuse",
        "decode_head.batch_norm": "head.norm",
        "decode_head.classifier": "head.classify",
    },
    joined=mit.TRANSFORMERS.joined,
    arguments={"eps": 1e-5},
)
# A state dict of kirie's own networks, saved without its card.
OWN = Layout(name="kirie", assumed={"eps": 1e-6})
LAYOUTS: tuple[Layout, ...] = (OWN, AUTHORS, TRANSFORMERS)

# --- variants --------------------------------------------------------------------------------------------------------

# backbone → the head's width
WIDTHS: dict[str, int] = {
    f"mit_{size}": 256 if size in ("b0", "b1") else 768
    for size in ("b0", "b1", "b2", "b3", "b4", "b5")
}


def guesses(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, dict[str, Any]]]:
    """What a file with these tensors (our names) could hold: names of `build`, with arguments."""
    depths, channels = [], []
    for n in range(4):
        start = f"stages.{n}.blocks."
        inside = [name for name in shapes if name.startswith(f"backbone.{start}")]
        depths.append(len({name.split(".")[4] for name in inside}))
        channels.append(shapes.get(f"backbone.stages.{n}.norm.weight", (0,))[:1])
    if not any(depths) and not any(name.startswith("head.project.") for name in shapes):
        return []

    def distance(backbone: str) -> int:
        """How many blocks differ; a stage of another width counts more."""
        size = mit.VARIANTS[backbone]
        blocks = sum(abs(a - b) for a, b in zip(depths, size["depths"], strict=True))
        wide = sum(a != (b,) for a, b in zip(channels, size["channels"], strict=True))
        return blocks + 100 * wide

    backbone = min(WIDTHS, key=distance)
    arguments: dict[str, Any] = {}
    for name in ("head.classify.weight", "head.classify.bias"):
        if shapes.get(name, (0,))[:1] > (0,):
            arguments["classes"] = shapes[name][0]
            break
    fuse = shapes.get("head.fuse.weight", (0,))[:1]
    if fuse > (0,) and fuse != (WIDTHS[backbone],):
        arguments["width"] = fuse[0]
    return [(f"segformer-{backbone.removeprefix('mit_')}", arguments)]

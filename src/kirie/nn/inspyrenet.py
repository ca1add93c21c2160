"""InSPyReNet: a saliency map at an eighth of the size, and Laplacians that sharpen it, stage by stage, to the full size.

Paper: Kim, Kim, Lee, Kang: "Revisiting image pyramid structure for high resolution salient object detection", ACCV 2022; arXiv
2209.09475. Upstream: github.com/plemeri/InSPyReNet and github.com/plemeri/transparent-background (both MIT).
Written anew from the paper and from facts about the upstream code. What differs: logits instead of probabilities, no loss and
no blending inside (the procedure `pyramid` blends), and a pyramid that is a module. The published weights depend on some
accidents of the upstream code; they are marked "as published".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import BadInput
from . import res2net, swin
from .attention import SICA, PAADecoder, PAAEncoder, up
from .backbones import build_backbone, nearest, stem_channels, with_stem
from .layouts import Layout
from .pyramid import ImagePyramid

__all__ = ["KEYS", "LAYOUTS", "InSPyReNet", "InSPyReNetMaps", "guesses"]

# --- model -----------------------------------------------------------------------------------------------------------


class InSPyReNetMaps(NamedTuple):
    """All maps of InSPyReNet, each (N, 1, ·, ·) logits.

    saliency: published d3, d2, d1, d0, at 1/8, 1/4, 1/2 and the full size. laplacian: published p2, p1, p0, at 1/4, 1/2 and the
    full size: what each stage adds to the expanded saliency of the one before. The published network returns the sigmoid of
    d0, stretched to 0…1.
    """

    logits: Tensor  # d0
    saliency: tuple[Tensor, Tensor, Tensor, Tensor]
    laplacian: tuple[Tensor, Tensor, Tensor]


class InSPyReNet(nn.Module):
    """InSPyReNet: (N, 3, h, w) float, normalised → (N, 1, h, w) logits; h and w are multiples of 8, best of 32.

    Other sizes from 16 on give logits of the next multiples of 8. In training mode a call returns all maps, as `maps` does. No
    gradient goes through a saliency map or Laplacian into the stage before, so that each learns from its own loss.

    Args:
        backbone: one of `BACKBONES`.
        depth: channels of everything behind the backbone.
        base_size: (height, width) that the network was trained at; SICA sums contexts at this size and its halves, whatever
            the input's size is, so other values give other answers.
    """

    def __init__(
        self,
        *,
        backbone: str = "swin_v1_b",
        depth: int = 64,
        base_size: tuple[int, int] = (384, 384),
    ) -> None:
        super().__init__()
        if depth < 8 or len(base_size) != 2 or min(base_size) < 4:
            raise BadInput(
                "InSPyReNet needs a depth of at least 8 and a base_size (height, width) of at least 4, not "
                f"depth={depth}, base_size={base_size}."
            )
        self.base_size = (int(base_size[0]), int(base_size[1]))
        features: Any = build_backbone(backbone)
        self.backbone = features
        widths = (stem_channels(features), *features.channels)
        self.contexts = nn.ModuleList(PAAEncoder(width, depth) for width in widths)
        self.decoder = PAADecoder(3 * depth, depth)
        # Stage k makes the maps of 1/2ᵏ of the size; stage 0 reads one feature, the others two.
        self.refine = nn.ModuleList(
            SICA(
                2 * depth if stage else depth,
                depth,
                size=(self.base_size[0] // 2**stage, self.base_size[1] // 2**stage),
                laplacian=stage < 2,
            )
            for stage in range(3)
        )
        self.pyramid = ImagePyramid()

    def maps(self, x: Tensor) -> InSPyReNetMaps:
        """Saliency and Laplacians of all stages, in either mode."""
        H, W = x.shape[-2:]
        c1, c2, *deep = (
            context(feature)
            for context, feature in zip(self.contexts, with_stem(self.backbone, x), strict=True)
        )
        feature, d3 = self.decoder(deep)
        quarter, half = c2.shape[-2:], (H // 2, W // 2)
        feature, p2 = self.refine[2](torch.cat((c2, up(feature, quarter)), dim=1), d3.detach())
        d2 = self.pyramid.reconstruct(d3.detach(), p2)
        both = torch.cat((up(c1, half), up(feature, half)), dim=1)
        feature, p1 = self.refine[1](both, d2.detach(), p2.detach())
        d1 = self.pyramid.reconstruct(d2.detach(), p1)
        _, p0 = self.refine[0](up(feature, (H, W)), d1.detach(), p1.detach())
        d0 = self.pyramid.reconstruct(d1.detach(), p0)
        return InSPyReNetMaps(d0, (d3, d2, d1, d0), (p2, p1, p0))

    def forward(self, x: Tensor) -> Tensor | InSPyReNetMaps:
        """The full-size logits in eval mode; all maps in training mode."""
        maps = self.maps(x)
        return maps if self.training else maps.logits


# --- published names → ours ------------------------------------------------------------------------------------------

_PAA_E = {
    "branch0": "plain",
    "conv_cat": "fuse",
    "conv_res": "shortcut",
    **{
        f"branch{n}.{theirs}": f"branches.{n - 1}.{ours}"
        for n in range(1, 4)
        for theirs, ours in (
            ("conv0", "0"),
            ("conv1", "1"),
            ("conv2", "2"),
            ("Hattn", "3.height"),
            ("Wattn", "3.width"),
            ("conv3", "4"),
        )
    },
}
_SICA = {
    "conv_query": "query",
    "conv_key": "key",
    "conv_value": "value",
    "conv_out1": "refined",
    "conv_out2": "fuse",
    "conv_out3": "mix",
    "conv_out4": "head",
    "threshold": "threshold",
    "lthreshold": "laplacian_threshold",
}
KEYS: dict[str, str] = {
    **{
        f"context{n}.{theirs}": f"contexts.{n - 1}.{ours}"
        for n in range(1, 6)
        for theirs, ours in _PAA_E.items()
    },
    "decoder.conv1": "decoder.enter",
    "decoder.Hattn": "decoder.attention.height",
    "decoder.Wattn": "decoder.attention.width",
    **{f"decoder.conv{n}": f"decoder.mix.{n - 2}" for n in range(2, 5)},
    "decoder.conv5.conv": "decoder.head",
    **{
        f"attention{n}.{theirs}": f"refine.{n}.{ours}"
        for n in range(3)
        for theirs, ours in _SICA.items()
    },
    "query_conv": "query",
    "key_conv": "key",
    "value_conv": "value",
}

# No tensor tells the size that a network was trained at.
_USUAL = {"base_size": (384, 384)}
_COMPUTED = ("*.bias_index",)  # Swin's, which a file may lack
# The authors' own networks, by backbone; and a state dict of kirie's, saved without its card.
LAYOUTS: tuple[Layout, ...] = (
    *(
        Layout(
            name="plemeri",
            keys={**module.keys("backbone"), **KEYS},
            absent=_COMPUTED,
            assumed=_USUAL,
        )
        for module in (swin, res2net)
    ),
    Layout(name="kirie", absent=_COMPUTED, assumed=_USUAL),
)

# --- variants --------------------------------------------------------------------------------------------------------


def guesses(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, dict[str, Any]]]:
    """What a file with these tensors (our names) could hold: names of `build`, with arguments."""
    if not any(name.startswith("contexts.") for name in shapes):
        return []
    heads = [shapes.get(f"contexts.{n}.plain.conv.weight", ()) for n in range(5)]
    depths = Counter(shape[0] for shape in heads if len(shape) == 4 and shape[0] >= 8)
    inside = {
        name.removeprefix("backbone."): shape
        for name, shape in shapes.items()
        if name.startswith("backbone.")
    }
    depth = depths.most_common(1)[0][0] if depths else 64
    return [("inspyrenet", {"backbone": nearest(inside), "depth": depth})]

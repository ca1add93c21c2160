"""Names → backbones: an explicit table, shared by the networks that can stand on several.

A backbone is a module with `channels`, the channels of its four features; called with (B, 3, H, W) it returns these
features: (B, C1, H/4, W/4), (B, C2, H/8, W/8), (B, C3, H/16, W/16), (B, C4, H/32, W/32).

One that has a stem level gives it too: `stem(x)` is (B, `stem_channels`, H/4, W/4), what the first stage reads;
`features(stem)` the four features; and a call is the one after the other. Swin's stem is its patches, embedded; ResNet's
and Res2Net's their first convolutions, pooled. MiT, PVT v2 and VGG have no map before their first stage at this size: for
them a network that wants five features takes the first of the four twice (`with_stem`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from ..errors import UnknownModel
from . import mit, res2net, resnet, swin, vgg
from .layers import outlined

__all__ = [
    "BACKBONES",
    "Backbone",
    "build_backbone",
    "nearest",
    "outline",
    "stem_channels",
    "with_stem",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """One name.

    target: the class, as `module:NAME`.
    arguments: what makes the size.
    published: `module:NAME` of the `Layout`s of the publishers' ImageNet files.
    """

    target: str
    arguments: dict[str, Any] = field(default_factory=dict)
    published: str


def _rows(
    module: str, network: str, variants: Mapping[str, Mapping[str, Any]]
) -> dict[str, Backbone]:
    """The rows of one file, which has its sizes in `VARIANTS` and its publishers' ways in `PUBLISHED`."""
    return {
        name: Backbone(
            target=f"{module}:{network}", arguments=dict(row), published=f"{module}:PUBLISHED"
        )
        for name, row in variants.items()
    }


BACKBONES: dict[str, Backbone] = {
    **_rows("kirie.nn.swin", "Swin", swin.VARIANTS),
    **_rows("kirie.nn.mit", "MixTransformer", mit.VARIANTS),
    **_rows("kirie.nn.res2net", "Res2Net", res2net.VARIANTS),
    **_rows("kirie.nn.resnet", "ResNet", resnet.VARIANTS),
    **_rows("kirie.nn.vgg", "VGG", vgg.VARIANTS),
}


def build_backbone(name: str, **arguments: Any) -> nn.Module:
    """Build a backbone with random weights; `arguments` win over the size's own.

    Raises:
        UnknownModel: no such name.
    """
    if name not in BACKBONES:
        near = get_close_matches(name, BACKBONES, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownModel(f"Unknown backbone {name!r}.{hint} There are: {', '.join(BACKBONES)}.")
    row = BACKBONES[name]
    module, _, attribute = row.target.partition(":")
    backbone: nn.Module = getattr(import_module(module), attribute)(
        **{**row.arguments, **arguments}
    )
    return backbone


def nearest(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The backbone that has most in common with the tensors of these names, without the prefix of the network, and shapes.

    First the names tell the class, of which one is compared; then shapes, too, tell which of its sizes it is.
    """
    firsts = {row.target: name for name, row in reversed(BACKBONES.items())}
    first = max(firsts.values(), key=lambda name: _likeness(shapes, dict(outline(name))))
    same = [name for name, row in BACKBONES.items() if row.target == BACKBONES[first].target]
    return max(same, key=lambda name: _likeness(shapes.items(), outline(name)))


def _likeness(have: Collection[Any], want: Collection[Any]) -> float:
    """0 where nothing is common, 1/2 where all is."""
    return len(set(have).intersection(want)) / (len(have) + len(want))


@cache
def outline(name: str) -> frozenset[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a backbone's tensors."""
    with outlined():
        state = build_backbone(name).state_dict()
    return frozenset((key, tuple(tensor.shape)) for key, tensor in state.items())


def stem_channels(backbone: Any) -> int:
    """The channels of the first of `with_stem`."""
    return int(getattr(backbone, "stem_channels", backbone.channels[0]))


def with_stem(backbone: Any, x: Tensor) -> list[Tensor]:
    """Five features of a picture: the stem level, then the four; where there is no stem level, the first of the four twice."""
    if not hasattr(backbone, "stem"):
        first, *others = backbone(x)
        return [first, first, *others]
    stem = backbone.stem(x)
    return [stem, *backbone.features(stem)]

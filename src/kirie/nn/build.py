"""Names → networks: an explicit table; nothing is imported before it is built."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from torch import nn

from ..errors import BadInput, UnknownModel
from .layouts import Layout

__all__ = ["ARCHITECTURES", "FAMILIES", "Architecture", "Family", "build", "construct", "resolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Networks that share one file.

    title: its name for people.
    keys: `module:NAME` of the table of published names; empty where the names are our own.
    layouts: `module:NAME` of the `Layout`s, instead of `keys`, where weights are published in several ways.
    guesses: `module:NAME` of the function that infers a variant from shapes; empty where only a card tells.
    options: the options of `load` that leave no trace in this family's files.
    """

    title: str
    keys: str = ""
    layouts: str = ""
    guesses: str = ""
    options: tuple[str, ...] = ()

    def published(self) -> tuple[Layout, ...]:
        """The ways in which the family's weights are published, the likeliest first; at least one."""
        if self.layouts:
            layouts: tuple[Layout, ...] = resolve(self.layouts)
            return layouts
        return (Layout(keys=resolve(self.keys) if self.keys else {}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """One name of `build`: the class, as `module:NAME`, and the arguments that make the variant."""

    family: str
    target: str
    arguments: dict[str, Any] = field(default_factory=dict)


# Where a damaged file fits two families equally, the first is named: IS-Net without its entry is U²-Net without its exit.
FAMILIES: dict[str, Family] = {
    "isnet": Family(title="IS-Net", keys="kirie.nn.isnet:KEYS", guesses="kirie.nn.isnet:guesses"),
    "u2net": Family(title="U²-Net", keys="kirie.nn.u2net:KEYS", guesses="kirie.nn.u2net:guesses"),
    "segformer": Family(
        title="SegFormer",
        layouts="kirie.nn.segformer:LAYOUTS",
        guesses="kirie.nn.segformer:guesses",
    ),
    "basnet": Family(
        title="BASNet", keys="kirie.nn.basnet:KEYS", guesses="kirie.nn.basnet:guesses"
    ),
    "inspyrenet": Family(
        title="InSPyReNet",
        layouts="kirie.nn.inspyrenet:LAYOUTS",
        guesses="kirie.nn.inspyrenet:guesses",
        options=("base_size",),
    ),
    "birefnet": Family(
        title="BiRefNet",
        layouts="kirie.nn.birefnet_published:LAYOUTS",
        guesses="kirie.nn.birefnet_published:guesses",
        options=("scale_inputs", "patch_order", "refine_tiles", "refine_iterations"),
    ),
    "mini": Family(title="kirie-mini"),
}

# The decoder that BiRefNet had until January 2024, with its defaults.
OLD_BIREFNET: dict[str, Any] = {
    "attention": "deformable-2023",
    "patches": "none",
    "patch_order": "grid",
    "deepest_patches": False,
    "sides": False,
    "gates": False,
}

ARCHITECTURES: dict[str, Architecture] = {
    "u2net": Architecture(
        family="u2net", target="kirie.nn.u2net:U2Net", arguments={"variant": "full"}
    ),
    "u2netp": Architecture(
        family="u2net", target="kirie.nn.u2net:U2Net", arguments={"variant": "small"}
    ),
    "u2net-cloth": Architecture(
        family="u2net", target="kirie.nn.u2net:U2Net", arguments={"variant": "full", "classes": 4}
    ),
    "isnet": Architecture(family="isnet", target="kirie.nn.isnet:ISNet"),
    "isnet-gt-encoder": Architecture(family="isnet", target="kirie.nn.isnet:ISNetTruthEncoder"),
    "segformer": Architecture(family="segformer", target="kirie.nn.segformer:SegFormer"),
    **{
        f"segformer-b{n}": Architecture(
            family="segformer",
            target="kirie.nn.segformer:SegFormer",
            arguments={"backbone": f"mit_b{n}"},
        )
        for n in range(6)
    },
    "basnet": Architecture(family="basnet", target="kirie.nn.basnet:BASNet"),
    "inspyrenet": Architecture(family="inspyrenet", target="kirie.nn.inspyrenet:InSPyReNet"),
    "birefnet": Architecture(family="birefnet", target="kirie.nn.birefnet:BiRefNet"),
    "birefnet-2023": Architecture(
        family="birefnet", target="kirie.nn.birefnet:BiRefNet", arguments=OLD_BIREFNET
    ),
    "mini": Architecture(family="mini", target="kirie.nn.mini:Mini"),
}


def build(
    name: str, *, backbone_weights: str | os.PathLike[str] | None = None, **arguments: Any
) -> nn.Module:
    """Build a network with random weights, in training mode.

    Args:
        name: one of `ARCHITECTURES`.
        backbone_weights: the backbone's ImageNet file as its publisher gives it, or the name of its card.
        arguments: those of the network's class; they win over the variant's own.

    Raises:
        UnknownModel: no such name.
        BadInput: an argument that the class does not have or cannot use.
        BadCheckpoint: the backbone's file does not fit; see `load_backbone` for the rest.
    """
    net = construct(name, arguments)
    if backbone_weights is not None:
        from .pretrained import load_backbone

        chosen = {**ARCHITECTURES[name].arguments, **arguments}.get("backbone")
        parameter = inspect.signature(type(net)).parameters.get("backbone")
        if parameter is None:
            raise BadInput(
                f"The network {name} has no backbone to fill: leave backbone_weights out."
            )
        load_backbone(net.get_submodule("backbone"), chosen or parameter.default, backbone_weights)
    return net


def construct(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """As `build`, for arguments that a file tells: they can name no other file."""
    if name not in ARCHITECTURES:
        near = get_close_matches(name, ARCHITECTURES, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownModel(
            f"Unknown network {name!r}.{hint} There are: {', '.join(ARCHITECTURES)}."
        )
    row = ARCHITECTURES[name]
    network = resolve(row.target)
    accepted = [key for key in inspect.signature(network).parameters if key != "self"]
    if unknown := [key for key in arguments if key not in accepted]:
        raise BadInput(
            f"The network {name} has no argument {unknown[0]!r}; it takes {', '.join(accepted)}."
        )
    net: nn.Module = network(**{**row.arguments, **arguments})
    return net


def resolve(target: str) -> Any:
    """The object that `module:NAME` names."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)

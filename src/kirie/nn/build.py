"""Names → networks: an explicit table; nothing is imported before it is built."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from torch import nn

from ..errors import BadInput, UnknownModel

__all__ = ["ARCHITECTURES", "FAMILIES", "Architecture", "Family", "build", "resolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Networks that share one file.

    title: its name for people.
    keys: `module:NAME` of the table of published names; empty where the names are our own.
    guesses: `module:NAME` of the function that infers a variant from shapes; empty where only a card tells.
    options: the options of `load` that leave no trace in this family's files.
    """

    title: str
    keys: str = ""
    guesses: str = ""
    options: tuple[str, ...] = ()


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
    "mini": Family(title="kirie-mini"),
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
    "mini": Architecture(family="mini", target="kirie.nn.mini:Mini"),
}


def build(name: str, **arguments: Any) -> nn.Module:
    """Build a network with random weights, in training mode.

    Args:
        name: one of `ARCHITECTURES`.
        arguments: those of the network's class; they win over the variant's own.

    Raises:
        UnknownModel: no such name.
        BadInput: an argument that the class does not have or cannot use.
    """
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

"""What is known about a loaded network: `net.origin`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..spec import ModelCard

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a network's weights come from, and how it was found out what they are.

    file, sha256: the file as it was given, and its hash.
    format: `pytorch` or `safetensors`.
    family, architecture: the network's file in `kirie.nn`, and its name in `nn.build`.
    backbone: the backbone's name; None where the family has none to choose.
    options: the arguments of `nn.build` that make this network.
    inferred: what names and shapes, or the file's card, told.
    assumed: what leaves no trace in a file, and was taken as usual or as the caller said.
    parameters: how many numbers are learned.
    input: the shape of what the network takes.
    licence: SPDX id or name, where the file's card tells.
    card: the card that the file carries, if any.
    labels: the classes' names, where something beside the weights tells them.
    notes: what was done to the file's content on the way.
    """

    file: str
    sha256: str
    format: str
    family: str
    architecture: str
    backbone: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    inferred: dict[str, Any] = field(default_factory=dict)
    assumed: dict[str, Any] = field(default_factory=dict)
    parameters: int
    input: str
    licence: str | None = None
    card: ModelCard | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

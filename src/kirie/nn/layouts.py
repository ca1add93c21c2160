"""How a network's weights are published: names, halves of one tensor, leftovers, and what only the layout tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor

from .layers import Renaming

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way in which a network's weights are published.

    name: whose way it is.
    keys: published runs of dotted parts → ours, as `rename` takes them.
    within: what `keys` expect in front of the file's names: a backbone's own file lacks `backbone.`.
    joined: `{"key+value": ("key", "value")}`: runs whose tensors are, one below the other, one of ours; the first stands for
        it in `keys` and in messages.
    unused: patterns (`head.*`) of published names that no forward pass reads.
    absent: patterns of our names that this layout never has: they stay as built.
    arguments: the network's arguments that go with the layout, and leave no other trace.
    assumed: the same, but only likely.
    """

    name: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    within: str = ""
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    assumed: Mapping[str, Any] = field(default_factory=dict)
    _ours: Renaming = field(init=False, repr=False, compare=False)
    _theirs: Renaming = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ours", Renaming(self.keys))
        inverse = {ours: theirs for theirs, ours in self.keys.items()}
        object.__setattr__(self, "_theirs", Renaming(inverse))

    def rename(self, name: str) -> str:
        """Our name of a published tensor."""
        return self._ours(self.within + name)

    def published(self, name: str) -> str:
        """The published name of one of our tensors."""
        return self._theirs(name).removeprefix(self.within)

    def reads(self, name: str) -> bool:
        """Whether a forward pass reads the published tensor of that name."""
        return not any(fnmatchcase(name, pattern) for pattern in self.unused)

    def has(self, name: str) -> bool:
        """Whether a file in this layout should have our tensor of that name."""
        return not any(fnmatchcase(name, pattern) for pattern in self.absent)

    def sources(self, tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, ...]]:
        """For each tensor, the file's tensors that it is made of: itself, or several that are joined.

        Those that nothing reads are left out; a half that does not fit its other half stays as it is.
        """
        found: dict[str, tuple[str, ...]] = {}
        taken: set[str] = set()
        for name in tensors:
            if name in taken or not self.reads(name):
                continue
            whole, parts = self._whole(name)
            if whole not in tensors and _fit([tensors.get(part) for part in parts]):
                taken.update(parts)
                found[whole] = parts
            else:
                found[name] = (name,)
        return found

    def _whole(self, name: str) -> tuple[str, tuple[str, ...]]:
        """The joined tensor that a name's tensor is part of, and its parts; the name itself where there is none."""
        for whole, parts in self.joined.items():
            for part in parts:
                before, found, after = f".{name}.".partition(f".{part}.")
                if found:
                    spelt = [f"{before}.{run}.{after}".strip(".") for run in (whole, *parts)]
                    return spelt[0], tuple(spelt[1:])
        return name, (name,)

    def shapes(self, tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of `sources`."""
        shapes = {}
        for name, parts in self.sources(tensors).items():
            first, *others = (tuple(tensors[part].shape) for part in parts)
            rows = first[0] + sum(shape[0] for shape in others) if others else None
            shapes[name] = first if rows is None else (rows, *first[1:])
        return shapes

    def join(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of `sources`."""
        return {
            name: torch.cat([tensors[part] for part in parts])
            if len(parts) > 1
            else tensors[parts[0]]
            for name, parts in self.sources(tensors).items()
        }


def _fit(parts: list[Tensor | None]) -> bool:
    """Whether tensors are there and can be put one below the other."""
    there = [part for part in parts if part is not None and part.ndim]
    return len(there) == len(parts) and len({part.shape[1:] for part in there}) == 1

"""A backbone's published ImageNet file → the backbone of a network that is to be trained.

The file's classifier is dropped; everything else must fit, or nothing is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from ..errors import BadCheckpoint
from . import _files
from .backbones import BACKBONES, build_backbone
from .build import resolve
from .checkpoint import state_of
from .layers import outlined
from .layouts import Layout
from .recognise import Match, compare, difference, without_prefixes

__all__ = ["load_backbone"]

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")


def load_backbone(backbone: nn.Module, name: str, weights: str | os.PathLike[str]) -> None:
    """Fill a backbone from its publisher's file.

    Args:
        backbone: what `build_backbone(name)` made.
        name: one of `BACKBONES`.
        weights: the file, or the name of a backbone's card, whose file is fetched where it is not here.

    Raises:
        BadCheckpoint: the file cannot be read, or does not fit; the backbone is left as it was.
        UnknownModel: there is neither a card nor a file of that name.
        LicenceRefused, Offline, FetchFailed, WeightsCorrupt: a card's file is not to be had; see `kirie.weights`.
    """
    path = _file(weights)
    content = _files.read(path)
    whole = nn.ModuleDict({"backbone": backbone})
    tensors, match = _best(content.tensors, name, whole, path.name)
    if not match.exact:
        raise BadCheckpoint(
            f"{path.name} does not fit the backbone {name}: {difference(match, tensors)}. Nothing was loaded: use the "
            f"publisher's ImageNet file of {name}{_hint(content.tensors, name, path.name)}."
        )
    state = state_of(match.layout.join(tensors), match, whole, content.notes, path.name)
    whole.load_state_dict(state, strict=True)


def _file(weights: str | os.PathLike[str]) -> Path:
    """A path, or a card's file: the one place of `kirie.nn` that knows cards, since people name backbones, not files."""
    path = Path(weights)
    if path.suffix.lower() in SUFFIXES or path.exists():
        return path
    from .. import weights as store
    from .. import zoo

    return store.locate(zoo.backbone(os.fspath(weights)), SUFFIXES).path


def _best(
    tensors: Mapping[str, Tensor], name: str, whole: nn.Module, file: str
) -> tuple[Mapping[str, Tensor], Match]:
    """The layout that fits best, and the tensors by the names that it was read with: with or without prefixes."""
    layouts: tuple[Layout, ...] = resolve(BACKBONES[name].published)
    spellings = (tensors, without_prefixes(tensors, [], file))
    found = [
        (each, compare(each, layout, whole, name, {})) for layout in layouts for each in spellings
    ]
    return max(found, key=lambda pair: (pair[1].exact, pair[1].score))


def _hint(tensors: Mapping[str, Tensor], name: str, file: str) -> str:
    """Which other backbone a file fits."""
    for other in BACKBONES:
        if other != name:
            with outlined():
                whole = nn.ModuleDict({"backbone": build_backbone(other)})
            if _best(tensors, other, whole, file)[1].exact:
                return f"; this one is of {other}"
    return ""

"""MODELS: one card per checkpoint; BACKBONES: what networks are trained from. Data, a file for each family; no logic but names."""

from __future__ import annotations

from difflib import get_close_matches

from ..errors import UnknownModel
from ..spec import ModelCard
from . import backbones, basnet, birefnet, inspyrenet, isnet, own, segformer, u2net

__all__ = ["BACKBONES", "DEFAULT", "MODELS", "backbone", "find", "get", "names"]

DEFAULT = "kirie-mini"

MODELS: tuple[ModelCard, ...] = (
    *own.MODELS,
    *u2net.MODELS,
    *isnet.MODELS,
    *birefnet.MODELS,
    *inspyrenet.MODELS,
    *basnet.MODELS,
    *segformer.MODELS,
)

BACKBONES: tuple[ModelCard, ...] = backbones.BACKBONES


def names() -> tuple[str, ...]:
    """The names of all cards, in the order of `MODELS`."""
    return tuple(card.name for card in MODELS)


def get(name: str) -> ModelCard:
    """The card of that name or alias; `UnknownModel` with the nearest names otherwise."""
    return _named(
        name, MODELS, "model", "`kirie models list` shows all; a file is given by its path."
    )


def backbone(name: str) -> ModelCard:
    """The card of a backbone's ImageNet weights; `UnknownModel` with the nearest names otherwise."""
    there = ", ".join(card.name for card in BACKBONES)
    return _named(name, BACKBONES, "backbone", f"There are {there}; a file is given by its path.")


def find(name: str) -> ModelCard:
    """The card of a model or of a backbone, for those who only handle files."""
    return backbone(name) if name in {card.name for card in BACKBONES} else get(name)


def _named(name: str, cards: tuple[ModelCard, ...], what: str, more: str) -> ModelCard:
    known = {key: card for card in cards for key in (card.name, *card.aliases)}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownModel(f"Unknown {what} {name!r}.{hint} {more}")

"""Files from elsewhere: a path instead of a model's name, and what to advise where such a file does not say how it is used."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from . import _hub, weights, zoo
from .engines import ENGINES, Opened, open_engine
from .errors import BadCheckpoint, BadInput, UnknownModel
from .spec import ModelCard

__all__ = ["advice", "is_meant", "open_file", "refuse_like"]

SHOWN = 4  # models in a message
CLOSE = 0.75  # from how like two names are alike


def is_meant(model: str | Path) -> bool:
    """Whether a file, a folder or a repository is meant, not a model's name."""
    path = Path(model)
    return (
        str(model).startswith(_hub.SCHEME)
        or path.name.lower().endswith(_suffixes("auto"))
        or path.is_file()
        or (str(model) not in ("", *zoo.names()) and path.is_dir())
    )


def open_file(
    model: str | Path,
    *,
    engine: str,
    device: str,
    like: str | None = None,
    fetch: weights.Fetch | None = None,
    calls: int = 1,
) -> tuple[ModelCard, Opened]:
    """Open a file by the card that it carries, or like a model that has one.

    Args:
        model: a file, a folder in Hugging Face layout, or `hf://owner/name` with or without `@revision`.
        engine: as `engines.open_engine` takes it.
        device: the same.
        like: the model's name.
        fetch: what may be done to get a repository.
        calls: as `engines.open_engine` takes it.

    Raises:
        UnknownModel: there is no such file, or no such model to be like.
        BadInput: the file carries a card of its own, and needs no other.
        BadCheckpoint: the file cannot be used, or says nothing of its use and `like` was not given.
        LicenceRefused, Offline, FetchFailed: a repository that may not, or cannot be fetched.
    """
    path, card = Path(model), None
    if str(model).startswith(_hub.SCHEME):
        path = _fetched(str(model), engine, fetch or weights.Fetch())
    if not path.exists():
        raise UnknownModel(f"No such model file: {path}.")
    files: tuple[Path, ...] = (path,)
    if path.is_dir() and engine != "fake":
        files, card = _hub.files_in(path, _suffixes(engine)), _hub.card_in(_hub.config_in(path))
    other = zoo.get(like) if like else None
    if card is not None and like:
        raise BadInput(f"{model} says itself how it is used: leave `like` out (it was {like!r}).")
    opened = open_engine(files, card, engine=engine, device=device, like=other, calls=calls)
    _hub.check_agreement(path, card, opened.own)
    if opened.card is None:
        opened.engine.close()
        raise BadCheckpoint(advice(path, opened.kin, opened.size, opened.classes))
    if str(model).startswith(_hub.SCHEME):  # a card could call itself as another model
        return replace(opened.card, name=str(model)), opened
    return opened.card, opened


def _suffixes(engine: str) -> tuple[str, ...]:
    if engine != "auto":
        return ENGINES[engine]
    return tuple(suffix for group in ENGINES.values() for suffix in group)


def _fetched(address: str, engine: str, fetch: weights.Fetch) -> Path:
    """The folder of a repository; the licence gate stands before its weights."""
    repository, revision = _hub.split(address)

    def check(config: dict[str, Any]) -> None:
        card = _hub.card_in(config)
        if card is not None:  # under its address, as above
            weights.check_licence(replace(card, name=f"{_hub.SCHEME}{repository}"), fetch)

    return _hub.fetch(
        repository,
        revision=revision,
        suffixes=_suffixes(engine),
        offline=fetch.offline or weights.Settings.read().offline,
        check=check,
        say=fetch.say,
    )


def refuse_like(model: str | Path, like: str) -> None:
    """A model's name comes with a card; another one cannot be right."""
    raise BadInput(
        f"{model} is a model with a card of its own: leave `like` out (it was {like!r})."
    )


def advice(
    path: Path,
    kin: tuple[str, ...] = (),
    size: tuple[int, int] | None = None,
    classes: int | None = None,
) -> str:
    """What to do with a file that does not say how it is used.

    Args:
        path: the file.
        kin: the names of the networks of its family, its own first; empty where it does not tell.
        size: the one (height, width) that it takes, if so.
        classes: how many it tells apart, if it tells.
    """
    ranks = {
        card.name: _rank(card, path, kin, size)
        for card in zoo.MODELS
        if classes in (None, max(1, len(card.readout.classes)))
    }
    near = sorted((name for name, rank in ranks.items() if rank), key=lambda name: -ranks[name])
    more = f", or {', '.join(near[1:SHOWN])}" if near[1:] else ""
    such = f"give --like {near[0]}{more}" if near else "give --like MODEL"
    return (
        f"{path.name} does not say how its pictures are prepared and read (it carries no model card), and a wrong guess "
        f"gives wrong masks: {such}, whichever it was made from (like=… in Python); `kirie models list` shows all."
    )


def _rank(card: ModelCard, path: Path, kin: tuple[str, ...], size: tuple[int, int] | None) -> float:
    """How likely a file is used like a model: by its family, its name, the size that it takes; 0 for not at all."""
    if kin and card.architecture not in kin:
        return 0
    names = [card.name, *card.aliases, *(Path(weights.file).stem for weights in card.weights)]
    stem = path.stem.lower()
    named = any(name.lower() == stem for name in names)
    alike = max(SequenceMatcher(None, stem, name.lower()).ratio() for name in names)
    near = 1 + alike if alike >= CLOSE else 0  # among those that are alike, the most alike first
    family = card.architecture in kin[:1] or (not kin and stem.startswith(card.architecture))
    fits = size == card.preparation.size
    return 8 * named + 4 * family + near + fits + bool(kin)

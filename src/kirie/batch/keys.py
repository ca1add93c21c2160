"""What decides a result: the key that a finished one is known by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .. import image, zoo
from ..backgrounds import is_file
from ..options import DATA, CutOptions
from .plan import Job

__all__ = ["format_of", "key_of", "recipe"]

BLOCK = 1 << 20


def recipe(
    options: CutOptions, *, model: str, engine: str = "auto", like: str | None = None
) -> str:
    """Everything but the input that decides a result, as text; known before the model is opened.

    Args:
        options: resolved; a background file counts by its content.
        model: as it was named: a card's content, a file's, or all files' of a folder.
        engine: as it was asked for.
        like: the model that a file without a card is used like.
    """
    asked = options.given()
    asked.pop("max_pixels", None)  # decides whether, not what
    content = {"model": _model(model), "like": like, "engine": engine, "options": asked}
    if is_file(options.background):
        content["background"] = _of_files(Path(str(options.background)))
    return json.dumps(content, sort_keys=True)


def format_of(job: Job, options: CutOptions) -> str:
    """The format that a result is written in: the options', or that of its name."""
    if options.as_ in DATA:
        return DATA[options.as_]
    if options.format:
        return image.format_named(options.format)
    return "png" if job.target is None else image.format_for(job.target)


def key_of(data: bytes, made: str) -> str:
    """The key of one result, of its input's content and the recipe with the format."""
    found = hashlib.blake2b(made.encode(), digest_size=20)
    found.update(data)
    return found.hexdigest()


def _model(name: str) -> str:
    if name in zoo.names():
        card = zoo.get(name)
        return " ".join((card.to_json(), *(weights.hash for weights in card.weights)))
    path = Path(name)
    if not path.is_dir():
        return _of_files(path) if path.is_file() else name
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return _of_files(*files)


def _of_files(*paths: Path) -> str:
    found = hashlib.blake2b(digest_size=20)
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                found.update(block)
    return found.hexdigest()

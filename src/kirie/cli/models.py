"""`kirie models`: what can be used, under which licence, and what of it is on this computer."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import zoo
from ..errors import KirieError
from ..spec import ModelCard, Weights
from . import convert, inspect
from ._fetching import add_licence, add_options, fetching

if TYPE_CHECKING:
    from ..weights import File

__all__ = ["add"]

COMMERCIAL = {True: "yes", False: "no", None: "not said"}
COMMERCIAL_LONG = {
    True: "allowed",
    False: "not allowed",
    None: "the publisher does not say",
}
HINT = """
commercial: whether the licence of the weights allows commercial use.
here: whether it is on this computer. The others are fetched at first use; those
  that no program can fetch ("by hand"), in a browser: `kirie models show NAME`.
`kirie models show NAME` tells more; `kirie models pull NAME` fetches one now.
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "The models that kirie knows: list them, fetch them, look after their files."
    parser = commands.add_parser("models", help="list, fetch and check models", description=text)
    parser.set_defaults(run=run_list, json=False)
    kinds = parser.add_subparsers(metavar="WHAT")

    def kind(name: str, run: Callable[[argparse.Namespace], int], help_: str) -> Any:
        made = kinds.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
        made.set_defaults(run=run)
        return made

    listing = kind("list", run_list, "all models: for what, how large, which licence, here or not")
    show = kind("show", run_show, "all that is known of a model")
    for command in (listing, show):
        command.add_argument("--json", action="store_true", help="as JSON")
    pull = kind("pull", run_pull, "fetch models, so that they work without a network")
    pull.add_argument(
        "--engine", default="auto", help="the engine to fetch for: auto (default), onnx, pytorch"
    )
    add_options(pull)
    adding = kind("add", run_add, "take in a model's file that you have fetched yourself")
    add_licence(adding)
    removing = kind("remove", run_remove, "delete the files of models from this computer")
    removing.add_argument(
        "--everything",
        action="store_true",
        help="also forget accepted licences and the hashes of files without published ones",
    )
    checking = kind("verify", run_verify, "read files whole and compare them with their hashes")
    for command, count in (
        (show, None),
        (pull, "+"),
        (adding, None),
        (removing, "+"),
        (checking, "*"),
    ):
        command.add_argument(
            "names" if count else "name", nargs=count, metavar="NAME", help="a model"
        )
    adding.add_argument("file", metavar="FILE", help="the file; it stays where it is")
    inspect.add(kinds)
    convert.add(kinds)


def run_list(given: argparse.Namespace) -> int:
    """Print a table, or the cards as JSON."""
    from .. import weights

    if given.json:
        _print_json([_facts(card) for card in zoo.MODELS])
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("for what")
    table.add_column("size", justify="right", no_wrap=True)
    for title in ("licence", "commercial", "here"):
        table.add_column(title)
    for card in zoo.MODELS:
        file = _main(weights.files(card))
        size = _megabytes(file.weights) if file else "?"
        commercial = COMMERCIAL[card.commercial]
        table.add_row(card.name, card.task, size, card.licence, commercial, _here(file))
    Console(width=None if sys.stdout.isatty() else _columns()).print(table)
    sys.stdout.write(HINT)
    return 0


def run_show(given: argparse.Namespace) -> int:
    """Print one card."""
    card = zoo.find(given.name)
    if given.json:
        _print_json(_facts(card))
        return 0
    for label, value in _lines(card):
        sys.stdout.write(f"{label:<12} {value}".rstrip() + "\n")
    return 0


def run_pull(given: argparse.Namespace) -> int:
    """Fetch; 1 if something could not be fetched."""
    from .. import engines, weights

    engines.check_names(given.engine, "auto")

    def pull(card: ModelCard) -> None:
        with fetching(given) as fetch:
            found = weights.locate(card, engines.suffixes(given.engine, card), fetch)
        sys.stdout.write(f"{card.name}: {found.path} is here and checked. {_licence(card)}\n")

    return _each(given.names, pull)


def run_add(given: argparse.Namespace) -> int:
    """Take a file in; 1 if it is not the model's, or cannot be stored."""
    from .. import weights

    def add(card: ModelCard) -> None:
        with fetching(given) as fetch:
            path, digest = weights.add(card, Path(given.file), fetch)
        known = any(file.weights.hash for file in weights.files(card) if file.path == path)
        how = (
            "It is the publisher's file: the hash is right."
            if known
            else f"Its publisher gives no hash; from now on it must be {digest}."
        )
        sys.stdout.write(f"{card.name}: {path} is here. {how} {_licence(card)}\n")

    return _each([given.name], add)


def run_remove(given: argparse.Namespace) -> int:
    """Delete; 1 if something could not be deleted."""
    from .. import weights

    def remove(card: ModelCard) -> None:
        freed = weights.remove(card, everything=given.everything)
        built_in = " (what lies inside the package stays)" if _built_in(card) else ""
        what = f"removed, {freed / 1e6:.1f} MB are free again" if freed else "nothing was here"
        sys.stdout.write(f"{card.name}: {what}{built_in}.\n")

    return _each(given.names, remove)


def run_verify(given: argparse.Namespace) -> int:
    """Check what is here; 1 if a file is not what it should be."""
    from .. import weights

    checked: list[str] = []

    def verify(card: ModelCard) -> None:
        wrong = []
        for file, problem in weights.verify(card):
            checked.append(file.weights.file)
            if problem:
                wrong.append(problem)
            else:
                sys.stdout.write(f"{card.name}: {file.weights.file} is right.\n")
        if wrong:
            raise KirieError(" ".join(wrong))
        if given.names and not any(file.state == "here" for file in weights.files(card)):
            raise KirieError(f"no file of it is here: `kirie models pull {card.name}`.")

    return _each(given.names or list(zoo.names()), verify)


def _each(names: list[str], do: Callable[[ModelCard], None]) -> int:
    """Do it for each model; each failure is named, and the others are done all the same."""
    failed = 0
    for card in [zoo.find(name) for name in names]:
        try:
            do(card)
        except KirieError as error:
            failed += 1
            sys.stderr.write(f"{card.name}: failed: {error}\n")
    return 1 if failed else 0


# --- words -------------------------------------------------------------------------------------------


def _lines(card: ModelCard) -> Iterator[tuple[str, str]]:
    from .. import weights

    height, width = card.preparation.size
    yield "name", " or ".join((card.name, *card.aliases))
    yield "what", card.title
    yield "for what", card.task
    yield "input", f"{width}×{height}"
    yield "licence", f"{card.licence}; commercial use: {COMMERCIAL_LONG[card.commercial]}"
    yield "trained on", "; ".join(card.training_sets)
    if card.readout.classes:
        yield "tells apart", ", ".join(card.readout.classes)
    if card.readout.stretch:
        yield (
            "note",
            "its map is stretched, as published: it finds a subject even where there is none",
        )
    yield "described at", card.source
    for file in weights.files(card):
        yield "", ""
        yield (
            "file",
            f"{file.weights.file}, {_megabytes(file.weights)}, for the engine {_engine(file.weights)}",
        )
        yield "", _state(file)
        yield (
            "",
            file.weights.hash
            or "no hash from its publisher: trusted at first use, checked from then on",
        )
        if not file.weights.embedded:
            hand = (
                f"fetched by hand, then `kirie models add {card.name} FILE`: "
                if file.weights.by_hand
                else ""
            )
            yield "", f"{hand}{file.weights.url}"


def _licence(card: ModelCard) -> str:
    return f"Licence: {card.licence}; commercial use: {COMMERCIAL_LONG[card.commercial]}."


def _state(file: File) -> str:
    if file.weights.embedded:
        return "lies inside the package"
    if file.state == "begun":
        return f"{file.begun / 1e6:.1f} MB of it have come; the rest follows at the next try"
    return f"here: {file.path}" if file.state == "here" else "not on this computer"


def _engine(weights: Weights) -> str:
    from ..engines import ENGINES

    suffix = Path(weights.file).suffix
    return next((name for name, suffixes in ENGINES.items() if suffix in suffixes), "none")


def _main(files: tuple[File, ...]) -> File | None:
    """The file that stands for the model: one that is here, else the first that a program can fetch."""
    order = sorted(files, key=lambda file: (file.state != "here", file.weights.by_hand))
    return order[0] if order else None


def _here(file: File | None) -> str:
    if file is None or file.state == "absent":
        return "by hand" if file and file.weights.by_hand else "no"
    return "built in" if file.weights.embedded else {"here": "yes", "begun": "partly"}[file.state]


def _built_in(card: ModelCard) -> bool:
    return any(weights.embedded for weights in card.weights)


def _megabytes(weights: Weights) -> str:
    size = weights.size or weights.about
    if not size:
        return "?"
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def _facts(card: ModelCard) -> dict[str, Any]:
    """The card as JSON has it, with what is here."""
    from .. import weights

    files = weights.files(card)
    own = asdict(card)
    for row, file in zip(own["weights"], files, strict=True):
        row |= {"state": file.state, "path": str(file.path)}
    return own | {"here": any(file.state == "here" for file in files)}


def _print_json(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _columns() -> int:
    """How wide a table is that does not go to a terminal: as COLUMNS says, else wide enough for all."""
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdigit() and int(given) > 0 else 120

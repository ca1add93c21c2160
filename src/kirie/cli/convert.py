"""`kirie models convert`: any checkpoint as one file of kirie's own, which carries its card."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import BadCheckpoint, BadInput

__all__ = ["add"]

DESCRIPTION = """Write a checkpoint as one file that carries its card, so that
`kirie cut -m OUT` needs nothing else: OUT.safetensors (extra torch), or
OUT.onnx (extra train), which runs without PyTorch."""


def add(kinds: Any) -> None:
    """Add the command to the parser."""
    parser = kinds.add_parser(
        "convert",
        help="write a checkpoint as .safetensors or .onnx that carries its card",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a .pth or .safetensors file")
    parser.add_argument("out", metavar="OUT", help="a new file: .safetensors or .onnx")
    parser.add_argument(
        "--like",
        metavar="MODEL",
        help="for a file without a card: the model whose preparation and reading it takes",
    )
    parser.add_argument("--half", action="store_true", help="store the weights in 16 bits")
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Convert; whatever goes wrong, OUT is as it was."""
    from .. import foreign, zoo

    source, target = Path(given.file), Path(given.out)
    _check(source, target, force=given.force)
    like = zoo.get(given.like) if given.like else None
    from ..engines.pytorch import load_network

    loaded = load_network(source, like=like)
    if loaded.card is None:
        raise BadCheckpoint(foreign.advice(source, loaded.kin, classes=loaded.classes))
    from .. import export

    # What was made like something else is named after its own file.
    card = replace(loaded.card, name=target.name) if like else loaded.card
    if target.suffix.lower() == ".onnx":
        size = card.preparation.size
        report = export.to_onnx(loaded.net, target, card=card, size=size, half=given.half)
        parity = f"; differs from PyTorch by {report.float32:.1e} at most"
    else:
        export.to_safetensors(loaded.net, target, card=card, half=given.half)
        parity = ""
    origin = loaded.net.origin
    for note in origin.notes:
        sys.stderr.write(f"note: {source}: {note}\n")
    sys.stdout.write(
        f"{source} → {target}: {origin.architecture}, {origin.parameters:,} parameters, {target.stat().st_size / 1e6:.1f} MB, "
        f"licence {card.licence}{parity}\n"
    )
    return 0


def _check(source: Path, target: Path, *, force: bool) -> None:
    """Refuse what would end badly, before anything is read."""
    if target.suffix.lower() not in {".safetensors", ".onnx"}:
        raise BadInput(f"{target} must end in .safetensors or .onnx.")
    if source.suffix.lower() == ".onnx":
        raise BadInput(
            f"{source} is an .onnx already, and cannot become a checkpoint: `kirie cut -m {source}` runs it as it is."
        )
    if target.exists() and source.exists() and target.samefile(source):
        raise BadInput(f"{target} is the file itself: give another name.")
    if target.is_dir():
        raise BadInput(f"{target} is a folder: give a file name to write to.")
    if target.exists() and not force:
        raise BadInput(f"{target} is there already: give another name, or --force to overwrite it.")

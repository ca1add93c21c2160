"""`kirie models inspect`: what a model file holds."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from .. import _hub

__all__ = ["add"]

LABEL = 11  # characters
HOLDS = {"classes": "class numbers", "": "of unknown meaning"}


def add(kinds: Any) -> None:
    """Add the command to the parser."""
    parser = kinds.add_parser(
        "inspect",
        help="what a model file holds",
        description="Say what a model file holds: which network, what was inferred, what was assumed, under which licence. "
        "An .onnx is not run; a checkpoint is read with PyTorch (extra torch), and no code in it can run.",
    )
    parser.add_argument(
        "file", metavar="FILE", help="an .onnx, .safetensors or .pth file, or a folder"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Print the facts."""
    path = Path(given.file)
    if path.is_dir():
        path = _hub.files_in(path)[0]
    facts = _onnx(path) if path.suffix.lower() == ".onnx" else _checkpoint(path)
    if given.json:
        sys.stdout.write(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        return 0
    for name, value in facts.items():
        for number, line in enumerate(_lines(value)):
            sys.stdout.write(f"{'' if number else name:<{LABEL}} {line}\n")
    return 0


def _checkpoint(path: Path) -> dict[str, Any]:
    from .. import nn

    net: Any = nn.load(path)
    origin = net.origin
    return {
        "file": origin.file,
        "format": origin.format,
        "bytes": path.stat().st_size,
        "sha256": origin.sha256,
        "family": origin.family,
        "backbone": origin.backbone,
        "options": {"architecture": origin.architecture, **origin.options},
        "inferred": origin.inferred,
        "assumed": origin.assumed,
        "parameters": origin.parameters,
        "input": origin.input,
        "licence": origin.licence,
        "card": origin.card.name if origin.card else None,
        "notes": list(origin.notes),
    }


def _onnx(path: Path) -> dict[str, Any]:
    from .. import onnxfile
    from ..spec import ModelCard

    facts = onnxfile.read(path)
    text = facts.metadata.get("kirie")
    card = ModelCard.from_json(text) if text else None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    holds = {port.name: onnxfile.ending(facts, port.name) for port in facts.outputs}
    home = Path(os.path.realpath(path)).parent
    outside = sorted({one.location for one in facts.external})
    return {
        "file": str(path),
        "format": "onnx",
        "bytes": path.stat().st_size + sum((home / name).stat().st_size for name in outside),
        "sha256": digest,
        "family": card.architecture if card else None,
        "backbone": card.arguments.get("backbone") if card else None,
        "options": card.arguments if card else {},
        "inferred": {"from": "the file's card"} if card else {},
        "assumed": {},
        "parameters": facts.parameters,
        "input": "; ".join(_port(port) for port in facts.inputs),
        "licence": card.licence if card else None,
        "card": card.name if card else None,
        "notes": [],
        "outputs": [
            f"{_port(port)}, {HOLDS.get(holds[port.name], holds[port.name])}"
            for port in facts.outputs
        ],
        "opsets": facts.opsets,
        "producer": facts.producer,
        "operators": dict(facts.operators.most_common()),
        "external": outside,
    }


def _port(port: Any) -> str:
    sides = "?" if port.shape is None else "×".join(str(n or "?") for n in port.shape)
    return f"{port.name}: {sides} {port.kind}"


def _lines(value: Any) -> list[str]:
    """A fact for people, in one or more lines; what a file says is shown so that no terminal obeys it."""
    if isinstance(value, dict):
        value = [", ".join(f"{name}={each}" for name, each in value.items())] if value else []
    elif not isinstance(value, list):
        value = [] if value is None else [value]
    shown = [f"{each:,}" if isinstance(each, int) else str(each) for each in value] or ["-"]
    return ["".join(c if c.isprintable() else "?" for c in line) for line in shown]

"""`kirie models`: what can be used, and under which licence."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from ..zoo import MODELS

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("models", help="list the models", description="List the models.")
    kinds = parser.add_subparsers(metavar="list")
    listing = kinds.add_parser(
        "list", help="all models, with size and licence", description="List the models."
    )
    listing.add_argument("--json", action="store_true", help="the whole cards as JSON")
    listing.set_defaults(run=run)
    parser.set_defaults(run=run, json=False)


def run(given: argparse.Namespace) -> int:
    """Print a table, or the cards as JSON."""
    if given.json:
        sys.stdout.write(
            json.dumps([asdict(card) for card in MODELS], indent=1, ensure_ascii=False) + "\n"
        )
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "what", "input", "size", "licence", "commercial use", box=None)
    for card in MODELS:
        height, width = card.preparation.size
        size = card.weights[0].size / 1e6 if card.weights else 0
        table.add_row(
            card.name,
            card.title,
            f"{width}×{height}",
            f"{size:.1f} MB",
            card.licence,
            "allowed" if card.commercial else "not allowed",
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    return 0

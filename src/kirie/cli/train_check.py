"""`kirie train check DATA`: every fault of training data, before hours are spent on it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._formats import displayed
from ..errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from ..train.check import Checked

__all__ = ["add_arguments", "run", "weighted"]

SHOWN = 20  # faults of one kind that are listed one by one, unless all are wanted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument("data", nargs="+", metavar="DATA", help="folder or COCO file to train on")
    parser.add_argument(
        "--val",
        action="append",
        default=[],
        metavar="DIR",
        help="folder to validate on: are they disjoint?",
    )
    parser.add_argument(
        "--task",
        choices=("subject", "matting", "semantic"),
        default="subject",
        help="what truths are",
    )
    parser.add_argument(
        "--ignored",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="a label that does not count",
    )
    parser.add_argument("--sheet", metavar="PNG", help="write a contact sheet of what is wrong")
    parser.add_argument("--all", action="store_true", help="list every fault of a kind with many")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(given: argparse.Namespace) -> int:
    """List the faults; 1 where there are any, 0 where there are none."""
    try:
        from ..train import check, contact
    except ModuleNotFoundError as error:
        raise MissingExtra("train", "kirie train check") from error
    from ..image import write_atomic
    from ..train.sources import Labels

    counting = sys.stderr.isatty() and not given.json

    def progress(done: int, of: int) -> None:
        if counting and (done % 20 == 0 or done == of):
            sys.stderr.write(f"\r{done} of {of} pictures" + ("\n" if done == of else ""))

    checked = check.check(
        [weighted(text) for text in given.data],
        [weighted(text) for text in given.val],
        task=given.task,
        labels=Labels(ignored=tuple(given.ignored)),
        progress=progress,
    )
    if given.sheet:
        if Path(given.sheet).suffix.lower() != ".png":
            raise BadInput(
                f"--sheet writes a PNG file, and {displayed(given.sheet)} does not end in .png."
            )
        write_atomic(given.sheet, contact.sheet(checked))
    if given.json:
        sys.stdout.write(json.dumps(_plain(checked), indent=1, ensure_ascii=False) + "\n")
    else:
        _tell(checked, given)
    return 1 if checked.faults else 0


def weighted(text: str) -> tuple[Path, float]:
    """`DATA:3` → the folder, and its weight; 1 where none is given.

    A colon and a number at the end are a weight, unless something of the whole name exists.
    """
    folder, colon, number = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text), 1.0
    try:
        return Path(folder), float(number)
    except ValueError:
        return Path(text), 1.0


def _plain(checked: Checked) -> dict[str, Any]:
    return {
        "pictures": checked.pictures,
        "faults": [
            {"kind": f.kind, "files": [str(path) for path in f.files], "message": f.message}
            for f in checked.faults
        ],
        "notes": list(checked.notes),
    }


def _tell(checked: Checked, given: argparse.Namespace) -> None:
    write = sys.stdout.write
    for note in checked.notes:
        write(f"{note}\n")
    kinds: dict[str, list[str]] = {}
    for fault in checked.faults:
        line = f"  {displayed(fault.files[0])}: {fault.message}\n"
        kinds.setdefault(fault.kind, []).append(line)
    for kind, lines in kinds.items():
        write(f"\n{kind} ({len(lines)})\n")
        shown = lines if given.all else lines[:SHOWN]
        write("".join(shown))
        if len(shown) < len(lines):
            write(f"  … and {len(lines) - len(shown)} more (--all lists them)\n")
    found = f"{len(checked.faults)} faults" if checked.faults else "no fault found"
    write(f"{chr(10) if kinds else ''}{checked.pictures} pictures with a truth: {found}\n")
    if given.sheet:
        write(f"contact sheet: {displayed(given.sheet)}\n")

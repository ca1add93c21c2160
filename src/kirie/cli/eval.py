"""`kirie eval`: how right masks are."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ._fetching import add_like, add_options

__all__ = ["add"]

DESCRIPTION = """Measure predictions against true masks.

Both are folders of pictures of the same names; TRUTH may also be a data set's folder, whose layout is recognised."""
EPILOG = """examples:
  kirie eval predictions/ DIS-VD/                         S, F, E, weighted F, MAE, HCE
  kirie eval mine/ theirs/ DIS-VD/ --latex table.tex      two sets of predictions in one table
  kirie eval masks/ gt/ --metrics all --json out.json --report out.html
  kirie eval --model kirie-mini --data DIS-VD/            predict and measure; no masks are written
  kirie eval labels/ truth/ --semantic --num-classes 150 --reduce-zero-label
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "eval",
        help="measure predictions against true masks",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="FOLDER",
        help="one or more folders of predictions, then the folder of true masks (unless --data names it)",
    )
    parser.add_argument(
        "-m",
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="predict with this model, a name or a file (with --semantic one that names things); may be repeated",
    )
    add_like(parser)
    parser.add_argument("--data", metavar="DIR", help="the data set: pictures and true masks")
    parser.add_argument(
        "--images", metavar="DIR", help="the pictures, where they do not lie beside the masks"
    )
    parser.add_argument(
        "--metrics",
        default="usual",
        metavar="usual|all|NAME,…",
        help="usual (default): S, F, E, weighted F, MAE, HCE; all; or names such as Sm,wFm,iou,matting",
    )
    parser.add_argument(
        "--resize",
        choices=("bilinear", "error"),
        default="bilinear",
        help="what becomes of a prediction of another size than its truth (default: bilinear)",
    )
    _add_semantic(parser)
    _add_output(parser)
    _add_running(parser)
    add_options(parser)
    parser.set_defaults(run=run)


def _add_semantic(parser: Any) -> None:
    group = parser.add_argument_group("label maps")
    group.add_argument(
        "--semantic", action="store_true", help="files hold class numbers: mIoU, mAcc, aAcc"
    )
    group.add_argument(
        "--num-classes", type=int, metavar="N", help="labels are 0…N-1 (default: as many as occur)"
    )
    group.add_argument(
        "--ignore-index",
        type=int,
        default=255,
        metavar="N",
        help="pixels of this label do not count (default: 255)",
    )
    group.add_argument(
        "--reduce-zero-label",
        action="store_true",
        help="true label 0 does not count, and the others begin at 1",
    )


def _add_output(parser: Any) -> None:
    group = parser.add_argument_group("what to write")
    group.add_argument("--json", metavar="FILE", help="all results, of the set and of each picture")
    group.add_argument("--csv", metavar="FILE", help="a line for each picture")
    group.add_argument("--latex", metavar="FILE", help="the set's results as a table for LaTeX")
    group.add_argument("--markdown", metavar="FILE", help="the same for Markdown")
    group.add_argument(
        "--report", metavar="FILE", help="one HTML page with tables, curves and thumbnails"
    )
    group.add_argument(
        "--curves", metavar="FOLDER", help="precision-recall, F and E curves as PNG and SVG"
    )
    group.add_argument("--worst", metavar="FILE", help="a PNG sheet of the worst pictures")
    group.add_argument(
        "--by",
        metavar="NAME",
        help="the result that says which are the worst (default: Sm, or the first)",
    )


def _add_running(parser: Any) -> None:
    group = parser.add_argument_group("how to run")
    group.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes that measure (default: as many as processors, for large sets)",
    )
    group.add_argument(
        "--fresh", action="store_true", help="do not go on where an interrupted run stopped"
    )
    group.add_argument(
        "--engine", default="auto", help="for --model: auto (default), onnx, pytorch"
    )
    group.add_argument(
        "--device", default="auto", help="for --model: auto (default), cpu, cuda, cuda:N, mps"
    )
    group.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(given: argparse.Namespace) -> int:
    """Measure everything that is given; 0 if all pictures were measured, 1 if some are missing or failed."""
    from ._eval_output import Output
    from ._eval_run import Run

    truth, predictions = _folders(given)
    output = Output(given)  # checks the files' names before the work is done
    work = Run(given, truth)
    for name, folder, model in _named(predictions, given.model):
        work.measure(name, folder, model)
    output.write(work)
    return 1 if work.incomplete else 0


def _folders(given: argparse.Namespace) -> tuple[Path, list[str]]:
    """The truth, and the folders of predictions."""
    folders = list(given.folders)
    if any(not folder for folder in folders):
        raise BadInput("An empty name was given as a folder.")
    truth = given.data or (folders.pop() if folders else None)
    if truth is None or not (folders or given.model):
        raise BadInput(
            "Give folders of predictions and the folder of true masks, or --model NAME --data DIR. `kirie eval --help` "
            "shows examples."
        )
    return Path(truth), folders


def _named(folders: list[str], models: list[str]) -> list[tuple[str, str | None, str | None]]:
    """(name in tables, folder, model), the names as short as they can be told apart."""
    sources: list[tuple[str | None, str | None]] = [(folder, None) for folder in folders]
    sources += [(None, model) for model in models]
    paths = [Path(os.path.normpath(folder or model or "")) for folder, model in sources]
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return [(name, *source) for name, source in zip(names, sources, strict=True)]
    raise BadInput("The same predictions are given twice.")

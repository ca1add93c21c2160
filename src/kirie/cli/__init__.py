"""The command line: `kirie cut | segment | eval | train | models | doctor`.

argparse, not a larger library: `kirie cut` on one small picture takes a few hundred milliseconds in all, and
the imports of the parser would be a tenth of that. Each command's file offers `add(subparsers)` and imports what it
runs only when it runs.

Exit codes: 0 all done, 1 some inputs failed (each is named), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from .._version import __version__
from ..errors import KirieError
from . import cut, doctor, eval, models, segment, train  # noqa: A004  named as the command is
from ._options import completed

__all__ = ["main"]

EPILOG = """examples:
  kirie cut photo.jpg                    writes photo-cutout.png beside it
  kirie cut photos/ -o cutouts/          a whole folder, sub-folders too
  kirie cut shoe.jpg --background white -o shop.webp   a colour, blur, or another picture
  kirie eval masks/ truth/               how right masks are
  kirie train finetune --init kirie-mini --data photos/ --val-split 0.1 --out run
  kirie doctor                           what is installed and what would run where
"""


class _Parser(argparse.ArgumentParser):
    """argparse with kirie's way to say what is wrong."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"kirie: {message}. `{self.prog} --help` shows what can be given.\n")
        raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. No traceback reaches the user for anything that can be foreseen."""
    parser = _Parser(
        prog="kirie",
        description="Finds the subject of any picture and cuts it out cleanly.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kirie {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)
    for command in (cut, segment, eval, train, models, doctor):
        command.add(commands)
    given = parser.parse_args(
        train.joined(completed(sys.argv[1:] if arguments is None else arguments))
    )
    if "run" not in given:
        parser.print_help()
        return 2
    # Pillow warns of EXIF data that it finds damaged; what concerns the picture is said in its notes.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except KirieError as error:
        sys.stderr.write(f"kirie: {error}\n")
        return 2
    except BrokenPipeError:
        # The reader (head, less) has enough; nothing more can be said to it, not at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, MemoryError) as error:
        sys.stderr.write(f"kirie: {_plain(error)}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("kirie: interrupted; what was already written is whole.\n")
        return 130
    return code


def _plain(error: OSError | MemoryError) -> str:
    """What the system refused, as a sentence."""
    if isinstance(error, MemoryError):
        return "There is not enough memory; close other programs, or make the pictures smaller."
    where = f" ({error.filename})" if error.filename else ""
    return f"The system refused: {error.strerror or error}{where}."

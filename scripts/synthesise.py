"""Draw training pictures: `python scripts/synthesise.py OUT --subjects 6000 --scenes 1200 --seed 0 --side 288`.

OUT/cutouts gets subjects with alpha, OUT/backgrounds scenes without one; what is there already is not made again. `--sheet FILE` writes
a contact sheet of every kind, or of those named by `--kinds`, instead.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kirie.errors import KirieError
from kirie.train.synthetic import contact, write


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, nargs="?", help="the folder")
    parser.add_argument("--subjects", type=int, default=6000)
    parser.add_argument("--scenes", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--side", type=int, default=288, help="pixels of a subject's longer, a scene's shorter side"
    )
    parser.add_argument("--workers", type=int, help="processes; one a core unless given")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet instead")
    parser.add_argument("--kinds", nargs="*", default=(), help="what the sheet shows")
    given = parser.parse_args()
    if (given.out is None) == (given.sheet is None):
        parser.error("give either a folder or --sheet FILE")
    try:
        if given.sheet:
            contact(given.sheet, given.seed, given.kinds)
            return 0
        made = write(
            given.out,
            given.subjects,
            given.scenes,
            seed=given.seed,
            side=given.side,
            workers=given.workers,
        )
    except KirieError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    print(f"{made} pictures made in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

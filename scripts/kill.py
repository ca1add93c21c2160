"""Kill a run over 300 pictures 20 times with `kill -9`, let it finish, and compare with one that nobody disturbed.

    python scripts/kill.py [--seed 0] [--pictures 300] [--kills 20] [--photos FOLDER]

Each kill comes after a random time, or at once after a random number of results (while the next ones are being written).
Afterwards the tree must be the same, byte for byte, journal included; no temporary file may be left; and no result that the
journal knew when a run began may have been made again by it, which the results' inode numbers tell. The pictures are made from
those in `--photos` at 300 to 900 pixels a side, or drawn where there are none. POSIX only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

JOURNAL = ".kirie-journal.jsonl"
LOOK = 0.005  # seconds between two looks at the journal


def pictures(folder: Path, count: int, photos: Path | None, seed: int) -> None:
    """A tree of small pictures, in three folders."""
    chosen = np.random.default_rng(seed)
    names = sorted(p for p in photos.iterdir() if p.suffix in (".jpg", ".png")) if photos else []
    opened = [Image.open(name).convert("RGB").resize((900, 700)) for name in names]
    for number in range(count):
        target = folder / ("", "a", "a/b")[number % 3] / f"{number:03}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        width, height = (int(n) for n in chosen.integers(300, 900, 2))
        if opened:
            image = opened[number % len(opened)].resize((width, height))
        else:
            ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            inside = xs**2 + (ys * chosen.uniform(1, 2)) ** 2 < chosen.uniform(0.2, 0.8)
            colours = chosen.integers(0, 256, (2, 3))
            image = Image.fromarray(np.where(inside[..., None], *colours).astype(np.uint8))
        image.save(target, quality=88)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file, hidden ones too."""
    found = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def finished(folder: Path) -> dict[str, int]:
    """The results that the journal knows, and their inode numbers."""
    found = {}
    journal = folder / JOURNAL
    for line in journal.read_bytes().splitlines() if journal.exists() else ():
        try:
            name = json.loads(line)["result"]
            found[name] = (folder / name).stat().st_ino
        except (ValueError, KeyError, FileNotFoundError):  # a line that was cut off
            continue
    return found


def lines(folder: Path) -> int:
    """How many lines the journal has."""
    journal = folder / JOURNAL
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def disturbed(command: list[str], output: Path, chance: random.Random, step: int) -> None:
    """Start a run and kill it."""
    before = lines(output)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if chance.random() < 0.3:
        time.sleep(chance.uniform(0.05, 1.5))
    else:
        wanted = before + chance.randint(1, 2 * step)
        while process.poll() is None and lines(output) < wanted:
            time.sleep(LOOK)
        time.sleep(chance.uniform(0, 0.1))
    process.kill()
    process.wait()


def again(known: dict[str, int], output: Path) -> list[str]:
    """What was finished, and is another file now."""
    return [name for name, inode in known.items() if (output / name).stat().st_ino != inode]


def main() -> int:
    """Kill, compare, say; 0 if all is well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("KIRIE_DATA")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--photos", type=Path, default=Path(data) / "photos" if data else None)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311  nothing secret
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        pictures(work / "in", given.pictures, given.photos, given.seed)
        cut = [sys.executable, "-m", "kirie", "cut", str(work / "in"), "--quiet", "-o"]
        whole, output = work / "whole", work / "out"
        subprocess.run([*cut, str(whole)], check=True)
        step = max(1, given.pictures // (given.kills + 4))
        for number in range(given.kills):
            known = finished(output)
            disturbed([*cut, str(output)], output, chance, step)
            wrong += [f"kill {number} made {name} again" for name in again(known, output)]
            parts = sum(p.name.endswith(".part") for p in output.rglob("*"))
            print(f"kill {number + 1}: {lines(output)} finished, {parts} half-written", flush=True)
        known = finished(output)
        done = subprocess.run([*cut, str(output)], check=False)
        wrong += [f"the last run made {name} again" for name in again(known, output)]
        wrong += ["the last run failed"] * bool(done.returncode)
        one, other = tree(whole), tree(output)
        wrong += [f"{name} is missing" for name in sorted(one.keys() - other.keys())]
        wrong += [f"{name} is too much" for name in sorted(other.keys() - one.keys())]
        wrong += [f"{n} differs" for n in sorted(one.keys() & other.keys()) if one[n] != other[n]]
        print(f"{len(known)} of {given.pictures} were finished before the last run")
        print(f"{len(other)} files, as in an undisturbed run" if not wrong else "\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

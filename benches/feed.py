"""How many training pictures a second the feed makes: decoded each time, kept in memory, kept in a folder; threads and processes.

    python benches/feed.py --data DATA [--augmentation birefnet:1024 ...] [--pictures 200]

Wall time depends on the machine and on what else it does, so processor time a picture is given too, and each line as a ratio to the
first of its augmentation. JSON lines.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

from kirie._machine import cores
from kirie.train import augment, sources
from kirie.train.cache import Pictures
from kirie.train.feed import Feed

USUAL = (
    "published-sod:320",
    "mini:256",
    "photo:512",
    "inspyrenet:384",
    "flip:1024",
    "birefnet:1024",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--augmentation", nargs="+", default=USUAL, metavar="NAME:SIZE")
    parser.add_argument("--pictures", type=int, default=192, help="different ones, a multiple of 8")
    given = parser.parse_args()
    found = sources.find([(given.data, 1)])
    count = min(given.pictures, len(found.files)) // 8 * 8
    few = replace(found, files=found.files[:count], sets=((count, 1.0),))
    for text in given.augmentation:
        name, _, side = text.partition(":")
        first = 0.0
        for how, wall, processor in ways(name, int(side), few, count):
            first = first or wall
            line = {
                "augmentation": name,
                "size": int(side),
                "how": how,
                "pictures_per_second": round(count / wall, 1),
                "processor_ms_a_picture": round(1000 * processor / count, 2),
                "times_the_first": round(first / wall, 2),
            }
            print(json.dumps(line), flush=True)


def ways(
    name: str, side: int, few: sources.Examples, count: int
) -> Iterator[tuple[str, float, float]]:
    """(how, wall seconds, processor seconds of this process) of an epoch."""
    both = cores()
    composing = {"composites": 0.5, "empties": 0.05} if name == "mini" else {}

    def epoch(
        pictures: Pictures, *, workers: int, processes: bool = False, epochs: int = 1
    ) -> tuple[float, float]:
        make = augment.get(name, few, pictures=pictures, **composing)
        options = {"batch": 8, "size": side, "seed": 0, "workers": workers}
        with Feed(few, make, processes=processes, **options) as feed:
            for number in range(epochs):
                start, used = perf_counter(), process_time()
                for _ in range(count // 8):
                    feed.batch()
                if number == epochs - 1:
                    return perf_counter() - start, process_time() - used
        raise AssertionError

    yield f"decoded each time, {both} threads", *epoch(Pictures(memory=0), workers=both)
    with tempfile.TemporaryDirectory() as folder:
        stored = Pictures(memory=0, folder=folder)
        yield f"kept in a folder, {both} threads", *epoch(stored, workers=both, epochs=2)
    yield f"kept in memory, {both} threads", *epoch(Pictures(), workers=both, epochs=2)
    yield "kept in memory, 1 thread", *epoch(Pictures(), workers=1, epochs=2)
    many = Pictures()
    yield f"kept in memory, {both} processes", *epoch(many, workers=both, processes=True, epochs=3)


if __name__ == "__main__":
    main()

"""What `kirie eval` gains by processes, and that its memory does not grow with the number of pictures.

    python benches/eval.py [--pictures 400] [--side 1024] [--jobs 2] [--runs 3]   time, by the wall clock
    python benches/eval.py --memory [--pictures 10000] [--metrics all]            memory

Times are of the whole command, from start to exit, in turns with one process and with several, on synthetic pairs with thin
structures in a temporary folder; the ratio is the median over the turns. For memory it runs on a tenth of the pictures and on
all of them (64² each, few files under many names) and compares the peaks.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from PIL import Image

from metrics import scene

DIFFERENT = 24  # pairs; further pictures are the same under other names


def data_set(folder: Path, pictures: int, side: int) -> None:
    """pred/ and gt/ with so many pictures."""
    for kind in ("pred", "gt"):
        (folder / kind).mkdir(parents=True)
    for index in range(pictures):
        for kind, plane in zip(
            ("pred", "gt"), scene(side, index) if index < DIFFERENT else ("", ""), strict=True
        ):
            path = folder / kind / f"{index:05}.png"
            if index < DIFFERENT:
                Image.fromarray(plane).save(path)
            else:
                os.link(folder / kind / f"{index % DIFFERENT:05}.png", path)


def command(folder: Path, *options: str) -> tuple[float, float]:
    """Run `kirie eval`; seconds, and the peak of its memory in MB."""
    words = [
        sys.executable,
        "-m",
        "kirie",
        "eval",
        str(folder / "pred"),
        str(folder / "gt"),
        "--quiet",
    ]
    started = perf_counter()
    process = subprocess.Popen([*words, *options, "--json", str(folder / "out.json"), "--fresh"])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"kirie eval ended with {status}")
    return perf_counter() - started, _peak(used)


def _peak(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--metrics", default="usual")
    given = parser.parse_args()
    if given.memory:
        memory(given.pictures or 10_000, given.metrics)
        return
    with tempfile.TemporaryDirectory() as place:
        folder, count = Path(place) / "set", given.pictures or 400
        data_set(folder, count, given.side)
        command(folder, "--metrics", given.metrics, "--jobs", "1")  # compiled, and files warm
        ratios = []
        for _ in range(given.runs):
            one, several = (
                command(folder, "--metrics", given.metrics, "--jobs", str(jobs))[0]
                for jobs in (1, given.jobs)
            )
            ratios.append(one / several)
            print(
                f"1 job {one:.1f} s, {given.jobs} jobs {several:.1f} s: {one / several:.2f}×",
                flush=True,
            )
        print(f"{count} × {given.side}², {given.metrics}: {statistics.median(ratios):.2f}×, median")


def memory(pictures: int, names: str) -> None:
    """Peaks on a tenth and on all."""
    peaks = []
    for count in (pictures // 10, pictures):
        with tempfile.TemporaryDirectory() as place:
            data_set(Path(place) / "set", count, 64)
            seconds, peak = command(Path(place) / "set", "--metrics", names, "--jobs", "1")
        peaks.append(peak)
        print(f"{count:6} pictures: {peak:.0f} MB, {seconds:.0f} s", flush=True)
    print(f"{names}: {peaks[1] - peaks[0]:.0f} MB more for ten times as many")


if __name__ == "__main__":
    main()

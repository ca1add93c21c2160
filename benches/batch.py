"""kirie against rembg on a folder of 200 photos of 2 to 12 megapixels, both running the same 320×320 network file.

    python benches/batch.py --photos FOLDER [--count 200] [--only kirie]

The photos are made from those in FOLDER (resized, cropped, mirrored; JPEG), the same ones for the same seed, and kept under
`.bench/`, where rembg gets an environment of its own. kirie is the one of the Python that runs this. Prints

- wall time ÷ (CPU seconds ÷ cores): 1 where every core works all the time. Once with the CPU seconds of that run itself, once
  with those of a run that was given a single core, where nothing competes for caches and memory;
- rembg's wall time ÷ kirie's, clean edges;
- memory as the work goes on: the largest resident size while each tenth of the pictures was made, over that of the first ten.

Linux, for the memory and for the run on a single core.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from time import perf_counter, sleep
from typing import NamedTuple

import numpy as np
from end_to_end import ROOT, environment, network
from PIL import Image, ImageOps

SUFFIXES = (".jpg", ".png")
LOOKS = 0.2  # seconds between two looks at the memory
FIRST = 10  # pictures after which memory is to be flat


class Ran(NamedTuple):
    """One run: seconds that passed, seconds of work, and (results so far, resident MB) as it went on."""

    wall: float
    cpu: float
    memory: list[tuple[int, float]]


def make(source: Path, target: Path, count: int, seed: int) -> None:
    """`count` photos of 2 to 12 MP from the pictures in a folder; what is there already is kept."""
    target.mkdir(parents=True, exist_ok=True)
    names = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES)
    if not names:
        raise SystemExit(f"{source} holds no .jpg or .png files.")
    for number in range(count):
        file = target / f"{number:03}.jpg"
        random = np.random.default_rng((seed, number))
        megapixels, crop, mirrored = (
            random.uniform(2, 12),
            random.uniform(0.7, 1, 2),
            random.random(),
        )
        corner, quality = random.uniform(0, 1, 2), int(random.integers(80, 96))
        if file.exists():
            continue
        with Image.open(names[number % len(names)]) as opened:
            photo = ImageOps.exif_transpose(opened).convert("RGB")
        width, height = (crop * photo.size).astype(int)
        left, top = (corner * (np.array(photo.size) - (width, height))).astype(int)
        photo = photo.crop((left, top, left + width, top + height))
        scale = (megapixels * 1e6 / (width * height)) ** 0.5
        photo = photo.resize(
            (round(width * scale), round(height * scale)), Image.Resampling.BICUBIC
        )
        if mirrored < 0.5:
            photo = ImageOps.mirror(photo)
        part = file.with_suffix(".part")
        photo.save(part, "JPEG", quality=quality)
        part.replace(file)


def resident(pid: int) -> float:
    """MB of a process and its children together, shared memory divided among those that share it."""
    family = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text("ascii", "replace").rpartition(")")[2].split()[1]) == pid:
                family.append(int(stat.parent.name))
        except (OSError, IndexError):  # it has just ended
            continue
    return sum(map(_own, family))


def _own(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii", "replace")
        return int(rollup.partition("\nPss:")[2].split()[0]) / 1e3
    except (OSError, IndexError):  # it has just ended
        return 0.0


def ran(command: list[str], env: dict[str, str], output: Path, *, core: int | None = None) -> Ran:
    """Run a command that writes PNG files to a folder."""
    shutil.rmtree(output, ignore_errors=True)
    seen: list[tuple[int, float]] = []
    ended = threading.Event()

    def look(pid: int) -> None:
        while not ended.is_set():
            done = sum(p.suffix == ".png" for p in output.iterdir()) if output.is_dir() else 0
            seen.append((done, resident(pid)))
            sleep(LOOKS)

    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    started = perf_counter()
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        thread = threading.Thread(target=look, args=(process.pid,))
        thread.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        thread.join()
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Ran(wall, usage.ru_utime + usage.ru_stime, seen)


def flatness(memory: list[tuple[int, float]], count: int) -> list[float]:
    """The largest size within each tenth of the pictures after the first ten, over that within the first ten."""
    first = max((size for done, size in memory if done <= FIRST), default=0.0)
    edges = np.linspace(FIRST, count, 11)
    tenths = (
        [size for done, size in memory if low < done <= high] for low, high in pairwise(edges)
    )
    return [round(max(sizes) / first, 3) for sizes in tenths if sizes and first]


def rivals(
    given: argparse.Namespace, photos: Path, model: Path
) -> dict[str, tuple[list[str], Path]]:
    """The commands to compare, by name, with the folder that each writes to."""
    work = given.work.resolve()
    out = {name: work / "batch" / name for name in ("clean", "raw", "rembg")}
    cut = [sys.executable, "-m", "kirie", "cut", str(photos), "-m", str(model), "--quiet"]
    commands = {
        "clean": ([*cut, "-o", str(out["clean"])], out["clean"]),
        "raw": ([*cut, "--edges", "raw", "-o", str(out["raw"])], out["raw"]),
    }
    if given.only != "kirie":
        python = environment(work / "rembg", given.rembg)
        rembg = [str(python.parent / "rembg"), "p", "-m", "u2netp", str(photos), str(out["rembg"])]
        commands["rembg"] = (rembg, out["rembg"])
    return commands


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("KIRIE_DATA")
    parser.add_argument("--photos", type=Path, default=Path(data) / "photos" if data else None)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=3, help="of kirie; rembg runs once")
    parser.add_argument("--only", choices=("kirie",))
    parser.add_argument("--rembg", default="rembg[cpu,cli]>=2.0.66,<2.1")
    parser.add_argument("--work", type=Path, default=ROOT / ".bench")
    given = parser.parse_args()
    if given.photos is None:
        raise SystemExit("Give --photos, or set KIRIE_DATA: a folder with photos in it.")
    work = given.work.resolve()
    photos = work / "batch" / f"photos-{given.count}-{given.seed}"
    make(given.photos, photos, given.count, given.seed)
    model = work / "home" / "u2netp.onnx"
    if not model.exists():
        network(model)
    env = os.environ | {"U2NET_HOME": str(model.parent), "MODEL_CHECKSUM_DISABLED": "1"}
    found: dict[str, object] = {"photos": given.count}
    commands = rivals(given, photos, model)
    rembg = commands.pop("rembg", None)
    cores = len(os.sched_getaffinity(0))
    for name, (command, output) in commands.items():
        runs = [ran(command, env, output) for _ in range(given.runs)]
        alone = ran(command, env, output, core=min(os.sched_getaffinity(0)))
        wall = statistics.median(run.wall for run in runs)
        found[name] = {
            "wall_s": [round(run.wall, 1) for run in runs],
            "cpu_s": [round(run.cpu, 1) for run in runs],
            "wall_over_own_share": round(
                statistics.median(run.wall / (run.cpu / cores) for run in runs), 3
            ),
            "one_core_cpu_s": round(alone.cpu, 1),
            "wall_over_stages_share": round(wall / (alone.cpu / cores), 3),
            "peak_mb": round(max(size for run in runs for _, size in run.memory)),
            "memory_over_first_ten": flatness(runs[-1].memory, given.count),
        }
        print(name, json.dumps(found[name]), flush=True)
        if name == "clean":
            clean = wall
    if rembg:
        run = ran(rembg[0], env, rembg[1])
        print("rembg", json.dumps({"wall_s": round(run.wall, 1), "cpu_s": round(run.cpu, 1)}))
        print(f"rembg / kirie, clean edges: {run.wall / clean:.2f}")


if __name__ == "__main__":
    main()

"""How free of the old background the edges of a cutout are, and what that costs, against pymatting.

    python benches/edges.py [--data FOLDER] [--pictures N] [--runs 3] [--json]

Cutouts whose alpha is exact (`cutouts/emo_*`, `cutouts/ycb_*`) are laid on a photograph, cut with the TRUE alpha, and
laid on another photograph. The error is the mean absolute difference, in 8-bit levels and over the three channels,
from the same cutout with its true colours, over the pixels of the edge band: 0.02 < alpha < 0.98. `colour` is the same
difference before it is laid on anything: estimated against true colour.

The method was tuned on one half of the cutouts (those whose name has an even CRC-32); the table is of the other half.

raw: the picture's own colours. blur fusion: `edges.blur_fusion` (90, then 6 pixels). ml: pymatting's
`estimate_foreground_ml`, in an environment of its own under `.bench/`, second and later calls only, so that numba's
compilation does not count. Times are taken in turns, so that a machine whose speed drifts disturbs all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benches")]

from end_to_end import environment  # noqa: E402

from kirie import edges  # noqa: E402

LOW, HIGH = 0.02, 0.98
MARGIN = 40
PHOTO = "photos/kitten-on-lawn.jpg"
ML = """
import json, sys, time, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("ignore")
from pymatting import estimate_foreground_ml
folder, times = Path(sys.argv[1]), {}
names = sorted(p.name[:-len("-alpha.npy")] for p in folder.glob("*-alpha.npy"))
for name in [names[0], *names]:  # the first call compiles
    picture = np.load(folder / f"{name}-picture.npy") / 255.0
    alpha = np.load(folder / f"{name}-alpha.npy").astype(np.float64)
    start = time.perf_counter()
    found = estimate_foreground_ml(picture, alpha)
    times[name] = time.perf_counter() - start
    if alpha.size < 1e6:
        np.save(folder / f"{name}-ml.npy", found.astype(np.float32))
print(json.dumps(times))
"""
MEMORY = """
import pathlib, re, sys
import numpy as np
from kirie import edges
def peak():  # kB; the resource module's figure would start at the parent process's
    return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
edges.clean(np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 0.5, np.float32))
picture, alpha = np.load(sys.argv[1] + "-picture.npy"), np.load(sys.argv[1] + "-alpha.npy")
before = peak()
edges.clean(picture, alpha)
print((peak() - before) / 1e3)
"""


class Scene:
    """One cutout on one photograph.

    Attributes:
        picture: (H, W, 3) uint8, what the cutter sees.
        alpha: (H, W) float32, true.
        colours: (H, W, 3) float32 in [0, 1], true.
    """

    def __init__(self, path: Path, photos: list[Path], soft: float) -> None:
        key = zlib.crc32(path.name.encode())
        cutout = np.asarray(read(path, "RGBA"), np.float32) / 255
        cutout = np.pad(cutout, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
        self.name, self.colours, self.alpha = path.stem, cutout[..., :3], cutout[..., 3]
        if soft:  # the colours are continued outwards, and alpha blurred, as a network's is
            sure = self.alpha[..., None] > HIGH
            self.colours = continued(self.colours * sure, sure.astype(np.float32))
            levels = Image.fromarray((self.alpha * 255).astype(np.uint8))
            blurred = levels.filter(ImageFilter.GaussianBlur(soft))
            self.alpha = np.asarray(blurred, np.float32) / 255
        height, width = self.alpha.shape
        share = self.alpha[..., None]
        behind = cover(photos[key % len(photos)], (width, height))
        self.picture = np.round((share * self.colours + (1 - share) * behind) * 255)
        self.picture = self.picture.clip(0, 255).astype(np.uint8)
        self.elsewhere = cover(photos[key // 7919 % len(photos)], (width, height))
        self.band = (self.alpha > LOW) & (self.alpha < HIGH)

    def errors(self, found: np.ndarray) -> tuple[float, float]:
        """(laid on the other photograph, colour itself): mean over the band, in levels."""
        share = self.alpha[..., None]
        on = [share * c + (1 - share) * self.elsewhere for c in (found, self.colours)]
        laid = np.abs(on[0] - on[1]).mean(axis=2)[self.band].mean()
        return 255 * float(laid), 255 * float(np.abs(found - self.colours)[self.band].mean())


def read(path: Path, mode: str) -> Image.Image:
    with Image.open(path) as image:
        return image.convert(mode)


def cover(path: Path, size: tuple[int, int]) -> np.ndarray:
    """A photograph scaled and cut to (width, height): float32 in [0, 1]."""
    image = read(path, "RGB")
    scale = max(size[0] / image.width, size[1] / image.height)
    whole = [max(n, round(m * scale)) for n, m in zip(size, image.size, strict=True)]
    image = image.resize((whole[0], whole[1]), Image.Resampling.BICUBIC)
    return np.asarray(image.crop((0, 0, *size)), np.float32) / 255


def continued(colours: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill what has no weight from ever coarser means: (H, W, 3) of (H, W, 3), premultiplied, and (H, W, 1)."""
    height, width = weight.shape[:2]
    known = colours / np.maximum(weight, 1e-6)
    if min(height, width) <= 2:
        return known
    edge = ((0, height % 2), (0, width % 2), (0, 0))
    planes = np.pad(np.concatenate((colours, weight), axis=2), edge)
    sums = planes[::2, ::2] + planes[1::2, ::2] + planes[::2, 1::2] + planes[1::2, 1::2]
    total = sums[..., 3:]
    scale = np.minimum(1, total) / np.maximum(total, 1e-9)
    small = continued(sums[..., :3] * scale, np.minimum(1, total))
    large = [
        Image.fromarray(small[..., c]).resize((width, height), Image.Resampling.BILINEAR)
        for c in range(3)
    ]
    return np.where(weight > 0, known, np.stack([np.asarray(p) for p in large], axis=2))


def large(data: Path, cutout: Path, folder: Path) -> None:
    """Two 11 MP cases, for time alone: a sharp matte, and one enlarged from 256² as a small network's is."""
    image = read(data / PHOTO, "RGB")
    alpha = read(cutout, "RGBA").getchannel("A")
    sharp = alpha.resize(image.size, Image.Resampling.BICUBIC)
    levels = np.asarray(sharp, np.float32)
    sharp = Image.fromarray(((levels / 255 - 0.5) * 8 + 0.5).clip(0, 1))
    soft = Image.fromarray(np.asarray(alpha, np.float32) / 255)
    soft = soft.resize((256, 256), Image.Resampling.BOX)
    soft = soft.resize(image.size, Image.Resampling.BILINEAR)
    for name, plane in (("sharp", sharp), ("soft", soft)):
        np.save(folder / f"{name}-picture.npy", np.asarray(image))
        np.save(folder / f"{name}-alpha.npy", np.asarray(plane, np.float32).clip(0, 1))


def ours(folder: Path, method: Callable[..., np.ndarray]) -> dict[str, float]:
    """Seconds of each case of a folder."""
    times = {}
    paths = sorted(folder.glob("*-alpha.npy"))
    for path in [paths[0], *paths]:
        name = path.name.removesuffix("-alpha.npy")
        picture, alpha = np.load(folder / f"{name}-picture.npy"), np.load(path)
        start = perf_counter()
        method(picture, alpha)
        times[name] = perf_counter() - start
    return times


def ratios(folder: Path, python: Path, runs: int) -> dict[str, dict[str, float]]:
    """Medians over runs: seconds of both, and pymatting's over ours, by case and for all together."""
    rounds = []
    for _ in range(runs):
        mine = ours(folder, edges.clean)
        command = [str(python), "-c", ML, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs = json.loads(done.stdout.splitlines()[-1])
        mine["all"], theirs["all"] = sum(mine.values()), sum(theirs.values())
        rounds.append((theirs, mine))
    return {
        name: {
            "ml": statistics.median(theirs[name] for theirs, _ in rounds),
            "clean": statistics.median(mine[name] for _, mine in rounds),
            "ratio": statistics.median(theirs[name] / mine[name] for theirs, mine in rounds),
        }
        for name in rounds[0][1]
    }


def judged(scenes: list[Scene], folder: Path) -> dict[str, list[tuple[float, float]]]:
    """The errors of every method in every scene."""
    one = np.float32(255)
    return {
        "raw": [s.errors(s.picture / one) for s in scenes],
        "blur fusion": [s.errors(edges.blur_fusion(s.picture / one, s.alpha)) for s in scenes],
        "ml": [s.errors(np.load(folder / f"{s.name}-ml.npy")) for s in scenes],
        "clean": [s.errors(edges.clean(s.picture, s.alpha) / one) for s in scenes],
    }


def measure(given: argparse.Namespace) -> dict[str, object]:
    """All figures."""
    data, work = given.data, given.work.resolve()
    python = environment(work / "pymatting", "pymatting>=1.1.13,<2")
    paths = [p for kind in ("emo", "ycb") for p in sorted((data / "cutouts").glob(f"{kind}_*"))]
    paths = [p for p in paths if zlib.crc32(p.name.encode()) % 2 == 1]
    photos = sorted((data / "backgrounds").glob("*.jpg")) + sorted((data / "train").glob("*.jpg"))
    result: dict[str, object] = {"scenes": {}}
    for kind, soft, some in (("sharp", 0, paths), ("soft", 5, paths[::4])):
        folder = work / "edges" / kind
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.npy"):
            old.unlink()
        scenes = [Scene(path, photos, soft) for path in some[: given.pictures]]
        for scene in scenes:
            np.save(folder / f"{scene.name}-picture.npy", scene.picture)
            np.save(folder / f"{scene.name}-alpha.npy", scene.alpha)
        times = ratios(folder, python, given.runs)["all"]
        errors = judged(scenes, folder)
        result["scenes"][kind] = {  # type: ignore[index]
            "count": len(scenes),
            "times": times,
            "errors": {name: np.mean(rows, axis=0).tolist() for name, rows in errors.items()},
            "worst": sorted(
                (
                    (*(errors[n][k][0] for n in ("clean", "ml", "raw")), s.name)
                    for k, s in enumerate(scenes)
                ),
                reverse=True,
            )[:8],
        }
    folder = work / "edges" / "large"
    folder.mkdir(parents=True, exist_ok=True)
    large(data, paths[0], folder)
    result["large"] = ratios(folder, python, given.runs)
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    result["memory_mb"] = {
        name: float(
            subprocess.run(
                [sys.executable, "-c", MEMORY, str(folder / name)],
                env=env,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for name in ("sharp", "soft")
    }
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("KIRIE_DATA")
    parser.add_argument("--data", type=Path, default=Path(data) if data else None)
    parser.add_argument("--pictures", type=int, default=None, help="only so many of each kind")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, default=ROOT / ".bench")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.data is None:
        raise SystemExit(f"Give --data, or set KIRIE_DATA: cutouts, backgrounds, train, {PHOTO}.")
    result = measure(given)
    if given.json:
        print(json.dumps(result, indent=1))
        return
    print(
        f"Error in the band {LOW} < alpha < {HIGH}, in levels of 255; held-out half of the cutouts"
    )
    for kind, found in result["scenes"].items():  # type: ignore[attr-defined]
        print(
            f"\n{kind} alpha, {found['count']} pictures: laid on another photograph, ratios, colour itself"
        )
        errors = found["errors"]
        for name, (laid, colour) in errors.items():
            of_raw, of_ml = laid / errors["raw"][0], laid / errors["ml"][0]
            print(f"  {name:12} {laid:6.2f}   {of_raw:.2f} × raw  {of_ml:.2f} × ml   {colour:6.2f}")
        times, count = found["times"], found["count"]
        ms = [1e3 * times[n] / count for n in ("ml", "clean")]
        print(
            f"  time: ml {ms[0]:.1f} ms → clean {ms[1]:.1f} ms: {times['ratio']:.1f} times as fast"
        )
        print("  worst (clean, ml, raw):")
        for clean, ml, raw, name in found["worst"]:
            print(f"    {clean:6.2f} {ml:6.2f} {raw:6.2f}  {name}")
    print("\n11 MP")
    for name in ("sharp", "soft"):
        row = result["large"][name]  # type: ignore[index]
        print(
            f"  {name:6} ml {row['ml']:.2f} s → clean {row['clean']:.3f} s: {row['ratio']:.1f} times as fast; "
            f"clean's own memory {result['memory_mb'][name]:.0f} MB"  # type: ignore[index]
        )


if __name__ == "__main__":
    main()

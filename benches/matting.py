"""kirie's closed-form matting against pymatting's, on cutouts whose alpha is known.

    python benches/matting.py [--data FOLDER] [--pictures 40]

Cutouts are laid on photographs, and the true alpha is made as coarse as a network's map that is so many times smaller than
the picture. Both solvers get that as a trimap, kirie also as a guess. Prints the mean error over the band, and ratios of
times of later calls.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benches")]

from edges import Scene, read  # noqa: E402
from end_to_end import environment  # noqa: E402

from kirie import compose, matting  # noqa: E402

KINDS = ("pet", "rab", "clo", "emo")
CLOSED_FORM = """
import json, sys, time, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("ignore")
from pymatting import estimate_alpha_cf
folder, times = Path(sys.argv[1]), {}
names = sorted(p.name[:-len("-trimap.npy")] for p in folder.glob("*-trimap.npy"))
for name in [names[0], *names]:  # the first call compiles
    picture = np.load(folder / f"{name}-picture.npy") / 255.0
    trimap = np.load(folder / f"{name}-trimap.npy") / 255.0
    start = time.perf_counter()
    found = estimate_alpha_cf(picture, trimap)
    times[name] = time.perf_counter() - start
    np.save(folder / f"{name}-closed.npy", found.astype(np.float32))
print(json.dumps(times))
"""


def coarse(alpha: np.ndarray, factor: int) -> np.ndarray:
    """Alpha as a smaller map knows it."""
    size = alpha.shape[::-1]
    small = Image.fromarray(alpha).resize([max(1, n // factor) for n in size], Image.Resampling.BOX)
    large = np.asarray(small.resize(size, Image.Resampling.BILINEAR))
    return ((large - 0.1) / 0.8).clip(0, 1)


def large(data: Path, cutout: Path, folder: Path) -> None:
    """One case of 11 MP, for time alone."""
    image = read(data / "photos" / "kitten-on-lawn.jpg", "RGB")
    alpha = read(cutout, "RGBA").getchannel("A").resize(image.size, Image.Resampling.BICUBIC)
    guess = coarse(np.asarray(alpha, np.float32) / 255, 12)
    np.save(folder / "large-picture.npy", np.asarray(image))
    np.save(folder / "large-guess.npy", guess)
    np.save(folder / "large-trimap.npy", compose.trimap(guess))


def scenes_of(
    data: Path, folder: Path, factor: int, pictures: int
) -> dict[str, tuple[str, Scene, np.ndarray]]:
    """Name → (kind, scene, guess); each scene's picture and trimap are written for the other solver."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.npy"):
        old.unlink()
    photos = sorted((data / "backgrounds").glob("*.jpg"))
    scenes = {}
    for kind in KINDS:
        paths = sorted((data / "cutouts").glob(f"{kind}_*"))
        for path in paths[:: max(1, len(paths) // pictures)][:pictures]:
            scene = Scene(path, photos, 0)
            guess = coarse(scene.alpha, factor)
            if (compose.trimap(guess) == matting.UNKNOWN).any():
                scenes[scene.name] = (kind, scene, guess)
                np.save(folder / f"{scene.name}-picture.npy", scene.picture)
                np.save(folder / f"{scene.name}-trimap.npy", compose.trimap(guess))
    return scenes


def timed(picture: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, float]:
    start = perf_counter()
    found = matting.matte(picture, guess)
    return found, perf_counter() - start


def measure(
    data: Path, folder: Path, factor: int, pictures: int, python: Path
) -> dict[str, object]:
    """One row: errors by kind and ratios of times."""
    scenes = scenes_of(data, folder, factor, pictures)
    large(data, next(iter(sorted((data / "cutouts").glob("emo_*")))), folder)
    command = [str(python), "-c", CLOSED_FORM, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    errors: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    ratios = []
    for name, (kind, scene, guess) in scenes.items():
        found, seconds = timed(scene.picture, guess)
        ratios.append(theirs[name] / seconds)
        band = compose.trimap(guess) == matting.UNKNOWN
        answers = (guess, np.load(folder / f"{name}-closed.npy"), found)
        errors[kind].append([float(np.abs(a - scene.alpha)[band].mean()) for a in answers])
    picture, guess = (np.load(folder / f"large-{n}.npy") for n in ("picture", "guess"))
    return {
        "factor": factor,
        "errors": {kind: np.mean(rows, axis=0).round(4).tolist() for kind, rows in errors.items()},
        "time": round(statistics.median(ratios), 2),
        "time_11MP": round(theirs["large"] / timed(picture, guess)[1], 2),
        "seconds_11MP": [round(theirs["large"], 2), round(timed(picture, guess)[1], 2)],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("KIRIE_DATA")
    parser.add_argument("--data", type=Path, default=Path(data) if data else None)
    parser.add_argument("--pictures", type=int, default=10, help="of each kind")
    parser.add_argument("--work", type=Path, default=ROOT / ".bench")
    given = parser.parse_args()
    if given.data is None:
        raise SystemExit(
            "Give --data, or set KIRIE_DATA: a folder with cutouts, backgrounds and photos."
        )
    work = given.work.resolve()
    python = environment(work / "pymatting", "pymatting>=1.1.13,<2")
    print("errors: the guess, pymatting, kirie; times: pymatting / kirie")
    for factor in (4, 8):
        folder = work / "matting" / str(factor)
        print(json.dumps(measure(given.data, folder, factor, given.pictures, python)))


if __name__ == "__main__":
    main()

"""How kirie-mini's map is best read: which probabilities become 0 and 1, and what an answer's decidedness is worth.

    python benches/levels.py --data FOLDER [--data MORE] [--model kirie-mini] [--made 200]

Looked at are the tenth of training that is held out and composites of held-out cutouts on held-out backgrounds (`--made` of
them): pictures that are neither trained on nor the evaluation's. Two results, to be written into the card's read-out:

Levels: the network is unsure along edges and leaves a haze elsewhere, and levels take the haze off. Printed for each pair: the
measures on photos and on composites, and in how many pictures of nothing, held-out backgrounds, nothing is found.

Calibration: the IoU that answers of each decidedness had, with the card's own levels: the mean of the pictures beside it
(a Gaussian of BESIDE around it), made to rise. It turns `confidence` into the IoU that is to be expected.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kirie
from kirie import CutOptions, metrics, refine
from kirie.cutout import LEAST_COVERAGE, OPAQUE
from kirie.train import augment, reading, sources
from kirie.train.recipes.mini import MINI

LEVELS = (
    (0.0, 1.0),
    (0.05, 0.95),
    (0.1, 0.9),
    (0.15, 0.85),
    (0.2, 0.8),
    (0.3, 0.7),
    (0.4, 0.6),
    (0.5, 0.9),
)
CHOSEN = ("Sm", "wFm", "MAE", "iou")
NAMES = {"S": "Sm", "wF": "wFm", "MAE": "MAE", "IoU": "iou_bin"}
SIDE = 384  # of composites
STEPS = 21  # places of the calibration
BESIDE = 0.03
Floats = NDArray[np.float32]


def pictures(
    data: list[Path], made: int
) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
    """(kind, RGB, mask) of everything that is looked at."""
    everything = sources.find([(folder, 1.0) for folder in data])
    held = sources.split(everything, 0.1)[1]
    for example in held.files:
        photo, truth = reading.read(example, "subject", everything.labels, ())
        yield "photos", photo, truth
    left = {
        name: tuple(p for p in getattr(everything, name) if sources.place(p.stem) < 0.1)
        for name in ("cutouts", "backgrounds")
    }
    held = replace(held, **left)
    arguments = MINI.augmentation_arguments | {"over_photos": 0.0}
    for kind, share in (
        ("composites", {"composites": 1.0, "empties": 0.0}),
        ("nothing", {"empties": 1.0}),
    ):
        make = augment.get("mini", held, **(arguments | {"composites": 0.0} | share))
        for number in range(made):
            rng = np.random.default_rng((0, number))
            example = held.files[number % len(held.files)]
            one = make(example, rng, (SIDE, SIDE))
            yield kind, one.image, one.truth


def read(alpha: Floats, levels: tuple[float, float]) -> Floats:
    """An alpha that was read without levels, with them."""
    low, high = levels
    found: Floats = ((alpha - low) / (high - low)).clip(0, 1)
    return found


def calibration(sure: NDArray[np.float64], right: NDArray[np.float64]) -> list[float]:
    """The IoU to be expected at decidednesses evenly from 0 to 1, rising."""
    places = np.linspace(0, 1, STEPS)
    far = (places[:, None] - sure) / BESIDE
    # A wide Gaussian of little weight: where no picture is near, the nearest ones speak.
    near = np.exp(-(far**2) / 2) + 1e-3 * np.exp(-((far / 8) ** 2) / 2) + 1e-12
    worth = near @ right / near.sum(axis=1)
    seen = near.sum(axis=1)
    blocks: list[list[float]] = []  # pool adjacent violators: (value, weight, places)
    for value, weight in zip(worth, seen, strict=True):
        blocks.append([float(value), float(weight), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            a, b = blocks.pop(), blocks.pop()
            total = a[1] + b[1]
            blocks.append([(a[0] * a[1] + b[0] * b[1]) / total, total, a[2] + b[2]])
    return [round(block[0], 3) for block in blocks for _ in range(int(block[2]))]


def main() -> None:
    """Cut every picture once, read it out in every way, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, action="append", default=None)
    parser.add_argument("--model", default="kirie-mini")
    parser.add_argument("--made", type=int, default=200)
    given = parser.parse_args()
    if not (data := given.data or [Path(p) for p in (os.environ.get("KIRIE_DATA"),) if p]):
        raise SystemExit(
            "Give --data, or set KIRIE_DATA: the folder that holds train/, cutouts/ and backgrounds/."
        )
    suites = {
        (kind, pair): metrics.suite(CHOSEN) for kind in ("photos", "composites") for pair in LEVELS
    }
    empty = dict.fromkeys(LEVELS, 0)
    lost = dict.fromkeys(LEVELS, 0)
    worth: list[tuple[float, float]] = []
    with kirie.load(given.model) as cutter:
        own = cutter.card.readout.levels
        cutter.card = replace(
            cutter.card, readout=replace(cutter.card.readout, levels=(0.0, 1.0), calibration=())
        )
        for kind, image, truth in pictures(data, given.made):
            alpha = cutter.cut(image, CutOptions(as_="mask")).alpha
            for pair in LEVELS:
                mask = read(alpha, pair)
                none = float((mask >= OPAQUE).mean()) < LEAST_COVERAGE
                if kind == "nothing":
                    empty[pair] += none
                    continue
                lost[pair] += none
                suite = suites[kind, pair]
                record: Any = suite.measure(
                    metrics.pair((mask * 255 + 0.5).astype(np.uint8), truth)
                )
                suite.add(record)
            if kind != "nothing":
                worth.append(
                    (refine.confidence(read(alpha, own)), overlap(read(alpha, own), truth))
                )
    print(
        f"{'levels':>12}"
        + "".join(f"{kind[:5] + ' ' + n:>10}" for kind in ("photos", "composites") for n in NAMES)
        + "     empty   lost"
    )
    for pair in LEVELS:
        line = f"{pair!s:>12}"
        for kind in ("photos", "composites"):
            found = suites[kind, pair].compute()
            line += "".join(f"{float(found[key]):10.4f}" for key in NAMES.values())
        print(f"{line} {empty[pair]:5}/{given.made} {lost[pair]:6}")
    sure, right = np.array(worth).T
    print(
        f"decidedness with the card's levels {own}: "
        + ", ".join(f"{q:.3f}" for q in np.quantile(sure, (0, 0.1, 0.5, 0.9, 1)))
    )
    print("calibration =", tuple(calibration(sure, right)))


def overlap(alpha: Floats, truth: NDArray[np.uint8]) -> float:
    """IoU at one half."""
    ours, theirs = alpha >= OPAQUE, truth > 127
    either = int((ours | theirs).sum())
    return int((ours & theirs).sum()) / either if either else 1.0


if __name__ == "__main__":
    main()

"""How kirie-mini's map is best read: which probabilities become 0 and 1, and what an answer's decidedness is worth.

    python benches/levels.py --data FOLDER [--data MORE] [--model kirie-mini] [--made 200]

Looked at are the tenth of training that is held out and composites of held-out cutouts on held-out backgrounds (`--made` of
them): pictures that are neither trained on nor the evaluation's. Three results, to be written into the card's read-out:

Levels: the network is unsure along edges and leaves a haze elsewhere, and levels take the haze off. Printed for each pair: the
measures on photos and on composites.

Presence: what it finds where nothing is is small and unlikely. Printed for each least mean probability: how many photos and composites
are then taken for empty, and how many pictures of nothing (held-out backgrounds).

Calibration: the IoU that answers of each decidedness had, with the card's own levels: the mean of the pictures beside it
(a Gaussian of BESIDE around it), made to rise. It turns `confidence` into the IoU that is to be expected.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

import kirie
from kirie import CutOptions, metrics, refine
from kirie.cutout import OPAQUE
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
KINDS = ("photos", "composites", "nothing")
PRESENCES = (0.0, 0.6, 0.65, 0.7, 0.75, 0.8)
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
    return [round(float(n), 3) for n in isotonic_regression(worth, weights=seen).x]


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
    suites = {(kind, pair): metrics.suite(CHOSEN) for kind in KINDS[:2] for pair in LEVELS}
    likely: dict[str, list[float]] = {kind: [] for kind in KINDS}
    worth: list[tuple[float, float]] = []
    with kirie.load(given.model) as cutter:
        own = cutter.card.readout.levels
        cutter.card = replace(
            cutter.card, readout=replace(cutter.card.readout, levels=(0.0, 1.0)).unmeasured()
        )
        for kind, image, truth in pictures(data, given.made):
            alpha = cutter.cut(image, CutOptions(as_="mask")).alpha
            likely[kind].append(
                float(alpha[alpha >= OPAQUE].mean()) if alpha.max() >= OPAQUE else 0
            )
            if kind == "nothing":
                continue
            for pair in LEVELS:
                mask = (read(alpha, pair) * 255 + 0.5).astype(np.uint8)
                suites[kind, pair].add(suites[kind, pair].measure(metrics.pair(mask, truth)))
            decided = read(alpha, own)
            iou = metrics.Confusion(("iou",)).update(decided, truth)["iou_bin"]
            worth.append((refine.confidence(decided), iou))
    print(f"{'levels':>12}" + "".join(f"{f'{kind}, {n}':>16}" for kind in KINDS[:2] for n in NAMES))
    for pair in LEVELS:
        found = [suites[kind, pair].compute() for kind in KINDS[:2]]
        values = [float(one[key]) for one in found for key in NAMES.values()]
        print(f"{pair!s:>12}" + "".join(f"{value:16.4f}" for value in values))
    print(f"{'presence':>12}" + "".join(f"{f'empty {kind}':>22}" for kind in KINDS))
    for least in PRESENCES:
        none = [f"{sum(n == 0 or n < least for n in likely[k])} of {len(likely[k])}" for k in KINDS]
        print(f"{least:12}" + "".join(f"{count:>22}" for count in none))
    sure, right = np.array(worth).T
    spread = ", ".join(f"{q:.3f}" for q in np.quantile(sure, (0, 0.1, 0.5, 0.9, 1)))
    print(f"decidedness with the card's levels {own}, least to most: {spread}")
    print("calibration =", tuple(calibration(sure, right)))


if __name__ == "__main__":
    main()

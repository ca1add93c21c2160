"""How right a model's masks are: the field's measures on a folder of pictures with masks.

    python benches/score.py --data FOLDER [--model kirie-mini] [--held-out] [--json]
    python benches/score.py --nothing [--model kirie-mini]

FOLDER holds `eval/` (pairs NAME.jpg, NAME.png), which took no part in training or in any choice; `--held-out` scores
the fixed tenth of `train/` that choices are made on. Masks are alpha × 255 rounded, at the photo's size; the measures are
kirie.metrics' (pip install 'kirie[eval]'), BIoU and mBA (boundary accuracy) BiRefNet's. Prints the mean over all pictures with its
95 % bootstrap interval, the means by source (the file name's prefix), in how many nothing was found, and how well the
reported confidence tells right answers from wrong ones (Spearman's rank correlation with the IoU). `--nothing`: in how many of
the forty subject-free pictures beside this script (nothing/) nothing is found.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import kirie
from kirie import CutOptions, metrics

NAMES = {
    "S": "Sm",
    "wF": "wFm",
    "MAE": "MAE",
    "maxF": "Fm_max",
    "meanE": "Em_mean",
    "IoU": "iou_bin",
}
NAMES |= {"BIoU": "birefnet.BIoU_mean", "mBA": "birefnet.mBA"}
CHOSEN = ("Sm", "wFm", "MAE", "Fm", "Em", "iou", "birefnet.BIoU", "birefnet.mBA")
NOTHING = Path(__file__).parent / "nothing"


class Scored(NamedTuple):
    """One picture: where it comes from, what was measured, and what the result says of itself."""

    source: str
    record: Any
    confidence: float
    empty: bool
    milliseconds: float


def pairs(data: Path, *, held_out: bool) -> list[tuple[Path, Path]]:
    """(photo, mask) of the evaluation folder, or of training's fixed tenth."""
    folder = data / ("train" if held_out else "eval")
    photos = sorted(folder.glob("*.jpg"))
    if held_out:
        from kirie.train.sources import place

        photos = [photo for photo in photos if place(photo.stem) < 0.1]
    found = [(photo, photo.with_suffix(".png")) for photo in photos]
    if not found:
        raise SystemExit(f"{folder} holds no pairs NAME.jpg, NAME.png.")
    return found


def scored(cutter: Any, photo: Path, mask: Path, suite: Any) -> Scored:
    """Cut a picture and compare."""
    cutout = cutter.cut(photo, CutOptions(as_="mask"))
    with Image.open(mask) as opened:
        truth = np.asarray(opened.convert("L"))
    record = suite.measure(metrics.pair(cutout.mask, truth))
    took = 1000 * cutout.timings["network"]
    return Scored(photo.name.split("_")[0], record, cutout.confidence, cutout.empty, took)


def means(rows: list[Scored]) -> dict[str, float]:
    """The measures of a set."""
    suite = metrics.suite(CHOSEN)
    for row in rows:
        suite.add(row.record)
    found = suite.compute()
    return {name: float(found[key]) for name, key in NAMES.items()}


def interval(values: list[float]) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over pictures."""
    draws = np.random.default_rng(0).choice(np.asarray(values), (4000, len(values)))
    low, high = np.percentile(draws.mean(axis=1), (2.5, 97.5))
    return round(float(low), 3), round(float(high), 3)


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places in order; equal values share the middle of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def nothing(given: argparse.Namespace) -> None:
    """Count what is found where nothing is."""
    photos = sorted(NOTHING.glob("*.jpg"))
    with kirie.load(given.model, engine=given.engine) as cutter:
        found = {p.stem: c.coverage for p in photos if not (c := cutter.cut(p)).empty}
    print(f"nothing found in {len(photos) - len(found)} of {len(photos)} subject-free pictures")
    for name, coverage in found.items():
        print(f"  {name}: {coverage:.1%} of it")


def main() -> None:
    """Cut every picture, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("KIRIE_DATA"))
    parser.add_argument("--model", default="kirie-mini")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--nothing", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.nothing:
        nothing(given)
        return
    if given.data is None:
        raise SystemExit("Give --data, or set KIRIE_DATA: the folder that holds eval/ and train/.")
    suite = metrics.suite(CHOSEN)
    with kirie.load(given.model, engine=given.engine) as cutter:
        rows = [scored(cutter, *each, suite) for each in pairs(given.data, held_out=given.held_out)]
    table = {"all": means(rows)}
    for source in sorted({row.source for row in rows}):
        table[source] = means([row for row in rows if row.source == source])
    each = [means([row]) for row in rows]
    spread = {name: interval([one[name] for one in each]) for name in ("S", "wF", "MAE", "IoU")}
    sure = np.array([row.confidence for row in rows])
    right = np.array([one["IoU"] for one in each])
    report = {
        "pictures": len(rows),
        "scores": {who: {k: round(v, 4) for k, v in found.items()} for who, found in table.items()},
        "interval": spread,
        "nothing found": sum(row.empty for row in rows),
        "rank correlation": round(float(np.corrcoef(ranks(sure), ranks(right))[0, 1]), 3),
        "confidence off by": round(float(np.abs(sure - right).mean()), 3),
    }
    if given.json:
        print(json.dumps(report, indent=1))
        return
    print(f"{'':8}{'n':>5}" + "".join(f"{name:>8}" for name in NAMES))
    for who, scores in table.items():
        count = sum(row.source == who for row in rows) or len(rows)
        print(f"{who:8}{count:5}" + "".join(f"{scores[key]:8.3f}" for key in NAMES))
    print("95 %:", ", ".join(f"{name} {low}–{high}" for name, (low, high) in spread.items()))
    print(f"nothing found in {report['nothing found']} of {len(rows)}")
    print(
        f"confidence and IoU: rank correlation {report['rank correlation']}, {report['confidence off by']} apart in the mean"
    )
    print(
        f"network: {statistics.median(row.milliseconds for row in rows):.1f} ms a picture, median"
    )


if __name__ == "__main__":
    main()

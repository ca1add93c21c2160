"""How right a model's masks are: the field's measures on a folder of pictures with masks.

    python benches/score.py --data FOLDER [--model kirie-mini] [--held-out] [--json]

FOLDER holds `eval/` (pairs NAME.jpg, NAME.png), which took no part in training or in any choice; `--held-out` scores
the fixed tenth of `train/` that choices are made on. Masks are alpha × 255 rounded, at the photo's size; S-measure,
weighted F, F, E and MAE are pysodmetrics' with its defaults (pip install pysodmetrics). Prints the mean over all
pictures with its 95 % bootstrap interval, and the means by source (the file name's prefix).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import kirie
from kirie import CutOptions

NAMES = ("S", "wF", "MAE", "maxF", "meanE", "IoU")


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


def measured(mask: NDArray[np.uint8], truth: NDArray[np.uint8]) -> dict[str, float]:
    """One picture's measures (maxF and meanE are curves' extremes over the set: see `summary`)."""
    import py_sod_metrics as sod

    s, weighted, mae = sod.Smeasure(), sod.WeightedFmeasure(), sod.MAE()
    for measure in (s, weighted, mae):
        measure.step(pred=mask, gt=truth)
    subject, found = truth > 127, mask > 127
    union = (subject | found).sum()
    return {
        "S": s.get_results()["sm"],
        "wF": weighted.get_results()["wfm"],
        "MAE": mae.get_results()["mae"],
        "IoU": float((subject & found).sum() / union) if union else 1.0,
    }


def curves(results: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> dict[str, float]:
    """Measures of a whole set: the largest F and the mean E over all thresholds."""
    import py_sod_metrics as sod

    f, e = sod.Fmeasure(), sod.Emeasure()
    for mask, truth in results:
        f.step(pred=mask, gt=truth)
        e.step(pred=mask, gt=truth)
    return {
        "maxF": float(f.get_results()["fm"]["curve"].max()),
        "meanE": float(e.get_results()["em"]["curve"].mean()),
    }


def summary(rows: Iterable[dict[str, float]], set_wide: dict[str, float]) -> dict[str, float]:
    """Means of the pictures' measures, joined with the set's."""
    rows = list(rows)
    means = {name: statistics.fmean(row[name] for row in rows) for name in rows[0]}
    return {name: round((means | set_wide)[name], 4) for name in NAMES}


def interval(values: list[float]) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over pictures."""
    draws = np.random.default_rng(0).choice(np.asarray(values), (4000, len(values)))
    low, high = np.percentile(draws.mean(axis=1), (2.5, 97.5))
    return round(float(low), 3), round(float(high), 3)


def main() -> None:
    """Cut every picture, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("KIRIE_DATA"))
    parser.add_argument("--model", default="kirie-mini")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.data is None:
        raise SystemExit("Give --data, or set KIRIE_DATA: the folder that holds eval/ and train/.")
    chosen = pairs(given.data, held_out=given.held_out)
    rows, results, seconds = [], [], []
    with kirie.load(given.model, engine=given.engine) as cutter:
        for photo, mask in chosen:
            cutout = cutter.cut(photo, CutOptions(as_="mask"))
            with Image.open(mask) as opened:
                truth = np.asarray(opened.convert("L"))
            seconds.append(cutout.timings["network"])
            rows.append(measured(cutout.mask, truth))
            results.append((cutout.mask, truth))
    table = {"all": summary(rows, curves(results))}
    prefixes = [photo.name.split("_")[0] for photo, _ in chosen]
    for prefix in sorted(set(prefixes)):
        inside = [i for i, name in enumerate(prefixes) if name == prefix]
        table[prefix] = summary((rows[i] for i in inside), curves([results[i] for i in inside]))
    spread = {name: interval([row[name] for row in rows]) for name in ("S", "wF", "MAE", "IoU")}
    if given.json:
        print(json.dumps({"pictures": len(rows), "scores": table, "interval": spread}, indent=1))
        return
    print(f"{'':8}{'n':>5}" + "".join(f"{name:>8}" for name in NAMES))
    for name, scores in table.items():
        count = len(rows) if name == "all" else prefixes.count(name)
        print(f"{name:8}{count:5}" + "".join(f"{scores[key]:8.3f}" for key in NAMES))
    print("95 %:", ", ".join(f"{name} {low}–{high}" for name, (low, high) in spread.items()))
    print(f"network: {1000 * statistics.median(seconds):.1f} ms a picture, median")


if __name__ == "__main__":
    main()

"""How much faster the measures are than PySODMetrics', and that both agree.

    python benches/metrics.py [--sizes 512 1024 2048] [--runs 5] [--whole] [--json]

Both evaluators run in turns in one process, one thread, on a synthetic pair with thin structures: a disc with spokes of one
and two pixels, a mesh and hair; the prediction is soft, has holes and covers two fifths of the picture. Ratios are of
processor time, medians over the runs. At 1024² and above PySODMetrics' MSIoU takes minutes; unless --whole is given, one
threshold is measured there and counted 257 times. Needs pysodmetrics (pip install pysodmetrics) and the extra eval.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import warnings
from collections.abc import Callable
from time import process_time
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import py_sod_metrics as sod  # noqa: E402

from kirie import metrics  # noqa: E402
from kirie.metrics.confusion import PUBLISHED  # noqa: E402

THRESHOLDS = 257
KINDS = dict(
    zip(
        PUBLISHED,
        (
            *(sod.FmeasureHandler, sod.FmeasureHandler, sod.PrecisionHandler, sod.RecallHandler),
            *(sod.FPRHandler, sod.IOUHandler, sod.DICEHandler, sod.SpecificityHandler),
            *(sod.BERHandler, sod.OverallAccuracyHandler, sod.KappaHandler),
        ),
        strict=True,
    )
)
BETA = {"fm": {"beta": 0.3}, "f1": {"beta": 1.0}}


def scene(side: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(prediction, truth), both (side, side) uint8."""
    draw = np.random.default_rng(seed)
    truth = np.zeros((side, side), np.uint8)
    middle = (int(side * 0.45), int(side * 0.55))
    cv2.ellipse(truth, middle, (side // 3, side // 4), 20, 0, 360, 255, -1)
    cv2.ellipse(truth, middle, (side // 8, side // 9), 20, 0, 360, 0, -1)
    for angle in np.linspace(0, np.pi, 24, endpoint=False):  # spokes
        reach = 0.45 * side * np.array((np.cos(angle), np.sin(angle)))
        ends = [tuple(int(v) for v in np.array(middle) + sign * reach) for sign in (-1, 1)]
        cv2.line(truth, *ends, 255, 1 + int(draw.integers(2)))
    for place in range(0, side // 3, 12):  # a mesh
        cv2.line(truth, (place, 0), (place, side // 3), 255, 1)
        cv2.line(truth, (0, place), (side // 3, place), 255, 1)
    for _ in range(60):  # hair
        points = np.cumsum(draw.normal(0, side / 60, (12, 2)), axis=0) + side * np.array(
            (0.75, 0.25)
        )
        cv2.polylines(truth, [points.astype(np.int32)], isClosed=False, color=255, thickness=1)
    soft = cv2.GaussianBlur(truth, (0, 0), 1.5).astype(np.float64)
    for _ in range(40):  # holes, and false spots
        place = tuple(int(v) for v in draw.integers(0, side, 2))
        cv2.circle(
            soft, place, int(draw.integers(2, 3 + side // 40)), float(draw.choice((0, 200))), -1
        )
    soft += cv2.GaussianBlur(draw.normal(0, 1, truth.shape), (0, 0), 2) * 40
    return soft.clip(0, 255).astype(np.uint8), truth


def theirs(make: Callable[[], list[Any]], pair: tuple[np.ndarray, np.ndarray]) -> list[Any]:
    measures = make()
    for measure in measures:
        measure.step(pred=pair[0], gt=pair[1])
    return [measure.get_results() for measure in measures]


def handlers() -> Any:
    modes = {"with_dynamic": True, "with_adaptive": True, "with_binary": True}
    return sod.FmeasureV2(
        {
            name: kind(**modes, sample_based=True, **BETA.get(name, {}))
            for name, kind in KINDS.items()
        }
    )


def one_threshold() -> Any:
    return sod.MSIoU(with_dynamic=False, with_adaptive=False, with_binary=True)


def all_thresholds() -> Any:
    return sod.MSIoU(with_dynamic=True, with_adaptive=True, with_binary=True)


def plain() -> list[Any]:
    return [sod.MAE(), sod.Smeasure(), sod.Emeasure(), sod.Fmeasure()]


# what it is, theirs, ours
ROWS: tuple[tuple[str, Callable[[], list[Any]], str], ...] = (
    (
        "MAE, S, E, F, all confusion curves",
        lambda: [*plain(), handlers()],
        "MAE,Sm,Em,Fm,confusion",
    ),
    ("weighted F", lambda: [sod.WeightedFmeasure()], "wFm"),
    ("HCE", lambda: [sod.HumanCorrectionEffortMeasure()], "HCE"),
    ("MSIoU, all thresholds", lambda: [all_thresholds()], "MSIoU"),
    (
        "the usual six",
        lambda: [*plain(), sod.WeightedFmeasure(), sod.HumanCorrectionEffortMeasure()],
        "usual",
    ),
)


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    started = process_time()
    result = run()
    return process_time() - started, result


def apart(results: list[Any], record: Any) -> float:
    """The largest difference of the values that both report by name."""
    names = {"sm": "Sm", "mae": "MAE", "wfm": "wFm", "hce": "HCE"}
    worst = 0.0
    for result in results:
        for name, value in result.items():
            if name in names:
                worst = max(worst, abs(float(value) - record[names[name]]))
            elif name in KINDS and "binary" in value:
                worst = max(worst, abs(float(value["binary"]) - record[f"{name}_bin"]))
            elif name in ("em", "fm"):
                ours = record[f"{name.capitalize()}_mean"]
                worst = max(worst, abs(float(value["curve"].mean()) - ours))
            elif name == "dynamic":
                worst = max(worst, abs(float(np.mean(value)) - record["MSIoU_mean"]))
    return worst


def measured(row: tuple[str, Any, str], side: int, runs: int, *, whole: bool) -> dict[str, Any]:
    what, make, ours = row
    pair = scene(side)
    factor = 1
    if "MSIoU" in what:
        runs = min(runs, 3) if side <= 512 else 1
        if side > 512 and not whole:
            make, factor, runs = (lambda: [one_threshold()]), THRESHOLDS, 3
    metrics.suite(ours).update(*pair)  # compiled, and memory warm
    ratios, mine, other, gap = [], [], [], 0.0
    for _ in range(runs):
        slow, results = seconds(lambda: theirs(make, pair))
        quick, record = seconds(lambda: metrics.suite(ours).update(*pair))
        ratios.append(factor * slow / quick)
        mine.append(quick)
        other.append(factor * slow)
        gap = max(gap, apart(results, record))
    return {
        "what": what,
        "side": side,
        "ratio": round(statistics.median(ratios), 1),
        "kirie_ms": round(1000 * statistics.median(mine), 2),
        "pysodmetrics_ms": round(1000 * statistics.median(other), 1),
        "difference": gap,
        "estimated": factor > 1,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", module="py_sod_metrics")
    for row in ROWS:
        for side in given.sizes:
            line = measured(row, side, given.runs, whole=given.whole)
            if given.json:
                print(json.dumps(line), flush=True)
                continue
            about = "about " if line["estimated"] else ""
            print(
                f"{line['what']:36}{side:6}²  {about}{line['ratio']:.1f}×  ({about}{line['pysodmetrics_ms']} → "
                f"{line['kirie_ms']} ms), difference {line['difference']:.0e}",
                flush=True,
            )


if __name__ == "__main__":
    main()

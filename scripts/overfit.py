"""Can each family learn at all? Train it on eight pictures until it knows them: `python scripts/overfit.py DATA OUT [NAME …]`.

DATA: a folder of pictures and masks; eight of them, evenly spaced by name, are used. Small backbones, random weights, no
augmentation; a network has learned when the mean IoU of its masks (threshold 0.5, at the photos' size) is above 0.95 on them.
Writes OUT/NAME/ (the runs), OUT/overfit.json, OUT/overfit.svg and .png, and prints a table.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from kirie.reports import charts
from kirie.train.loop import train
from kirie.train.progress import Progress
from kirie.train.recipes import get
from kirie.train.run import Plan
from kirie.train.settings import with_settings
from kirie.train.sources import find

GOAL = 0.95
PICTURES = 8
PART = 40  # updates between two looks
MOST = 1200  # updates
COMMON = (
    *("batch=8", "precision=fp32", "augmentation=plain", "optimiser=adamw", "schedule=constant"),
    *(
        "warm_up=10",
        "warm_from=0",
        "warm_join=times",
        "least=0",
        "clip=1",
        "average=0",
        "patience=0",
    ),
    *("backbone_weights=", "backbone_rate=1", "metric=iou", "pictures=0", f"validate_every={PART}"),
    *("augmentation_arguments={}", "report_every=10", "save_every=100000"),
)
FAMILIES: dict[str, tuple[str, ...]] = {
    "kirie-mini": ("size=128", "learning_rate=3e-3"),
    "u2netp": ("size=128", "learning_rate=1e-3"),
    "segformer-ade20k": (
        *("size=128", "learning_rate=1e-3", "arguments.backbone=mit_b0", "metric=miou"),
        *("reduce_zero=false", "classes=0", "procedure.name=single"),
        # learned squashed, as everything here, so seen squashed as well
        *("preparation.policy=squash", "preparation.multiple=1"),
    ),
    "birefnet-lite": (
        *("size=128", "batch=4", "learning_rate=3e-4", "arguments.backbone=swin_v1_t"),
    ),
    "inspyrenet-swin_b": (
        *("size=128", "batch=4", "learning_rate=3e-4", "arguments.backbone=swin_v1_t"),
        "arguments.depth=32",
        *("arguments.base_size=[128,128]", "procedure.name=single"),
    ),
    "isnet": ("size=128", "learning_rate=1e-3"),
    "basnet": ("size=64", "learning_rate=1e-3"),
}


def eight(data: Path, out: Path) -> tuple[Path, Path]:
    """Copies of eight pictures with masks, and the same with label maps of two classes."""
    files = sorted(find([(data, 1.0)]).files, key=lambda each: each.name)
    chosen = [files[round(n)] for n in np.linspace(0, len(files) - 1, PICTURES)]
    masks, labels = out / "masks", out / "labels"
    for folder in (masks, labels):
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True)
    for each in chosen:
        truth = cv2.imread(str(each.truth), cv2.IMREAD_GRAYSCALE)
        for folder, values in ((masks, truth), (labels, (truth > 127).astype(np.uint8))):
            shutil.copy(each.image, folder / "images")
            cv2.imwrite(str(folder / "masks" / f"{each.image.stem}.png"), values)
    return masks, labels


def overfit(name: str, data: tuple[Path, Path], out: Path) -> dict[str, object]:
    """Train one family until it has learned; its curve and how long it took."""
    semantic = get(name).task == "semantic"
    folder = str(data[1] if semantic else data[0])
    measure = "mIoU" if semantic else "iou_bin"
    curve: list[tuple[int, float]] = []
    started = time.perf_counter()
    shutil.rmtree(out / name, ignore_errors=True)
    while not curve or (curve[-1][1] <= GOAL and curve[-1][0] < MOST):
        steps = len(curve) * PART + PART
        recipe = with_settings(get(name), (*COMMON, *FAMILIES[name], f"steps={steps}"))
        plan = Plan(
            recipe=recipe,
            out=out / name,
            data=((folder, 1.0),),
            val=(folder,),
            resume=bool(curve),
        )
        if not train(plan, Progress(quiet=True)).finished:
            raise SystemExit(f"{name}: interrupted")
        rows = [json.loads(line) for line in (out / name / "history.jsonl").open()]
        value = [row["validation"][measure] for row in rows if "validation" in row][-1]
        curve.append((steps, value))
        print(f"{name}: {steps} updates, {measure} {value:.4f}", flush=True)
    return {
        "measure": measure,
        "size": recipe.size[0],
        "curve": curve,
        "seconds": time.perf_counter() - started,
    }


def draw(results: dict[str, dict], out: Path) -> None:
    """All curves in one chart."""
    longest = max(point[0] for each in results.values() for point in each["curve"])
    lines = {}
    for name, each in results.items():
        points = np.array(each["curve"], float)
        if len(points) == 1:  # a dash, so that it is seen
            points = np.concatenate((points - (longest / 80, 0), points))
        lines[name] = (points[:, 0] / longest, points[:, 1])
    ticks = tuple(f"{longest * tick:.0f}" for tick in charts.TICKS)
    chart = charts.Chart("overfit", "Eight pictures learned", ("updates", ticks), "IoU", lines)
    (out / "overfit.svg").write_text(charts.svg(chart), encoding="utf-8")
    (out / "overfit.png").write_bytes(charts.png(chart))


def main() -> None:
    """Every family, or those that are named."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    path = out / "overfit.json"
    out.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.is_file() else {}
    folders = eight(data, out)
    for name in sys.argv[3:] or FAMILIES:
        results[name] = overfit(name, folders, out)
        path.write_text(json.dumps(results, indent=1))
        draw(results, out)
    print("| recipe | size | updates | IoU | minutes |\n| --- | --- | --- | --- | --- |")
    for name, each in results.items():
        updates, value = each["curve"][-1]
        minutes = each["seconds"] / 60
        print(f"| {name} | {each['size']}² | {updates} | {value:.3f} | {minutes:.1f} |")


if __name__ == "__main__":
    main()

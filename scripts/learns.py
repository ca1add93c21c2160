"""Two more proofs that the training works: `python scripts/learns.py camvid|finetune DATA OUT [EPOCHS]`.

camvid: SegFormer-b0 from random weights on DATA/semantic/camvid-mini (60 frames to train on, 30 others to validate), mIoU
against epochs: OUT/camvid.svg, .json. finetune: kirie-mini goes on with twenty of the frames, in which the road and the pavement
are the subject; the thirty others are scored before and after: OUT/finetune.json.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np

from kirie.reports import charts
from kirie.train.loop import train
from kirie.train.progress import Progress
from kirie.train.recipes import get
from kirie.train.run import Plan
from kirie.train.settings import with_settings

KIND, PICTURES = (3, 4), 20  # classes of the label maps: road, pavement


def camvid(data: Path, out: Path, epochs: int) -> None:
    """MIoU against epochs."""
    root = data / "semantic" / "camvid-mini"
    settings = (
        *("arguments.backbone=mit_b0", "backbone_weights=", "backbone_rate=1", f"epochs={epochs}"),
        *("size=128", "batch=6", "ignored=11", "reduce_zero=false", "procedure.name=single"),
        *("learning_rate=1e-3", "warm_up=20", "precision=fp32", "classes=0", "validate_every=20"),
        *("augmentation_arguments.long=1.4", "average=0.9"),
    )
    recipe = with_settings(get("segformer-ade20k"), settings)
    shutil.rmtree(out / "camvid", ignore_errors=True)
    plan = Plan(
        recipe=recipe,
        out=out / "camvid",
        data=((root / "train", 1.0),),
        val=(str(root / "test"),),
    )
    done = train(plan, Progress())
    lines = (json.loads(line) for line in (out / "camvid" / "history.jsonl").open())
    rows = [row for row in lines if "validation" in row]
    curve = [(row["epoch"], row["validation"]["mIoU"], row["validation"]["aAcc"]) for row in rows]
    (out / "camvid.json").write_text(json.dumps({"best": done.scores, "curve": curve}, indent=1))
    across = np.array([each[0] for each in curve], float) / epochs
    both = {
        name: (across, np.array([each[n] for each in curve], float))
        for n, name in ((1, "mIoU"), (2, "accuracy of pixels"))
    }
    ticks = tuple(f"{epochs * tick:.0f}" for tick in charts.TICKS)
    title = "SegFormer-b0 on 60 frames of CamVid, from random weights"
    chart = charts.Chart("camvid", title, ("epochs", ticks), "30 other frames", both)
    (out / "camvid.svg").write_text(charts.svg(chart), encoding="utf-8")
    print(done.scores)


def finetune(data: Path, out: Path, epochs: int) -> None:
    """Scores on one kind before and after twenty pictures of it."""
    root = data / "semantic" / "camvid-mini"
    for part in ("train", "test"):
        folder = out / "one-kind" / part
        shutil.rmtree(folder, ignore_errors=True)
        for each in ("images", "masks"):
            (folder / each).mkdir(parents=True)
        files = sorted((root / part / "images").glob("*.png"))
        step = len(files) // PICTURES if part == "train" else 1
        for path in files[::step][: PICTURES if part == "train" else None]:
            shutil.copy(path, folder / "images")
            labels = cv2.imread(str(root / part / "labels" / path.name), cv2.IMREAD_GRAYSCALE)
            mask = np.isin(labels, KIND).astype(np.uint8) * 255
            cv2.imwrite(str(folder / "masks" / path.name), mask)
    found = {}
    for name, settings in (
        ("before", ("steps=1", "learning_rate=0")),
        ("after", (f"epochs={epochs}",)),
    ):
        common = ("init=kirie-mini", "precision=fp32", f"validate_every={5 * epochs // 4}")
        recipe = with_settings(get("finetune"), (*common, *settings))
        shutil.rmtree(out / name, ignore_errors=True)
        plan = Plan(
            recipe=recipe,
            out=out / name,
            data=((out / "one-kind" / "train", 1.0),),
            val=(str(out / "one-kind" / "test"),),
        )
        train(plan, Progress(quiet=True))
        rows = [json.loads(line) for line in (out / name / "history.jsonl").open()]
        # The last, not the best: choosing on the pictures that are reported would flatter.
        found[name] = [row["validation"] for row in rows if "validation" in row][-1]
        print(name, found[name], flush=True)
    (out / "finetune.json").write_text(json.dumps(found, indent=1))


def main() -> None:
    """One of the two."""
    what, data, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    epochs = int(sys.argv[4]) if len(sys.argv) > 4 else 20
    {"camvid": camvid, "finetune": finetune}[what](data, out, epochs)


if __name__ == "__main__":
    main()

"""python -m kirie.train RECIPE --data DIR --out DIR --minutes M [--seed N] [--resume] [--threads N]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import torch

from ..errors import KirieError
from . import data as data_module
from .loop import Run, train
from .progress import Progress
from .recipes import RECIPES


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m kirie.train", description="Train one of kirie's networks."
    )
    p.add_argument("recipe", choices=sorted(RECIPES), help="which network, and how")
    p.add_argument(
        "--data", type=Path, required=True, help="folder with train/, cutouts/, backgrounds/"
    )
    p.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoint, history and model"
    )
    p.add_argument("--minutes", type=float, required=True, help="wall time of training in all")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    p.add_argument("--threads", type=int, default=0, help="of PyTorch; 0: its own choice")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 finished, 1 failed, 130 interrupted (the checkpoint is saved)."""
    a = parser().parse_args(arguments)
    cv2.setNumThreads(1)  # the augmenting threads are the parallelism
    if a.threads:
        torch.set_num_threads(a.threads)
    recipe = RECIPES[a.recipe]
    progress = Progress()
    try:
        run = Run.fresh(recipe, a.out, minutes=a.minutes, seed=a.seed)
        if a.resume:
            run.resume()
        data = data_module.load(a.data, with_subject=recipe.with_subject)
        progress.line(
            f"{len(data.train)} pictures, {len(data.held)} held out, {len(data.cutouts)} cutouts, "
            f"{len(data.backgrounds)} backgrounds, {len(data.empty)} of them empty"
        )
        return 0 if train(run, data, progress) else 130
    except KirieError as error:
        progress.line(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())

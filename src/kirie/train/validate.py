"""The score on held-out pictures: prepared, answered and read out as `kirie cut` does it, measured as `kirie eval` does it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .. import image, metrics, prepare, procedure, readout
from ..nn.layers import named_map
from ..spec import Preparation
from .reading import Example, read
from .recipe import Recipe
from .sources import Examples

__all__ = ["METRICS", "Answer", "better", "measured", "names", "pictures", "score", "seen"]

# recipe.metric → (the measure in kirie.metrics, its result, whether more is better)
METRICS: dict[str, tuple[str, str, bool]] = {
    "mae": ("MAE", "MAE", False),
    "mse": ("birefnet.MSE", "birefnet.MSE", False),
    "iou": ("iou", "iou_bin", True),
    "f": ("Fm", "Fm_max", True),
    "weighted_f": ("wFm", "wFm", True),
    "s": ("Sm", "Sm", True),
    "e": ("Em", "Em_mean", True),
    "miou": ("", "mIoU", True),
}
USUAL = ("mae", "iou", "f", "s")
SIDE = 256  # of a drawn picture's height


def names(recipe: Recipe) -> tuple[str, ...]:
    """The results that a validation gives; the recipe's metric is the first."""
    if recipe.task == "semantic":
        return ("mIoU", "mAcc", "aAcc")
    chosen = dict.fromkeys((recipe.metric, *USUAL))
    return tuple(METRICS[name][1] for name in chosen)


def better(recipe: Recipe, value: float, best: float | None) -> bool:
    """Whether a value of the recipe's metric beats the best so far; NaN never does."""
    if math.isnan(value):
        return False
    if best is None:
        return True
    return value > best if METRICS[recipe.metric][2] else value < best


class Answer:
    """A network in memory, called as an engine is."""

    name, precision, reason = "training", "fp32", "it is trained there"

    def __init__(self, net: nn.Module, maps: tuple[str, ...], device: torch.device) -> None:
        self._net, self._maps, self.device = net, maps, str(device)

    def __call__(self, batch: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """(B, 3, h, w) float32 → the named maps."""
        with torch.inference_mode():
            x = torch.from_numpy(batch).to(self.device)
            if self._maps == ("logits",):
                return {"logits": self._net(x).float().cpu().numpy()}
            maps = self._net.maps(x)  # type: ignore[operator]
            found = {name: named_map(maps, name) for name in self._maps}
        return {k: v.float().cpu().numpy() for k, v in found.items() if v is not None}

    def close(self) -> None:
        """Nothing to give back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Seen(NamedTuple):
    """One held-out picture: (H, W, 3) uint8, its truth and what was found, (H, W)."""

    rgb: NDArray[np.uint8]
    truth: NDArray[Any]
    found: NDArray[Any]


def _suite(recipe: Recipe) -> Any:
    if recipe.task == "semantic":
        return metrics.LabelMaps(recipe.classes)
    chosen = dict.fromkeys((recipe.metric, *USUAL))
    return metrics.suite([METRICS[name][0] for name in chosen])


def seen(net: nn.Module, recipe: Recipe, held: Examples, example: Example) -> Seen:
    """Look at one picture."""
    device = next(net.parameters()).device
    rgb, truth = read(example, recipe.task, held.labels, held.classes)
    engine = Answer(net, recipe.procedure.maps, device)
    shown = np.repeat(truth[..., None], 3, axis=2) if recipe.input == "truth" else rgb
    preparation = recipe.prepared
    if recipe.input == "truth":
        preparation = Preparation(size=preparation.size, mean=(0.0,) * 3, std=(1.0,) * 3)
    views, geometry = prepare.views(shown, preparation, recipe.procedure)
    if recipe.input == "truth":
        views = prepare.Views(views.whole[:, :1])
    raw = procedure.run(engine, views, recipe.procedure)[recipe.procedure.maps[0]][0]
    if recipe.task == "semantic":
        scores = readout.scores(raw, recipe.readout)
        return Seen(rgb, truth, readout.classes(scores, geometry))
    return Seen(rgb, truth, readout.alpha(raw, recipe.readout, geometry))


def measured(
    net: nn.Module, recipe: Recipe, held: Examples, *, rank: int, ranks: int
) -> Iterator[tuple[int, Any]]:
    """This process's part of a validation: (number of the picture, what it adds to the measures)."""
    suite = _suite(recipe)
    for number in range(rank, len(held.files), ranks):
        one = seen(net, recipe, held, held.files[number])
        if recipe.task == "semantic":
            yield number, suite.measure(one.found, one.truth)
        else:
            given = metrics.pair(one.found, one.truth, resize="error")
            yield number, suite.measure(given)


def score(recipe: Recipe, records: list[tuple[int, Any]]) -> dict[str, float]:
    """The set's results from all processes' parts, in the order of the pictures."""
    suite = _suite(recipe)
    for _, record in sorted(records, key=lambda each: each[0]):
        suite.add(record)
    computed = suite.compute()
    return {name: float(computed[name]) for name in names(recipe)}


def pictures(net: nn.Module, recipe: Recipe, held: Examples, path: Path) -> None:
    """Write a sheet: a few held-out pictures in rows, each beside its truth and what the network finds."""
    count = min(recipe.pictures, len(held.files))
    if not count:
        return
    chosen = np.linspace(0, len(held.files) - 1, count).round().astype(int)
    rows = [_row(seen(net, recipe, held, held.files[n]), recipe) for n in chosen]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows]
    path.parent.mkdir(exist_ok=True)
    image.write_atomic(path, image.encode(np.concatenate(padded), "jpeg"))


def _row(one: Seen, recipe: Recipe) -> NDArray[np.uint8]:
    planes = [one.rgb]
    for plane in (one.truth, one.found):
        if recipe.task == "semantic":
            planes.append(_coloured(plane, recipe))
        else:
            grey = plane if plane.dtype == np.uint8 else np.rint(plane * 255).astype(np.uint8)
            planes.append(np.repeat(grey[..., None], 3, axis=2))
    h, w = one.rgb.shape[:2]
    size = max(1, round(w * SIDE / h)), SIDE
    shrunk = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in planes]
    return np.concatenate(shrunk, axis=1)


def _coloured(labels: NDArray[Any], recipe: Recipe) -> NDArray[np.uint8]:
    """Label map → colours: the card's, or a wheel of them; what does not count is black."""
    from ..scene import palette

    table = np.zeros((256, 3), np.uint8)
    colours = np.asarray(palette(recipe.readout.colours, recipe.classes), np.uint8)
    table[: min(255, len(colours))] = colours[:255]
    return table[np.minimum(labels, 255)]

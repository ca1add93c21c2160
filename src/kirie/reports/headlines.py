"""Which results stand in a table, in which order and words, and which way is better."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["best", "chosen", "lower_is_better", "title", "written"]

MANY = 24  # results that a table shows without choosing
# What a table shows of an evaluation with more results, in this order.
HEADLINES = (
    *("Sm", "wFm", "Fm_adp", "Fm_mean", "Fm_max", "Em_adp", "Em_mean", "Em_max", "MAE", "HCE"),
    *(
        "MSIoU_mean",
        "MSIoU_max",
        "CM",
        "CCM",
        "iou_bin",
        "dice_bin",
        "ber_bin",
        "auc_pr",
        "auc_roc",
    ),
    *(
        "birefnet.mBA",
        "birefnet.BIoU_max",
        "matting.SAD",
        "matting.MSE",
        "matting.Grad",
        "matting.Conn",
    ),
)
TITLES = {
    "Sm": "S",
    "wFm": "weighted F",
    "Fm_adp": "adaptive F",
    "Fm_mean": "mean F",
    "Fm_max": "max F",
    "Em_adp": "adaptive E",
    "Em_mean": "mean E",
    "Em_max": "max E",
}
LOWER = ("MAE", "MSE", "HCE", "ber", "fpr", "SAD", "MAD", "Grad", "Conn")


def chosen(names: Iterable[str]) -> list[str]:
    """The names that a table shows."""
    names = list(names)
    first = [name for name in HEADLINES if name in names]
    if len(names) > MANY:
        return first
    return first + [name for name in names if name not in first]


def title(name: str) -> str:
    """What a result is called in a table."""
    return TITLES.get(name, name.replace("_", " "))


def lower_is_better(name: str) -> bool:
    """Whether a result is an error."""
    return name.rpartition(".")[2].removeprefix("SI_").partition("_")[0] in LOWER


def written(name: str, value: Any) -> str:
    """A result as a table shows it."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "undefined"
    kind = name.rpartition(".")[2].partition("_")[0]
    if kind == "HCE":
        return f"{value:.1f}"
    return f"{value:.2f}" if kind in ("SAD", "Grad", "Conn") else f"{value:.4f}"


def best(name: str, values: Mapping[str, float]) -> set[str]:
    """Whose result is the best, as a table shows it; nobody's where there is but one."""
    finite = {who: value for who, value in values.items() if math.isfinite(value)}
    if len(values) < 2 or not finite:  # noqa: PLR2004
        return set()
    top = (min if lower_is_better(name) else max)(finite.values())
    return {who for who, value in finite.items() if written(name, value) == written(name, top)}

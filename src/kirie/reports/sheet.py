"""A contact sheet: the pictures that came out worst, one below the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from .._evaluation import Evaluation
from ..evaluate import Sample
from .headlines import lower_is_better, title, written
from .thumbnails import Predict, views

__all__ = ["sheet", "worst"]

TALL, GAP, LABEL, HEAD = 160, 8, 24, 56
HEADS = ("picture", "truth", "prediction", "difference")


def worst(result: Evaluation, by: str, count: int) -> list[str]:
    """The pictures with the worst results, the worst first; those without a finite result are left out."""
    finite = [
        (value, name)
        for name in result.names
        if (value := result.value(name, by)) is not None and math.isfinite(value)
    ]
    finite.sort(key=lambda pair: (-pair[0] if lower_is_better(by) else pair[0], pair[1]))
    return [name for _, name in finite[:count]]


def sheet(
    result: Evaluation,
    samples: Sequence[Sample],
    by: str,
    *,
    count: int = 12,
    predict: Predict | None = None,
) -> bytes:
    """The worst pictures as a PNG file: picture, truth, prediction, difference.

    Args:
        result: what was measured.
        samples: of which pictures.
        by: the result that decides.
        count: how many at most.
        predict: makes a model's masks again; None: predictions are files.
    """
    known = {sample.name: sample for sample in samples}
    rows = [(name, views(known[name], predict, TALL)) for name in worst(result, by, count)]
    pictures = any(row[0] for _, row in rows)
    columns = range(0 if pictures else 1, 4)
    widths = {c: max([120, *(row[c].width for _, row in rows if row[c])]) for c in columns}  # type: ignore[union-attr]
    wide = GAP + sum(widths.values()) + GAP * len(widths)
    tall = HEAD + max(len(rows), 1) * (TALL + LABEL + GAP)
    page = Image.new("RGB", (wide, tall), "#2b303b")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    _heads(draw, font, widths, f"the worst by {title(by)}")
    y = HEAD
    for name, row in rows:
        text = f"{_cut(name, wide // 9)}   {title(by)} {written(by, result.value(name, by))}"
        draw.text((GAP, y + LABEL - 6), text, fill="#e5e7eb", font=font, anchor="ls")
        x = GAP
        for column in columns:
            view = row[column]
            if view:
                page.paste(view, (x, y + LABEL))
            x += widths[column] + GAP
        y += TALL + LABEL + GAP
    out = BytesIO()
    page.save(out, "PNG", optimize=True)
    return out.getvalue()


def _heads(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    widths: dict[int, int],
    text: str,
) -> None:
    x = GAP
    for column, width in widths.items():
        draw.text((x, HEAD - 6), HEADS[column], fill="#9ca3af", font=font, anchor="ls")
        x += width + GAP
    draw.text((GAP, 22), text, fill="#fff", font=font, anchor="ls")


def _cut(name: str, length: int) -> str:
    return name if len(name) <= length else "…" + name[1 - length :]

"""The contact sheet of a data check: what is wrong, and a few pictures as the training will see them."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .._formats import displayed
from ..errors import BadInput
from ..reports.thumbnails import small
from .check import Checked, Fault
from .polygons import Polygons
from .reading import Example, grey, picture

__all__ = ["sheet"]

TALL, WIDE, GAP, LABEL, HEAD = 120, 150, 8, 18, 30
COLUMNS = 4  # cells side by side, each a picture and its truth
GROUND, TEXT, QUIET, RED = "#2b303b", "#e5e7eb", "#9ca3af", "#f59e0b"
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def sheet(checked: Checked, *, most: int = 60, samples: int = 8) -> bytes:
    """Every kind of fault with its first pictures, and a few pictures without one, as a PNG file.

    Args:
        checked: of `check.check`.
        most: faults that are shown, of each kind as many as of the others as far as there are.
        samples: pictures without a fault, evenly over the set, with their truth drawn in.
    """
    cells = [_fault_cell(fault) for fault in _fairly(checked.faults, most)]
    step = max(1, len(checked.healthy) // max(1, samples))
    cells += [_sample_cell(example) for example in checked.healthy[::step][:samples]]
    rows = max(1, -(-len(cells) // COLUMNS))
    cell_wide, cell_tall = 2 * WIDE + 3 * GAP, TALL + 2 * LABEL + GAP
    page = Image.new("RGB", (COLUMNS * cell_wide + GAP, HEAD + rows * cell_tall + GAP), GROUND)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    text = f"{checked.pictures} pictures, {len(checked.faults)} faults"
    draw.text((GAP, 20), text, fill=TEXT, font=font, anchor="ls")
    for index, (title, name, views) in enumerate(cells):
        x, y = GAP + index % COLUMNS * cell_wide, HEAD + index // COLUMNS * cell_tall
        draw.text((x, y + LABEL - 4), title, fill=RED if title else QUIET, font=font, anchor="ls")
        draw.text((x, y + 2 * LABEL - 4), _short(name), fill=TEXT, font=font, anchor="ls")
        for place, view in enumerate(views):
            if view is None:
                continue
            fitted = view.crop((0, 0, min(view.width, WIDE), view.height))
            page.paste(fitted, (x + place * (WIDE + GAP), y + 2 * LABEL))
    out = BytesIO()
    page.save(out, "PNG", optimize=True)
    return out.getvalue()


Cell = tuple[str, str, list[Image.Image | None]]


def _fairly(faults: Sequence[Fault], most: int) -> list[Fault]:
    """Up to `most` of the faults, in their order, no kind crowding out another."""
    kinds: dict[str, list[Fault]] = {}
    for fault in faults:
        kinds.setdefault(fault.kind, []).append(fault)
    chosen: set[int] = set()
    for place in range(max((len(some) for some in kinds.values()), default=0)):
        for some in kinds.values():
            if place < len(some) and len(chosen) < most:
                chosen.add(id(some[place]))
    return [fault for fault in faults if id(fault) in chosen]


def _fault_cell(fault: Fault) -> Cell:
    if fault.kind in ("duplicate", "contradiction", "leak"):
        views = [_shown(path) for path in fault.files[:2]]
    else:
        picture_file = fault.files[0] if fault.files[0] != fault.truth else None
        views = [_shown(picture_file), _truth(fault.truth)]
    return fault.kind, displayed(fault.files[0].name), views


def _sample_cell(example: Example) -> Cell:
    return "", displayed(example.name), [_shown(example.image), _truth(example.truth)]


def _shown(path: object) -> Image.Image | None:
    """A small view of a picture file; None where it cannot be read, which is listed as a fault."""
    if path is None:
        return None
    try:
        return small(picture(path), TALL)  # type: ignore[arg-type]
    except BadInput:
        return None


def _truth(source: object) -> Image.Image | None:
    """A small view of a truth: its values stretched to what the eye can see."""
    try:
        if isinstance(source, Polygons):
            return small(source.mask(), TALL)
        if source is None:
            return None
        levels: NDArray[np.float64] = grey(source)[0].astype(np.float64)  # type: ignore[arg-type]
    except BadInput:
        return None
    top = max(float(levels.max()), 1.0)
    return small((levels * (255 / top)).astype(np.uint8), TALL)


def _short(name: str) -> str:
    most = (2 * WIDE) // 7
    return name if len(name) <= most else "…" + name[1 - most :]

"""A legend beside a picture: a coloured box, a name and a share for each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Row", "with_legend"]

Row = tuple[str, tuple[int, int, int] | None, float]  # name, colour, share of the picture

PAPER, INK, FAINT = (255, 255, 255), (24, 24, 24), (120, 120, 120)
LEAST_ROWS = 8  # shown whatever the picture's height
LONGEST = 28  # characters of a name


def with_legend(picture: NDArray[np.uint8], rows: Sequence[Row]) -> Image.Image:
    """Put a panel with the rows at the right of a picture (H, W, 3); it is made higher only where it is very low.

    Args:
        picture: RGB.
        rows: in the order in which they are shown; those for which there is no room are summed up in the last line.
    """
    height, width = picture.shape[:2]
    size = round(min(64, max(13, min(height, 1.5 * width) / 36)))
    font = ImageFont.load_default(size)
    line, margin = round(1.6 * size), size
    room = max(LEAST_ROWS, (height - 2 * margin) // line)
    if len(rows) > room:
        rest = sum(share for _, _, share in rows[room - 1 :])
        more = f"and {len(rows) - room + 1} more"
        rows = [*rows[: room - 1], (more, None, rest)]
    rows = [(_short(name), colour, share) for name, colour, share in rows]
    name_width = max((font.getlength(name) for name, _, _ in rows), default=0)
    share_width = font.getlength("100 %")
    panel = round(margin + 1.5 * size + name_width + size + share_width + margin)
    high = max(height, 2 * margin + line * len(rows))
    canvas = Image.new("RGB", (width + panel, high), PAPER)
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for number, (name, colour, share) in enumerate(rows):
        top = margin + number * line
        left = width + margin
        if colour is not None:
            draw.rectangle((left, top, left + size, top + size), fill=colour, outline=FAINT)
        middle = top + size / 2
        draw.text((left + 1.5 * size, middle), name, fill=INK, font=font, anchor="lm")
        right = width + panel - margin
        draw.text((right, middle), _percent(share), fill=FAINT, font=font, anchor="rm")
    return canvas


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 1 else "< 1 %"

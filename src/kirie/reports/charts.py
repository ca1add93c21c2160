"""Curves as SVG and PNG, from one description: precision over recall, F and E over the threshold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._evaluation import Evaluation

__all__ = ["Chart", "charts", "png", "svg"]

WIDTH, HEIGHT = 640, 480
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 40, 54
# Okabe and Ito's colours, which also the colour-blind tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
FINE = 3  # a PNG is drawn so many times as large, and shrunk
GREY, LINE, INK = "#6b7280", "#e5e7eb", "#111827"
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines in a square of 0…1 by 0…1.

    Attributes:
        name: part of the files' names.
        across: what stands at the horizontal axis, and what its ticks say.
        lines: by legend: x and y.
    """

    name: str
    title: str
    across: tuple[str, tuple[str, ...]]
    up: str
    lines: dict[str, tuple[Points, Points]]


def charts(results: Mapping[str, Evaluation]) -> list[Chart]:
    """The charts that the measured curves allow; lines by the names of the predictions."""
    curves = {who: result.curves() for who, result in results.items()}
    levels = ("level", tuple(f"{255 * tick:.0f}" for tick in TICKS))
    threshold = np.linspace(1, 0, 256)  # the curves' thresholds descend
    found = [
        Chart(
            "pr",
            "Precision over recall",
            ("recall", tuple(f"{tick:g}" for tick in TICKS)),
            "precision",
            {
                who: (mine["recall"], mine["precision"])
                for who, mine in curves.items()
                if "recall" in mine and "precision" in mine
            },
        )
    ]
    for name, title in (("Fm", "F-measure"), ("Em", "E-measure")):
        lines = {who: (threshold, mine[name]) for who, mine in curves.items() if name in mine}
        found.append(Chart(name[0].lower(), f"{title} over the threshold", levels, title, lines))
    return [chart for chart in found if chart.lines]


def _place(x: float, y: float) -> tuple[float, float]:
    return (
        LEFT + x * (WIDTH - LEFT - RIGHT),
        HEIGHT - BOTTOM - min(max(y, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM),
    )


def _places(chart: Chart) -> Iterable[list[tuple[float, float]]]:
    """Each line's points on the sheet."""
    for x, y in chart.lines.values():
        yield [_place(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]


def _legend(chart: Chart) -> Iterable[tuple[str, str, float]]:
    """Name, colour and height of each line's entry; none where there is one line without a name."""
    names = list(chart.lines)
    if len(names) == 1:
        return
    for index, name in enumerate(names):
        yield (
            name,
            COLOURS[index % len(COLOURS)],
            HEIGHT - BOTTOM - 16 - 18 * (len(names) - 1 - index),
        )


def svg(chart: Chart) -> str:
    """The chart as one SVG element, which can stand in a page."""
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    look = f'font-family="sans-serif" font-size="13" role="img" aria-label="{escape(chart.title)}"'
    middle = (WIDTH + LEFT - RIGHT) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {look}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(middle, 24, chart.title, "middle", f'font-size="15" fill="{INK}"'),
    ]
    for tick, label in zip(TICKS, chart.across[1], strict=True):
        (x, _), (_, y) = _place(tick, 0), _place(0, tick)
        parts.append(
            f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{LINE}"/>'
        )
        parts.append(_text(x, HEIGHT - BOTTOM + 18, label, "middle"))
        parts.append(_text(LEFT - 8, y + 4, f"{tick:g}", "end"))
    parts.append(_text(middle, HEIGHT - 14, chart.across[0], "middle"))
    centre = (HEIGHT + TOP - BOTTOM) / 2
    turned = f'fill="{GREY}" transform="rotate(-90 18 {centre})"'
    parts.append(_text(18, centre, chart.up, "middle", turned))
    for index, places in enumerate(_places(chart)):
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        colour = COLOURS[index % len(COLOURS)]
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
    for name, colour, height in _legend(chart):
        parts.append(f'<path d="M{LEFT + 14} {height - 4}h24" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(LEFT + 46, height, name, "start", f'fill="{INK}"'))
    return "\n".join([*parts, "</svg>"])


def _text(x: float, y: float, text: str, anchor: str, more: str = f'fill="{GREY}"') -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'


def png(chart: Chart) -> bytes:
    """The chart as a PNG file."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), "#fff")
    draw = ImageDraw.Draw(sheet)
    fonts = {size: ImageFont.load_default(size * FINE) for size in (13, 15)}

    def line(points: Iterable[tuple[float, float]], colour: str, width: float) -> None:
        fine = [(x * FINE, y * FINE) for x, y in points]
        draw.line(fine, fill=colour, width=round(width * FINE), joint="curve")

    def write(
        at: tuple[float, float], text: str, anchor: str, colour: str = GREY, size: int = 13
    ) -> None:
        place = (at[0] * FINE, at[1] * FINE)
        draw.text(place, text, fill=colour, font=fonts[size], anchor=anchor)

    centre = (WIDTH + LEFT - RIGHT) / 2
    write((centre, 24), chart.title, "ms", INK, 15)
    for tick, label in zip(TICKS, chart.across[1], strict=True):
        (x, _), (_, y) = _place(tick, 0), _place(0, tick)
        line([(x, TOP), (x, HEIGHT - BOTTOM)], LINE, 1)
        line([(LEFT, y), (WIDTH - RIGHT, y)], LINE, 1)
        write((x, HEIGHT - BOTTOM + 18), label, "ms")
        write((LEFT - 8, y + 4), f"{tick:g}", "rs")
    write((centre, HEIGHT - 14), chart.across[0], "ms")
    _sideways(sheet, chart.up, fonts[13])
    for index, places in enumerate(_places(chart)):
        line(places, COLOURS[index % len(COLOURS)], 2)
    for name, colour, height in _legend(chart):
        line([(LEFT + 14, height - 4), (LEFT + 38, height - 4)], colour, 3)
        write((LEFT + 46, height), name, "ls", INK)
    out = BytesIO()
    sheet.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _sideways(sheet: Any, text: str, font: Any) -> None:
    """Write what the vertical axis shows, from below upwards."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = font.getbbox(text)
    tile = Image.new("RGB", (math.ceil(right - left) + 2, math.ceil(bottom - top) + 2), "#fff")
    ImageDraw.Draw(tile).text((1 - left, 1 - top), text, fill=GREY, font=font)
    turned = tile.rotate(90, expand=True)
    middle = FINE * (HEIGHT + TOP - BOTTOM) / 2
    sheet.paste(turned, (8 * FINE, round(middle - turned.height / 2)))

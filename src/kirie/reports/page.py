"""One HTML file that holds an evaluation: tables, curves and thumbnails; it needs nothing else, not even a network."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from io import BytesIO

from PIL import Image

from .._evaluation import Evaluation
from .._version import __version__
from ..evaluate import Matched, Sample
from .charts import charts, svg
from .headlines import best, chosen, lower_is_better, title, written
from .oddities import oddities
from .sheet import worst
from .tables import cells
from .thumbnails import Predict, views

__all__ = ["page"]

TALL = 72  # pixels of a thumbnail
SHOWN = 200  # pictures with thumbnails
STYLE = """
:root { color-scheme: light dark; --ink: #111827; --soft: #6b7280; --line: #e5e7eb; --paper: #fff; --best: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --soft: #9ca3af; --line: #374151; --paper: #111827; --best: #56b4e9; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto; max-width: 110rem; padding: 0 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem } p, summary { color: var(--soft) }
table { border-collapse: collapse } .wide { overflow-x: auto }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
th:first-child, td.name { text-align: left } td.name { white-space: normal; overflow-wrap: anywhere; min-width: 8rem }
th { position: sticky; top: 0; background: var(--paper) } th button { all: unset; cursor: pointer; color: inherit; font-weight: 600 }
th button:focus-visible { outline: 2px solid var(--best) }
th[aria-sort=ascending] button::after { content: " ▲" } th[aria-sort=descending] button::after { content: " ▼" }
.best { color: var(--best); font-weight: 600 } td img { display: inline-block; margin-right: 4px; vertical-align: middle; border: 1px solid var(--line) }
td.views { text-align: left }
.charts svg { max-width: 100%; height: auto; margin: 0 1rem 1rem 0; border: 1px solid var(--line) }
"""
# Sorts the rows of a table by a column; what is no number goes last.
SCRIPT = """
for (const button of document.querySelectorAll("th button")) button.onclick = () => {
  const head = button.parentElement, table = head.closest("table"), body = table.tBodies[0];
  const column = [...head.parentElement.children].indexOf(head);
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.children[column].dataset.value;
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (head.dataset.kind === "text") return up ? x.localeCompare(y) : y.localeCompare(x);
    if (x === "" || y === "") return (x === "") - (y === "");
    return up ? x - y : y - x;
  });
  body.append(...rows);
};
"""


def page(
    results: Mapping[str, Evaluation],
    matched: Mapping[str, Matched],
    *,
    by: str | None,
    thumbnails: int = SHOWN,
    predict: Mapping[str, Predict] | None = None,
) -> Iterator[bytes]:
    """The page, piece by piece.

    Args:
        results: by the names of the predictions.
        matched: what was measured.
        by: the result that pictures are sorted by at first, the worst on top; None: by name.
        thumbnails: how many pictures, the worst ones, are shown; the others are lines of numbers.
        predict: makes the masks of predictions that are no files.
    """
    yield _head().encode()
    yield _summary(results).encode()
    drawn = charts(results)
    if drawn:
        yield b'<h2>Curves</h2><div class="charts">'
        yield from (svg(chart).encode() for chart in drawn)
        yield b"</div>"
    for who, result in results.items():
        yield f"<h2>{escape(who)}: {len(result.names)} pictures</h2>".encode()
        yield _notes(result, matched[who]).encode()
        again = (predict or {}).get(who)
        yield from _pictures(result, matched[who].samples, by, thumbnails, again)
    yield f"<script>{SCRIPT}</script></body></html>\n".encode()


def _head() -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>kirie eval</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>Evaluation</h1>"
        f"<p>Made with kirie {escape(__version__)}. Arrows point to where a result is better.</p>"
    )


def _summary(results: Mapping[str, Evaluation]) -> str:
    """A line for each result, a column for each set of predictions."""
    shown, values = cells(results)
    heads = "".join(f"<th>{escape(who)}</th>" for who in results)
    lines = {name: _line(name, found, list(results)) for name, found in values.items()}
    table = "".join(lines[name] for name in shown)
    rest = [line for name, line in lines.items() if name not in shown]
    more = ""
    if rest:
        inner = f"<table><tbody>{''.join(rest)}</tbody></table>"
        more = f"<details><summary>{len(rest)} more results</summary>{inner}</details>"
    head = f"<thead><tr><th></th>{heads}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>{table}</tbody></table>{more}</div>'


def _line(name: str, values: Mapping[str, float], sets: Sequence[str]) -> str:
    winners = best(name, values)
    arrow = "↓" if lower_is_better(name) else "↑"
    columns = "".join(
        f"<td{' class=best' if who in winners else ''}>{written(name, values.get(who))}</td>"
        for who in sets
    )
    return f'<tr><td class="name">{escape(title(name))} {arrow}</td>{columns}</tr>'


def _notes(result: Evaluation, matched: Matched) -> str:
    said = oddities(result, matched)
    if not said:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in said)
    return f"<details><summary>{len(said)} notes</summary><ul>{items}</ul></details>"


def _pictures(
    result: Evaluation,
    samples: Sequence[Sample],
    by: str | None,
    thumbnails: int,
    predict: Predict | None,
) -> Iterator[bytes]:
    """The sortable table, the worst pictures on top."""
    columns = chosen(result.columns)
    order = worst(result, by, len(result.names)) if by in columns else []
    ordered = set(order)
    order += [name for name in result.names if name not in ordered]
    shown = set(order[:thumbnails])
    heads = "".join(f"<th><button>{escape(title(name))}</button></th>" for name in columns)
    yield b'<div class="wide"><table><thead><tr><th data-kind="text"><button>picture</button></th><th></th>'
    yield f"{heads}</tr></thead><tbody>".encode()
    known = {sample.name: sample for sample in samples}
    for name in order:
        images = ""
        if name in shown:
            images = "".join(_image(view) for view in views(known[name], predict, TALL) if view)
        cells = "".join(_cell(column, result.value(name, column)) for column in columns)
        yield (
            f'<tr><td class="name" data-value="{escape(name)}">{escape(name)}</td><td class="views" data-value="">{images}</td>{cells}</tr>\n'
        ).encode()
    yield b"</tbody></table></div>"


def _cell(name: str, value: float | None) -> str:
    text = written(name, value)
    number = "" if value is None or text == "undefined" else repr(value)
    return f'<td data-value="{number}">{text}</td>'


def _image(view: Image.Image) -> str:
    out = BytesIO()
    view.save(out, "WEBP", quality=60)
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return f'<img loading="lazy" alt="" width="{view.width}" height="{view.height}" src="data:image/webp;base64,{data}">'

"""The writing half of `kirie eval`: the table on the terminal, and the files that were asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import image
from ..errors import BadInput
from ..reports.headlines import best, chosen, lower_is_better, title, written
from ._eval_run import say

if TYPE_CHECKING:
    from ._eval_run import Run

__all__ = ["Output"]

FILES = ("json", "csv", "latex", "markdown", "report", "worst")


class Output:
    """Where results go."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        for option in FILES:
            target = getattr(given, option)
            if target is not None and (not target or Path(target).is_dir()):
                raise BadInput(f"--{option} needs the name of a file, and {target!r} is none.")
        if given.semantic and (given.curves or given.worst):
            raise BadInput("--curves and --worst are for masks: leave them out with --semantic.")

    def write(self, work: Run) -> None:
        """Print the table, and write the files."""
        from ..reports import tables

        given, results = self._given, work.results
        parts: dict[str, Callable[[], bytes | Iterable[bytes]]] = {
            "json": lambda: tables.as_json(results, work.matched),
            "csv": lambda: tables.as_csv(results),
            "latex": lambda: tables.as_latex(results).encode(),
            "markdown": lambda: tables.as_markdown(results).encode(),
        }
        for option, make in parts.items():
            target = getattr(given, option)
            if target:
                image.make_folder(Path(target).parent)
                image.write_atomic(target, make())
        self._pictures(work)
        if not given.quiet:
            self._odd(work)
            _print(work)

    def _pictures(self, work: Run) -> None:
        from ..reports import charts

        given = self._given
        if given.curves:
            image.make_folder(given.curves)
            for chart in charts.charts(work.results):
                image.write_atomic(
                    Path(given.curves) / f"{chart.name}.svg", charts.svg(chart).encode()
                )
                image.write_atomic(Path(given.curves) / f"{chart.name}.png", charts.png(chart))
        if not (given.worst or given.report):
            return
        from ..reports import page, sheet

        by = self._by(work)
        with work.predictors() as predict:
            if given.worst:
                for index, (name, result) in enumerate(work.results.items()):
                    target = Path(given.worst)
                    if index:  # one sheet for each set of predictions
                        target = target.with_name(f"{target.stem}-{index + 1}{target.suffix}")
                    image.make_folder(target.parent)
                    samples = work.matched[name].samples
                    image.write_atomic(
                        target, sheet.sheet(result, samples, by, predict=predict.get(name))
                    )
            if given.report:
                shown = 0 if given.semantic else page.SHOWN
                parts = page.page(
                    work.results, work.matched, by=by, thumbnails=shown, predict=predict
                )
                image.make_folder(Path(given.report).parent)
                image.write_atomic(given.report, parts)

    def _by(self, work: Run) -> str:
        """The result that says which pictures are the worst."""
        columns = list(dict.fromkeys(c for result in work.results.values() for c in result.columns))
        wanted = self._given.by
        if wanted:
            if wanted not in columns:
                raise BadInput(f"--by {wanted}: there is {', '.join(columns)}.")
            return str(wanted)
        return next((name for name in chosen(columns)), "")

    def _odd(self, work: Run) -> None:
        """What a reader of the numbers should know."""
        from ..reports.oddities import oddities

        for who, result in work.results.items():
            for line in oddities(result, work.matched[who]):
                say(self._given, f"note: {who}: {line}")
        if work.uses_compiled_loops and not _loops_are_kept():
            say(
                self._given,
                "note: the compiled loops could not be kept, so that every run compiles them anew: set NUMBA_CACHE_DIR to "
                "a folder that can be written to.",
            )


def _loops_are_kept() -> bool:
    from ..metrics._compiled import kept

    return kept()


def _print(work: Run) -> None:
    """A line for each result, a column for each set of predictions."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from ..reports.tables import cells

    shown, values = cells(work.results)
    table = Table("", *map(escape, work.results), box=None)
    for name in shown:
        winners = best(name, values[name])
        line = [
            Text(
                written(name, values[name].get(who)),
                style="bold" if who in winners else "",
                justify="right",
            )
            for who in work.results
        ]
        table.add_row(Text(f"{title(name)} {'↓' if lower_is_better(name) else '↑'}"), *line)
    counts = [Text(str(len(result.names)), justify="right") for result in work.results.values()]
    table.add_row("pictures", *counts)
    Console(width=None if sys.stdout.isatty() else 120).print(table)

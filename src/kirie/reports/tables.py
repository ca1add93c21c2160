"""Evaluations as JSON, CSV, LaTeX and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from .._evaluation import Evaluation
from .._version import __version__
from ..evaluate import Matched
from .headlines import best, chosen, lower_is_better, title, written

__all__ = ["as_csv", "as_json", "as_latex", "as_markdown", "cells"]

Evaluations = Mapping[str, Evaluation]


def as_json(results: Evaluations, matched: Mapping[str, Matched]) -> Iterator[bytes]:
    """Everything: of one set of predictions as it is, of several under their names. NaN is null."""
    if len(results) == 1:
        ((name, result),) = results.items()
        yield from (part.encode() for part in _document(result, matched[name], ""))
        yield b"\n"
        return
    yield b'{\n "predictions": {\n'
    for index, (name, result) in enumerate(results.items()):
        yield f"  {json.dumps(name, ensure_ascii=False)}: ".encode()
        yield from (part.encode() for part in _document(result, matched[name], "  "))
        yield b",\n" if index < len(results) - 1 else b"\n"
    yield b" }\n}\n"


def _document(result: Evaluation, matched: Matched, indent: str) -> Iterator[str]:
    """One evaluation, the pictures' results line by line."""
    parts: dict[str, Any] = {"dataset": result.dataset}
    if result.regular:
        parts |= {"dataset_regular": result.regular, "regular_names": result.regular_names}
    if result.finite:
        parts["mean_of_finite"] = {
            name: {"mean_of_finite_per_image": mean, "n": count}
            for name, (mean, count) in result.finite.items()
        }
    parts |= {
        "undefined": result.undefined,
        "refused": result.refused,
        "notes": result.notes,
        "failed": result.failed,
        "missing": matched.missing,
        "extra": matched.extra,
        "count": len(result.names),
        "made_with": f"kirie {__version__}",
    }
    yield "{\n"
    for name, value in parts.items():
        yield f"{indent} {json.dumps(name)}: {_plain(value)},\n"
    yield f'{indent} "per_image": {{\n'
    for index, (name, row) in enumerate(result.rows()):
        comma = "," if index < len(result.names) - 1 else ""
        yield f"{indent}  {json.dumps(name, ensure_ascii=False)}: {_plain(row)}{comma}\n"
    yield f"{indent} }}\n{indent}}}"


def _plain(value: Any) -> str:
    return json.dumps(_nulled(value), ensure_ascii=False, allow_nan=False)


def _nulled(value: Any) -> Any:
    """For JSON: no NaN, no arrays."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {name: _nulled(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_nulled(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_csv(results: Evaluations) -> Iterator[bytes]:
    """A line for each picture (and set of predictions), floats in full; what is undefined is `nan`, what is absent empty."""
    columns = list(dict.fromkeys(c for result in results.values() for c in result.columns))
    several = len(results) > 1
    yield _line([*(["predictions"] if several else []), "name", *columns])
    for who, result in results.items():
        known = set(result.columns)
        for name in result.names:
            values = [result.value(name, c) if c in known else None for c in columns]
            yield _line([*([who] if several else []), name, *values])


def _line(values: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        [repr(value) if isinstance(value, float) else value for value in values]
    )
    return text.getvalue().encode()


def cells(results: Evaluations) -> tuple[list[str], dict[str, dict[str, float]]]:
    """The names that a table shows, and all values by name and predictions."""
    sets = {who: result.dataset for who, result in results.items()}
    every = dict.fromkeys(
        name
        for values in sets.values()
        for name, value in values.items()
        if isinstance(value, float)
    )
    return chosen(every), {
        name: {who: values[name] for who, values in sets.items() if name in values}
        for name in every
    }


def as_markdown(results: Evaluations) -> str:
    """A table, one line for each set of predictions; the best in bold."""
    names, found = cells(results)
    arrows = {name: "↓" if lower_is_better(name) else "↑" for name in names}
    lines = [["", *(f"{title(name)} {arrows[name]}" for name in names)], ["---"] * (len(names) + 1)]
    for who in results:
        line = [_marked(who)]
        for name in names:
            text = written(name, found[name].get(who))
            line.append(f"**{text}**" if who in best(name, found[name]) else text)
        lines.append(line)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _marked(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def as_latex(results: Evaluations) -> str:
    """The same as a `tabular` for the package booktabs."""
    names, found = cells(results)
    arrows = {True: r"$\downarrow$", False: r"$\uparrow$"}
    heads = [f"{_escaped(title(name))} {arrows[lower_is_better(name)]}" for name in names]
    lines = [f"\\begin{{tabular}}{{l{'c' * len(names)}}}", "\\toprule"]
    lines += [" & ".join(["", *heads]) + " \\\\", "\\midrule"]
    for who in results:
        line = [_escaped(who)]
        for name in names:
            text = written(name, found[name].get(who))
            line.append(f"\\textbf{{{text}}}" if who in best(name, found[name]) else text)
        lines.append(" & ".join(line) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def _escaped(text: str) -> str:
    return "".join(SPECIAL.get(sign, sign) for sign in text)

"""`--set field=value` and `--ablate field=a,b`: text → recipe, by the annotations of its fields. Nothing is evaluated."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import BadInput
from ..spec import Preparation, Procedure, ReadOut
from .recipe import Recipe, Size

__all__ = ["changed", "combinations", "parse", "with_settings"]

PARTS = (Preparation, ReadOut, Procedure)
LENGTHS = ("epochs", "steps", "minutes")


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with `field=value` for each of the settings; a length (`epochs`, `steps`, `minutes`) replaces the others.

    A field of a field has a dot: `arguments.backbone=swin_v1_t`, `preparation.filter=bilinear`.

    Raises:
        BadInput: no such field, or a value that it cannot have.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign:
            raise BadInput(f"{setting!r} is no setting: write field=value, such as epochs=10.")
        _put(values, recipe, name.strip(), text.strip())
    given = [name for name in LENGTHS if values.get(name)]
    if given:
        values.update(dict.fromkeys((n for n in LENGTHS if n not in given), 0))
    if "size" in values:
        values["phases"] = ()  # one size for the whole run is what was asked for
    elif "batch" in values:
        values["phases"] = tuple(replace(phase, batch=0) for phase in recipe.phases)
    return replace(recipe, **values)


def _put(values: dict[str, Any], recipe: Recipe, name: str, text: str) -> None:
    first, _, rest = name.partition(".")
    kinds = _kinds(Recipe)
    if first == "phases":
        raise BadInput(
            "phases cannot be set from here: set size=SIDE, which gives the whole run one size."
        )
    if first not in kinds or first == "name":
        near = get_close_matches(first, kinds, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(
            f"A recipe has no field {first!r}.{hint} `kirie train show {recipe.name}` lists all."
        )
    if not rest:
        values[first] = parse(first, kinds[first], text)
        return
    now = values.get(first, getattr(recipe, first))
    if isinstance(now, dict):
        values[first] = {**now, rest: _plain(text)}
    elif isinstance(now, PARTS) and rest in _kinds(type(now)):
        values[first] = replace(now, **{rest: parse(name, _kinds(type(now))[rest], text)})
    else:
        raise BadInput(f"{first} has no field {rest!r}.")


def _kinds(kind: type) -> dict[str, Any]:
    """Field → annotation of a dataclass."""
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def parse(name: str, kind: Any, text: str) -> Any:
    """The value that a text stands for, where a value of `kind` is wanted.

    Raises:
        BadInput: it is no such value.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if kind == Size and "," not in text and "x" not in text:
        side = parse(name, int, text)
        return side, side
    if origin is tuple:
        return _tuple(name, inner, text)
    if origin is Literal:
        return text  # the dataclass names the allowed ones
    if origin in (Union, UnionType):
        inner = tuple(k for k in inner if k is not NoneType)
        return None if text.lower() in ("none", "") else parse(name, inner[0], text)
    if (origin or kind) not in READERS:
        raise BadInput(f"{name} cannot be set as a whole: set {name}.FIELD=VALUE.")
    read, what = READERS[origin or kind]
    try:
        return read(text)
    except (ValueError, KeyError, AttributeError):
        raise BadInput(f"{name} is {text!r}, but must be {what}.") from None


def _table(text: str) -> dict[str, Any]:
    return dict(json.loads(text).items())


SWITCHES = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
READERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "text"),
    bool: (lambda text: SWITCHES[text.lower()], "true or false"),
    dict: (_table, 'JSON such as {"weight": 2}'),
}


def _tuple(name: str, inner: tuple[Any, ...], text: str) -> tuple[Any, ...]:
    many = len(inner) == 2 and inner[1] is Ellipsis
    if many and inner[0] == Size:
        return tuple(parse(name, Size, part) for part in text.split(",") if part.strip())
    separator = "," if "," in text else "x"
    parts = [part.strip() for part in text.strip("()[] ").split(separator)]
    if many:
        return tuple(parse(name, inner[0], part) for part in parts if part)
    if len(parts) != len(inner):
        raise BadInput(f"{name} is {text!r}, but must be {len(inner)} values, such as 1,2.")
    return tuple(parse(name, kind, part) for kind, part in zip(inner, parts, strict=True))


def _plain(text: str) -> Any:
    """JSON where it is JSON, otherwise the text itself; lists become tuples, as networks' arguments are."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return tuple(value) if isinstance(value, list) else value


def combinations(ablations: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every combination of `field=a,b,…`: a tuple of `field=value`. Values that hold commas are separated by semicolons.

    Raises:
        BadInput: not of that form, or fewer than two values.
    """
    axes = []
    for text in ablations:
        name, sign, values = text.partition("=")
        parts = [v.strip() for v in values.split(";" if ";" in values else ",")]
        if not sign or len(parts) < 2 or not all(parts):
            raise BadInput(
                f"{text!r} is no ablation: write field=a,b with two values at least, such as learning_rate=1e-3,1e-4."
            )
        axes.append([f"{name.strip()}={value}" for value in parts])
    return itertools.product(*axes)


def changed(recipe: Recipe, other: Recipe) -> list[str]:
    """The fields that differ."""
    return [f.name for f in fields(Recipe) if getattr(recipe, f.name) != getattr(other, f.name)]

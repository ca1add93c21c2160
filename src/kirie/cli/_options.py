"""The options of a cut on the command line, made from their one table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .._table import OPTIONS, Option
from ..errors import BadInput
from ..options import CutOptions

__all__ = ["add_cut_options", "completed", "flag_of", "options_of"]


def add_cut_options(parser: argparse.ArgumentParser) -> None:
    """Add every option of a cut, under its heading."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for name, option in OPTIONS.items():
        group = groups.get(option.group)
        if group is None:
            group = groups[option.group] = parser.add_argument_group(option.group)
        flag = flag_of(name)
        text = option.help.replace("%", "%%")
        if not option.metavar:
            group.add_argument(flag, dest=name, action="store_const", const="true", help=text)
        elif option.values:
            group.add_argument(flag, dest=name, choices=option.values, help=text)
        elif option.bare is not None:
            shown = option.metavar
            group.add_argument(
                flag, dest=name, nargs="?", const=option.bare, metavar=shown, help=text
            )
        else:
            group.add_argument(flag, dest=name, metavar=option.metavar, help=text)


def flag_of(name: str) -> str:
    """How an option is written on the command line: `min_area` → `--min-area`."""
    return f"--{name.rstrip('_').replace('_', '-')}"


def options_of(given: argparse.Namespace) -> CutOptions:
    """The options that were given; `BadInput` where one means nothing."""
    texts = {name: getattr(given, name) for name in OPTIONS}
    return CutOptions(**{name: text for name, text in texts.items() if text is not None})


def completed(arguments: Sequence[str]) -> list[str]:
    """The arguments, with its value written out after an option that may stand alone: `--crop a.jpg` names a file."""
    bare = {flag_of(name): option for name, option in OPTIONS.items() if option.bare is not None}
    found = []
    for index, text in enumerate(arguments):
        option = bare.get(text)
        if option is not None and not _reads(option, text, arguments[index + 1 : index + 2]):
            found.append(f"{text}={option.bare}")
        else:
            found.append(text)
    return found


def _reads(option: Option, name: str, following: Sequence[str]) -> bool:
    """Whether the next word is the option's value: judged by what it would be read as."""
    if not following:
        return False
    try:
        option.read(name, following[0])
    except BadInput:
        return False
    return True

"""Which inputs the user means, and where each one's result goes."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ..errors import BadInput

__all__ = ["STANDARD", "Job", "plan"]

STANDARD = "-"
SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif"),
        *(".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif"),
    )
)
OWN = ("cutout", "mask", "trimap", "overlay")


@dataclass(frozen=True, slots=True)
class Job:
    """One input; `error` says why it cannot even be tried."""

    source: str
    target: Path | None = None  # None: standard output
    error: str = ""


def plan(inputs: list[str], output: str | None, *, made: str, suffix: str | None) -> list[Job]:
    """Resolve inputs (files, folders, patterns, `-`) and their targets.

    Args:
        inputs: as given.
        output: `-o`: a file for a single input, a folder, `-`, or None (beside the input).
        made: cutout, mask, trimap, overlay: part of the name beside the input.
        suffix: the results' suffix where it is given (`.webp`); None: `.png`, or as `output` says.

    Raises:
        BadInput: the combination makes no sense.
    """
    found = [(root, path) for text in inputs for root, path in _expand(text)]
    if not found:
        raise BadInput("No input was given.")
    single_file = _is_file_name(output) and not (output is not None and Path(output).is_dir())
    if len(found) > 1 and (output == STANDARD or single_file):
        raise BadInput(
            f"There are {len(found)} inputs, but -o {output} is one file: give a folder instead."
        )
    names = _Names(output, made, suffix or ".png", single_file)
    return _without_collisions([names.job(root, path) for root, path in found])


def _expand(text: str) -> list[tuple[Path | None, str | Job]]:
    """(the folder that sub-folders are mirrored from, path or failed job) for each picture that a text means."""
    if text == STANDARD:
        return [(None, text)]
    if not text:  # an unset variable of a script: not the current folder
        return [
            (None, Job(text, error="An empty name was given as input: name a file or a folder."))
        ]
    path = Path(text)
    if path.is_dir():
        try:
            inside = sorted(p for p in path.rglob("*") if _is_picture(p))
        except OSError as error:
            return [(None, Job(text, error=f"The folder {text} cannot be read: {error.strerror}."))]
        none = Job(text, error=f"The folder {text} holds no pictures.")
        return [(path, str(p)) for p in inside] or [(None, none)]
    if not path.exists() and glob.has_magic(text):
        matches = sorted(m for m in glob.glob(text, recursive=True) if Path(m).is_file())  # noqa: PTH207  patterns may be absolute
        none = Job(text, error=f"No file matches {text}.")
        return [(None, m) for m in matches] or [(None, none)]
    return [(None, text)]


def _is_picture(path: Path) -> bool:
    """A picture's name, not hidden, and not what kirie itself wrote beside a picture."""
    if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
        return False
    base, _, ending = path.stem.rpartition("-")
    return not (
        base
        and ending in OWN
        and any(
            path.with_name(base + suffix).exists()
            for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES))
        )
    )


def _is_file_name(output: str | None) -> bool:
    return output is not None and Path(output).suffix.lower() in SUFFIXES


class _Names(NamedTuple):
    """How results are named."""

    output: str | None
    made: str
    suffix: str
    single_file: bool

    def job(self, root: Path | None, found: str | Job) -> Job:
        """One input with the place of its result."""
        if isinstance(found, Job):
            return found
        if self.output == STANDARD or (self.output is None and found == STANDARD):
            return Job(found)
        if self.output is None:
            path = Path(found)
            return Job(found, path.with_name(f"{path.stem}-{self.made}{self.suffix}"))
        folder = Path(self.output)
        if self.single_file:
            return Job(found, folder)
        if found == STANDARD:
            return Job(found, folder / f"stdin{self.suffix}")
        path = Path(found)
        inside = path.relative_to(root).parent if root else Path()
        return Job(found, folder / inside / f"{path.stem}{self.suffix}")


def _place(path: str | Path) -> Path:
    """Where a name leads; unlike `resolve` it lets a loop of links be, which reading then refuses."""
    return Path(os.path.realpath(path))


def _without_collisions(jobs: list[Job]) -> list[Job]:
    """Refuse, by name, what would overwrite an input or another input's result."""
    sources = {_place(job.source) for job in jobs if job.source != STANDARD}
    taken: dict[Path, str] = {}
    checked = []
    for job in jobs:
        if job.target is None or job.error:
            checked.append(job)
            continue
        place = _place(job.target)
        error = ""
        if place in sources:
            error = (
                f"{job.source}: the result would overwrite the input {job.target}; give another -o."
            )
        elif place in taken and taken[place] != job.source:
            error = f"{job.source}: the result {job.target} is already that of {taken[place]}; cut it by itself."
        taken.setdefault(place, job.source)
        checked.append(replace(job, error=error))
    return checked

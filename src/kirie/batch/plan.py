"""Which inputs the user means, and where each one's result goes: known, and refused, before anything starts."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from .._formats import displayed
from .._table import DATA
from ..errors import BadInput
from .names import Template

__all__ = ["ARCHIVE", "STANDARD", "Job", "Wishes", "is_picture_name", "plan"]

STANDARD = "-"
SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif"),
        *(".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif"),
    )
)
ARCHIVE = ".zip"
OWN = ("cutout", "mask", "trimap", "overlay", "checker", "classes")
MAGIC = re.compile("[*?[]")


@dataclass(frozen=True, slots=True)
class Job:
    """One input; `error` says why it cannot even be tried.

    Attributes:
        source: what to call it, and its path unless it lies in an archive.
        target: where its result goes; None: standard output.
        archive, member: where it lies in an archive.
        inside: its place in the tree that it was found in, `sub/a.jpg`.
        root: the folder whose journal knows the result; None where none is kept.
        packed: the archive that the results under `root` become in the end.
    """

    source: str
    target: Path | None = None
    error: str = ""
    archive: Path | None = None
    member: str = ""
    inside: str = ""
    root: Path | None = None
    packed: Path | None = None

    @property
    def shown(self) -> str | None:
        """What to call the result; None for standard output."""
        if self.packed is None or self.root is None or self.target is None:
            return None if self.target is None else str(self.target)
        return f"{self.packed}/{self.target.relative_to(self.root).as_posix()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What else a user can say of many inputs.

    Attributes:
        lists: files that name an input on each line, or between NUL characters; `-` for standard input.
        recursive: look into sub-folders.
        template: how results are named (`names.Template`); None: as their inputs.
        model: for the template.
        leave: folders that are never looked into.
        strict: refuse everything where two results would be one file; else only the second one fails.
    """

    lists: tuple[str, ...] = ()
    recursive: bool = True
    template: str | None = None
    model: str = ""
    leave: tuple[Path, ...] = ()
    strict: bool = True


def plan(
    inputs: list[str],
    output: str | None,
    *,
    made: str,
    suffix: str | None,
    wishes: Wishes | None = None,
) -> list[Job]:
    """Resolve inputs (files, folders, patterns, archives, `-`) and their targets.

    Args:
        inputs: as given.
        output: `-o`: a file for a single input, a folder, an archive, `-`, or None (beside the input).
        made: cutout, mask, trimap, overlay: part of the name beside the input.
        suffix: the results' suffix where it is given (`.webp`); None: `.png`, or as `output` says.
        wishes: what else there is to say.

    Raises:
        BadInput: the combination makes no sense, two results would be one file, or a result an input.
    """
    wishes = wishes or Wishes()
    leave = {_place(folder) for folder in wishes.leave}
    if output is not None and not _is_file_name(output):
        leave.add(_place(output))
    found = [job for text in inputs for job in _expand(text, wishes.recursive, leave)]
    found = _once([*found, *(job for file in wishes.lists for job in _listed(file))])
    if not found:
        raise BadInput("No input was given.")
    place = _output(output, made, found)
    if wishes.template is not None:
        Template(wishes.template)  # refused at once where it is none
        if place.kind in ("file", "standard"):
            raise BadInput(
                f"--name {wishes.template} and -o {output or STANDARD} both say what the result is called: leave one of them out."
            )
    names = _Names(place, made, suffix or ".png", wishes)
    jobs = [names.job(job, number) for number, job in enumerate(found, 1)]
    if len(jobs) == 1 and not jobs[0].inside and jobs[0].packed is None:  # one file, by its name
        jobs = [replace(jobs[0], root=None)]
    clashes = _clashes(jobs)
    if clashes and wishes.strict:
        first = next(iter(clashes.values()))
        more = f" (and {len(clashes) - 1} more like that)" if len(clashes) > 1 else ""
        raise BadInput(
            f"{first}{more}; nothing was started: give another -o, or --name '{{stem}}-{{suffix}}{{ext}}'."
        )
    return [replace(j, error=f"{clashes[j]}.") if j in clashes else j for j in jobs]


class _Output(NamedTuple):
    """What `-o` means."""

    kind: str  # beside, standard, file, folder or archive
    path: Path


def _output(output: str | None, made: str, found: list[Job]) -> _Output:
    if output is None:
        return _Output("standard" if found[0].source == STANDARD else "beside", Path())
    if output == STANDARD:
        kind = "standard"
    elif not _is_file_name(output) or Path(output).is_dir():
        return _Output("folder", Path(output))
    elif Path(output).suffix.lower() != ARCHIVE or (made == "layers" and len(found) == 1):
        kind = "file"
    else:
        return _Output("archive", Path(output))
    if len(found) > 1:
        raise BadInput(
            f"There are {len(found)} inputs, but -o {output} is one file: give a folder instead."
        )
    return _Output(kind, Path(output))


def _expand(text: str, recursive: bool, leave: set[Path]) -> list[Job]:  # noqa: FBT001
    """The pictures that an input means; a failed job where it means none."""
    if text == STANDARD:
        return [Job(text)]
    if not text:  # an unset variable of a script: not the current folder
        return [Job(text, error="An empty name was given as input: name a file or a folder.")]
    path = Path(text)
    if path.is_dir():
        inside = list(_walked(path, recursive, leave))
        none = Job(text, error=f"The folder {text} holds no pictures.")
        return inside or [none]
    if not path.exists() and glob.has_magic(text):
        fixed = _fixed_part(text)
        matches = sorted(m for m in glob.glob(text, recursive=True) if Path(m).is_file())  # noqa: PTH207  patterns may be absolute
        none = Job(text, error=f"No file matches {text}.")
        return [Job(m, inside=_inside(Path(m), fixed)) for m in matches] or [none]
    if path.suffix.lower() == ARCHIVE:
        from .archive import Archive

        with Archive(path) as archive:
            members = [name for name in archive.members if is_picture_name(name)]
        none = Job(text, error=f"The archive {text} holds no pictures.")
        return [
            Job(f"{text}/{name}", archive=path, member=name, inside=name) for name in members
        ] or [none]
    return [Job(text)]


def _walked(folder: Path, recursive: bool, leave: set[Path]) -> Iterator[Job]:  # noqa: FBT001
    """The pictures in a folder, sorted, without hidden ones and without kirie's own results."""
    from .journal import own_results

    wrong: list[Job] = []

    def note(error: OSError) -> None:
        name = displayed(error.filename)
        reason = (error.strerror or str(error)).lower()
        wrong.append(Job(name, error=f"The folder {name} cannot be read: {reason}."))

    found = []
    own = own_results(folder)
    for top, folders, files in os.walk(folder, onerror=note):
        kept = [n for n in folders if n[0] != "." and _place(Path(top, n)) not in leave]
        folders[:] = sorted(kept) if recursive else []
        own |= own_results(Path(top))
        for name in files:
            path = Path(top, name)
            if name[0] != "." and _is_picture(path) and _place(path) not in own:
                found.append(path)
    for path in sorted(found):
        yield Job(str(path), inside=_inside(path, folder), root=folder)
    yield from wrong


def _listed(file: str) -> list[Job]:
    """The inputs that a list names; they keep their folders, as they are written."""
    try:
        data = sys.stdin.buffer.read() if file == STANDARD else Path(file).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"The list {displayed(file)} cannot be read: {reason}.") from error
    lines = data.split(b"\0") if b"\0" in data else data.splitlines()
    texts = [os.fsdecode(line) for line in lines if line.strip()]
    if not texts:
        raise BadInput(f"The list {displayed(file)} is empty: it names a file on each line.")
    jobs = []
    for text in texts:
        path = Path(text)
        place = os.path.relpath(path) if not path.is_absolute() else text
        inside = [part for part in Path(place).parts if part not in ("..", path.anchor)]
        said = f"{displayed(text)} is a folder: name it as an input, not in a list."
        jobs.append(Job(text, inside="/".join(inside), error=said if path.is_dir() else ""))
    return jobs


def _once(found: list[Job]) -> list[Job]:
    """Without what is named again."""
    seen: set[tuple[Path, str]] = set()
    kept = []
    for job in found:
        key = (_place(job.archive or job.source), job.member)
        if job.error or key not in seen:
            kept.append(job)
        seen.add(key)
    return kept


def _fixed_part(pattern: str) -> Path:
    """The folder before the first part of a pattern that stands for several."""
    parts = Path(pattern).parts
    first = next(n for n, part in enumerate(parts) if MAGIC.search(part))
    return Path(*parts[:first])


def _inside(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def is_picture_name(name: str) -> bool:
    """Whether a name is that of a picture, and not hidden."""
    parts = Path(name).parts
    return Path(name).suffix.lower() in SUFFIXES and not any(part[0] == "." for part in parts)


def _is_picture(path: Path) -> bool:
    """A picture's name, and not what kirie itself wrote beside a picture."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
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


def _is_file_name(output: str) -> bool:
    """Whether `-o` names a file, by its ending."""
    return Path(output).suffix.lower() in (*SUFFIXES, *(f".{ending}" for ending in DATA.values()))


class _Names(NamedTuple):
    """How results are named."""

    output: _Output
    made: str
    suffix: str
    wishes: Wishes

    def job(self, job: Job, number: int) -> Job:
        """One input with the place of its result."""
        kind, path = self.output
        if job.error or kind == "standard":
            return job
        if kind == "file":
            return replace(job, target=path, root=None)
        if kind == "folder":
            return replace(job, target=path / self._name(job, number), root=path)
        if kind == "archive" or job.archive is not None:
            packed = path
            if kind != "archive" and job.archive is not None:
                packed = job.archive.with_name(f"{job.archive.stem}-{self.made}{ARCHIVE}")
            root = packed.with_name(f".{packed.name}.kirie")
            return replace(job, target=root / self._name(job, number), root=root, packed=packed)
        beside = Path(job.source)
        name = f"{beside.stem}-{self.made}{self.suffix}"
        if self.wishes.template is not None:
            return replace(job, target=beside.parent / self._filled(job, number))
        return replace(job, target=beside.with_name(name))

    def _name(self, job: Job, number: int) -> Path:
        """Relative to the output folder."""
        if job.source == STANDARD:
            return Path(f"stdin{self.suffix}")
        inside = Path(job.inside)
        stem = Path(job.source).stem
        name = (
            Path(f"{stem}{self.suffix}")
            if self.wishes.template is None
            else self._filled(job, number)
        )
        return inside.parent / name

    def _filled(self, job: Job, number: int) -> Path:
        template = Template(self.wishes.template or "")
        return Path(
            template.fill(
                Path(job.source).name,
                ext=self.suffix,
                made=self.made,
                model=self.wishes.model,
                n=number,
            )
        )


def _place(path: str | Path) -> Path:
    """Where a name leads; unlike `resolve` it lets a loop of links be, which reading then refuses."""
    return Path(os.path.realpath(path))


def _clashes(jobs: list[Job]) -> dict[Job, str]:
    """What would overwrite an input or another input's result, and how."""
    sources = {_place(job.source): job.source for job in jobs if job.source != STANDARD}
    taken: dict[Path, str] = {}
    clashes = {}
    for job in jobs:
        if job.target is None or job.error:
            continue
        place = _place(job.target)
        if place in sources:
            clashes[job] = f"{job.source}: its result would overwrite the input {sources[place]}"
        elif place in taken:
            clashes[job] = f"{job.source} and {taken[place]} would both become {job.shown}"
        taken.setdefault(place, job.source)
    return clashes

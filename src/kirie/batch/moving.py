"""Inputs that are done move to another folder: nothing is overwritten, and nothing is deleted that is not there whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from .._files import make_folder
from .._formats import displayed
from ..errors import BadInput
from .journal import PART, PREFIX, digest
from .plan import STANDARD, Job

__all__ = ["check", "destination", "move"]


def destination(job: Job, folder: Path) -> Path:
    """Where an input goes: its place in its tree."""
    return folder / (job.inside or Path(job.source).name)


def check(jobs: Sequence[Job], folder: Path) -> None:
    """Refuse, before anything starts, what could not be moved."""
    taken: dict[Path, str] = {}
    for job in jobs:
        if job.error:
            continue
        if job.archive is not None or job.source == STANDARD:
            raise BadInput(
                f"{displayed(job.source)} cannot be moved when it is done: leave --move-done out, or give files."
            )
        target = destination(job, folder)
        other = taken.setdefault(target, job.source)
        if other != job.source:
            raise BadInput(
                f"{job.source} and {other} would both move to {target}; nothing was started: move them one after the other."
            )
        if os.path.lexists(target) and not _same(Path(job.source), target):
            raise BadInput(
                f"{job.source} would move to {target}, where there is a file already; nothing was started: choose another "
                "folder."
            )


def move(source: Path, target: Path) -> None:
    """Move a file; `BadInput` where something is in the way, or it cannot be moved."""
    make_folder(target.parent)
    try:
        _part(target).unlink(missing_ok=True)
        if _same(source, target):  # a run was killed in the middle of it
            source.unlink()
            return
        try:
            os.link(source, target, follow_symlinks=False)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):  # another disk, or one without links
            _copy(source, target)
        source.unlink()
    except OSError as error:
        why = "there is a file already" if isinstance(error, FileExistsError) else _reason(error)
        raise BadInput(
            f"{displayed(source)} was cut, but not moved to {displayed(target)}: {why}."
        ) from error


def _same(source: Path, target: Path) -> bool:
    """Whether the target is the source already, or a copy of it."""
    try:
        return target.samefile(source) or digest(target.read_bytes()) == digest(source.read_bytes())
    except OSError:
        return False


def _part(target: Path) -> Path:
    """What a copy is called until it is whole: always the same, so that what a killed run left is found again."""
    return target.with_name(f"{PREFIX}{digest(os.fsencode(target.name))[-16:]}{PART}")


def _copy(source: Path, target: Path) -> None:
    """Copy whole, check, and only then give it its name."""
    part = _part(target)
    try:
        shutil.copy2(source, part)
        if digest(part.read_bytes()) != digest(source.read_bytes()):
            raise OSError("the copy differs")
        if os.path.lexists(target):
            raise FileExistsError
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

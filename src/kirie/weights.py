"""Card → verified local file: found, or fetched, and never used unchecked.

Embedded files lie in the package. The others live in KIRIE_HOME (`_home.py`); what is not there is fetched from KIRIE_MIRROR
or from where the card says (`_download.py`), into a part that takes the file's name only when its hash is right
(`_fetch.py`). A file is read whole once after it came, and again when its size or time of change is another than then.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from . import _home
from ._download import Patience
from ._fetch import Fetch, Job
from ._home import Home, Settings
from .errors import BadCheckpoint, BadInput, FetchFailed, WeightsCorrupt
from .spec import ModelCard, Weights

__all__ = [
    "Fetch",
    "File",
    "Found",
    "Patience",
    "Settings",
    "add",
    "check_licence",
    "files",
    "locate",
    "remove",
    "verify",
]


class Found(NamedTuple):
    """A local file, verified, and the card as it is for this file."""

    path: Path
    card: ModelCard


class File(NamedTuple):
    """One of a card's files, and what is here of it: `begun` of its bytes where a transfer broke off."""

    weights: Weights
    path: Path
    state: Literal["here", "begun", "absent"]
    begun: int = 0


def locate(card: ModelCard, suffixes: tuple[str, ...], fetch: Fetch | None = None) -> Found:
    """The card's file for an engine: one that is here already, else one that is fetched now.

    Args:
        card: the model.
        suffixes: what the engine reads, in order of preference.
        fetch: what may be done to get the file.

    Raises:
        BadCheckpoint: the card has no such file.
        LicenceRefused: the licence does not allow commercial use, and was not accepted.
        Offline: the file is not here, and nothing may be fetched.
        FetchFailed: the file is not to be had, has nothing to be checked against, or cannot be stored.
        WeightsCorrupt: the file that is here, or that came, is not the card's.
    """
    fitting = [w for suffix in suffixes for w in card.weights if Path(w.file).suffix == suffix]
    if not fitting:
        have = ", ".join(weights.file for weights in card.weights) or "no file"
        raise BadCheckpoint(
            f"{card.name} is published as {have}, but the engine reads {', '.join(suffixes)}: choose another engine."
        )
    for weights in fitting:
        if weights.embedded:
            return Found(_embedded(weights), card.for_file(weights))
    job = Job(card, fetch or Fetch())
    job.check_licence()
    here = [weights for weights in fitting if job.path(weights).is_file()]
    fetched = [weights for weights in fitting if not weights.by_hand]
    chosen = (here or fetched or fitting)[0]
    return Found(job.get(chosen), card.for_file(chosen))


def check_licence(card: ModelCard, fetch: Fetch | None = None) -> None:
    """The gate alone, for weights that come from elsewhere: `LicenceRefused` where they may not be used commercially."""
    Job(card, fetch or Fetch()).check_licence()


def files(card: ModelCard) -> tuple[File, ...]:
    """The card's files and what is here of them; nothing is read, checked or made."""
    return tuple(_file(card, weights) for weights in card.weights)


def add(card: ModelCard, path: Path, fetch: Fetch | None = None) -> tuple[Path, str]:
    """Take in a file that was fetched by hand; the original stays where it is.

    To name the file is the trust that a publisher without a hash asks for: its hash is remembered and checked from then on.

    Returns:
        Where it lies now, and its hash.

    Raises:
        BadInput: it cannot be read, or the card has no file of this kind.
        WeightsCorrupt: it is not the card's file.
        LicenceRefused, FetchFailed: as `locate`.
    """
    weights = _meant(card, path)
    job = Job(card, fetch or Fetch())
    job.check_licence()
    target = job.path(weights)
    if target.exists() and target.samefile(path):
        raise BadInput(f"{path} is in its place already; `kirie models verify` checks it.")
    with job.home.changing(card.name, job.wait):
        part, notes = _home.parts(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            notes.unlink(missing_ok=True)
            shutil.copyfile(path, part)
            digest = job.check(part, weights, trust=True)
            job.settle(weights, digest)
        except OSError as error:
            if error.filename == str(path):
                raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
            raise job.home.unwritable(error) from error
        finally:
            part.unlink(missing_ok=True)
    return target, digest


def remove(card: ModelCard, *, everything: bool = False) -> int:
    """Delete the card's fetched files; with `everything` also the remembered hashes and the accepted licence.

    Returns:
        The bytes that were freed.

    Raises:
        FetchFailed: the home folder cannot be written to.
    """
    job = Job(card, Fetch())
    if not job.home.root.is_dir() or all(weights.embedded for weights in card.weights):
        return 0
    freed = 0
    with job.home.changing(card.name, job.wait):
        for file in files(card):
            if not file.weights.embedded:
                freed += file.path.stat().st_size if file.state == "here" else file.begun
                try:
                    job.forget(file.weights, everything=everything)
                except OSError as error:
                    raise job.home.unwritable(error) from error
        if everything:
            job.home.remember("accepted", card.name, None)
    return freed


def verify(card: ModelCard) -> Iterator[tuple[File, str]]:
    """Read the card's files that are here whole, and compare them with their hashes.

    Yields:
        Each file, and what is wrong with it; empty where nothing is.
    """
    job = Job(card, Fetch())
    for file in files(card):
        if file.state != "here":
            continue
        try:
            digest = job.check(file.path, file.weights)
        except (WeightsCorrupt, FetchFailed) as error:
            yield file, str(error)
        else:
            if not file.weights.embedded:
                _home.stamp(file.path, digest)
            yield file, ""


def _file(card: ModelCard, weights: Weights) -> File:
    if weights.embedded:
        return File(weights, _embedded(weights), "here")
    path = Home(Settings.read().home).file(card.name, weights.file)
    part, _ = _home.parts(path)
    if path.is_file():
        return File(weights, path, "here")
    if part.is_file():
        return File(weights, path, "begun", part.stat().st_size)
    return File(weights, path, "absent")


def _meant(card: ModelCard, path: Path) -> Weights:
    """Which of the card's files a file is: by its name, else by its suffix."""
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file.")
    own = [weights for weights in card.weights if not weights.embedded]
    named = [weights for weights in own if weights.file == path.name]
    alike = [weights for weights in own if Path(weights.file).suffix == path.suffix.lower()]
    if named or len(alike) == 1:
        return (named or alike)[0]
    names = ", ".join(weights.file for weights in own)
    if not names:
        raise BadInput(f"{card.name} lies inside the package: there is nothing to add.")
    raise BadInput(f"{path.name} does not fit {card.name}, which is published as {names}.")


def _embedded(weights: Weights) -> Path:
    path = Path(__file__).parent / weights.url.removeprefix("package:")
    if not path.is_file() or path.stat().st_size != weights.size:
        raise WeightsCorrupt(
            f"The embedded file {weights.file} is missing or damaged: reinstall kirie "
            "(pip install --force-reinstall kirie)."
        )
    return path

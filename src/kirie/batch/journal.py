"""What is finished, on disk: one line of JSON for each result, in the folder that the results go to.

A result is finished when its file was written, read back and found the same; the line is written after that. So whatever
kills a run, the next one takes up what the journal and the files agree on: a line whose file is missing or has
changed counts for nothing. The key of a line is that of the input's content and of everything that decides what is made of it.

At the end of a run the lines are sorted: two runs that made the same leave the same journal, interrupted or not. A
journal is locked while a run writes to its folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from .._files import make_folder, write_atomic
from .._formats import displayed
from ..errors import BadInput

__all__ = ["NAME", "Entry", "Journal", "Known", "digest", "own_results", "verified"]

NAME = ".kirie-journal.jsonl"
PART = ".part"  # the ending of what is being written; see `_files.write_atomic`
PREFIX = ".kirie-"


def digest(data: bytes | bytearray | memoryview) -> str:
    """Of a file's content."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()


class Entry(NamedTuple):
    """One finished result."""

    key: str
    digest: str
    facts: dict[str, Any]


class Known:
    """What a folder's journal knows, without touching anything.

    Args:
        folder: where the results are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries = _entries(folder / NAME)

    def finished(self, target: Path, key: str) -> dict[str, Any] | None:
        """The facts of a finished result; None where it has to be made."""
        return verified(self.entry(target), target, key)

    def entry(self, target: Path) -> Entry | None:
        """What is noted of a result."""
        return self._entries.get(self._name(target))

    def _name(self, target: Path) -> str:
        return target.relative_to(self.folder).as_posix()


class Journal(Known):
    """The journal of one folder, to write to; safe to use from several threads.

    Args:
        folder: where the results go; made where it is missing.

    Raises:
        BadInput: another run writes to the folder, or the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.path = folder / NAME
        try:
            self._file: IO[bytes] = self.path.open("ab+")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadInput(
                f"{displayed(folder)} takes no journal ({reason}): choose another output folder."
            ) from error
        if not _locked(self._file, self.path):
            self._file.close()
            raise BadInput(
                f"Another kirie is writing to {displayed(folder)}: wait for it, or choose another output folder."
            )
        super().__init__(folder)
        self._clear_parts()
        self._end_line()

    def add(self, target: Path, entry: Entry) -> None:
        """Note a result as finished; its file is there, whole."""
        name = self._name(target)
        self._entries[name] = entry
        # One write of one line at the file's end: whole, or cut off where a run was killed, and then passed over.
        os.write(self._file.fileno(), _line(name, self._entries[name]))

    def close(self) -> None:
        """Sort the lines and leave out those whose file is gone."""
        if os.name == "nt":  # an open file cannot be replaced there
            self._file.close()
        try:
            kept = {
                name: entry
                for name, entry in self._entries.items()
                if (self.folder / name).is_file()
            }
            lines = b"".join(_line(name, kept[name]) for name in sorted(kept))
            if not lines:
                self.path.unlink(missing_ok=True)
            elif self.path.read_bytes() != lines:
                write_atomic(self.path, lines)
        finally:
            self._file.close()

    def _clear_parts(self) -> None:
        """Take away what a killed run has left half-written; nobody else writes here."""
        for top, _, files in os.walk(self.folder):
            for name in files:
                if name.startswith(PREFIX) and name.endswith(PART):
                    with suppress(OSError):
                        Path(top, name).unlink()

    def _end_line(self) -> None:
        """A line that was cut off must not swallow the next one."""
        data = self.path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.write(self._file.fileno(), b"\n")


def verified(entry: Entry | None, target: Path, key: str) -> dict[str, Any] | None:
    """The facts of a finished result by its entry, once its file was found to be the same; None where it has to be made."""
    if entry is None or entry.key != key:
        return None
    try:
        same = digest(target.read_bytes()) == entry.digest
    except OSError:
        return None
    return dict(entry.facts) if same else None


def own_results(folder: Path) -> set[Path]:
    """The results that a folder's journal knows: they are nobody's inputs."""
    path = folder / NAME
    if not path.is_file():
        return set()
    return {Path(os.path.realpath(folder / name)) for name in _entries(path)}


def _line(name: str, entry: Entry) -> bytes:
    content = {"result": name, "key": entry.key, "digest": entry.digest, "facts": entry.facts}
    return json.dumps(content, ensure_ascii=True, sort_keys=True).encode() + b"\n"


def _entries(path: Path) -> dict[str, Entry]:
    """What a journal says; lines that say nothing are passed over."""
    found = {}
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    for line in data.splitlines():
        try:
            content = json.loads(line)
            entry = Entry(str(content["key"]), str(content["digest"]), dict(content["facts"]))
            found[str(content["result"])] = entry
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _locked(file: IO[bytes], path: Path) -> bool:
    """Take the file's lock; False where another process holds it, or has just put another file in its place.

    File systems that know no locks (some network shares) let everybody in.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            file.seek(1 << 30)  # beyond the end: what is locked cannot be read either
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())

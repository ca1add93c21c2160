"""The folder where fetched weights live, and what is remembered beside them.

    HOME/models/NAME/FILE           the weights, only ever whole and checked
    HOME/models/NAME/FILE.part      what has come so far of a file that is being fetched
    HOME/models/NAME/FILE.checked   against which hash, and at which size and time of change, the file was checked
    HOME/trusted.json               NAME/FILE → the hash of its first use, where the publisher gives none
    HOME/accepted.json              NAME → the licence that was accepted
    HOME/locks/                     one process at a time changes a model's files

Nothing here is read or made before a model needs it: `Settings.read` looks at the environment when it is called.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import FetchFailed

__all__ = ["Home", "Settings", "forget", "parts", "stamp", "stamped"]

NO = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says: KIRIE_HOME, KIRIE_MIRROR, KIRIE_OFFLINE, KIRIE_ACCEPT, KIRIE_TRUST.

    home: the folder, absolute; it need not exist.
    mirror: a base address that is tried first, or empty.
    offline: nothing may be fetched.
    accept, trust: names of models whose licence is accepted; whose files may be trusted at first use.
    """

    home: Path
    mirror: str = ""
    offline: bool = False
    accept: frozenset[str] = frozenset()
    trust: frozenset[str] = frozenset()

    @classmethod
    def read(cls) -> Settings:
        """Read the environment as it is now.

        Raises:
            FetchFailed: KIRIE_HOME is not set, and this user has no home folder either.
        """
        return cls(
            home=_root(),
            mirror=os.environ.get("KIRIE_MIRROR", "").strip().rstrip("/"),
            offline=os.environ.get("KIRIE_OFFLINE", "").strip().lower() not in NO,
            accept=_names("KIRIE_ACCEPT"),
            trust=_names("KIRIE_TRUST"),
        )


def _root() -> Path:
    given = os.environ.get("KIRIE_HOME", "").strip()
    if given:
        return Path(os.path.realpath(Path(given).expanduser()))
    from platformdirs import user_cache_path

    root = user_cache_path("kirie", appauthor=False)
    if not root.is_absolute():  # "~" stayed as it is
        raise FetchFailed(
            "This user has no home folder, so there is no place for models: set KIRIE_HOME to a folder for them."
        )
    return root


def _names(variable: str) -> frozenset[str]:
    return frozenset(
        name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()
    )


class Home:
    """The folder's layout, its locks and its memory.

    Args:
        root: the folder; it is made when something is first put into it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, model: str, file: str) -> Path:
        """Where a model's file belongs; it need not be there."""
        return self.root / "models" / model / file

    def refusal(self) -> str:
        """Why nothing can be stored here, in a few words; empty where something can. Makes no folder."""
        folder = self.root
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            return f"{folder} is a file"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"no permission to write in {folder}"
        return ""

    @contextmanager
    def changing(self, model: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the lock of a model's files.

        Args:
            model: its name.
            waiting: called once where another process holds the lock.

        Raises:
            FetchFailed: the home folder cannot be written to; the message says what can be done.
        """
        from filelock import FileLock, Timeout

        locks = self.root / "locks"
        try:
            locks.mkdir(parents=True, exist_ok=True)
            lock = FileLock(locks / f"{model}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if waiting:
                    waiting()
                lock.acquire()
        except OSError as error:
            raise self.unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def unwritable(self, error: OSError) -> FetchFailed:
        """What to say where the system refuses to store something."""
        reason = (error.strerror or str(error)).lower()
        return FetchFailed(
            f"Nothing can be stored in {self.root} ({reason}): set KIRIE_HOME to a folder that can be written to. "
            "Models that are there already go on working."
        )

    # --- memory ----------------------------------------------------------------------------------

    def recall(self, what: str) -> dict[str, str]:
        """One of the remembered tables: `trusted` or `accepted`.

        Raises:
            FetchFailed: the file was damaged by hand.
        """
        path = self.root / f"{what}.json"
        try:
            content = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise FetchFailed(f"{path} cannot be read ({error}): mend or delete it.") from error
        if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
            raise FetchFailed(f"{path} is not a table of names and texts: mend or delete it.")
        return content

    def remember(self, what: str, key: str, value: str | None) -> None:
        """Write an entry of a table, or drop it (None); one process at a time."""
        with self.changing(f"{what}.json"):
            table = self.recall(what)
            if table.get(key) == value:
                return
            table.pop(key, None)
            if value is not None:
                table[key] = value
            try:
                _write_json(self.root / f"{what}.json", table)
            except OSError as error:
                raise self.unwritable(error) from error


# --- files that were checked -----------------------------------------------------------------------


def stamp(path: Path, digest: str) -> None:
    """Note that a file was checked against a hash, so that the next use need not read it whole.

    Where the folder is read-only there is no note, and the file is checked at every use.
    """
    with suppress(OSError):
        _write_json(_beside(path), {**_facts(path), "hash": digest})


def stamped(path: Path, digest: str) -> bool:
    """Whether the file was checked against that hash and has not changed since."""
    try:
        noted = json.loads(_beside(path).read_text("utf-8"))
        return bool(noted == {**_facts(path), "hash": digest})
    except (OSError, ValueError):
        return False


def forget(path: Path) -> None:
    """Remove a file with what lies beside it of ours."""
    for each in (path, _beside(path), *parts(path)):
        each.unlink(missing_ok=True)
    with suppress(OSError):  # not empty: another file of the model
        path.parent.rmdir()


def parts(path: Path) -> tuple[Path, Path]:
    """Where the beginning of a file that is being fetched lies, and where it came from."""
    return path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.checked")


def _facts(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"size": status.st_size, "changed": status.st_mtime_ns}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

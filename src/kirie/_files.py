"""Files on disk: reading whole ones with clear errors, writing them whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ._formats import HEAD, displayed, sniff
from .errors import BadInput

__all__ = ["make_folder", "read", "write_atomic"]


def read(path: Path) -> bytes:
    """A picture file's bytes; the rest is not read where the beginning is no picture's.

    Raises:
        BadInput: there is no such file, it may not be read, or it is a folder or a device.
    """
    name = displayed(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BadInput(f"{name} is a folder, not a picture file.")
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):  # /dev/zero would never end
            raise BadInput(f"{name} is a device, not a picture file.")
        with path.open("rb") as file:
            head = file.read(HEAD)
            return head + file.read() if sniff(head)[0] else head
    except FileNotFoundError as error:
        web = path.parts[:1] in (("http:",), ("https:",))
        advice = " kirie fetches nothing from the web: download it first." if web else ""
        raise BadInput(f"{name}: there is no such file.{advice}") from error
    except PermissionError as error:
        raise BadInput(
            f"{name}: permission denied; make the file readable for this user."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise BadInput(f"{name} cannot be read: {_reason(error)}.") from error


def make_folder(path: str | Path) -> None:
    """Create a folder and those above it where they are missing; `BadInput` where that cannot be."""
    name = displayed(path)
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadInput(f"{name} cannot be a folder: a file of that name is in the way.") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"The folder {name} cannot be created: {_reason(error)}.") from error


def write_atomic(path: str | Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file, whole or piece by piece, so that its name never stands for half of it.

    The data go to a temporary file in the same folder, which then takes the name. The file is not flushed to the
    disk: that guards against a power cut right after, at a cost that a folder of pictures would feel. A file
    that is replaced hands on its permissions; a symbolic link stays one, and its target is replaced.

    Raises:
        BadInput: the folder is missing or may not be written to, the name is a folder's, or the disk is full.
    """
    name = displayed(path)
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise BadInput(f"{name} is a folder: give a file name to write to.")
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".kirie-", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
        Path(temporary).chmod(_permissions(target))
        Path(temporary).replace(target)
        temporary = None
    except FileNotFoundError as error:
        why = "takes no new files" if target.parent.is_dir() else "does not exist"
        raise BadInput(
            f"{name} cannot be written: the folder {displayed(target.parent)} {why}; choose another."
        ) from error
    except PermissionError as error:
        raise BadInput(
            f"{name} cannot be written: permission denied in {displayed(target.parent)}; choose another folder."
        ) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be written: {_reason(error)}.") from error
    finally:  # also after Ctrl-C
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()


def _permissions(target: Path) -> int:
    """Those of the file that is replaced, else those of any new file."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except OSError:
        return 0o666 & ~_umask()


def _umask() -> int:
    """The process's umask, read without changing it where the system allows that (other threads write too)."""
    try:
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    except (OSError, ValueError, IndexError):
        pass
    current = os.umask(0o022)
    os.umask(current)
    return current


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()

"""ZIP archives in and out, and what is refused of them.

An archive is looked through before anything of it is used: names that lead out of it, links, and members that are larger
unpacked than a picture can be, or that share their bytes with others, say that somebody means ill, and the whole archive is
refused. What is written is the same, byte for byte, for the same files.
"""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Self

from .._formats import displayed
from ..errors import BadInput

__all__ = ["Archive", "write"]

LARGEST = 1 << 30  # bytes of a member, unpacked
RATIO = 200  # of its sizes, from ENOUGH bytes on: deflate reaches 1000 on nothing but zeros
ENOUGH = 16 << 20
MEMBERS = 1_000_000
DRIVE = re.compile("[A-Za-z]:")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a ZIP can state


class Archive:
    """An archive whose members can be read by several threads.

    Args:
        path: the file.

    Raises:
        BadInput: it cannot be read, or is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        name = displayed(path)
        try:
            self._file = zipfile.ZipFile(path)
        except FileNotFoundError as error:
            raise BadInput(f"{name}: there is no such file.") from error
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise BadInput(
                f"{name} is not a ZIP archive that can be read: {_why(error)}."
            ) from error
        try:
            self.members = _checked(name, self._file.infolist())
        except BadInput:
            self.close()
            raise

    def read(self, member: str) -> bytes:
        """A member's bytes; `BadInput` where they are damaged, encrypted, or more than they should be."""
        name = f"{displayed(self.path)}/{displayed(member)}"
        info = self.members[member]
        if info.flag_bits & 1:
            raise BadInput(f"{name} is encrypted: unpack it yourself first.")
        try:
            with self._file.open(info) as file:
                data = file.read(info.file_size + 1)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise BadInput(f"{name} cannot be unpacked: {_why(error)}.") from error
        except Exception as error:  # what the decompressors raise on damaged data differs by method
            raise BadInput(f"{name} cannot be unpacked: it is damaged.") from error
        if len(data) > info.file_size:
            raise BadInput(f"{name} holds more than the archive says, and was not read.")
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _checked(name: str, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their names, in order of these."""
    if len(infos) > MEMBERS:
        raise BadInput(f"{name} is refused: it has {len(infos)} members, more than {MEMBERS}.")
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise BadInput(f"{name} is refused: its members share their bytes, as in a zip bomb.")
        end = info.header_offset + info.compress_size
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        called = f"{name} is refused: its member {displayed(info.filename)!r}"
        place = PurePosixPath(info.filename)
        away = place.is_absolute() or ".." in place.parts or "\\" in info.filename
        if away or DRIVE.match(info.filename):
            raise BadInput(f"{called} would lead out of the folder that it is unpacked to.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise BadInput(f"{called} is a link.")
        too_much = info.file_size > ENOUGH and info.file_size > RATIO * max(1, info.compress_size)
        if info.file_size > LARGEST or too_much:
            raise BadInput(f"{called} is {info.file_size / 1e6:.0f} MB unpacked, as in a zip bomb.")
        if info.filename in found:
            raise BadInput(f"{called} is there twice.")
        if not info.is_dir():
            found[info.filename] = info
    return dict(sorted(found.items()))


def write(path: Path, files: Iterable[tuple[str, Path, str]]) -> None:
    """Write an archive whole or not at all.

    Args:
        path: the archive.
        files: (name inside, file, comment) of each member; stored as they are, since pictures are compressed already.
    """
    part = path.with_name(f".kirie-{path.name}.part")
    try:
        with zipfile.ZipFile(part, "w", allowZip64=True) as archive:
            for name, file, comment in files:
                info = zipfile.ZipInfo(name, EPOCH)
                info.external_attr = 0o644 << 16
                info.comment = comment.encode()
                info.file_size = file.stat().st_size
                with file.open("rb") as source, archive.open(info, "w") as target:
                    while block := source.read(1 << 20):
                        target.write(block)
        part.replace(path)
    except OSError as error:
        raise BadInput(f"{displayed(path)} cannot be written: {_why(error)}.") from error
    finally:
        part.unlink(missing_ok=True)


def _why(error: Any) -> str:
    return (getattr(error, "strerror", None) or str(error) or "it is damaged").lower().rstrip(".")

"""What lies in the place of weights when a download went wrong: told from a file's first bytes."""

from __future__ import annotations

from pathlib import Path

from .errors import BadCheckpoint

__all__ = ["AGAIN", "start_of", "what_else"]

AGAIN = "download or export it again"


def start_of(path: Path, what: str) -> tuple[bytes, int]:
    """A model file's first 64 bytes and its size.

    Args:
        path: the file.
        what: what it should be, in two words, for messages ("weights file").

    Raises:
        BadCheckpoint: it is missing, a folder, a device, or cannot be read.
    """
    try:
        if path.is_dir():
            raise BadCheckpoint(f"{path} is a folder: give the {what} inside it.")
        if path.exists() and not path.is_file():  # a pipe would wait, /dev/zero never end
            raise BadCheckpoint(f"{path} is a device, not a {what}.")
        with path.open("rb") as file:
            return file.read(64), path.stat().st_size
    except FileNotFoundError as error:
        raise BadCheckpoint(f"No such {what}: {path}.") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise BadCheckpoint(
            f"{path} cannot be read: {getattr(error, 'strerror', 0) or error}."
        ) from error


def what_else(name: str, start: bytes) -> str:
    """A sentence for what is known to come instead of weights; empty where it could be anything."""
    if not start:
        return f"{name} is empty: {AGAIN}."
    if start.startswith(b"version https://git-lfs"):
        return f"{name} is a Git LFS pointer, not the file itself: fetch it with `git lfs pull`."
    if start.lstrip()[:1] == b"<":
        return f"{name} is a web page, not weights: {AGAIN}, from the file's own link."
    if all(byte in b"\t\n\r" or byte >= 32 for byte in start):  # noqa: PLR2004  printable
        return f"{name} is text, not weights: {AGAIN}."
    return ""

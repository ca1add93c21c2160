"""What an interrupted evaluation has done so far, on disk, so that the next run goes on from there.

A folder with the pictures' results, one line of JSON each, and the measures' state after so many of them. Everything is in the
order of the pictures and floats are written in full, so a run that was interrupted ends with the same numbers, to the
last bit, as one that was not.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from ._files import make_folder, write_atomic

__all__ = ["Journal", "Kept"]

EVERY = 2.0  # seconds between two states
SHARE = 20  # and no sooner than so many times what writing one took


class Kept:
    """What a journal holds: rows (name, digest, …) and the state after them."""

    def __init__(self, rows: list[dict[str, Any]], state: Any) -> None:
        self.rows, self.state = rows, state


class Journal:
    """A journal in a folder.

    Args:
        folder: made when something is written; removed by `done`.
        key: what the results depend on besides the pictures; a journal with another key is no use.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._rows, self._state, self._folder = folder / "rows.jsonl", folder / "state.json", folder
        self._key = key
        self._waiting: list[str] = []
        self._count = self._bytes = 0
        self._next = monotonic() + EVERY

    def load(self) -> Kept | None:
        """What is there, if it belongs to this key and can be read."""
        try:
            state = json.loads(self._state.read_text("utf-8"))
            if state["key"] != self._key:
                return None
            with self._rows.open("rb") as file:
                lines = file.read(state["bytes"]).splitlines()
            rows = [json.loads(line) for line in lines]
            if len(rows) != state["count"]:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # absent, or not what this version writes: begin anew
        self._count, self._bytes = state["count"], state["bytes"]
        return Kept(rows, _revived(state["state"]))

    def add(self, row: dict[str, Any], state: Any) -> None:
        """Note one picture; `state()` is asked for, and all is written, every few seconds."""
        self._waiting.append(json.dumps(row, ensure_ascii=False))
        if monotonic() >= self._next:
            self.save(state())

    def save(self, state: Any) -> None:
        """Write everything that was noted, and the state after it."""
        started = monotonic()
        make_folder(self._folder)
        data = "".join(f"{line}\n" for line in self._waiting).encode()
        # What a killed run wrote after its last state is cut off.
        with self._rows.open("r+b" if self._rows.exists() else "wb") as file:
            file.truncate(self._bytes)
            file.seek(self._bytes)
            file.write(data)
        self._count, self._bytes = self._count + len(self._waiting), self._bytes + len(data)
        self._waiting = []
        facts = {"key": self._key, "count": self._count, "bytes": self._bytes, "state": state}
        write_atomic(self._state, json.dumps(facts, default=_flat).encode())
        self._next = monotonic() + max(EVERY, SHARE * (monotonic() - started))

    def forget(self) -> None:
        """Begin anew."""
        self._waiting, self._count, self._bytes = [], 0, 0
        with suppress(OSError):
            self._state.unlink(missing_ok=True)
            self._rows.unlink(missing_ok=True)
            self._folder.rmdir()

    done = forget


def _flat(value: Any) -> Any:
    """Arrays and NumPy's numbers for JSON."""
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    return value.item()


def _revived(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"array", "dtype"}:
            return np.array(value["array"], value["dtype"])
        return {name: _revived(inner) for name, inner in value.items()}
    return [_revived(inner) for inner in value] if isinstance(value, list) else value

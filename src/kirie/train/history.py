"""What a run writes down as it goes: history.jsonl (everything), history.csv (the same columns in each line), TensorBoard."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import MissingExtra

__all__ = ["History"]

HEAD = ("update", "pictures", "epoch", "seconds")
TRAINED = ("loss", "rate", "height", "width", "pictures_per_second")


class History:
    """Rows of one run.

    Args:
        folder: where the files are.
        measures: names of the validation's results: columns of the table.
        tensorboard: also write event files into `tensorboard/`.
        upto: the update that the run goes on from: later rows are of work that was lost, and are left out; 0: a new run.
    """

    def __init__(
        self, folder: Path, measures: Sequence[str], *, tensorboard: bool = False, upto: int = 0
    ) -> None:
        self._json, self._csv = folder / "history.jsonl", folder / "history.csv"
        self._columns = (*HEAD, *TRAINED, *measures)
        rows = self._kept(upto)
        self._json.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        with self._csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(_flat(row) for row in rows)
        self._events = _events(folder / "tensorboard", upto) if tensorboard else None

    def _kept(self, upto: int) -> list[dict[str, Any]]:
        if not upto or not self._json.is_file():
            return []
        rows = []
        for line in self._json.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue  # the line that an interruption cut off
            if row["update"] <= upto:
                rows.append(row)
        return rows

    def add(self, row: dict[str, Any]) -> None:
        """One row: the columns of `HEAD`, and `terms` (of the loss) or `validation` as dictionaries, or numbers."""
        with self._json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        flat = _flat(row)
        with self._csv.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns, extrasaction="ignore").writerow(flat)
        if self._events is not None:
            for name, value in flat.items():
                if name not in HEAD:
                    self._events.add_scalar(name, value, row["update"])

    def close(self) -> None:
        """Write out what is waiting."""
        if self._events is not None:
            self._events.close()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in row.items() if not isinstance(value, dict)}
    return {
        **flat,
        **row.get("validation", {}),
        **{f"loss.{k}": v for k, v in row.get("terms", {}).items()},
    }


def _events(folder: Path, upto: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("tensorboard", "--tensorboard") from error
    return SummaryWriter(str(folder), purge_step=upto + 1 if upto else None)

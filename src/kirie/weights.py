"""Card → local files. Embedded files lie in the package; their size and hash stand in the card."""

from __future__ import annotations

from pathlib import Path

from .errors import WeightsCorrupt
from .spec import ModelCard, Weights

__all__ = ["locate", "verify"]


def locate(card: ModelCard) -> tuple[Path, ...]:
    """The local files of a card.

    Raises:
        WeightsCorrupt: an embedded file is missing: the installation is damaged.
    """
    return tuple(_embedded(weights) for weights in card.weights if weights.embedded)


def _embedded(weights: Weights) -> Path:
    path = Path(__file__).parent / weights.url.removeprefix("package:")
    if not path.is_file() or path.stat().st_size != weights.size:
        raise WeightsCorrupt(
            f"The embedded file {weights.file} is missing or damaged: reinstall kirie "
            "(pip install --force-reinstall kirie)."
        )
    return path


def verify(path: Path, weights: Weights) -> None:
    """Check a file's whole content against its card; `WeightsCorrupt` where it differs."""
    import hashlib

    algorithm, _, expected = weights.hash.partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        raise WeightsCorrupt(
            f"{path.name} has {algorithm} {found}, but its card says {expected}: fetch or install it again."
        )

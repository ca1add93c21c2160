"""PyTorch: runs checkpoints as they are published, on CPU, CUDA or MPS. Needs the extra torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import (
    BadCheckpoint,
    BadInput,
    DeviceUnavailable,
    KirieError,
    MissingExtra,
    OutOfMemory,
)
from ..spec import ModelCard, Procedure
from ._like import for_checkpoint, refuse_second_card

__all__ = ["Loaded", "PytorchEngine", "load_network"]


class PytorchEngine:
    """One checkpoint as a PyTorch module in eval mode.

    Args:
        path: the file, or a folder in Hugging Face layout.
        device: `auto` takes a GPU where one is there, else the CPU, and says so in `reason`.
        card: the model's, where it is known: options that leave no trace in a file are taken from it, and maps.
        like: the model that a file without a card is used like.
    """

    name = "pytorch"
    precision = "fp32"

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        card: ModelCard | None = None,
        like: ModelCard | None = None,
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtra("torch", "Running a checkpoint with PyTorch") from error
        self.device, self.reason = _device(torch, device)
        self._torch, self._path = torch, path
        loaded = load_network(path, card=card, like=like)
        self.card, self.kin, self.classes = loaded.card, loaded.kin, loaded.classes
        self.own = loaded.net.origin.card
        self.notes: tuple[str, ...] = ()
        self._maps = (self.card.procedure if self.card else Procedure()).maps
        self._net: Any = loaded.net.to(self.device)

    def __call__(self, batch: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run (B, 3, h, w) float32 → the maps of the card's procedure, each (B, K, h', w')."""
        if self._net is None:
            raise RuntimeError("This engine is closed.")
        try:
            with self._torch.inference_mode():
                x = self._torch.from_numpy(batch).to(self.device)
                found = self._answers(x)
        except (RuntimeError, MemoryError) as error:  # PyTorch's own errors are RuntimeErrors
            raise _failure(self._path.name, self.device, error) from error
        return {name: value.float().cpu().numpy() for name, value in found.items()}

    def _answers(self, x: Any) -> dict[str, Any]:
        if self._maps == ("logits",):
            return {"logits": self._net(x)}
        from ..nn.layers import named_map

        maps = self._net.maps(x)
        found = {name: named_map(maps, name) for name in self._maps}
        return {name: value for name, value in found.items() if value is not None}

    def close(self) -> None:
        """Drop the module."""
        self._net = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Loaded(NamedTuple):
    """A network from a file; its card, where it is known; the names of all networks of its family, its own first."""

    net: Any
    card: ModelCard | None
    kin: tuple[str, ...]

    @property
    def classes(self) -> int | None:
        """How many classes it tells apart, where its family has a choice."""
        count: int | None = self.net.origin.options.get("classes")
        return count


def load_network(
    path: Path, *, card: ModelCard | None = None, like: ModelCard | None = None
) -> Loaded:
    """Load a checkpoint, with the options that leave no trace in it from the card.

    Args:
        path: the file.
        card: the model's, where it is known.
        like: the model that a file without a card is used like.

    Raises:
        BadCheckpoint: the file cannot be used, or is not what the card says.
        BadInput: `like` was given for a file with a card of its own.
    """
    from ..nn import load
    from ..nn.build import ARCHITECTURES
    from ..nn.recognise import untraced

    told = card or like
    options = untraced(told) if told is not None else {}
    try:
        net: Any = load(path, **options)
    except BadInput as error:
        if not options or told is None:
            raise
        raise BadCheckpoint(f"{path.name} does not hold what {told.name} is: {error}") from error
    own, family = net.origin.architecture, net.origin.family
    kin = [name for name, row in ARCHITECTURES.items() if row.family == family and name != own]
    card = card or net.origin.card
    if like is not None:
        if net.origin.card is not None:
            refuse_second_card(path, like)
        card = for_checkpoint(path, net.origin, like, (own, *kin))
    return Loaded(net, card, (own, *kin))


def _failure(name: str, device: str, error: Exception) -> KirieError:
    """Why a call failed, in a sentence."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "memory" in text:
        return OutOfMemory(
            f"{device} has not enough memory to run {name}: close other programs, or use a smaller network."
        )
    return BadCheckpoint(
        f"{name} fails on a picture: {text[:200]}. It may need another size than its card prepares."
    )


def _device(torch: Any, device: str) -> tuple[str, str]:
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return "cpu", "asked for"
    if kind in ("auto", "cuda") and torch.cuda.is_available():
        number, count = int(index or 0), torch.cuda.device_count()
        if number >= count:
            raise DeviceUnavailable(f"There is no cuda:{number}; this machine has {count} GPU(s).")
        return f"cuda:{number}", "asked for" if kind == "cuda" else "a GPU is there"
    if kind in ("auto", "mps") and torch.backends.mps.is_available():
        return "mps", "asked for" if kind == "mps" else "an Apple GPU is there"
    if kind == "auto":
        return "cpu", "PyTorch finds no GPU"
    built = torch.version.cuda
    why = "its driver or GPU is not there" if built else "the installed PyTorch is the CPU build"
    if kind == "mps":
        why = "PyTorch finds no Apple GPU"
    raise DeviceUnavailable(
        f"The device {device} cannot be used: {why}. Install a PyTorch that fits the GPU (pytorch.org), or use "
        "--device cpu; `kirie doctor` shows what is there."
    )

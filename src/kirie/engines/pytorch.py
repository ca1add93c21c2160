"""PyTorch: runs checkpoints as they are published, on CPU, CUDA or MPS. Needs the extra torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import BadCheckpoint, DeviceUnavailable, MissingExtra
from ..spec import ModelCard

__all__ = ["PytorchEngine", "card_of"]

MAX_HEADER = 100_000_000  # the safetensors format's own limit


def card_of(path: Path) -> ModelCard | None:
    """The card in a `.safetensors` file's header, read without PyTorch; None where it has none."""
    if path.suffix != ".safetensors":
        return None
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MAX_HEADER:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length))
            text = header.get("__metadata__", {}).get("kirie")
    except OSError as error:
        raise BadCheckpoint(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, AttributeError) as error:
        raise BadCheckpoint(
            f"{path.name} is not a safetensors file, or is damaged: fetch or export it again."
        ) from error
    return ModelCard.from_json(text) if text else None


class PytorchEngine:
    """One checkpoint as a PyTorch module in eval mode."""

    name = "pytorch"
    precision = "fp32"

    def __init__(self, path: Path, *, device: str = "auto") -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtra("torch", "Running a checkpoint with PyTorch") from error
        from .. import nn

        self.card = card_of(path)
        self.device, self.reason = _device(torch, device)
        self._torch = torch
        self._net: Any = nn.load(path).to(self.device).eval()

    def __call__(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run (B, 3, h, w) float32 → {"logits": (B, K, h', w')}."""
        if self._net is None:
            raise RuntimeError("This engine is closed.")
        with self._torch.inference_mode():
            logits = self._net(self._torch.from_numpy(batch).to(self.device))
        return {"logits": logits.float().cpu().numpy()}

    def close(self) -> None:
        """Drop the module."""
        self._net = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


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

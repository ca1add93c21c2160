"""PyTorch: runs checkpoints as they are published, on CPU, CUDA or MPS. Needs the extra torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceUnavailable, MissingExtra
from ..spec import ModelCard

__all__ = ["PytorchEngine"]


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

        self.device, self.reason = _device(torch, device)
        self._torch = torch
        loaded: Any = nn.load(path)
        self.card: ModelCard | None = loaded.origin.card
        self._net: Any = loaded.to(self.device)

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

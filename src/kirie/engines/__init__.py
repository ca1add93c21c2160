"""What runs a network: the `Engine` protocol, and the choice of engine and device.

An engine is a file opened on a device. All are equals: ONNX Runtime (`onnx`, in every install), PyTorch (`pytorch`,
extra torch) and a luminance threshold that needs no network (`fake`), for tests and for trying kirie out.
Nothing here falls back silently: a device that is asked for by name is used or refused, and what `auto` chose and
why is in `Engine.reason`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import BadCheckpoint, BadInput
from ..spec import ModelCard

__all__ = ["ENGINES", "Engine", "open_engine"]

# engine → what it reads, in order of preference
ENGINES: dict[str, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "pytorch": (".safetensors", ".pth", ".pt"),
    "fake": (),
}


@runtime_checkable
class Engine(Protocol):
    """Runs one network; safe to call from several threads."""

    name: str
    device: str  # "cpu", "cuda:0", …
    precision: str  # "fp32", "bf16", …
    reason: str  # why this device: one clause for people

    def __call__(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run (B, 3, h, w) float32 → named raw maps, each (B, K, h', w') float32."""
        ...

    def close(self) -> None:
        """Give the network's memory back; the engine cannot be called afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def open_engine(
    files: tuple[Path, ...], card: ModelCard | None, *, engine: str = "auto", device: str = "auto"
) -> tuple[Engine, ModelCard | None]:
    """Open one of a model's files; also return the card that the file itself carries, or `card`.

    Args:
        files: the model's files, of one or several formats; may be empty for `fake`.
        card: the model's card where it is known; else read from the file.
        engine: `auto` takes the first engine of `ENGINES` that one of the files suits.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises:
        BadInput: an engine or device name that does not exist.
        DeviceUnavailable: the device cannot be used here.
        MissingExtra: the engine is not installed.
        BadCheckpoint: no file suits the engine, or the file cannot be read.
    """
    if engine not in ("auto", *ENGINES):
        raise BadInput(f"Unknown engine {engine!r}: choose one of auto, {', '.join(ENGINES)}.")
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (
        index and (kind != "cuda" or not index.isdigit())
    ):
        raise BadInput(f"Unknown device {device!r}: choose one of auto, cpu, cuda, cuda:N, mps.")
    if engine == "fake":
        from .fake import FakeEngine

        return FakeEngine(card.preparation if card else None, device=device), card
    name, path = _choice(files, engine)
    if name == "onnx":
        from .onnx import OnnxEngine

        opened = OnnxEngine(path, device=device)
        return opened, card or opened.card
    from .pytorch import PytorchEngine

    loaded = PytorchEngine(path, device=device)
    return loaded, card or loaded.card


def _choice(files: tuple[Path, ...], engine: str) -> tuple[str, Path]:
    for name, suffixes in ENGINES.items():
        for path in files:
            if engine in ("auto", name) and path.suffix.lower() in suffixes:
                return name, path
    have = ", ".join(path.name for path in files) or "no file"
    wanted = ENGINES.get(engine) or tuple(s for suffixes in ENGINES.values() for s in suffixes)
    raise BadCheckpoint(
        f"The engine {engine} reads {', '.join(wanted)}, but this model has {have}: choose another engine."
        if engine != "auto"
        else f"{have} is not a network file that kirie reads ({', '.join(wanted)})."
    )

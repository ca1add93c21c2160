"""What runs a network: the `Engine` protocol, and the choice of engine and device.

An engine is a file opened on a device. All are equals: ONNX Runtime (`onnx`, in every install), PyTorch (`pytorch`,
extra torch) and a luminance threshold that needs no network (`fake`), for tests and for trying kirie out.
Nothing here falls back silently: a device that is asked for by name is used or refused, and what `auto` chose and
why is in `Engine.reason`.
"""

from __future__ import annotations

from importlib import util
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import BadCheckpoint, BadInput
from ..spec import ModelCard

__all__ = ["ENGINES", "Engine", "Opened", "check_names", "open_engine", "suffixes"]

# engine → what it reads, in order of preference
ENGINES: dict[str, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "pytorch": (".safetensors", ".safetensors.index.json", ".pth", ".pt", ".ckpt", ".bin"),
    "fake": (),
}


@runtime_checkable
class Engine(Protocol):
    """Runs one network; safe to call from several threads."""

    name: str
    device: str  # "cpu", "cuda:0", …
    precision: str  # "fp32", "bf16", …
    reason: str  # why this device: one clause for people

    def __call__(self, batch: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run (B, 3, h, w) float32, uint8 where the file normalises → named raw maps, each (B, K, h', w') float32."""
        ...

    def close(self) -> None:
        """Give the network's memory back; the engine cannot be called afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class Opened(NamedTuple):
    """An open engine, and what its file tells.

    card: what makes its answers right, where that is known.
    notes: what a user should know of how the file is used; one sentence each.
    kin: the names of the networks of its family, its own first; empty where the file does not tell.
    size: the one (height, width) that it takes; None where it takes several, or does not tell.
    classes: how many classes it tells apart; None where it does not tell.
    own: the card that the file itself carries.
    """

    engine: Engine
    card: ModelCard | None
    notes: tuple[str, ...] = ()
    kin: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    classes: int | None = None
    own: ModelCard | None = None


def open_engine(
    files: tuple[Path, ...],
    card: ModelCard | None,
    *,
    engine: str = "auto",
    device: str = "auto",
    like: ModelCard | None = None,
    calls: int = 1,
) -> Opened:
    """Open one of a model's files; the card is `card`, that of the file itself, or made after `like`.

    Args:
        files: the model's files, of one or several formats; may be empty for `fake`.
        card: the model's card where it is known.
        like: the card of a model that a file without a card is used like.
        engine: `auto` takes the first engine of `ENGINES` that one of the files suits.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        calls: how many calls are to run at once, where the engine can do that.

    Raises:
        BadInput: an engine or device name that does not exist.
        DeviceUnavailable: the device cannot be used here.
        MissingExtra: the engine is not installed.
        BadCheckpoint: no file suits the engine, or the file cannot be read.
    """
    check_names(engine, device)
    if engine == "fake":
        from .fake import FakeEngine

        return Opened(FakeEngine(card or like, device=device, calls=calls), card or like)
    name, path = _choice(files, engine)
    if name == "onnx":
        from .onnx import OnnxEngine

        onnx = OnnxEngine(path, device=device, card=card, like=like, calls=calls)
        return Opened(onnx, onnx.card, onnx.notes, size=onnx.size, own=onnx.own)
    from .pytorch import PytorchEngine

    torch = PytorchEngine(path, device=device, card=card, like=like)
    return Opened(torch, torch.card, torch.notes, torch.kin, classes=torch.classes, own=torch.own)


def check_names(engine: str, device: str) -> None:
    """Refuse an engine or a device that does not exist, with `BadInput`."""
    if engine not in ("auto", *ENGINES):
        raise BadInput(f"Unknown engine {engine!r}: choose one of auto, {', '.join(ENGINES)}.")
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (
        index and (kind != "cuda" or not index.isdigit())
    ):
        raise BadInput(f"Unknown device {device!r}: choose one of auto, cpu, cuda, cuda:N, mps.")


def suffixes(engine: str, card: ModelCard) -> tuple[str, ...]:
    """What an engine reads, in order of preference.

    `auto` means the engines that are installed here; all of them where the card has nothing for those, so that opening
    says what to install.
    """
    if engine != "auto":
        return ENGINES[engine]
    usable = tuple(s for name in ENGINES if _installed(name) for s in ENGINES[name])
    if any(Path(weights.file).suffix in usable for weights in card.weights):
        return usable
    return tuple(s for group in ENGINES.values() for s in group)


def _installed(engine: str) -> bool:
    return engine != "pytorch" or util.find_spec("torch") is not None


def _choice(files: tuple[Path, ...], engine: str) -> tuple[str, Path]:
    for name, suffixes in ENGINES.items():
        for path in files:
            if engine in ("auto", name) and path.name.lower().endswith(suffixes):
                return name, path
    have = ", ".join(path.name for path in files) or "no file"
    wanted = ENGINES.get(engine) or tuple(s for suffixes in ENGINES.values() for s in suffixes)
    raise BadCheckpoint(
        f"The engine {engine} reads {', '.join(wanted)}, but this model has {have}: choose another engine."
        if engine != "auto"
        else f"{have} is not a network file that kirie reads ({', '.join(wanted)})."
    )

"""Weights files → named tensors; nothing in a file is ever executed.

`.pth` is read by PyTorch's restricted reader alone, which builds tensors and plain containers and refuses everything else;
`.safetensors` by its own reader. What a file is, is told from its first bytes, not from its name.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._hub import shards_in
from .._lookalikes import AGAIN, start_of, what_else
from ..errors import BadCheckpoint, MissingExtra
from ..spec import ModelCard

__all__ = ["Content", "read"]

SAFE_TORCH = (2, 10)  # earlier restricted readers have known holes
ZIP, PICKLE = b"PK\x03\x04", b"\x80"
LONGEST_HEADER = 100_000_000  # the safetensors format's own limit
# Where training scripts put the weights, in order of preference.
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "params_ema",
    "params",
    "weights",
    "module",
    "ema",
)


@dataclass(slots=True)
class Content:
    """What a file holds: tensors under the file's own names, its card if it has one, and what was done."""

    tensors: dict[str, Tensor]
    format: str
    card: ModelCard | None = None
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> Content:
    """Read a weights file; an index of several (`.index.json`) stands for all of them.

    Raises:
        BadCheckpoint: missing, unreadable, damaged, or not a weights file; the message says which.
        MissingExtra: the installed PyTorch is too old to read `.pth` safely.
    """
    start, size = start_of(path, "weights file")
    if path.name.endswith(".index.json"):
        return _shards(path)
    if start[8:9] == b"{":  # first, since the length before it can begin with any byte
        content = _safetensors(path, size, int.from_bytes(start[:8], "little"))
    elif start.startswith((ZIP, PICKLE)):
        content = _pytorch(path, size, start)
    else:
        raise BadCheckpoint(_what_else(path, start))
    if not content.tensors:
        raise BadCheckpoint(f"{path.name} holds no weights: give a model's checkpoint.")
    _check(content.tensors, path, size)
    return content


def _shards(index: Path) -> Content:
    """The tensors of all files that an index names."""
    tensors: dict[str, Tensor] = {}
    paths = shards_in(index)
    for path in paths:
        part = read(path)
        if part.format != "safetensors":
            raise BadCheckpoint(f"{path.name} is no safetensors file, though {index.name} says so.")
        if twice := next((name for name in part.tensors if name in tensors), None):
            raise BadCheckpoint(f"{index.name} names two files that both hold {twice}: {AGAIN}.")
        tensors |= part.tensors
    return Content(tensors, "safetensors", notes=[f"read from {len(paths)} files"])


def _what_else(path: Path, start: bytes) -> str:
    if start and path.suffix.lower() == ".onnx":
        return (
            f"{path.name} is an ONNX file, which kirie runs without PyTorch: kirie.load or `kirie cut --model`; "
            "kirie.nn reads .pth and .safetensors."
        )
    return what_else(path.name, start) or (
        f"{path.name} is neither a PyTorch nor a safetensors file, or is damaged: {AGAIN}."
    )


# --- safetensors -----------------------------------------------------------------------------------------------------


def _safetensors(path: Path, size: int, header: int) -> Content:
    try:
        from safetensors import safe_open
    except ModuleNotFoundError as error:
        raise MissingExtra("torch", "Reading .safetensors") from error
    if header > min(size - 8, LONGEST_HEADER):
        raise BadCheckpoint(
            f"{path.name} is not a safetensors file, or is cut short: its header would take {header} bytes of "
            f"{size}; {AGAIN}."
        )
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("kirie")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
        card = ModelCard.from_json(text) if text else None
    except BadCheckpoint:
        raise
    except Exception as error:  # a damaged file can make the reader fail in any way
        raise BadCheckpoint(
            f"{path.name} is not a safetensors file, or is damaged ({_short(error)}): {AGAIN}."
        ) from error
    return Content(tensors, "safetensors", card)


# --- PyTorch ---------------------------------------------------------------------------------------------------------


def _pytorch(path: Path, size: int, start: bytes) -> Content:
    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < SAFE_TORCH:
        raise MissingExtra(
            "torch", f"Reading .pth safely (PyTorch ≥ 2.10; here: {torch.__version__})"
        )
    if start.startswith(ZIP):
        _check_archive(path, size)
    try:
        with path.open(
            "rb"
        ) as file:  # by a name that ends in .safetensors PyTorch would take it for one
            source: Any = file if path.suffix.lower() == ".safetensors" else path
            loaded = torch.load(source, map_location="cpu", weights_only=True)  # noqa: TID251
    except Exception as error:  # a hostile or damaged file can make the reader fail in any way
        raise BadCheckpoint(_refusal(path, error)) from error
    notes: list[str] = []
    return Content(_tensors(loaded, path, notes), "pytorch", notes=notes)


def _check_archive(path: Path, size: int) -> None:
    if not zipfile.is_zipfile(path):  # its directory stands at the end
        raise BadCheckpoint(f"{path.name} is cut short: {AGAIN}.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise BadCheckpoint(f"{path.name} is damaged ({_short(error)}): {AGAIN}.") from error
    names = [member.filename.partition("/")[2] for member in members]
    if "constants.pkl" in names:
        raise BadCheckpoint(
            f"{path.name} is a TorchScript program, not weights: save its state_dict() and load that."
        )
    if "data.pkl" not in names:
        raise BadCheckpoint(
            f"{path.name} is a zip archive that PyTorch did not write: unpack it and give the weights file inside."
        )
    if sum(member.file_size for member in members) > 10 * size:  # PyTorch itself does not compress
        raise BadCheckpoint(f"{path.name} would unpack to more than ten times its size: not read.")


def _refusal(path: Path, error: Exception) -> str:
    text = str(error)
    asked = re.search(r"GLOBAL ([\w.]+)", text)
    if asked:
        return (
            f"{path.name} holds more than tensors: it asks for {asked[1]}, and kirie runs no code from a file. "
            "Ask its publisher for a plain state dict or a .safetensors file."
        )
    return f"{path.name} is not a PyTorch weights file, or is damaged ({_short(error)}): {AGAIN}."


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _tensors(loaded: Any, path: Path, notes: list[str]) -> dict[str, Tensor]:
    """The state dict in what a file held, taken out of up to three wrappers."""
    for _ in range(4):
        if not isinstance(loaded, Mapping):
            raise BadCheckpoint(
                f"{path.name} holds a {type(loaded).__name__}, not named weights: save a state_dict()."
            )
        inner = [
            key
            for key, value in loaded.items()
            if _holds_tensors(value) and not str(key).startswith("optim")
        ]
        chosen = next((key for key in WRAPPERS if key in inner), None)
        if chosen is None and len(inner) == 1 and not _is_flat(loaded):
            chosen = inner[0]
        if chosen is None:
            break
        others = [str(key) for key in loaded if key != chosen]
        notes.append(
            f"taken from {chosen!r} in the file"
            + (f"; beside it: {', '.join(others[:6])}" if others else "")
        )
        loaded = loaded[chosen]
    tensors = {
        name: value.detach()
        for name, value in loaded.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not tensors:
        found = ", ".join(str(key) for key in list(loaded)[:6]) or "nothing"
        raise BadCheckpoint(
            f"{path.name} holds no weights (but: {found}): give a model's checkpoint."
        )
    if len(tensors) < len(loaded):
        notes.append(f"{len(loaded) - len(tensors)} entries that are no tensors were left out")
    return tensors


def _is_flat(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(item, Tensor) for item in value.values())


def _holds_tensors(value: Any, depth: int = 3) -> bool:
    """Whether tensors lie in a mapping; the depth is limited, since a pickle can hold itself."""
    return _is_flat(value) or (
        isinstance(value, Mapping)
        and depth > 0
        and any(_holds_tensors(item, depth - 1) for item in value.values())
    )


def _check(tensors: dict[str, Tensor], path: Path, size: int) -> None:
    """Refuse what could not be copied into a network, before anything is allocated for it."""
    for name, tensor in tensors.items():
        if (
            tensor.is_meta
            or tensor.is_quantized
            or tensor.layout != torch.strided
            or tensor.is_complex()
        ):
            raise BadCheckpoint(
                f"{path.name} holds {name} as a {tensor.dtype} tensor of a kind that no network here has (quantised, "
                "sparse, complex or without values): save plain floating-point weights."
            )
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if claimed > 4 * size + 1_000_000:  # views of one another can be counted twice
        raise BadCheckpoint(
            f"{path.name} claims {claimed} bytes of weights, but has {size}: it is damaged; {AGAIN}."
        )

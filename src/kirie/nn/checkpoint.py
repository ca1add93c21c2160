"""Weights file → network: the one place of kirie that reads weights files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import BadCheckpoint, BadInput
from . import _files
from .build import construct
from .layers import undrawn
from .origin import Origin
from .recognise import COUNTER, Match, misfit, recognise, settled, without_prefixes

__all__ = ["load", "state_of"]


def load(
    path: str | os.PathLike[str],
    *,
    scale_inputs: Literal["cat", "add", "none"] | None = None,
    patch_order: Literal["colour", "grid"] | None = None,
    refine_tiles: int | None = None,
    refine_iterations: int | None = None,
    base_size: tuple[int, int] | None = None,
) -> nn.Module:
    """Load any published or own checkpoint; what it is, is inferred from its card or its names and shapes.

    The file may be a `.pth` (old or new layout, plain or inside a training checkpoint, with prefixes such as `module.`) or a
    `.safetensors`. Half-precision weights become float32. Nothing in the file is executed.

    Args:
        path: the file.
        scale_inputs: BiRefNet: how the half-size picture goes in.
        patch_order: BiRefNet: the order of the picture's patches.
        refine_tiles: BiRefNet of 2023 with a refiner: how many tiles along each side it sees one by one; 1: the whole.
        refine_iterations: the same: how often it looks again.
        base_size: InSPyReNet: the (height, width) that its pyramid starts from.

    Returns:
        The network in eval mode, on the CPU, float32; `net.origin` is an `Origin`.

    Raises:
        BadCheckpoint: the file cannot be read, or does not fit; the message holds the difference. There is never a network
            that is partly random.
        BadInput: an option that does not exist, or does not apply to the file's family.
        MissingExtra: PyTorch is too old, or safetensors is not installed.
    """
    options: dict[str, Any] = {
        "scale_inputs": scale_inputs,
        "patch_order": patch_order,
        "refine_tiles": refine_tiles,
        "refine_iterations": refine_iterations,
        "base_size": base_size,
    }
    _check_values(options)
    path = Path(path)
    content = _files.read(path)
    notes = content.notes
    tensors = content.tensors
    if content.card is None:
        tensors = without_prefixes(tensors, notes, path.name)
    match = recognise(tensors, content.card, path.name)
    match = settled(match, options, tensors, path.name)
    if not match.exact:
        raise BadCheckpoint(misfit(match, tensors, path.name))
    # Every parameter comes from the file, so that none is drawn. What a network draws all the same is the caller's.
    with torch.random.fork_rng(devices=[]), undrawn():
        net = construct(match.architecture, match.arguments)
    state = state_of(match.layout.join(tensors), match, net, notes, path.name)
    if left := [name for name in tensors if not match.layout.reads(name)]:
        notes.append(f"left out, since no network reads it: {', '.join(left)}")
    net.load_state_dict(state, strict=True)
    net.origin = _origin(path, content, match, net)  # type: ignore[assignment]
    return net.eval()


def _check_values(options: Mapping[str, Any]) -> None:
    allowed = {"scale_inputs": ("cat", "add", "none"), "patch_order": ("colour", "grid")}
    for name, values in allowed.items():
        if options[name] is not None and options[name] not in values:
            raise BadInput(
                f"{name} is {options[name]!r}, but can only be one of: {', '.join(values)}."
            )
    size = options["base_size"]
    if size is not None and not (
        isinstance(size, tuple)
        and len(size) == 2
        and all(isinstance(n, int) and n > 0 for n in size)
    ):
        raise BadInput(f"base_size is {size!r}, but must be (height, width) in pixels.")


def state_of(
    tensors: Mapping[str, Tensor], match: Match, net: nn.Module, notes: list[str], file: str
) -> dict[str, Tensor]:
    """The whole state of a network that a file fits: by our names, float32; what the file may lack is as built.

    Raises:
        BadCheckpoint: numbers that are quantised, or not finite.
    """
    expected = net.state_dict()
    state = dict(expected)
    changed = set()
    for theirs, tensor in tensors.items():
        name = match.names[theirs]
        if tensor.is_floating_point() != expected[name].is_floating_point() and not name.endswith(
            COUNTER
        ):
            raise BadCheckpoint(
                f"{file} holds {theirs} as {tensor.dtype}, not {expected[name].dtype}: it is quantised or damaged; save "
                "plain floating-point weights."
            )
        if tensor.dtype != expected[name].dtype:
            changed.add(str(tensor.dtype).removeprefix("torch."))
        state[name] = tensor.to(expected[name].dtype)
    if changed:
        notes.append(f"converted from {', '.join(sorted(changed))} to float32")
    if wrong := _not_finite(state):
        raise BadCheckpoint(
            f"{file} holds numbers that are not finite ({wrong}): its training failed, or it is damaged. Use "
            "another checkpoint."
        )
    return state


def _not_finite(state: Mapping[str, Tensor]) -> str:
    """Which of our tensors holds NaN or infinities first, and how many; empty where none does."""
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            return f"{int((~torch.isfinite(tensor)).sum())} in {name}"
    return ""


def _origin(path: Path, content: _files.Content, match: Match, net: nn.Module) -> Origin:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    card = content.card
    size = "×".join(str(n) for n in card.preparation.size) if card else "h×w"
    channels = match.arguments.get("channels", 3)
    how = "the file's card" if match.by_card else "names and shapes"
    inferred = {k: v for k, v in match.arguments.items() if k not in match.assumed}
    if match.layout.name and not match.by_card:
        inferred["layout"] = match.layout.name
    return Origin(
        file=str(path),
        sha256=digest,
        format=content.format,
        family=match.family,
        architecture=match.architecture,
        backbone=match.backbone,
        options=dict(match.arguments),
        inferred={"architecture": match.architecture, **inferred, "from": how},
        assumed=dict(match.assumed),
        parameters=sum(parameter.numel() for parameter in net.parameters()),
        input=f"N×{channels}×{size} float32",
        licence=card.licence if card else None,
        card=card,
        notes=tuple(content.notes),
    )

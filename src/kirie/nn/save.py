"""Network → `.safetensors` with its card in the header: the file that `load` rebuilds it from."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import BadInput, MissingExtra
from ..spec import ModelCard
from .build import construct

__all__ = ["as_half", "check_card", "replacing", "rounds", "save"]

LARGEST_HALF = 65504.0
SMALLEST_HALF = 2.0**-14  # below it, float16 has fewer digits


def save(net: nn.Module, path: str | Path, *, card: ModelCard, half: bool = False) -> None:
    """Write a network's weights as one `.safetensors` file with its card in the header.

    Args:
        net: any network of kirie; it is not changed.
        path: the file to write; replaced in one step.
        card: goes into the header; `nn.load` builds the network from it.
        half: store weights of two and more axes in 16 bits; biases and normalisation stay in 32.

    Raises:
        BadInput: the file cannot be written, or the card names another network.
        MissingExtra: safetensors is not installed.
    """
    try:
        from safetensors.torch import save_file
    except ModuleNotFoundError as error:
        raise MissingExtra("torch", "Writing .safetensors") from error
    check_card(net, card)
    state = {
        name: as_half(tensor) if half and rounds(tensor) else tensor
        for name, tensor in net.state_dict().items()
    }
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    with replacing(Path(path)) as temporary:
        save_file(plain, temporary, metadata={"format": "pt", "kirie": card.to_json()})


# --- card and file ---------------------------------------------------------------------------------------------------


def check_card(net: nn.Module, card: ModelCard) -> None:
    """Refuse a card that would not rebuild the network."""
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in card.arguments.items()}
    with torch.device("meta"):
        named = construct(card.architecture, arguments)
    want = {name: tensor.shape for name, tensor in named.state_dict().items()}
    have = {name: tensor.shape for name, tensor in net.state_dict().items()}
    if want != have:
        raise BadInput(
            f"The card {card.name!r} names the network {card.architecture} with {card.arguments}, but the given network "
            "has other weights: give the card that fits it."
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the same folder that takes the path's place when all went well."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors makes its files private
        temporary.replace(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


# --- half precision --------------------------------------------------------------------------------------------------


def rounds(tensor: Tensor) -> bool:
    """Whether a tensor may be stored in 16 bits: weights, not biases or statistics, and within float16's range."""
    if not (tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel() > 0):
        return False
    return SMALLEST_HALF <= float(tensor.abs().max()) < LARGEST_HALF


def as_half(tensor: Tensor) -> Tensor:
    """The tensor in 16 bits."""
    return tensor.detach().half()

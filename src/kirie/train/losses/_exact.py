"""Every loss in full precision: half-precision logits are widened, and autocast is off inside."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

import torch
from torch import Tensor

from ...errors import BadInput

__all__ = ["exact", "fitting", "kind"]

P = ParamSpec("P")
Loss = Callable[Concatenate[Tensor, Tensor, P], Tensor]


def kind(x: Tensor) -> torch.dtype:
    """What a loss of x is computed in: float64 for float64, float32 for all else."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def fitting(truth: Tensor, logits: Tensor) -> Tensor:
    """The truth in the kind that a loss of the logits is computed in.

    Raises:
        BadInput: they have different shapes.
    """
    if truth.shape != logits.shape:
        raise BadInput(
            f"The truth has the shape {tuple(truth.shape)}, but the logits have {tuple(logits.shape)}: they must be equal."
        )
    return truth.to(kind(logits))


def exact(loss: Loss[P]) -> Loss[P]:
    """A loss of (logits, truth) of one shape, computed in `kind(logits)` whatever autocast and the tensors say."""

    @wraps(loss)
    def call(logits: Tensor, truth: Tensor, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        truth = fitting(truth, logits)
        with torch.autocast(logits.device.type, enabled=False):
            return loss(logits.to(truth.dtype), truth, *args, **kwargs)

    return cast("Loss[P]", call)

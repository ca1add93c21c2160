"""Gradient checkpointing: a network's stages are computed twice, and what is between is not kept in memory.

The second pass leaves no trace: BatchNorms would otherwise take each batch into their statistics twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

__all__ = ["apply", "segments"]

_Norm = nn.modules.batchnorm._BatchNorm  # noqa: SLF001  the class of all BatchNorms


def apply(net: nn.Module) -> int:
    """Checkpoint every segment of the network, from now on and in training alone; returns how many there are."""
    found = list(segments(net))
    for module in found:
        module.forward = _twice(module, module.forward)
    return len(found)


def segments(module: nn.Module) -> Iterator[nn.Module]:
    """The parts that are worth it: blocks of a backbone, stages of an encoder and a decoder; none within another."""
    for name, child in module.named_children():
        if not any(True for _ in child.parameters()):
            continue
        blocks = getattr(child, "blocks", None)
        if isinstance(child, nn.ModuleList) or name == "backbone":
            yield from segments(child)
        elif isinstance(blocks, nn.ModuleList):
            yield from blocks
        elif sum(1 for _ in child.modules()) > LEAST:
            yield child


LEAST = 3  # modules in a part; a lone convolution keeps little, so that nothing is won


def _twice(module: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if not (module.training and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        return checkpoint(
            forward,
            *args,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), _without_trace(module)),
            **kwargs,
        )

    return run


def _without_trace(module: nn.Module) -> AbstractContextManager[None]:
    norms = [m for m in module.modules() if isinstance(m, _Norm) and m.training]
    return _still(norms)


@contextmanager
def _still(norms: list[Any]) -> Iterator[None]:
    """Within, the norms' statistics do not move."""
    before = [(n, n.momentum, n.num_batches_tracked) for n in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, momentum, counter in before:
            norm.momentum = momentum
            norm.num_batches_tracked = counter

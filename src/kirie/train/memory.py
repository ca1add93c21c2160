"""How much memory a training step takes, told before it starts: from the shapes alone, nothing is allocated."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .. import _machine
from .optim import training
from .recipe import Recipe

__all__ = ["Estimate", "estimate", "free", "kept"]

HALF = 0.6  # of a step's float32 activations in half precision: norms and losses stay in 32 bits
WORK = 1.15  # what the allocator and the largest single operation take besides


class Estimate(NamedTuple):
    """Bytes: of weights with their gradients, optimiser and running mean; of what a step keeps for its gradients."""

    weights: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return int((self.weights + self.activations) * WORK)


def estimate(
    net: nn.Module, recipe: Recipe, *, batch: int, size: tuple[int, int], half: bool
) -> Estimate:
    """What training `net` with so many pictures of (height, width) in each process will take.

    Networks with operations that PyTorch cannot run on shapes alone count as weights only.
    """
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    everything = sum(t.numel() * t.element_size() for t in net.state_dict().values())
    moments = {"sgd": 1 if recipe.momentum else 0}.get(recipe.optimiser, 2)
    weights = everything * (2 if recipe.average else 1) + 4 * trained * (1 + moments)
    activations = kept(net, recipe, batch=2, size=size) * batch // 2
    return Estimate(weights, int(activations * HALF) if half else activations)


def kept(net: nn.Module, recipe: Recipe, *, batch: int, size: tuple[int, int]) -> int:
    """Bytes that a forward pass keeps for the gradients, in float32; 0 where that cannot be found out."""
    with torch.random.fork_rng(devices=[]):
        try:
            shadow = copy.deepcopy(net).to("meta")
        except RuntimeError:  # also what an operator without a meta kernel raises
            return 0
        training(shadow, recipe)
        if recipe.checkpointing:
            from .checkpointing import apply

            apply(shadow)
        own = {id(p) for p in shadow.parameters()}
        seen: dict[int, tuple[int, Any]] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if id(tensor) not in own:
                seen[storage._cdata] = storage.nbytes(), storage  # noqa: SLF001  its identity
            return tensor

        channels = 1 if recipe.input == "truth" else 3
        x = torch.zeros(batch, channels, *size, device="meta")
        try:
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                maps = shadow(x)
        except (RuntimeError, TypeError):
            return 0
        del maps
    return sum(count for count, _ in seen.values())


def free(device: torch.device) -> int:
    """Bytes that can be taken on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return _machine.free_memory()

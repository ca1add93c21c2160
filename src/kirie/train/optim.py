"""The optimiser, its learning rate over the run, the running mean of the weights, and which parts stay as they are."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ..errors import BadInput
from .recipe import Recipe

__all__ = ["average", "freeze", "groups", "optimiser", "rate", "set_rates", "training"]

BACKBONE = "backbone."


def groups(net: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameter groups: backbone and rest, with and without decay; `factor` is on the learning rate. Frozen ones are left out.

    Without `decay_norms`, parameters of one axis (norms, biases) do not decay.
    """
    sorted_: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        factor = recipe.backbone_rate if name.startswith(BACKBONE) else 1.0
        decays = recipe.decay_norms or parameter.ndim > 1
        key = factor, recipe.weight_decay if decays else 0.0
        sorted_.setdefault(key, []).append(parameter)
    if not sorted_:
        raise BadInput("Every parameter of the network is frozen: there is nothing to train.")
    return [
        {"params": each, "factor": factor, "weight_decay": decay}
        for (factor, decay), each in sorted_.items()
    ]


def optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over `groups`."""
    parts, lr = groups(net, recipe), recipe.learning_rate
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(parts, lr=lr, momentum=recipe.momentum)
    kind = torch.optim.Adam if recipe.optimiser == "adam" else torch.optim.AdamW
    return kind(parts, lr=lr, betas=recipe.betas, eps=recipe.epsilon)


def rate(recipe: Recipe, updates: int, share: float, factor: float = 1.0) -> float:
    """The learning rate after so many updates, at a share of the run in 0..1; `factor` is on the peak."""
    peak, left = recipe.learning_rate * factor, 1 - min(1.0, share)
    warm = 1.0
    if updates < recipe.warm_up:
        # From zero, the first update would do nothing: it is one step up already.
        done = (updates + (recipe.warm_from == 0)) / recipe.warm_up
        warm = recipe.warm_from + (1 - recipe.warm_from) * done
    planned = {
        "constant": peak,
        "linear": peak * left,
        "poly": (peak - recipe.least) * left**recipe.power + recipe.least,
        "cosine": peak * 0.5 * (1 + math.cos(math.pi * (1 - left))),
        "steps": peak * recipe.gamma ** sum(share >= at for at in recipe.milestones),
    }[recipe.schedule]
    return min(planned, peak * warm) if recipe.warm_join == "min" else planned * warm


def set_rates(optimiser: torch.optim.Optimizer, recipe: Recipe, updates: int, share: float) -> None:
    """Give each group its rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate(recipe, updates, share, group["factor"])


@torch.no_grad()
def average(mean: nn.Module, net: nn.Module, *, keep: float, updates: int) -> None:
    """Move the running mean towards the weights; faster at first, so that it does not remember the start.

    keep: how much of the mean stays, in 0..1, after many updates.
    """
    keep = min(keep, (1 + updates) / (10 + updates))
    pairs = zip(mean.state_dict().values(), net.state_dict().values(), strict=True)
    for old, now in pairs:
        if old.is_floating_point():
            old.lerp_(now, 1 - keep)
        else:
            old.copy_(now)


def freeze(net: nn.Module, prefixes: tuple[str, ...]) -> int:
    """Take the parameters whose names begin so out of the training; returns how many tensors.

    Raises:
        BadInput: nothing begins so.
    """
    count = 0
    names = [name for name, _ in net.named_parameters()]
    for prefix in prefixes:
        found = [name for name in names if name.startswith(prefix)]
        if not found:
            parts = sorted({name.split(".")[0] for name in names})
            raise BadInput(
                f"Nothing to freeze begins with {prefix!r}: the network's parts are {', '.join(parts)}."
            )
        for name in found:
            net.get_parameter(name).requires_grad = False
        count += len(found)
    return count


def training(net: nn.Module, recipe: Recipe) -> None:
    """Put the network into training mode, but for BatchNorms that keep their statistics: all, or those of frozen parts."""
    net.train()
    for name, module in net.named_modules():
        if not isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  the class of all BatchNorms
            continue
        own = [p for p in (module.weight, module.bias) if p is not None]
        still = bool(recipe.frozen) and f"{name}.".startswith(recipe.frozen)
        if recipe.freeze_norms or still or (own and not any(p.requires_grad for p in own)):
            module.eval()

"""Network and loss as one module: what is wrapped for several processes and half precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Learner"]


class Learner(nn.Module):
    """Picture and truth in, the terms of the loss out.

    The loss is inside, so that DistributedDataParallel sees which parameters it depends on.
    """

    def __init__(self, net: nn.Module, objective: nn.Module) -> None:
        super().__init__()
        self.net, self.objective = net, objective

    def forward(
        self, x: Tensor, targets: Tensor, classes: Tensor | None, moment: dict[str, Any]
    ) -> dict[str, Tensor]:
        """Named terms, each one number; their sum is trained on.

        Args:
            x: (N, 3, h, w) float32, normalised.
            targets: (N, 1, h, w) float32, or (N, h, w) int64.
            classes: (N,) int64 for an auxiliary head, or None.
            moment: share, epoch and epochs of the run.
        """
        maps = self.net(x)
        with torch.autocast(x.device.type, enabled=False):
            terms: dict[str, Tensor] = self.objective(
                maps, targets, inputs=x, classes=classes, **moment
            )
        return terms

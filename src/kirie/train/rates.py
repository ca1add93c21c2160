"""Learning rates as they are published, where a schedule has a form of its own."""

from __future__ import annotations

__all__ = ["inspyrenet_rate"]


def inspyrenet_rate(step: int, *, steps: int, peak: float, warm_up: int = 12_000) -> float:
    """InSPyReNet's learning rate at a step from 0 on: polynomial decay, and below it a linear warm-up from a tenth.

    Args:
        step: at most `steps`.
        steps: of the whole training.
        peak: 1e-5 for the backbone and 1e-4 for the rest, as published.
        warm_up: steps until the warm-up ends.
    """
    least = 1e-7
    decayed = (peak - least) * (1 - step / steps) ** 0.9 + least
    return min(decayed, peak * (0.1 + 0.9 * step / warm_up)) if step < warm_up else decayed

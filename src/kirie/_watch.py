"""Seconds by stage."""

from __future__ import annotations

from time import perf_counter

__all__ = ["Watch"]


class Watch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        self._last = perf_counter()

    def add(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def __call__(self, stage: str) -> None:
        now = perf_counter()
        self.add(stage, now - self._last)
        self._last = now

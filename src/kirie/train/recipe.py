"""What a recipe is: the frozen dataclass that the loop reads. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Phase", "Recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """From share `start` of the time on: pictures of size × size, in batches, with a share of composites."""

    start: float
    size: int
    batch: int
    composites: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One network's training.

    network: its name in `nn.build`. phases: in order; the first starts at 0.
    learning_rate: the peak; linear warm-up over `warm_up` steps, then a cosine to zero over the time.
    weight_decay: of AdamW, for convolution weights only. average: decay of the running mean of the weights.
    clip: largest gradient norm. empties: share of pictures without a subject.
    with_subject: beginnings of names of backgrounds that show a subject of their own.
    scales, parts: weights of the loss by map and by kind (`losses.deep`).
    precision: `auto` measures bfloat16 against float32 on the machine and takes the faster.
    """

    name: str
    network: str
    phases: tuple[Phase, ...]
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.05
    warm_up: int = 100
    average: float = 0.998
    clip: float = 5.0
    empties: float = 0.05
    with_subject: tuple[str, ...] = ()
    scales: tuple[float, ...] = (1.0, 0.4, 0.3)
    parts: tuple[float, float, float] = (1.0, 0.7, 0.3)
    precision: Literal["auto", "bfloat16", "float32"] = "auto"

    def phase(self, share: float) -> Phase:
        """The phase at a share of the time in 0..1."""
        return [p for p in self.phases if p.start <= share or p.start == 0][-1]

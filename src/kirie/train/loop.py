"""The one loop: time-bounded training of any of kirie's networks, safe to interrupt and to resume.

What it writes into the output folder:
    checkpoint.pt   everything needed to go on, replaced atomically every few minutes and at an interruption
    history.jsonl   one JSON object per report and per held-out score
    model.pt        at the end: the running mean of the weights, a plain state dictionary of tensors
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn

from ..errors import BadCheckpoint, BadInput, KirieError
from ..nn.build import build
from . import objectives
from .data import Data
from .held import score
from .minifeed import Batch, Feed, normalised
from .progress import Progress
from .recipe import Phase, Recipe

__all__ = ["NotFinite", "Run", "groups", "rate", "train"]

SAVE_SECONDS = 180.0
REPORT_STEPS = 50
LONGEST_STEP = (
    60.0  # seconds that one step may use up; a stopped process or a sleeping machine takes longer
)


class NotFinite(KirieError):  # noqa: N818
    """The loss is not a number or infinite; the message names the pictures of the batch."""


@dataclass(slots=True)
class Run:
    """State of one training: what a checkpoint holds. `elapsed`: seconds of training so far, over all parts."""

    recipe: Recipe
    out: Path
    seconds: float
    seed: int
    net: nn.Module
    mean: nn.Module
    optimiser: torch.optim.Optimizer
    elapsed: float = 0.0
    steps: int = 0
    pictures: int = 0
    stop: str = ""  # the signal that asked to stop
    recent: list[float] = field(default_factory=list)

    @classmethod
    def fresh(cls, recipe: Recipe, out: Path, *, minutes: float, seed: int = 0) -> Run:
        """New weights, drawn with `seed`."""
        if minutes <= 0:
            raise BadInput(f"minutes is {minutes}, but must be above 0.")
        torch.manual_seed(seed)
        net, mean = build(recipe.network), build(recipe.network)
        mean.load_state_dict(net.state_dict())
        for part in (net, mean):
            _channels_last(part)
        mean.eval().requires_grad_(requires_grad=False)
        optimiser = torch.optim.AdamW(groups(net, recipe.weight_decay), lr=recipe.learning_rate)
        return cls(recipe, out, minutes * 60, seed, net, mean, optimiser)

    @property
    def share(self) -> float:
        """Part of the time that is used up, 0..1."""
        return min(1.0, self.elapsed / self.seconds)

    def save(self) -> None:
        """Write the checkpoint: a temporary file in the same folder, then a rename."""
        state = {
            "recipe": self.recipe.name,
            "seed": self.seed,
            "seconds": self.seconds,
            "elapsed": self.elapsed,
            "steps": self.steps,
            "pictures": self.pictures,
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }
        _write(state, self.out / "checkpoint.pt")

    def resume(self) -> None:
        """Take up the checkpoint of the output folder; the time already used counts."""
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            raise BadCheckpoint(f"{path} does not exist: start without --resume.")
        # weights_only: tensors and plain values, nothing is executed.
        state = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
        if state["recipe"] != self.recipe.name or state["seed"] != self.seed:
            raise BadCheckpoint(
                f"{path} is of recipe {state['recipe']!r} and seed {state['seed']}, not of {self.recipe.name!r} "
                f"and {self.seed}: name those, or another output folder."
            )
        self.net.load_state_dict(state["net"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        self.elapsed, self.steps, self.pictures = (
            state["elapsed"],
            state["steps"],
            state["pictures"],
        )


def _channels_last(net: nn.Module) -> None:
    """Store convolution weights channels last: a tenth faster on CPUs."""
    for parameter in net.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.to(memory_format=torch.channels_last)


def _write(state: dict[str, Any], path: Path) -> None:
    temporary = path.with_name(path.name + ".part")
    torch.save(state, temporary)
    os.replace(temporary, path)  # noqa: PTH105  the name that says it is atomic


def groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: decay on convolution weights, none on norms and biases (all of one dimension)."""
    parameters = list(net.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def rate(run: Run) -> float:
    """The learning rate now: linear warm-up by steps, a cosine to zero by time."""
    warm = min(1.0, (run.steps + 1) / max(1, run.recipe.warm_up))
    return run.recipe.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * run.share))


def step(run: Run, batch: Batch, precision: torch.dtype) -> float:
    """One batch: loss, gradients, clipped update, running mean. Returns the loss."""
    for group in run.optimiser.param_groups:
        group["lr"] = rate(run)
    x, truth = normalised(batch.images, batch.masks)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        maps = run.net(x)
    objective = objectives.get("mini", scales=run.recipe.scales, parts=run.recipe.parts)
    loss = torch.stack([*objective(maps, truth, share=run.share).values()]).sum()
    value = float(loss.detach())
    if not math.isfinite(value):
        raise NotFinite(
            f"The loss became {value} at step {run.steps}, in a batch of: {', '.join(batch.names)}. Look at these "
            "files, or lower the learning rate; the last checkpoint stands, and --resume goes on from it."
        )
    run.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(run.net.parameters(), run.recipe.clip)
    run.optimiser.step()
    average(run)
    run.steps += 1
    run.pictures += len(batch.names)
    return value


@torch.no_grad()
def average(run: Run) -> None:
    """Move the running mean towards the weights; faster at first, so that it does not remember the start."""
    keep = min(run.recipe.average, (1 + run.steps) / (10 + run.steps))
    pairs = zip(run.mean.state_dict().values(), run.net.state_dict().values(), strict=True)
    for mean, now in pairs:
        if mean.is_floating_point():
            mean.lerp_(now, 1 - keep)
        else:
            mean.copy_(now)


def precision(recipe: Recipe) -> torch.dtype:
    """The number format of the recipe; `auto` times one convolution both ways, as half of all CPUs emulate bfloat16."""
    if recipe.precision != "auto":
        return {"bfloat16": torch.bfloat16, "float32": torch.float32}[recipe.precision]
    x = torch.zeros(8, 64, 64, 64).to(memory_format=torch.channels_last)
    weight = torch.zeros(64, 64, 3, 3).to(memory_format=torch.channels_last)
    times = {}
    for kind in (torch.bfloat16, torch.float32):
        a, b = x.to(kind), weight.to(kind)
        nn.functional.conv2d(a, b, padding=1)  # warm
        start = time.perf_counter()
        nn.functional.conv2d(a, b, padding=1)
        times[kind] = time.perf_counter() - start
    return min(times, key=times.__getitem__)


@contextmanager
def _interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the loop to stop after the step that it is in."""

    def ask(number: int, _frame: FrameType | None) -> None:
        run.stop = signal.Signals(number).name

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def train(run: Run, data: Data, progress: Progress, *, max_steps: int | None = None) -> bool:
    """Train until the time is used up; True when it ended by itself, False when it was interrupted (and saved)."""
    run.out.mkdir(parents=True, exist_ok=True)
    kind = precision(run.recipe)
    progress.line(
        f"precision {kind}, {torch.get_num_threads()} threads, {len(data.train)} pictures"
    )
    run.net.train()
    feed = Feed(data, empties=run.recipe.empties, seed=run.seed, first=run.pictures)
    with _interruptible(run), feed, progress:
        last_save = clock = time.monotonic()
        phase = run.recipe.phase(run.share)
        while run.share < 1 and not run.stop and (max_steps is None or run.steps < max_steps):
            now_phase = run.recipe.phase(run.share)
            if now_phase.size != phase.size:
                _held(run, data, progress, phase)
            phase = now_phase
            run.recent.append(step(run, feed.batch(phase), kind))
            clock, run.elapsed = _tick(run, clock)
            if run.steps % REPORT_STEPS == 0:
                _report(run, progress, phase)
            if time.monotonic() - last_save > SAVE_SECONDS:
                run.save()
                last_save = time.monotonic()
        run.save()
        if run.stop:
            progress.line(
                f"interrupted by {run.stop}; the checkpoint is saved: go on with --resume"
            )
            return False
        _held(run, data, progress, phase)
    _write(run.mean.state_dict(), run.out / "model.pt")
    return True


def _tick(run: Run, clock: float) -> tuple[float, float]:
    """The clock now, and the time used up: a step that took longer was not training but a stopped process."""
    now = time.monotonic()
    return now, run.elapsed + min(now - clock, LONGEST_STEP)


def _note(run: Run, entry: dict[str, Any]) -> None:
    head = {"step": run.steps, "pictures": run.pictures, "seconds": round(run.elapsed, 1)}
    with (run.out / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({**head, **entry}) + "\n")


def _report(run: Run, progress: Progress, phase: Phase) -> None:
    loss = sum(run.recent) / len(run.recent)
    run.recent.clear()
    _note(run, {"loss": round(loss, 5), "size": phase.size, "rate": round(rate(run), 7)})
    progress.report(run.share, run.pictures, loss, phase.size)


def _held(run: Run, data: Data, progress: Progress, phase: Phase) -> None:
    """Score the running mean on the held-out tenth, at the size of the phase that ends."""
    result = score(run.mean, data.held, phase.size)
    _note(run, {"held": result, "size": phase.size})
    numbers = ", ".join(f"{key} {value:.4f}" for key, value in result.items())
    progress.line(f"held out at {phase.size}: {numbers}")

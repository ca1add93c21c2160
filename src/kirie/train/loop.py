"""The one loop: trains any network by a recipe; safe to interrupt, exact to resume, on one process or many.

What it writes into the output folder, by its first process alone:
    checkpoint.pt      everything needed to go on, replaced in one step every few minutes and at an interruption
    history.jsonl      one JSON object for each report and each validation; history.csv: the same as a table
    validation/*.jpg   some held-out pictures beside their truth and what the network finds
    best.safetensors   the network at its best validation; last.safetensors: at the end. Both carry their card
    result.json        how it ended
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Self

import torch
from torch import Tensor

from ..errors import BadInput, KirieError, OutOfMemory
from . import augment, optim, state, validate
from .batch import Batch
from .cache import Pictures
from .feed import Feed, Varied
from .history import History
from .progress import Progress, duration
from .recipe import Phase
from .run import Plan, Run, open_run

__all__ = ["NotFinite", "Outcome", "train"]

LONGEST_UPDATE = 60.0  # seconds that one update may use up of a run that is measured in minutes; a stopped process takes longer
NAMED = 24  # pictures that a message names


class NotFinite(KirieError):  # noqa: N818
    """The loss is not a number or infinite; the message names the pictures of the batch."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended. `scores`: of the best validation, empty without one; `loss`: the mean of the last report."""

    finished: bool
    updates: int
    pictures: int
    seconds: float
    loss: float
    best_update: int = 0
    scores: dict[str, float] = field(default_factory=dict)


def train(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Train until the recipe's end, or until a signal asks to stop (saved; `finished` is then False).

    Raises:
        KirieError: data, recipe and checkpoint do not go together; see `open_run`.
        NotFinite: the loss is not a number; the last checkpoint stands.
    """
    progress = progress or Progress()
    plan.out.mkdir(parents=True, exist_ok=True)
    run = open_run(plan, progress.line)
    with _Loop(run, progress) as loop, _interruptible(run), progress:
        while run.share < 1 and not loop.stopped and not loop.ended:
            loop.step()
        return loop.finish()


@contextmanager
def _interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the loop to stop after the update that it is in; a second time, they end it at once."""

    def ask(number: int, _frame: FrameType | None) -> None:
        if run.stop:
            raise KeyboardInterrupt
        run.stop = signal.Signals(number).name

    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _explained(batch: Batch) -> Iterator[None]:
    """What a user can do about PyTorch's own refusals."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"The device's memory does not hold a step of {len(batch.names)} pictures of {tuple(batch.images.shape[1:3])}: set a "
            "smaller batch with accumulate, checkpointing=true, precision=bf16 or a smaller size."
        ) from error
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise BadInput(
            f"A batch of {len(batch.names)} pictures of {tuple(batch.images.shape[1:3])} leaves one number in a channel, of which "
            "BatchNorm can take no statistics: set batch=2 or more, a larger size, or freeze_norms=true."
        ) from error


class _Loop:
    """The parts of the loop; a context manager, which ends what makes pictures."""

    def __init__(self, run: Run, progress: Progress) -> None:
        self.run, self.progress = run, progress
        self.ended = False  # by patience
        self.stopped = False  # by a signal to one of the processes: all have agreed
        self._besides = 0.0  # seconds since the last update that went elsewhere
        self._feed: Feed | None = None
        self._phase: Phase | None = None
        self._pictures = Pictures(run.train.task, run.train.labels, run.train.classes)
        self._clock = self._saved = time.monotonic()
        self._began = run.share, time.monotonic()
        self._losses: list[dict[str, float]] = []
        self._reported = run.progressed.pictures, time.monotonic()
        self._history: History | None = None
        if run.accelerator.is_main_process:
            measures = validate.names(run.recipe) if run.held else ()
            self._history = History(
                run.plan.out,
                measures,
                tensorboard=run.plan.tensorboard,
                upto=run.progressed.updates,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._feed is not None:
            self._feed.__exit__(None, None, None)
        if self._history is not None:
            self._history.close()

    # --- one update -----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One update of the weights, and what is due after it."""
        run, p = self.run, self.run.progressed
        epoch = run.epoch
        self._losses.append(self._update())
        if p.updates % run.recipe.report_every == 0:
            self._report()
        every = run.recipe.validate_every
        if run.held and (p.updates % every == 0 if every else run.epoch > epoch):
            self._validate()
        if time.monotonic() - self._saved > run.recipe.save_every:
            run.save()
            self._saved = time.monotonic()

    def _update(self) -> dict[str, float]:
        run, r, p = self.run, self.run.recipe, self.run.progressed
        phase = r.phase(run.share)
        feed = self._fed(phase)
        state.seed_update(run.plan.seed, p.updates, run.accelerator.process_index)
        optim.training(run.net, r)
        optim.set_rates(run.optimiser, r, p.updates, run.share)
        terms: dict[str, list[Tensor]] = {}
        names: list[list[str]] = []
        for part in range(r.accumulate):
            batch = feed.batch()
            names.append(batch.names)
            last = part == r.accumulate - 1
            # The processes exchange their gradients once in an update.
            with nullcontext() if last else run.accelerator.no_sync(run.learner):
                with _explained(batch):
                    found = self._backward(batch)
                for name, term in found.items():
                    terms.setdefault(name, []).append(term)
        told = self._agreed({name: torch.stack(each) for name, each in terms.items()}, names)
        if r.clip:
            run.accelerator.clip_grad_norm_(run.net.parameters(), r.clip)
        run.optimiser.step()
        run.optimiser.zero_grad(set_to_none=True)
        if run.mean is not None:
            optim.average(run.mean, run.net, keep=r.average, updates=p.updates)
        p.updates += 1
        p.pictures += phase.batch * r.accumulate
        return told

    def _fed(self, phase: Phase) -> Feed:
        """The feed of a phase."""
        run, r = self.run, self.run.recipe
        if self._feed is not None:
            if phase == self._phase:
                return self._feed
            self._feed.__exit__(None, None, None)
        arguments = phase.augmentation_arguments
        make = augment.get(r.augmentation, run.train, pictures=self._pictures, **arguments)
        size: Any = phase.size
        if r.varied:
            least, most, multiple = r.varied
            size = Varied(least, most, multiple, run.plan.seed)
        self._phase = phase
        self._feed = Feed(
            run.train,
            make,
            batch=phase.batch,
            size=size,
            seed=run.plan.seed,
            first=run.progressed.pictures,
            rank=run.accelerator.process_index,
            ranks=run.accelerator.num_processes,
            workers=r.workers or None,
        )
        return self._feed

    def _backward(self, batch: Batch) -> dict[str, Tensor]:
        """Forward and backward of one batch; the terms of its loss, detached."""
        run, r = self.run, self.run.recipe
        targets = batch.targets(run.accelerator.device)
        x = targets
        if r.input == "picture":
            x = batch.inputs(r.preparation, run.accelerator.device)
            if not r.channels_last:
                x = x.contiguous()
        classes = None if batch.classes is None else batch.classes.to(run.accelerator.device)
        moment = {"share": run.share, "epoch": run.epoch, "epochs": r.epochs or None}
        terms: dict[str, Tensor] = run.learner(x, targets, classes, moment)
        run.accelerator.backward(torch.stack([*terms.values()]).sum() / r.accumulate)
        return {name: term.detach().float() for name, term in terms.items()}

    def _agreed(self, terms: dict[str, Tensor], names: list[list[str]]) -> dict[str, float]:
        """Mean terms over all processes; and whether one of them was asked to stop, and how long it has been.

        Raises:
            NotFinite: in every process, before the weights have changed.
        """
        run, p = self.run, self.run.progressed
        now = time.monotonic()
        elapsed = p.elapsed + self._besides + min(now - self._clock, LONGEST_UPDATE)
        self._clock, self._besides = now, 0.0
        each = torch.stack([*terms.values()]).sum(0)  # (accumulate,)
        bad = [
            name
            for ok, part in zip(torch.isfinite(each).tolist(), names, strict=True)
            if not ok
            for name in part
        ]
        mine = [*(float(term.mean()) for term in terms.values()), float(bool(run.stop)), elapsed]
        told = torch.tensor([mine], dtype=torch.float64)
        if run.accelerator.num_processes > 1:
            told = run.accelerator.gather(told.float().to(run.accelerator.device)).double().cpu()
        p.elapsed = float(told[:, -1].max())
        self.stopped = bool(told[:, -2].any())
        means = dict(zip(terms, told[:, :-2].mean(0).tolist(), strict=True))
        if not math.isfinite(sum(means.values())):
            self._refuse(bad, means)
        return means

    def _refuse(self, bad: list[str], means: dict[str, float]) -> None:
        from accelerate.utils import gather_object

        every = gather_object(bad) if self.run.accelerator.num_processes > 1 else bad
        wrong = ", ".join(name for name, value in means.items() if not math.isfinite(value))
        more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
        raise NotFinite(
            f"The loss ({wrong}) is {sum(means.values())} at step {self.run.progressed.updates + 1}, in a batch of: "
            f"{', '.join(every[:NAMED])}{more}. Look at these files, or try a lower learning_rate, clip=1 or precision=fp32. The "
            "last checkpoint stands, and --resume goes on from it."
        )

    # --- what is due ----------------------------------------------------------------------------------------------------

    def _row(self) -> dict[str, Any]:
        p = self.run.progressed
        return {
            "update": p.updates,
            "pictures": p.pictures,
            "epoch": self.run.epoch,
            "seconds": round(p.elapsed, 1),
        }

    def _report(self) -> None:
        """The mean loss since the last report, and how long it will take."""
        if not self._losses:
            return
        run, count, now = self.run, len(self._losses), time.monotonic()
        # Terms come and go where a recipe's loss changes late in the run: zero where one is not there.
        names = dict.fromkeys(name for each in self._losses for name in each)
        terms = {k: sum(each.get(k, 0.0) for each in self._losses) / count for k in names}
        self._losses.clear()
        run.progressed.loss = sum(terms.values())
        seen, before = self._reported
        speed = (run.progressed.pictures - seen) / max(now - before, 1e-9)
        self._reported = run.progressed.pictures, now
        height, width = run.recipe.phase(run.share).size
        now_rate = optim.rate(run.recipe, run.progressed.updates, run.share)
        if self._history is not None:
            row = {**self._row(), "loss": run.progressed.loss, "terms": terms, "rate": now_rate}
            row |= {"height": height, "width": width, "pictures_per_second": round(speed, 2)}
            self._history.add(row)
        self.progress.report(
            run.share,
            f"update {run.progressed.updates}  epoch {run.epoch}  loss {run.progressed.loss:.4f}  {speed:.1f} pictures/s",
            left=self._left(now),
        )

    def _left(self, now: float) -> float:
        """Seconds until the end, at the speed so far."""
        share, since = self._began
        done = self.run.share - share
        return (now - since) / done * (1 - self.run.share) if done > 0 else 0.0

    def _validate(self) -> None:
        """Score the held-out pictures, divided among the processes; keep the network where it is the best so far."""
        run, p = self.run, self.run.progressed
        if run.held is None or p.validated == p.updates:
            return
        started = time.monotonic()
        net = run.result
        net.eval()
        process = run.accelerator.process_index, run.accelerator.num_processes
        records = list(
            validate.measured(net, run.recipe, run.held, rank=process[0], ranks=process[1])
        )
        if process[1] > 1:
            from accelerate.utils import gather_object

            records = gather_object(records)
        scores = validate.score(run.recipe, records)
        value = scores[validate.METRICS[run.recipe.metric][1]]
        p.validated = p.updates
        is_best = validate.better(run.recipe, value, p.best[0] if p.best else None)
        p.stale = 0 if is_best else p.stale + 1
        if is_best:
            p.best, p.scores = (value, p.updates), scores
            run.write("best.safetensors")
        self.ended = bool(run.recipe.patience) and p.stale >= run.recipe.patience
        if self._history is not None:
            self._history.add({**self._row(), "validation": scores})
            sheet = run.plan.out / "validation" / f"{p.updates:07d}.jpg"
            validate.pictures(net, run.recipe, run.held, sheet)
        numbers = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        best = "the best so far" if is_best else "not better"
        self.progress.line(f"validation after update {p.updates}: {numbers} ({best})")
        self._clock = time.monotonic()
        self._besides += self._clock - started

    def finish(self) -> Outcome:
        """The last report, validation and files."""
        run, p = self.run, self.run.progressed
        if not self.stopped:
            self._report()
            self._validate()
            run.write("last.safetensors")
        run.save()
        run.accelerator.wait_for_everyone()
        best = p.best[1] if p.best else 0
        done = Outcome(not self.stopped, p.updates, p.pictures, p.elapsed, p.loss, best, p.scores)
        if self.stopped:
            self.progress.line(
                f"interrupted by {run.stop or 'another process'} after update {p.updates}; the checkpoint is saved. Go on with: {run.plan.again}"
            )
            return done
        if run.accelerator.is_main_process:
            names = (*Outcome.__slots__,)
            text = json.dumps({name: getattr(done, name) for name in names}, indent=1)
            (run.plan.out / "result.json").write_text(text + "\n", encoding="utf-8")
        why = f" ({p.stale} validations without a better one)" if self.ended else ""
        file = "best" if run.held else "last"
        self.progress.line(
            f"finished after {p.updates} updates, {duration(p.elapsed)}{why}: {run.plan.out / file}.safetensors"
        )
        return done

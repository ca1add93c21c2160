"""A run that is ready: data, network, loss, optimiser and state, new or taken up again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import nn as networks
from ..errors import BadInput
from ..nn.build import build
from ..spec import ModelCard
from ..weights import Fetch
from . import checkpointing, machine, memory, objectives, optim, state
from .learner import Learner
from .network import Started, card_of, start
from .reading import Labels
from .recipe import Recipe
from .sources import Examples, find, split
from .state import Progressed

__all__ = ["Plan", "Run", "open_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the user asks for.

    data: (folder, weight) of each set. val: folders to validate on; val_split: or a share of the data, 0 for none.
    resume: go on from the checkpoint in `out`. cpu: leave a GPU alone. again: the command that goes on, for messages.
    """

    recipe: Recipe
    out: Path
    data: tuple[tuple[str | Path, float], ...]
    val: tuple[str, ...] = ()
    val_split: float = 0.0
    seed: int = 0
    resume: bool = False
    tensorboard: bool = False
    cpu: bool = False
    fetch: Fetch | None = None
    again: str = "the same command with --resume"


@dataclass(slots=True)
class Run:
    """A training between two updates. `learner` is what is wrapped, `net` the network inside; `mean` its running mean."""

    plan: Plan
    recipe: Recipe
    card: ModelCard
    parent: ModelCard | None
    precision: str
    accelerator: Any
    train: Examples
    held: Examples | None
    net: nn.Module
    mean: nn.Module | None
    learner: nn.Module
    optimiser: Any
    progressed: Progressed
    notes: tuple[str, ...] = ()
    stop: str = ""  # the signal that asked to stop

    @property
    def share(self) -> float:
        """Part of the run that is over, 0..1."""
        r, p = self.recipe, self.progressed
        if r.minutes:
            return min(1.0, p.elapsed / (60 * r.minutes))
        if r.steps:
            return min(1.0, p.updates / r.steps)
        return min(1.0, p.pictures / (r.epochs * len(self.train)))

    @property
    def epoch(self) -> int:
        """How often all pictures have been seen."""
        return self.progressed.pictures // len(self.train)

    @property
    def result(self) -> nn.Module:
        """What is validated and written: the running mean, where there is one."""
        return self.mean if self.mean is not None else self.net

    def save(self) -> None:
        """Write the checkpoint, in the first process."""
        if not self.accelerator.is_main_process:
            return
        p, scaler = self.progressed, self.accelerator.scaler
        state.write(
            self.plan.out,
            {
                "asked": state.tell(self.plan.recipe),
                "recipe": state.tell(self.recipe),
                "parent": self.parent.to_json() if self.parent else "",
                "seed": self.plan.seed,
                "precision": self.precision,
                "data": len(self.train),
                "progressed": {name: getattr(p, name) for name in Progressed.__slots__},
                "net": self.net.state_dict(),
                "mean": self.mean.state_dict() if self.mean is not None else {},
                "optimiser": self.optimiser.state_dict(),
                "scaler": scaler.state_dict() if scaler is not None else {},
            },
        )

    def write(self, name: str) -> None:
        """Write the network as a file that `kirie cut -m` takes, in the first process."""
        if self.accelerator.is_main_process:
            networks.save(self.result, self.plan.out / name, card=self.card)


def open_run(plan: Plan, say: Callable[[str], None]) -> Run:
    """Find the data, build the network and everything around it; with `resume`, as it was.

    Raises:
        BadInput: the data, the recipe and the checkpoint do not go together.
        BadCheckpoint: there is nothing to resume, or it is of another run.
    """
    old = state.read(plan.out) if plan.resume else None
    if old is None and (plan.out / state.FILE).exists():
        raise BadInput(
            f"{plan.out} holds a training already: go on with --resume, or choose another --out."
        )
    if old is not None:
        state.check_same(plan.out / state.FILE, state.recipe_from(old["asked"]), plan.recipe)
        plan = replace(plan, seed=old["seed"])
    train, held = _data(plan)
    for note in train.notes:
        say(note)
    begun = _network(plan, train, old)
    accelerator, precision = machine.accelerator(
        old["precision"] if old else begun.recipe.precision, cpu=plan.cpu
    )
    ranks = accelerator.num_processes
    if begun.recipe.batch % ranks:
        raise BadInput(
            f"The batch of {begun.recipe.batch} pictures does not divide among {ranks} processes: set batch to a multiple."
        )
    run = _assembled(plan, begun, (train, held), accelerator, precision)
    if old is not None:
        _restore(run, old, say)
    for note in (_introduction(run), *run.notes):
        say(note)
    return run


def _data(plan: Plan) -> tuple[Examples, Examples | None]:
    r = plan.recipe
    labels = Labels(ignored=r.ignored, reduce_zero=r.reduce_zero)
    if plan.val and plan.val_split:
        raise BadInput("--val and --val-split were both given: one of them says what is held out.")
    train = find(list(plan.data), task=r.task, labels=labels)
    if plan.val_split:
        return split(train, plan.val_split)
    if not plan.val:
        return train, None
    labels = replace(labels, classes=train.classes if r.task == "semantic" else ())
    held = find([(path, 1.0) for path in plan.val], task=r.task, part="test", labels=labels)
    return train, held


def _network(plan: Plan, train: Examples, old: dict[str, Any] | None) -> Started:
    if old is None:
        return start(plan.recipe, classes=train.classes, seed=plan.seed, fetch=plan.fetch)
    kept = state.recipe_from(old["recipe"])
    free = {name: getattr(plan.recipe, name) for name in state.FREE}
    recipe = replace(kept, **free)
    torch.manual_seed(plan.seed)
    return Started(
        recipe, build(recipe.network, **recipe.arguments), state.card_from(old["parent"])
    )


def _assembled(
    plan: Plan,
    begun: Started,
    data: tuple[Examples, Examples | None],
    accelerator: Any,
    precision: str,
) -> Run:
    recipe, net = begun.recipe, begun.net
    optim.freeze(net, recipe.frozen)
    room = _room(net, recipe, accelerator, half=precision != "fp32")
    if recipe.channels_last:
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean = None
    if recipe.average:
        mean = copy.deepcopy(net).to(accelerator.device).eval().requires_grad_(requires_grad=False)
    if recipe.checkpointing:
        checkpointing.apply(net)
    if recipe.compile:
        net.compile()
    objective = objectives.get(recipe.objective, **recipe.objective_arguments)
    learner, optimiser = accelerator.prepare(Learner(net, objective), optim.optimiser(net, recipe))
    names = [Path(path).name or str(path) for path, _ in plan.data]
    return Run(
        plan=plan,
        recipe=recipe,
        card=card_of(recipe, parent=begun.parent, data=names),
        parent=begun.parent,
        precision=precision,
        accelerator=accelerator,
        train=data[0],
        held=data[1],
        net=net,
        mean=mean,
        learner=learner,
        optimiser=optimiser,
        progressed=Progressed(),
        notes=(*begun.notes, room),
    )


def _restore(run: Run, old: dict[str, Any], say: Callable[[str], None]) -> None:
    run.net.load_state_dict(old["net"])
    if run.mean is not None:
        run.mean.load_state_dict(old["mean"])
    run.optimiser.load_state_dict(old["optimiser"])
    if run.accelerator.scaler is not None and old["scaler"]:
        run.accelerator.scaler.load_state_dict(old["scaler"])
    run.progressed = Progressed(**old["progressed"])
    if old["data"] != len(run.train):
        say(
            f"note: an epoch had {old['data']} pictures, and has {len(run.train)} now: the run goes on, but not as it would have."
        )
    say(f"goes on after update {run.progressed.updates}, {run.progressed.pictures} pictures")


def _room(net: nn.Module, recipe: Recipe, accelerator: Any, *, half: bool) -> str:
    """What a step will take, in a sentence; with advice where it is more than there is."""
    phases = [recipe.phase(share) for share in (0.0, *(phase.start for phase in recipe.phases))]
    largest = max(phases, key=lambda phase: phase.batch * phase.size[0] * phase.size[1])
    size = (recipe.varied[1],) * 2 if recipe.varied else largest.size
    batch = largest.batch // accelerator.num_processes or 1
    found = memory.estimate(net, recipe, batch=batch, size=(size[0], size[1]), half=half)
    free = memory.free(accelerator.device)
    text = f"memory: about {found.total / GB:.1f} GB in each process, {free / GB:.1f} GB are free"
    if not found.activations:
        text = f"memory: {found.weights / GB:.1f} GB for weights and optimiser; what a step keeps cannot be told beforehand"
    if found.total > free:
        text += "; it may not fit: set a smaller batch with accumulate, checkpointing=true, precision=bf16 or a smaller size"
    return text


GB = 1e9


def _introduction(run: Run) -> str:
    count = sum(p.numel() for p in run.net.parameters())
    where = f"{run.accelerator.device}, {run.precision}"
    if run.accelerator.num_processes > 1:
        where += f", {run.accelerator.num_processes} processes"
    held = f", {len(run.held.files)} held out" if run.held else ", none held out"
    return (
        f"{run.recipe.name}: {run.recipe.network} with {count / 1e6:.2f} M numbers; an epoch of {len(run.train)} pictures"
        f"{held}; on {where}"
    )

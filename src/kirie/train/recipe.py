"""What a recipe is: the frozen dataclass that the loop reads. It imports nothing but kirie's data classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from ..errors import BadInput
from ..spec import LONGEST_SIDE, Preparation, Procedure, ReadOut

__all__ = ["Phase", "Recipe"]

Task = Literal["subject", "semantic", "matting"]
Input = Literal["picture", "truth"]
Optimiser = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "cosine", "poly", "steps", "linear"]
Join = Literal["times", "min"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Metric = Literal["mae", "mse", "iou", "f", "weighted_f", "s", "e", "miou"]

Size = tuple[int, int]  # (height, width) in pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """From share `start` of the run on: another size, batch and augmentation.

    size: (height, width). batch: pictures for each process and step; 0: the recipe's. augmentation_arguments: they win over
    the recipe's.
    """

    start: float
    size: Size
    batch: int = 0
    augmentation_arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one network is trained. Each field can be changed from the command line: `--set field=value`.

    What is trained
        name, about: what it is called, and one line for people.
        network, arguments: of `nn.build`. No network: that of the checkpoint that the run starts from.
        backbone_weights: the backbone's ImageNet file, or the name of its card; empty: random.
        init: a checkpoint to start from, or the name of an embedded model; empty: none.
        task: `subject` (truth (N, 1, h, w) in 0..1), `matting` (the same, soft), `semantic` (label maps).
        classes: of a semantic network; 0: as many as the data have. ignored: labels that do not count. reduce_zero: 0 does not
            count, and the others move down by one (ADE20K).
        preparation, readout, procedure: how the trained network is used; they go into its card. The preparation's size is `size`.
    Length: exactly one of these is above 0.
        epochs: how often each picture is seen. steps: updates of the weights. minutes: wall time, over all its parts.
    Pictures
        input: what the network sees, the `picture` or, as IS-Net's encoder, its `truth`.
        size: (height, width) that the augmentation is asked for. varied: (least, most, multiple) where each batch draws its own.
        batch: pictures in one forward pass of all processes together. accumulate: passes for each update.
        phases: other sizes, batches and augmentations from a share of the run on.
        augmentation, augmentation_arguments: what `train.augment` calls it, and what it takes.
        workers: threads that make pictures ahead; 0: as the machine has cores.
    Loss
        objective, objective_arguments: of `train.objectives.get`; empty: that of the network's family.
    Optimiser
        optimiser, learning_rate (the peak), betas (adam, adamw), momentum (sgd), epsilon, weight_decay.
        backbone_rate: the factor on the learning rate below `backbone.`.
        decay_norms: whether norms and biases decay as well.
        schedule: of the learning rate, over the whole run: `constant`; `cosine` and `linear` to zero; `poly`: (1 − share)^power;
            `steps`: times `gamma` at each of `milestones`, shares of the run.
        least: the rate that `poly` ends at. warm_up: updates over which the rate rises in a line, from a share `warm_from`; the
            schedule is multiplied by it, or the smaller of both taken (`warm_join`).
        clip: largest norm of the gradient; 0: none. average: decay of the running mean of the weights (EMA); 0: none.
    Parts
        frozen: beginnings of names of parameters that stay as they are. freeze_norms: BatchNorms keep their statistics.
    Machine
        precision: of the forward pass; `auto`: bf16 on a GPU that has it, otherwise what the CPU is faster with.
        checkpointing: compute the backbone's and decoder's stages twice, and keep less in memory.
        compile: by `torch.compile`. channels_last: convolution weights in that order.
    Watching
        validate_every: updates between two validations; 0: once in an epoch. metric: which decides what is best.
        patience: validations without a better one after which the run ends; 0: never.
        save_every: seconds between two checkpoints. report_every: updates between two lines of the history.
        pictures: how many held-out pictures are drawn at each validation.
    """

    name: str
    about: str = ""
    network: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    backbone_weights: str = ""
    init: str = ""
    task: Task = "subject"
    classes: int = 0
    ignored: tuple[int, ...] = ()
    reduce_zero: bool = False
    preparation: Preparation = field(default_factory=lambda: Preparation(size=(256, 256)))
    readout: ReadOut = field(default_factory=ReadOut)
    procedure: Procedure = field(default_factory=Procedure)

    epochs: int = 0
    steps: int = 0
    minutes: float = 0.0

    input: Input = "picture"
    size: Size = (256, 256)
    varied: tuple[int, ...] = ()
    batch: int = 8
    accumulate: int = 1
    phases: tuple[Phase, ...] = ()
    augmentation: str = "plain"
    augmentation_arguments: dict[str, Any] = field(default_factory=dict)
    workers: int = 0

    objective: str = ""
    objective_arguments: dict[str, Any] = field(default_factory=dict)

    optimiser: Optimiser = "adamw"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.9
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    backbone_rate: float = 1.0
    decay_norms: bool = False
    schedule: Schedule = "constant"
    power: float = 1.0
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    least: float = 0.0
    warm_up: int = 0
    warm_from: float = 0.0
    warm_join: Join = "times"
    clip: float = 0.0
    average: float = 0.0

    frozen: tuple[str, ...] = ()
    freeze_norms: bool = False

    precision: Precision = "auto"
    checkpointing: bool = False
    compile: bool = False
    channels_last: bool = True

    validate_every: int = 0
    metric: Metric = "mae"
    patience: int = 0
    save_every: float = 180.0
    report_every: int = 50
    pictures: int = 8

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_numbers()
        lengths = [n for n in ("epochs", "steps", "minutes") if getattr(self, n) > 0]
        if len(lengths) != 1:
            have = " and ".join(lengths) or "none of them"
            raise BadInput(
                f"Exactly one of epochs, steps and minutes must be above 0, but {have} is: set one, and the others to 0."
            )
        starts = [phase.start for phase in self.phases]
        if starts and (starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= 1):
            raise BadInput(f"The phases start at {starts}, but must rise from 0 to below 1.")

    def _check_choices(self) -> None:
        choices = {
            "task": Task,
            "input": Input,
            "optimiser": Optimiser,
            "schedule": Schedule,
            "precision": Precision,
            "warm_join": Join,
            "metric": Metric,
        }
        for name, kind in choices.items():
            value, allowed = getattr(self, name), get_args(kind)
            if value not in allowed:
                raise BadInput(
                    f"{name} is {value!r}, but can only be one of: {', '.join(allowed)}."
                )

    def _check_numbers(self) -> None:
        for name, (low, high, what) in RANGES.items():
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else (values,):
                if not (math.isfinite(value) and low <= value <= high):
                    raise BadInput(f"{name} is {value}, but must be {what}.")
        for size in (self.size, *(phase.size for phase in self.phases)):
            if not all(LEAST_SIDE <= side <= LONGEST_SIDE for side in size):
                raise BadInput(
                    f"The size {size} must be two whole numbers from {LEAST_SIDE} to {LONGEST_SIDE}."
                )
        triple = len(self.varied) == 3 and LEAST_SIDE <= self.varied[0] <= self.varied[1]
        if self.varied and not triple:
            raise BadInput(
                f"varied is {self.varied}, but must be (least, most, multiple) in pixels, such as 256,1024,32."
            )
        for phase in self.phases:
            if phase.batch < 0:
                raise BadInput(f"A phase's batch is {phase.batch}, but must be 0 or more.")

    # --- what the loop asks ---------------------------------------------------------------------------------------------

    def phase(self, share: float) -> Phase:
        """What holds at a share of the run in 0..1: `batch` and `augmentation_arguments` are filled in."""
        base = Phase(start=0.0, size=self.size)
        now = [p for p in (base, *self.phases) if p.start <= share or p.start == 0][-1]
        merged = {**self.augmentation_arguments, **now.augmentation_arguments}
        return replace(now, batch=now.batch or self.batch, augmentation_arguments=merged)

    @property
    def prepared(self) -> Preparation:
        """The preparation of the trained network: the recipe's own, at `size`, or at that of the last phase."""
        p = self.preparation
        size = self.phases[-1].size if self.phases else self.size
        short = min(size)
        longest = p.longest if p.longest >= short else LONGEST_SIDE
        shorter = p.shorter if p.shorter >= short else LONGEST_SIDE
        multiple = p.multiple if p.multiple <= short else 1
        return replace(p, size=size, longest=longest, shorter=shorter, multiple=multiple)


LEAST_SIDE = 16
_MANY = 10**9
_COUNT = (0, _MANY, "0 or more")
_SOME = (1, 10**6, "1 or more")
# field → (least, largest, in words)
RANGES: dict[str, tuple[float, float, str]] = {
    "classes": (0, 32767, "a whole number up to 32767"),
    "ignored": (0, 65535, "labels from 0 to 65535"),
    "epochs": _COUNT,
    "steps": _COUNT,
    "minutes": _COUNT,
    "varied": (1, LONGEST_SIDE, f"pixels, at most {LONGEST_SIDE}"),
    "batch": _SOME,
    "accumulate": _SOME,
    "workers": (0, 256, "a whole number up to 256"),
    "learning_rate": (0, 1e3, "0 or more"),
    "betas": (0, 1 - 1e-9, "two numbers from 0 to below 1"),
    "momentum": (0, 1 - 1e-9, "from 0 to below 1"),
    "epsilon": (0, 1, "from 0 to 1"),
    "weight_decay": _COUNT,
    "backbone_rate": _COUNT,
    "power": _COUNT,
    "milestones": (0, 1, "shares of the run, from 0 to 1"),
    "gamma": (0, 1, "from 0 to 1"),
    "least": (0, 1e3, "0 or more"),
    "warm_up": _COUNT,
    "warm_from": (0, 1, "from 0 to 1"),
    "clip": _COUNT,
    "average": (0, 1 - 1e-9, "from 0 to below 1"),
    "validate_every": _COUNT,
    "patience": _COUNT,
    "save_every": _COUNT,
    "report_every": _SOME,
    "pictures": (0, 64, "a whole number up to 64"),
}

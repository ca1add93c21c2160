"""What a training minimises, by name: maps and truth of a batch in, the terms of the loss out; their sum is trained on.

    objective = objectives.get("birefnet", task="DIS5K").to(device)
    terms = objective(net(x), truth, inputs=x, epoch=e, epochs=E)
    sum(terms.values()).backward()

Terms are computed from logits, in float32 (float64 for float64 maps), whatever autocast says. An objective is a module as it
may own a frozen one, IS-Net's ground-truth encoder; nothing in it is trained, and it stays in eval mode.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from ..errors import BadInput
from ..nn.checkpoint import load
from ..nn.isnet import ISNetTruthEncoder
from .losses import birefnet
from .losses.basnet import basnet_losses
from .losses.inspyrenet import CONSISTENCY, inspyrenet_losses
from .losses.matting import alpha_gradient, alpha_laplacian
from .losses.mini import PARTS, SCALES, mini_losses
from .losses.several import IGNORED, Distance, cross_entropy, supervise
from .losses.u2net import isnet_feature_losses, isnet_losses, u2net_losses

__all__ = ["FAMILIES", "OBJECTIVES", "Objective", "get"]

Terms = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Moment:
    """What a loss may depend on beside maps and truth: the batch, and how far the run is. See `Objective`."""

    inputs: Tensor | None
    classes: Tensor | None
    share: float
    epoch: int | None
    epochs: int | None


class Objective(nn.Module):
    """A loss by name; a call gives its terms, each one number with its weight.

    name: as `get` was asked for it. arguments: all, with their defaults.
    """

    def __init__(
        self,
        name: str,
        arguments: dict[str, Any],
        terms: Callable[[Any, Tensor, Moment], Terms],
        frozen: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.name, self.arguments, self.terms = name, arguments, terms
        self.frozen = frozen
        self.eval().requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> Objective:  # noqa: ARG002, FBT001, FBT002  the signature is PyTorch's
        """Stay in eval mode."""
        return super().train(mode=False)

    def forward(
        self,
        maps: Any,
        targets: Tensor,
        *,
        inputs: Tensor | None = None,
        classes: Tensor | None = None,
        share: float = 0.0,
        epoch: int | None = None,
        epochs: int | None = None,
    ) -> Terms:
        """The terms by name; the loss is their sum.

        Args:
            maps: `net(x)` in training mode, or `net.maps(x)`.
            targets: (N, 1, h, w) float in [0, 1], of the input's size; label maps, (N, h, w) whole numbers, for `segformer`.
            inputs: x, for an objective that looks at the pictures.
            classes: (N,) int64, for an auxiliary head; negative where a picture has none.
            share: part of the run that is over, 0 … 1; counts where epochs are not given.
            epoch: from 0 on.
            epochs: how many there will be; None, as `epoch`, in a run that is measured in steps or minutes.

        Raises:
            BadInput: targets of another shape than the maps, or something is missing that the objective needs.
        """
        return self.terms(maps, targets, Moment(inputs, classes, share, epoch, epochs))

    def extra_repr(self) -> str:
        """Name and arguments."""
        given = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        return f"{self.name}, {given}" if given else self.name


Made = tuple[Callable[[Any, Tensor, Moment], Terms], nn.Module | None]


def get(name: str, **arguments: Any) -> Objective:
    """The objective of that name.

    Args:
        name: one of `OBJECTIVES`.
        arguments: see the function of that name below; what is not given is as published.

    Raises:
        BadInput: no such name, no such argument of it, or a value that it cannot have.
        BadCheckpoint: IS-Net's encoder is not in the file that is named.
    """
    if name not in OBJECTIVES:
        near = get_close_matches(name, OBJECTIVES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"Unknown objective {name!r}; there are: {', '.join(OBJECTIVES)}.{hint}")
    make = OBJECTIVES[name]
    known = inspect.signature(make).parameters
    if unknown := [key for key in arguments if key not in known]:
        offer = f"it takes: {', '.join(known)}" if known else "it takes none"
        raise BadInput(f"The objective {name} has no argument {unknown[0]!r}; {offer}.")
    complete = {key: arguments.get(key, each.default) for key, each in known.items()}
    return Objective(name, complete, *make(**arguments))


# --- of each family ----------------------------------------------------------------------------------------------------


def u2net() -> Made:
    """U²-Net's, and U²-Net-P's: the cross-entropy of all seven maps."""
    return lambda maps, truth, _: {"bce": u2net_losses(maps, truth).sum()}, None


def isnet(
    *, encoder: str | os.PathLike[str] | nn.Module | None = None, distance: Distance = "mse"
) -> Made:
    """IS-Net's: the cross-entropy of all six maps, and with an encoder how far its features are from the encoder's.

    encoder: the trained ground-truth encoder, or its file; None or "": cross-entropy alone, as the published script does.
    distance: of features: `mse`, as in the paper, `mae`, `smooth_l1` or `kl`.
    """
    _one_of("distance", distance, get_args(Distance))
    if encoder is None or encoder == "":
        return _cross_entropies, None
    net = encoder if isinstance(encoder, nn.Module) else load(encoder)
    if not isinstance(net, ISNetTruthEncoder):
        raise BadInput(
            f"The encoder of IS-Net's features is a {type(net).__name__}, but must be a trained isnet-gt-encoder: train one "
            "with the recipe isnet-gt-encoder, and give its file."
        )

    def terms(maps: Any, truth: Tensor, moment: Moment) -> Terms:
        found = _cross_entropies(maps, truth, moment)
        with torch.no_grad():
            encoded = net.maps(truth.to(next(net.parameters()).dtype))
        return found | {"features": isnet_feature_losses(maps, encoded, distance=distance).sum()}

    return terms, net


def isnet_gt_encoder() -> Made:
    """The ground-truth encoder's: the cross-entropy of all six maps with what went in."""
    return _cross_entropies, None


def _cross_entropies(maps: Any, truth: Tensor, _moment: Moment) -> Terms:
    return {"bce": isnet_losses(maps, truth).sum()}


def basnet() -> Made:
    """BASNet's hybrid: cross-entropy, similarity and intersection over union of all eight maps."""

    def terms(maps: Any, truth: Tensor, _moment: Moment) -> Terms:
        losses = basnet_losses(maps, truth)
        return {name: each.sum() for name, each in losses._asdict().items()}

    return terms, None


def inspyrenet(*, consistency: float = CONSISTENCY) -> Made:
    """InSPyReNet's: cross-entropy, intersection over union and consistency of the pyramid.

    consistency: its weight.
    """

    def terms(maps: Any, truth: Tensor, _moment: Moment) -> Terms:
        losses = inspyrenet_losses(maps, truth)
        return {
            "bce": losses.bce.sum(),
            "iou": losses.iou.sum(),
            "consistency": consistency * losses.consistency.sum(),
        }

    return terms, None


def birefnet_(
    *,
    task: str = "General",
    weights: Mapping[str, float] | None = None,
    late_epochs: int | None = None,
    gradient_target: birefnet.GradientTarget = "prediction",
    gradient_weight: float = 1.0,
    class_weight: float = birefnet.CLASSES,
) -> Made:
    """BiRefNet's: weighted terms of all maps, what the gates see, and the auxiliary head's classes.

    task: whose weights and last epochs: DIS5K, COD, HRSOD, General, General-2K or Matting.
    weights: of terms, by name, instead of the task's.
    late_epochs: how many epochs at the end change the weights; None: the published number (40, 20 or 10 by task) in the
        published number of epochs, and their share in a shorter or longer run; 0: none does.
    gradient_target: `prediction`, as published: gates learn the picture's gradient times the side maps; `truth`: times the
        true mask.
    gradient_weight, class_weight: of gates and auxiliary head; 0 leaves them out.
    """
    birefnet.late_weights(task, 0)  # refuses an unknown task
    chosen = birefnet.TASKS[task] if weights is None else dict(weights)
    birefnet.check_terms(chosen)
    _one_of("gradient_target", gradient_target, get_args(birefnet.GradientTarget))

    def terms(maps: Any, truth: Tensor, moment: Moment) -> Terms:
        late = _late(task, late_epochs, moment)
        if maps.classes and class_weight and moment.classes is None:
            raise BadInput(
                "The network has an auxiliary head, but the pictures have no classes: set class_weight to 0, or train on "
                "files that are named by their classes."
            )
        losses = birefnet.birefnet_losses(
            maps,
            truth,
            weights=birefnet.late_weights(task, late, chosen),
            labels=moment.classes if class_weight else None,
            gradient_target=gradient_target,
            images=moment.inputs,
        )
        found = dict(losses.terms)
        if maps.gradients and gradient_weight:
            found["gradient"] = gradient_weight * losses.gradient
        if maps.classes and class_weight:
            found["classes"] = class_weight / birefnet.CLASSES * losses.classes
        return found

    return terms, None


def _late(task: str, late_epochs: int | None, moment: Moment) -> int:
    """How many times the weights have changed."""
    if (
        moment.epoch is None or moment.epochs is None
    ):  # measured in steps or minutes: as long as published
        epochs = birefnet.EPOCHS[task]
        epoch = min(int(moment.share * epochs), epochs - 1)
    else:
        epoch, epochs = moment.epoch, moment.epochs
    if late_epochs is None:
        return birefnet.late_epochs(task, epoch, epochs)
    return max(0, epoch + 1 - (epochs - late_epochs))


def segformer(*, average: Literal["all", "valid"] = "all", ignored: int = IGNORED) -> Made:
    """SegFormer's: the cross-entropy of the enlarged logits.

    average: over all pixels, as published, or over the valid ones, as transformers does. ignored: the label that does not count.
    """
    _one_of("average", average, ("all", "valid"))

    def terms(maps: Any, labels: Tensor, _moment: Moment) -> Terms:
        loss = cross_entropy(maps.logits, labels, average=average, ignored=ignored)
        return {"cross_entropy": loss}

    return terms, None


def mini(*, scales: Sequence[float] = SCALES, parts: Sequence[float] = PARTS) -> Made:
    """kirie-mini's: cross-entropy, intersection over union and similarity at three scales.

    scales: weights of the answer and of the side maps. parts: weights of the three terms.
    """

    def terms(maps: Any, truth: Tensor, _moment: Moment) -> Terms:
        losses = mini_losses((maps.logits, *maps.sides), truth, scales=scales, parts=parts)
        return losses._asdict()

    return terms, None


MATTING = {**birefnet.TERMS, "laplacian": alpha_laplacian, "gradient": alpha_gradient}


def matting(*, weights: Mapping[str, float] | None = None, sides: float = 1.0) -> Made:
    """Soft alpha for any network: BiRefNet's weights for matting, and more terms where they are given a weight.

    weights: of terms, by name: those of BiRefNet, `laplacian` (of alpha's pyramid) and `gradient`; None: bce 30, ssim 10,
        mae 100.
    sides: weight of all maps but the answer, which are enlarged; 0 leaves them out.
    """
    chosen = birefnet.TASKS["Matting"] if weights is None else dict(weights)
    birefnet.check_terms(chosen, MATTING)

    def terms(maps: Any, alpha: Tensor, _moment: Moment) -> Terms:
        answer, others = maps.logits, _others(maps) if sides else ()
        each = {}
        for name, weight in chosen.items():
            if weight:
                losses = supervise((answer, *others), alpha, MATTING[name], resize="maps")
                each[name] = weight * (losses[0] + sides * losses[1:].sum())
        return each

    return terms, None


def _others(maps: Any) -> tuple[Tensor, ...]:
    """The predictions beside the answer that maps of any family hold."""
    if hasattr(maps, "saliency"):
        return tuple(maps.saliency[:-1])  # the last is the answer
    if hasattr(maps, "sides"):
        return tuple(maps.sides)
    return tuple(each for each in maps[1:] if isinstance(each, Tensor))


def _one_of(name: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        raise BadInput(f"{name} is {value!r}, but can only be one of: {', '.join(choices)}.")


OBJECTIVES: dict[str, Callable[..., Made]] = {
    "u2net": u2net,
    "isnet": isnet,
    "isnet-gt-encoder": isnet_gt_encoder,
    "basnet": basnet,
    "inspyrenet": inspyrenet,
    "birefnet": birefnet_,
    "segformer": segformer,
    "mini": mini,
    "matting": matting,
}

# family of networks (`nn.build.FAMILIES`) → the objective that one is trained with where nothing else is said
FAMILIES: dict[str, str] = {
    "u2net": "u2net",
    "isnet": "isnet",
    "basnet": "basnet",
    "inspyrenet": "inspyrenet",
    "birefnet": "birefnet",
    "segformer": "segformer",
    "mini": "mini",
}

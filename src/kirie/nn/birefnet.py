"""BiRefNet: an encoder that sees the picture at two sizes, and a decoder that sees it again at every level.

Paper: Zheng, Gao, Fan, Liu, Laaksonen, Ouyang, Sebe: "Bilateral Reference for High-Resolution Dichotomous Image
Segmentation", CAAI Artificial Intelligence Research 3, 2024; arXiv 2401.03407.
Upstream: github.com/ZhengPeng7/BiRefNet (MIT).
Written anew from the paper and from facts about the upstream code. What differs: the options are arguments and blocks
handed in; levels are a loop; the last 1×1 convolution is applied before the last enlargement and not after it, which is the
same, without a hundred channels of the picture's size. What the published code offers but cannot run works here where it has
one meaning: several squeeze blocks with context, no image in the decoder, two sizes added up with a convolutional backbone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn

from ..errors import BadInput
from . import birefnet_blocks as blocks
from .backbones import build_backbone
from .birefnet_blocks import aligned
from .birefnet_decoder import Decoder, Features, Gate, NoGate, laplacian
from .birefnet_refine import (
    Loop,
    NoRefinement,
    Refinement,
    RefinementByItself,
    Refiner,
    RefUNet,
    Stem,
)

__all__ = ["BiRefNet", "BiRefNetMaps"]

Attention = Literal["deformable", "aspp", "none", "deformable-2023", "deformable-v4"]

T = TypeVar("T")

# --- encoder ---------------------------------------------------------------------------------------------------------


def _once(backbone: nn.Module, x: Tensor) -> Features:
    """The features of the picture."""
    features: Features = backbone(x)
    return features


def _twice(backbone: nn.Module, x: Tensor, *, join: Callable[[Tensor, Tensor], Tensor]) -> Features:
    """The features of the picture, and of its half-size copy enlarged to the same sizes, joined."""
    full = _once(backbone, x)
    half = _once(backbone, aligned(x, (x.shape[2] // 2, x.shape[3] // 2)))
    return tuple(join(a, aligned(b, a.shape[-2:])) for a, b in zip(full, half, strict=True))


def _beside(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat((a, b), dim=1)


# scale_inputs → how many times the backbone's channels there are, and how the features are made
SCALES: dict[str, tuple[int, Callable[[nn.Module, Tensor], Features]]] = {
    "cat": (2, partial(_twice, join=_beside)),
    "add": (1, partial(_twice, join=torch.add)),
    "none": (1, _once),
}

# --- model -----------------------------------------------------------------------------------------------------------


class BiRefNetMaps(NamedTuple):
    """All maps of BiRefNet, logits each; empty where an option leaves them out.

    In training mode the published network returns `[(gdt_pred, gdt_label), [m4, m3, m2, p1_out]]` and the class logits.
    """

    logits: Tensor  # (N, 1, h, w); p1_out
    sides: Features  # (N, 1, h/32, w/32), … at 1/16, 1/8; m4, m3, m2
    gradients: Features  # of the same sizes; gdt_pred: where the gates saw edges
    references: Features  # (N, 1, h, w) each; gdt_label: the image's Laplacian times each side map, what gradients learn
    classes: Features  # one of (N, classes); class_preds
    passes: Features  # where a refiner looks again: the first pass's logits, and all that refining appends to the list


class BiRefNet(nn.Module):
    """BiRefNet: (N, 3, h, w) float, normalised → (N, 1, h, w) logits; h and w are multiples of 32, from 64 on.

    In training mode a call returns all maps, as `maps` does.

    Args:
        backbone: one of `BACKBONES`.
        scale_inputs: `cat`: the features of the picture and of its half-size copy, side by side; `add`: their sum; `none`:
            those of the picture alone.
        context: how many of the three finer features join the deepest, 0 … 3; the deeper ones first.
        squeeze, squeezes: what then brings the deepest back to its channels, and how many of it: `basic` and `residual` are
            blocks, `aspp`, `deformable`, `deformable-2023` and `deformable-v4` are attentions alone.
        block: of the decoder: `basic` or `residual`.
        attention: inside the blocks: `deformable`, `aspp`, `none`, `deformable-2023`, which has fewer branches, or
            `deformable-v4`, kirie's own experiment: `DeformableConvV4` instead of the second version.
        inner: channels inside the blocks; None: a quarter of what comes in.
        patches: how the decoder sees the image: `split` into pieces that become channels, `resized`, or `none`.
        patch_order: of the pieces' channels: `colour`, or `grid`, as it was before November 2024.
        deepest_patches: whether the level at 1/32 sees the image, too.
        sides: whether the decoder's deeper levels have maps of their own, for training.
        gates: whether what learns the image's gradient weighs these levels; needs `sides`.
        norm: `batch`, or `none`, as the published network for batches of one has it; the backbone keeps its own.
        auxiliary_classes: classes of a head that helps in training; the published one has 219.
        refine: who looks again at picture and answer, as until January 2024: `none`, `itself`, `refunet`, or `refiner` and
            `refiner-four`, networks with the same backbone, with and without a stem.
        refine_tiles: along each side; the first pass sees the picture that many times smaller, and h and w are multiples of 32
            times as much. 1: all passes see the whole.
        refine_iterations: how often it looks again.
        ender: whether the published convolutions follow each time; only where there are tiles.
        drop_path: how often the backbone's last block is left out in training; None: the backbone's own.
    """

    def __init__(
        self,
        *,
        backbone: str = "swin_v1_l",
        scale_inputs: Literal["cat", "add", "none"] = "cat",
        context: int = 3,
        squeeze: str = "basic",
        squeezes: int = 1,
        block: Literal["basic", "residual"] = "basic",
        attention: Attention = "deformable",
        inner: int | None = 64,
        patches: Literal["split", "resized", "none"] = "split",
        patch_order: Literal["colour", "grid"] = "colour",
        deepest_patches: bool = True,
        sides: bool = True,
        gates: bool = True,
        norm: Literal["batch", "none"] = "batch",
        auxiliary_classes: int = 0,
        refine: Literal["none", "itself", "refunet", "refiner", "refiner-four"] = "none",
        refine_tiles: int = 2,
        refine_iterations: int = 1,
        ender: bool = False,
        drop_path: float | None = None,
    ) -> None:
        super().__init__()
        _check(context=context, squeezes=squeezes, sides=sides, gates=gates)
        _least(0, squeezes=squeezes, classes=auxiliary_classes, refine_iterations=refine_iterations)
        _least(1, inner=1 if inner is None else inner, refine_tiles=refine_tiles)
        normed = _of("norm", norm, NORMS)
        rates = {} if drop_path is None else {"drop_path": drop_path}
        made = _makers(_of("attention", attention, blocks.ATTENTIONS), norm=normed, inner=inner)
        level = _of("block", block, {name: made[name] for name in blocks.BLOCKS})
        times, self.scales = _of("scale_inputs", scale_inputs, SCALES)

        self.backbone: nn.Module = build_backbone(backbone, **rates)
        own: tuple[int, ...] = cast("Any", self.backbone).channels
        channels = tuple(times * each for each in own)
        self.context = context
        inputs = [sum(channels[3 - context :]), *channels[3:] * squeezes][:squeezes]
        squeezed = _of("squeeze", squeeze, {k: v for k, v in made.items() if k != "none"})
        self.squeeze = nn.Sequential(*(squeezed(each, channels[3]) for each in inputs))
        self.decoder = Decoder(
            channels,
            block=level,
            cut=_of("patch_order", patch_order, _of("patches", patches, blocks.CUTS)),
            deepest_image=deepest_patches,
            sides=sides,
            gates=partial(Gate, norm=normed) if gates else NoGate,
        )
        heads = [nn.Linear(channels[3], auxiliary_classes)] if auxiliary_classes else []
        self.classify = nn.ModuleList(heads)

        def refiner(stem: nn.Module, inputs: int) -> nn.Module:
            own_backbone = build_backbone(backbone, inputs=inputs, **rates)
            squeeze, plain = made["basic"](own[3], own[3]), Decoder(own, block=level, sides=sides)
            return Refiner(stem, own_backbone, squeeze=squeeze, decoder=plain)

        loop = {"tiles": refine_tiles, "iterations": refine_iterations, "ender": ender}
        self.refinement = _of("refine", refine, REFINEMENTS)(refiner, **loop)

    def encode(self, x: Tensor) -> Features:
        """The four features of a picture, (N, Cₙ, h/4, w/4) to (N, Cₙ, h/32, w/32), both sizes joined."""
        return self.scales(self.backbone, x)

    def decode(self, features: Features, x: Tensor) -> tuple[Tensor, Features, Features]:
        """Logits, side maps and gradients, from the features and the picture itself."""
        *finer, deepest = features
        size = deepest.shape[-2:]
        joined = [aligned(each, size) for each in finer[3 - self.context :]]
        return self.decoder((*finer, self.squeeze(torch.cat((*joined, deepest), dim=1))), x)

    def once(self, x: Tensor) -> Features:
        """The side maps and the logits of one pass, the logits last."""
        logits, sides, _ = self.decode(self.encode(x), x)
        return (*sides, logits)

    def maps(self, x: Tensor) -> BiRefNetMaps:
        """All maps, in either mode."""
        first = self._first(x)
        features = self.encode(first)
        logits, sides, gradients = self.decode(features, first)
        references: Features = ()
        if gradients:
            edges = laplacian(first)
            references = tuple(edges * aligned(side, edges.shape[-2:]) for side in sides)
        classes = tuple(head(features[-1].mean((2, 3))) for head in self.classify)
        more = self.refinement.further(self.once, x, logits)
        passes = (logits, *more) if more else ()
        return BiRefNetMaps((logits, *more)[-1], sides, gradients, references, classes, passes)

    def forward(self, x: Tensor) -> Tensor | BiRefNetMaps:
        """The logits in eval mode; all maps in training mode."""
        if self.training:
            return self.maps(x)
        *_, logits = self.once(self._first(x))
        return (logits, *self.refinement.further(self.once, x, logits))[-1]

    def _first(self, x: Tensor) -> Tensor:
        """The picture as the first pass sees it.

        Raises:
            BadInput: a size that the decoder cannot cut.
        """
        _, _, H, W = x.shape
        multiple = 32 * self.refinement.tiles
        if H % multiple or W % multiple:
            raise BadInput(
                f"This BiRefNet takes heights and widths that are multiples of {multiple}, not {H}×{W}."
            )
        return self.refinement.first(x)


def _makers(
    attention: Callable[..., nn.Module], *, norm: blocks.Norm, inner: int | None
) -> dict[str, Callable[[int, int], nn.Module]]:
    """Name → what makes such a part, of (inputs, outputs)."""
    inside: dict[str, Any] = {"attention": attention, "inner": inner}
    return {
        **{name: partial(each, norm=norm, **inside) for name, each in blocks.BLOCKS.items()},
        **{name: partial(each, norm=norm) for name, each in blocks.ATTENTIONS.items()},
    }


def _of(name: str, value: object, choices: Mapping[Any, T]) -> T:
    """What an option's value stands for."""
    if value not in choices:
        raise BadInput(
            f"BiRefNet's {name} is {value!r}, but can only be one of: {', '.join(map(str, choices))}."
        )
    return choices[value]


def _least(bound: int, **numbers: int) -> None:
    for name, number in numbers.items():
        if number < bound:
            raise BadInput(f"BiRefNet's {name} is {number}, but must be at least {bound}.")


def _check(*, context: int, squeezes: int, sides: bool, gates: bool) -> None:
    _of("context", context, dict.fromkeys(range(4)))
    if (context and not squeezes) or (gates and not sides):
        raise BadInput(
            "BiRefNet needs a squeeze block where features of several levels come together, and sides where there are "
            f"gates; not context={context} with squeezes={squeezes}, gates={gates} with sides={sides}."
        )


# --- variants --------------------------------------------------------------------------------------------------------

NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "none": nn.Identity}

# refine → what makes the loop; `refiner` is what makes a network, of a stem and the channels behind it
REFINEMENTS: dict[str, Callable[..., Loop]] = {
    "none": lambda _refiner, **_loop: NoRefinement(),
    "itself": lambda _refiner, **loop: RefinementByItself(**loop),
    "refunet": lambda _refiner, **loop: Refinement(RefUNet(), **loop),
    "refiner": lambda refiner, **loop: Refinement(refiner(Stem(), 3), **loop),
    "refiner-four": lambda refiner, **loop: Refinement(refiner(nn.Identity(), 4), **loop),
}

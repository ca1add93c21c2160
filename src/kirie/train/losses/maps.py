"""Losses of one map of logits against its truth; the families' losses are made of these.

All take logits and truth of one shape, (N, 1, h, w), truth in [0, 1] (soft edges count), and return one number, a mean over
pixels or pictures unless it says otherwise. They compute in float32 (float64 for float64 logits) inside autocast too, and
raise BadInput where the two shapes differ. Where a published formula has a quirk, it is kept and named.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import BadInput
from ._exact import exact

__all__ = [
    "bce",
    "box_ssim",
    "contour",
    "edge_weights",
    "iou",
    "mae",
    "mse",
    "patch_iou",
    "pixel_iou",
    "regional",
    "similarity",
    "ssim",
    "structure",
    "weighted_bce",
]

EDGES = 31  # side of the window that finds a truth's edges, in pixels
PATCH = 64  # side of a patch that is looked at by itself, in pixels
WINDOW, SIGMA = 11, 1.5  # of the similarity's Gaussian window, in pixels
BOX = 8  # side of its square window, in pixels
_C1, _C2 = 0.01**2, 0.03**2  # the constants of the SSIM paper, for values in 0..1

# --- each pixel by itself --------------------------------------------------------------------------------------------


@exact
def bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy. The published codes take probabilities; from logits it has no rounding of large ones."""
    return F.binary_cross_entropy_with_logits(logits, truth)


def edge_weights(truth: Tensor) -> Tensor:
    """How much each pixel counts near edges: 1 far from them, up to 6 at them; (N, 1, h, w) → the same (F³Net)."""
    near = F.avg_pool2d(truth, EDGES, stride=1, padding=EDGES // 2)  # zeros outside are counted
    return 1 + 5 * (near - truth).abs()


@exact
def weighted_bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy times `edge_weights`; as InSPyReNet publishes it, the mean is over pixels, not over weights."""
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (edge_weights(truth) * each).mean()


@exact
def mae(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of the probability; of alpha, where the truth is soft."""
    return F.l1_loss(logits.sigmoid(), truth)


@exact
def mse(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of the probability."""
    return F.mse_loss(logits.sigmoid(), truth)


@exact
def regional(logits: Tensor, _truth: Tensor) -> Tensor:
    """How undecided the probability is: 1 − p² − (1 − p)², 0 at 0 and 1, a half at a half; the truth plays no part."""
    p = logits.sigmoid()
    return (1 - p.square() - (p - 1).square()).mean()


@exact
def contour(logits: Tensor, truth: Tensor) -> Tensor:
    """Chan and Vese's: ten times the contour's length, and how badly both sides are filled (BiRefNet's `cnt`)."""
    p = logits.sigmoid()
    down = p[:, :, 1:] - p[:, :, :-1]
    across = p[:, :, :, 1:] - p[:, :, :, :-1]
    # As published, the two differences at a place are of pixels that stand diagonally.
    steps = down[:, :, 1:, :-2].square() + across[:, :, :-2, 1:].square()
    length = (steps + 1e-8).sqrt().mean()
    return 10 * length + (p * (truth - 1).square()).mean() + ((1 - p) * truth.square()).mean()


# --- regions ---------------------------------------------------------------------------------------------------------


@exact
def iou(
    logits: Tensor,
    truth: Tensor,
    *,
    smooth: float = 0.0,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """1 − soft intersection over union of each picture, all its pixels together.

    Args:
        logits: (N, 1, h, w).
        truth: (N, 1, h, w) in [0, 1].
        smooth: pixels that are added to both areas, so that an empty truth is defined: 0 for BASNet and BiRefNet, where
            nothing on both sides counts as an intersection over union of 0; 1 for kirie-mini.
        reduction: over the pictures; `sum` is BiRefNet's.
    """
    return _reduced(1 - _overlap(logits.sigmoid(), truth, smooth), reduction)


@exact
def pixel_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """As InSPyReNet publishes it: each pixel has an intersection over union of its own, one added to both."""
    p = logits.sigmoid()
    both = p * truth
    return (1 - (both + 1) / (p + truth - both + 1)).mean()


@exact
def patch_iou(
    logits: Tensor,
    truth: Tensor,
    *,
    patch: int = PATCH,
    patches: Literal["first", "all"] = "first",
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """1 − soft intersection over union of square patches.

    Args:
        logits: (N, 1, h, w).
        truth: (N, 1, h, w) in [0, 1].
        patch: side of a patch in pixels; those at the far borders may be smaller.
        patches: `first`: the top left one alone, which is what BiRefNet's published code computes; `all`: the sum over
            all of them, which is what it was meant to; a patch without subject and without prediction adds 0.
        reduction: over the pictures; `sum` is BiRefNet's.
    """
    if patches not in ("first", "all"):
        raise BadInput(f"patches is {patches!r}, but can only be one of: first, all.")
    p = logits.sigmoid()
    if patches == "first":
        corner = (..., slice(patch), slice(patch))
        return _reduced(1 - _overlap(p[corner], truth[corner], 0.0), reduction)
    both, either = (
        F.avg_pool2d(each, patch, divisor_override=1)  # a sum
        for each in _padded((p * truth, p + truth - p * truth), patch)
    )
    missed = (either - both) / either.clamp_min(torch.finfo(p.dtype).tiny)  # (N, 1, rows, columns)
    return _reduced(missed.sum((1, 2, 3)), reduction)


@exact
def structure(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy and intersection over union, both weighted by `edge_weights` (F³Net).

    BiRefNet's training hands it probabilities in place of logits: `structure(logits.sigmoid(), truth)`.
    """
    weights, p = edge_weights(truth), logits.sigmoid()
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    entropy = (weights * each).sum((2, 3)) / weights.sum((2, 3))
    both = (weights * p * truth).sum((2, 3))
    either = (weights * (p + truth)).sum((2, 3)) - both
    return (entropy + 1 - (both + 1) / (either + 1)).mean()


@exact
def ssim(logits: Tensor, truth: Tensor) -> Tensor:
    """1 − structural similarity of probability and truth (`similarity`), as BASNet has it; BiRefNet takes half of it."""
    return 1 - similarity(logits.sigmoid(), truth)


def similarity(x: Tensor, y: Tensor) -> Tensor:
    """Mean structural similarity (Wang et al., 2004) of (N, 1, h, w) in 0…1, by a Gaussian window; outside are zeros."""
    places = range(-(WINDOW // 2), WINDOW // 2 + 1)
    gauss = torch.tensor([math.exp(-(n**2) / (2 * SIGMA**2)) for n in places], device="cpu")
    # In float32 whatever the maps are: the kernel's rounding shows in the variances, and thereby in the published numbers.
    gauss = gauss / gauss.sum()
    kernel = torch.outer(gauss, gauss).to(x)[None, None].repeat(5, 1, 1, 1)
    # TensorFloat-32 would round the moments by more than _C2, and a denominator could reach zero.
    with torch.backends.cudnn.flags(allow_tf32=False):
        means = F.conv2d(_moments(x, y), kernel, padding=WINDOW // 2, groups=5)
    return _ssim(means).mean()


@exact
def box_ssim(logits: Tensor, truth: Tensor) -> Tensor:
    """1 − structural similarity over square windows of 8 pixels that lie wholly inside; kirie-mini's, quick on a CPU."""
    return (1 - _ssim(_window_means(_moments(logits.sigmoid(), truth)))).mean()


# --- parts -----------------------------------------------------------------------------------------------------------


def _overlap(p: Tensor, truth: Tensor, smooth: float) -> Tensor:
    """Soft intersection over union of each picture: (N,)."""
    both = (p * truth).sum((1, 2, 3))
    either = (p + truth).sum((1, 2, 3)) - both
    return (both + smooth) / (either + smooth).clamp_min(torch.finfo(p.dtype).tiny)


def _reduced(each: Tensor, reduction: Literal["mean", "sum"]) -> Tensor:
    if reduction not in ("mean", "sum"):
        raise BadInput(f"reduction is {reduction!r}, but can only be one of: mean, sum.")
    return each.mean() if reduction == "mean" else each.sum()


def _padded(maps: tuple[Tensor, ...], side: int) -> list[Tensor]:
    """With zeros at the far borders, up to multiples of the side."""
    h, w = maps[0].shape[-2:]
    return [F.pad(each, (0, -w % side, 0, -h % side)) for each in maps]


def _moments(x: Tensor, y: Tensor) -> Tensor:
    return torch.cat((x, y, x * x, y * y, x * y), dim=1)  # (N, 5, h, w)


def _ssim(means: Tensor) -> Tensor:
    """The similarity at every window, of its mean moments (N, 5, h, w) → (N, h, w)."""
    mx, my, xx, yy, xy = means.unbind(1)
    vx, vy, both = xx - mx * mx, yy - my * my, xy - mx * my
    return (2 * mx * my + _C1) * (2 * both + _C2) / ((mx * mx + my * my + _C1) * (vx + vy + _C2))


def _window_means(x: Tensor) -> Tensor:
    """Means over 8×8 windows, (N, C, h, w) → (N, C, h-7, w-7); over the whole of a smaller map.

    Pairs, then pairs of pairs, then of those: six additions, where `avg_pool2d` took a seventh of a training step.
    """
    if min(x.shape[2:]) < BOX:
        return x.mean((2, 3), keepdim=True)
    for shift in (1, 2, 4):
        x = x[:, :, shift:] + x[:, :, :-shift]
    for shift in (1, 2, 4):
        x = x[..., shift:] + x[..., :-shift]
    return x / BOX**2

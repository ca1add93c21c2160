"""Deformable convolution, second version: each tap of the kernel looks where the picture tells it to, and as strongly.

Paper: Zhu, Hu, Lin, Dai: "Deformable ConvNets v2: More Deformable, Better Results", CVPR 2019; arXiv 1811.11168; and, for
`aggregate2d`, Xiong et al.: "Efficient Deformable ConvNets: Rethinking Dynamic and Sparse Operator for Vision Applications", CVPR 2024;
arXiv 2401.06197.
Arguments and results are those of torchvision's `deform_conv2d` and of ONNX's `DeformConv`. torchvision's compiled operator
is used where it is installed; else what stands here, which needs PyTorch alone; an export to ONNX writes one `DeformConv`.

How it is done here: a bilinear sample is a weighted sum of four pixels, and `embedding_bag` computes weighted sums of rows of
a table in one pass over memory. So the map becomes a table of pixels, with a border of zeros that stands for everything
outside, and the samples become bags of four. They lie tap beside tap, and a convolution that steps from pixel to pixel takes
their product with the weights. This is done for some rows of the output at a time, so that the samples (49 times the map for
a 7×7 kernel) never are in memory together. `benches/layers.py` compares it with `grid_sample`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .layers import tracing

__all__ = ["Steps", "aggregate2d", "deform_conv2d", "sampled_conv2d"]

SAMPLES = 2**22  # numbers that are sampled at a time: 16 MiB
BAGS = ("cpu", "cuda")  # devices that have `embedding_bag` with weights and their gradients


class Steps(NamedTuple):
    """How the kernel moves, as (vertical, horizontal)."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)


PLAIN = Steps()


def deform_conv2d(
    x: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None = None,
    *,
    bias: Tensor | None = None,
    steps: Steps = PLAIN,
) -> Tensor:
    """Convolve with taps that are moved by `offset` and multiplied by `mask`; what lies outside of the map is zero.

    Args:
        x: (B, C, H, W).
        weight: (outputs, C / groups, h, w).
        offset: (B, 2·G·h·w, H', W') in pixels; for each of G groups of channels, and each tap row by row: down, right.
        mask: (B, G·h·w, H', W'), or None for ones.
        bias: (outputs,), or None for zeros.
        steps: stride, padding and dilation.

    Returns:
        (B, outputs, H', W'), where H' = (H + 2·padding - dilation·(h - 1) - 1) / stride + 1, rounded down.
    """
    if torch.onnx.is_in_onnx_export():
        mask = torch.ones_like(offset[:, ::2]) if mask is None else mask
        bias = weight.new_zeros(weight.shape[0]) if bias is None else bias
        written: Tensor = _AsOperator.apply(x, weight, offset, mask, bias, steps)  # type: ignore[no-untyped-call]
        return written
    compiled = _compiled()
    if compiled is None or x.device.type not in ("cpu", "cuda"):
        return sampled_conv2d(x, weight, offset, mask, bias=bias, steps=steps)
    return _by_torchvision(compiled, (x, weight, offset, mask, bias), steps)


def _by_torchvision(
    compiled: Callable[..., Tensor], inputs: tuple[Tensor | None, ...], steps: Steps
) -> Tensor:
    """In 32 bits at least: it computes positions in the type of its inputs, and 16 bits would be too few."""
    kind = next(each.dtype for each in inputs if each is not None)
    exact = torch.float64 if kind == torch.float64 else torch.float32
    x, weight, offset, mask, bias = (t if t is None else t.to(exact) for t in inputs)
    return compiled(x, offset, weight, bias, *steps, mask).to(kind)


@cache
def _compiled() -> Callable[..., Tensor] | None:
    """The operator of torchvision, if it is installed and fits this PyTorch."""
    try:
        from torchvision.ops import deform_conv2d as operator
    except (ImportError, RuntimeError, OSError):  # RuntimeError: it was made for another PyTorch
        return None
    compiled: Callable[..., Tensor] | None = operator
    return compiled if hasattr(torch.ops.torchvision, "deform_conv2d") else None


# --- in PyTorch ------------------------------------------------------------------------------------------------------


def sampled_conv2d(
    x: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None = None,
    *,
    bias: Tensor | None = None,
    steps: Steps = PLAIN,
) -> Tensor:
    """`deform_conv2d` by PyTorch's own operators, on any device, with gradients."""
    B, C, H, W = x.shape
    outputs, _, h, w = weight.shape
    _, _, down, across = offset.shape
    taps, groups = h * w, C // weight.shape[1]
    table, offset, mask = _tabulated(x, offset, mask, taps)
    kernel = weight.reshape(outputs, -1, 1, taps)

    def rows(start: int, end: int, table: Tensor, offset: Tensor) -> Tensor:
        ys, xs = _positions(offset[:, :, start:end], start, (h, w), steps)
        shares = None if mask is None else mask[:, :, start:end]
        samples = _samples(table, ys, xs, shares, (H, W))  # (B, G, end - start, across, taps, C/G)
        # b g i j t c -> b i (j t) (g c); nothing is moved where there is one group
        samples = samples.permute(0, 2, 3, 4, 1, 5).reshape(B, -1, across * taps, C)
        samples = samples.permute(0, 3, 1, 2).to(x.dtype)
        # oneDNN's convolutions are twice as fast as MKL's products on some processors, and never slower.
        return F.conv2d(samples, kernel, bias, stride=(1, taps), groups=groups)

    return _by_rows(rows, down, B * C * taps * across, table, offset)


def aggregate2d(
    x: Tensor, offset: Tensor, mask: Tensor, *, kernel: tuple[int, int], steps: Steps = PLAIN
) -> Tensor:
    """The fourth version's sums (its paper's equation 1): each group of channels is looked up at moved taps and added, nothing mixed.

    `deform_conv2d` with as many groups as channels and weights of one.

    Args:
        x: (B, C, H, W).
        offset: (B, 2·G·h·w, H', W'), as there.
        mask: (B, G·h·w, H', W'), of any sign and size: the fourth version has no softmax.
        kernel: (h, w).
        steps: stride, padding and dilation.

    Returns:
        (B, C, H', W').
    """
    B, C, H, W = x.shape
    if torch.onnx.is_in_onnx_export():
        return deform_conv2d(x, x.new_ones(C, 1, *kernel), offset, mask, steps=steps)
    _, _, down, across = offset.shape
    taps = kernel[0] * kernel[1]
    table, offset, shares = _tabulated(x, offset, mask, taps)
    G = offset.shape[1]

    def rows(start: int, end: int, table: Tensor, offset: Tensor) -> Tensor:
        ys, xs = _positions(offset[:, :, start:end], start, kernel, steps)
        share = None if shares is None else shares[:, :, start:end]
        corners, weights = _corners(ys, xs, share, (H, W))
        # The four pixels of all taps are one bag.
        sums = _weighted(
            table, corners.flatten(-2), weights.flatten(-2)
        )  # (B, G, rows, across, C/G)
        return sums.permute(0, 1, 4, 2, 3).reshape(B, C, end - start, across).to(x.dtype)

    return _by_rows(rows, down, B * G * taps * across * 4 * 4, table, offset)


def _tabulated(
    x: Tensor, offset: Tensor, mask: Tensor | None, taps: int
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Pixels as rows (B·G·(H+3)·(W+3), C/G); offsets (B, G, H', W', taps, 2); masks (B, G, H', W', taps)."""
    B, C, H, W = x.shape
    _, _, down, across = offset.shape
    G = offset.shape[1] // (2 * taps)
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    # Zeros left, above, and twice right and below: a position at the last pixel, or just outside, has neighbours, too.
    table = F.pad(x.to(kind), (1, 2, 1, 2)).reshape(B, G, C // G, H + 3, W + 3)
    table = table.permute(0, 1, 3, 4, 2).reshape(-1, C // G)  # b g c y x -> (b g y x) c
    # b (g t yx) i j -> b g i j t yx
    offset = offset.to(kind).reshape(B, G, taps, 2, down, across).permute(0, 1, 4, 5, 2, 3)
    if mask is not None:
        mask = mask.to(kind).reshape(B, G, taps, down, across).permute(0, 1, 3, 4, 2)
    return table, offset, mask


def _by_rows(
    rows: Callable[[int, int, Tensor, Tensor], Tensor],
    down: int,
    each: int,
    table: Tensor,
    offset: Tensor,
) -> Tensor:
    """Some rows of the output at a time, as many as `SAMPLES` numbers allow where one takes `each`."""
    if torch.compiler.is_compiling() or tracing():  # neither can have a loop whose length is open
        return rows(0, down, table, offset)
    step = max(1, SAMPLES // each)
    cuts = [(start, min(start + step, down)) for start in range(0, down, step)]
    if (
        len(cuts) > 1 and torch.is_grad_enabled()
    ):  # sample again for the gradients rather than keep it all
        again: dict[str, Any] = {"use_reentrant": False, "preserve_rng_state": False}
        return torch.cat([checkpoint(rows, *cut, table, offset, **again) for cut in cuts], dim=2)
    return torch.cat([rows(*cut, table, offset) for cut in cuts], dim=2)


def _positions(
    offset: Tensor, start: int, kernel: tuple[int, int], steps: Steps
) -> tuple[Tensor, Tensor]:
    """Where the taps look, in pixels: two of (B, G, rows, across, taps), from offsets (B, G, rows, across, taps, 2)."""
    _, _, rows, across, _, _ = offset.shape

    def along(count: int, first: int, axis: int) -> tuple[Tensor, Tensor]:
        at = torch.arange(count, device=offset.device) + first
        tap = torch.arange(kernel[axis], device=offset.device) * steps.dilation[axis]
        return at * steps.stride[axis] - steps.padding[axis], tap

    y, tap_y = along(rows, start, 0)
    x, tap_x = along(across, 0, 1)
    ys = y[:, None, None] + tap_y.repeat_interleave(kernel[1])  # (rows, 1, taps)
    xs = x[:, None] + tap_x.repeat(kernel[0])  # (across, taps)
    return offset[..., 0] + ys, offset[..., 1] + xs


def _samples(
    table: Tensor, ys: Tensor, xs: Tensor, shares: Tensor | None, size: tuple[int, int]
) -> Tensor:
    """Bilinear samples of the maps in the table: (B, G, rows, across, taps, C/G)."""
    return _weighted(table, *_corners(ys, xs, shares, size))


def _corners(
    ys: Tensor, xs: Tensor, shares: Tensor | None, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The table's rows of each sample's four pixels, and their weights: (B, G, rows, across, taps, 4) each."""
    B, G, *_ = ys.shape
    H, W = size
    # From a whole pixel outside on, all is zero; so it stays, and no index leaves the table. Not-a-number goes there, too.
    ys = ys.nan_to_num(nan=-1.0).clamp(-1, H)
    xs = xs.nan_to_num(nan=-1.0).clamp(-1, W)
    top, left = ys.detach().floor(), xs.detach().floor()
    lower, right = ys - top, xs - left
    upper = 1 - lower
    if shares is not None:
        lower, upper = lower * shares, upper * shares
    each = torch.arange(B * G, device=ys.device).reshape(B, G, 1, 1, 1) * (H + 3)
    first = (each + top.int() + 1) * (W + 3) + left.int() + 1
    corners = torch.stack((first, first + 1, first + W + 3, first + W + 4), dim=-1)
    by = upper * (1 - right), upper * right, lower * (1 - right), lower * right
    return corners, torch.stack(by, dim=-1)


def _weighted(table: Tensor, indices: Tensor, weights: Tensor) -> Tensor:
    """Sums of rows of the table: (…, rows) indices and weights → (…, C)."""
    if table.device.type not in BAGS:
        return torch.einsum("...fc,...f->...c", table[indices], weights)
    count = indices.shape[-1]
    sums = F.embedding_bag(
        indices.reshape(-1, count),
        table,
        mode="sum",
        per_sample_weights=weights.reshape(-1, count),
    )
    return sums.reshape(*indices.shape[:-1], table.shape[-1])


# --- in an ONNX file -------------------------------------------------------------------------------------------------


class _AsOperator(torch.autograd.Function):
    """One operator of an ONNX file, opset 19; nothing is computed but the shape of the result."""

    @staticmethod
    def forward(_ctx: Any, *inputs: Any) -> Tensor:
        x, weight, offset, *_ = inputs
        return x.new_zeros(x.shape[0], weight.shape[0], *offset.shape[2:])

    @staticmethod
    def symbolic(g: Any, *inputs: Any) -> Any:
        x, weight, offset, mask, bias, steps = inputs
        _, each, h, w = weight.type().sizes()
        return g.op(
            "DeformConv",
            x,
            weight,
            offset,
            bias,
            mask,
            dilations_i=steps.dilation,
            group_i=x.type().varyingSizes()[1] // each,
            kernel_shape_i=(h, w),
            offset_group_i=offset.type().varyingSizes()[1] // (2 * h * w),
            pads_i=(*steps.padding, *steps.padding),
            strides_i=steps.stride,
        )

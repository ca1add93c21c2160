"""Swin Transformer, first version, as a backbone: attention inside windows that are shifted in every other block.

Paper: Liu, Lin, Cao, Hu, Wei, Zhang, Lin, Guo: "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
ICCV 2021; arXiv 2103.14030. Upstream: github.com/microsoft/Swin-Transformer (MIT).
Written anew from the paper and from facts about the form that BiRefNet and InSPyReNet use, the one for detection: any input
size, maps padded to whole windows, and a LayerNorm for each of the four features. Padded positions are not masked: they take
part in the attention, with zeros for input. The shift is kept even where the map is a single window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from .layers import DropPath, Linear
from .layouts import Layout

__all__ = ["PUBLISHED", "VARIANTS", "Swin", "keys"]

APART = -100.0  # added to the attention between positions that only the shift brought together

# --- blocks ----------------------------------------------------------------------------------------------------------


def _pad(x: Tensor, multiple: int) -> Tensor:
    """Zeros at the right and lower edge of (B, H, W, C), up to whole multiples."""
    _, H, W, _ = x.shape
    return F.pad(x, (0, 0, 0, -W % multiple, 0, -H % multiple))


def _windows(x: Tensor, window: int) -> Tensor:
    """(B, H, W, C) → (B, number, window², C), windows row by row."""
    B, H, W, C = x.shape
    x = x.reshape(B, H // window, window, W // window, window, C)
    # b i y j x c -> b i j y x c
    return x.transpose(2, 3).reshape(B, -1, window * window, C)


def _joined(x: Tensor, window: int, size: tuple[int, int]) -> Tensor:
    """The inverse of `_windows`: (B, number, window², C) → (B, H, W, C)."""
    B, _, _, C = x.shape
    H, W = size
    x = x.reshape(B, H // window, W // window, window, window, C)
    # b i j y x c -> b i y j x c
    return x.transpose(2, 3).reshape(B, H, W, C)


def _bias_index(window: int) -> Tensor:
    """(window², window²): for each query and key, which row of the table holds the bias of their offset."""
    ys, xs = np.indices((window, window)).reshape(2, -1)
    dy = ys[:, None] - ys[None, :] + window - 1  # query minus key, from 0
    dx = xs[:, None] - xs[None, :] + window - 1
    return torch.tensor(dy * (2 * window - 1) + dx)


def _shift_mask(size: tuple[int, int], window: int, like: Tensor) -> Tensor:
    """(number, 1, window², window²): 0 where a shifted window's positions are neighbours in the map, else `APART`."""

    def regions(length: int) -> Tensor:
        at = torch.arange(length, device=like.device)
        return (at >= length - window).long() + (at >= length - window // 2).long()

    H, W = size
    labels = 3 * regions(H)[:, None] + regions(W)[None, :]  # nine regions
    labels = _windows(labels[None, :, :, None], window)[0, :, :, 0]  # (number, window²)
    apart = labels[:, :, None] != labels[:, None, :]
    return apart[:, None].to(like.dtype) * APART


class WindowAttention(nn.Module):
    """Attention inside each window, with a learned bias for each offset: (B, number, N, C) → the same, N = window²."""

    def __init__(self, width: int, *, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.bias_index: Tensor
        self.register_buffer("bias_index", _bias_index(window))
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)
        nn.init.trunc_normal_(self.bias_table, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Mix the positions of each window; `mask`, (number, 1, N, N), is added where there is one."""
        B, number, N, C = x.shape
        # b w n (three heads d) -> three (b w) heads n d
        qkv = self.qkv(x).reshape(B * number, N, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.bias_table[self.bias_index.flatten()].reshape(N, N, self.heads)
        bias = bias.permute(2, 0, 1)[None]  # (1, heads, N, N)
        if mask is not None:
            bias = (bias + mask).repeat(B, 1, 1, 1)  # (B number, heads, N, N)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        # (b w) heads n d -> b w n (heads d)
        return self.proj(y.transpose(1, 2).reshape(B, number, N, C))


class Block(nn.Module):
    """Attention and a two-layer perceptron, each added to what came in: (B, H, W, C) → the same.

    In an odd block the map is rolled by half a window before it is cut, and back afterwards.
    """

    def __init__(self, width: int, *, heads: int, window: int, odd: bool, drop_path: float) -> None:
        super().__init__()
        self.window = window
        self.shift = window // 2 if odd else 0
        self.norm1 = nn.LayerNorm(width)
        self.attention = WindowAttention(width, heads=heads, window=window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc1": Linear(width, 4 * width), "fc2": Linear(4 * width, width)})
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Apply the two in turn; `mask` is that of shifted windows."""
        x = x + self.drop_path(self._attend(self.norm1(x), mask))
        y = self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))
        return x + self.drop_path(y)

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        _, H, W, _ = x.shape
        x = _pad(x, self.window)
        size = x.shape[1], x.shape[2]
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), dims=(1, 2))
        x = self.attention(_windows(x, self.window), mask if self.shift else None)
        x = _joined(x, self.window, size)
        if self.shift:
            x = torch.roll(x, (self.shift, self.shift), dims=(1, 2))
        return x[:, :H, :W]


class Merge(nn.Module):
    """Four neighbours become one: (B, H, W, C) → (B, ⌈H/2⌉, ⌈W/2⌉, 2C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the neighbours, column by column, and halve their channels."""
        x = _pad(x, 2)
        upper, lower = x[:, 0::2], x[:, 1::2]
        phases = (upper[:, :, 0::2], lower[:, :, 0::2], upper[:, :, 1::2], lower[:, :, 1::2])
        return self.reduction(self.norm(torch.cat(phases, dim=-1)))


class Stage(nn.Module):
    """Blocks of one width: (B, H, W, C) → the same."""

    def __init__(self, width: int, *, heads: int, window: int, drop_paths: list[float]) -> None:
        super().__init__()
        self.window = window
        self.blocks = nn.ModuleList(
            Block(width, heads=heads, window=window, odd=index % 2 == 1, drop_path=rate)
            for index, rate in enumerate(drop_paths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply all blocks; shifted windows have one mask, made from the padded size."""
        _, H, W, _ = x.shape
        padded = H + -H % self.window, W + -W % self.window
        mask = _shift_mask(padded, self.window, x)
        for block in self.blocks:
            x = block(x, mask)
        return x


# --- model -----------------------------------------------------------------------------------------------------------


class Swin(nn.Module):
    """Swin: (B, channels, H, W) → four features (B, Cₙ, ⌈H/4⌉ … ⌈H/32⌉, …); any H and W.

    `channels` are C₁ … C₄, each twice the one before; `stem_channels` is C₁.

    Args:
        width: C₁.
        depths: blocks of each stage.
        heads: attention heads of each stage.
        window: side of a window, in positions.
        inputs: channels of the input.
        drop_path: how often the last block is left out in training; it grows linearly from 0.
    """

    def __init__(
        self,
        *,
        width: int,
        depths: tuple[int, int, int, int],
        heads: tuple[int, int, int, int],
        window: int,
        inputs: int = 3,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        if window < 1 or width < 1 or inputs < 1 or any(width * 2**n % heads[n] for n in range(4)):
            raise BadInput(
                f"Swin needs a window of at least one position and widths that its heads divide, not width={width}, "
                f"heads={heads}, window={window}, inputs={inputs}."
            )
        widths = [width * 2**n for n in range(4)]
        self.channels = tuple(widths)
        self.stem_channels = width
        self.embed = nn.ModuleDict(
            {"proj": nn.Conv2d(inputs, width, 4, stride=4), "norm": nn.LayerNorm(width)}
        )
        rates = [drop_path * n / max(1, sum(depths) - 1) for n in range(sum(depths))]
        self.stages, self.merges, self.norms = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for each, depth, count in zip(widths, depths, heads, strict=True):
            own, rates = rates[:depth], rates[depth:]
            self.stages.append(Stage(each, heads=count, window=window, drop_paths=own))
            self.norms.append(nn.LayerNorm(each))
        self.merges.extend(Merge(each) for each in widths[:3])
        self.apply(_initialise)

    def stem(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, C₁, ⌈H/4⌉, ⌈W/4⌉): the patches, embedded and normalised."""
        _, _, H, W = x.shape
        x = self.embed["proj"](F.pad(x, (0, -W % 4, 0, -H % 4)))
        x = self.embed["norm"](x.permute(0, 2, 3, 1))  # b c h w -> b h w c
        return x.permute(0, 3, 1, 2)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """The four features of what `stem` returned; the next stage goes on from what is not normalised."""
        x = x.permute(0, 2, 3, 1)  # b c h w -> b h w c
        features = []
        for level, (stage, norm) in enumerate(zip(self.stages, self.norms, strict=True)):
            x = stage(self.merges[level - 1](x) if level else x)
            features.append(norm(x).permute(0, 3, 1, 2))
        return tuple(features)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The four features of a picture."""
        return self.features(self.stem(x))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


# --- published names → ours ------------------------------------------------------------------------------------------


def keys(theirs: str) -> dict[str, str]:
    """The authors' names of a backbone that a publisher calls `theirs` and we `backbone`."""
    return {
        theirs: "backbone",
        **{
            f"{theirs}.norm{n}": f"backbone.norms.{n}" for n in range(4)
        },  # a block has a norm1, too
        "patch_embed": "embed",
        "layers": "stages",
        **{f"layers.{n}.downsample": f"merges.{n}" for n in range(3)},
        "attn": "attention",
        "relative_position_bias_table": "bias_table",
        "relative_position_index": "bias_index",
    }


# The authors' ImageNet files: they norm only the last feature, in another way, and keep the masks for one input size.
PUBLISHED: tuple[Layout, ...] = (
    Layout(
        name="microsoft",
        keys=keys("backbone"),
        within="backbone.",
        unused=("head.*", "norm.*", "*.attn_mask"),
        absent=("backbone.norms.*",),
    ),
)

# --- variants --------------------------------------------------------------------------------------------------------

# name → the arguments that make the size
VARIANTS: dict[str, dict[str, Any]] = {
    "swin_v1_t": {"width": 96, "depths": (2, 2, 6, 2), "heads": (3, 6, 12, 24), "window": 7},
    "swin_v1_s": {"width": 96, "depths": (2, 2, 18, 2), "heads": (3, 6, 12, 24), "window": 7},
    "swin_v1_b": {"width": 128, "depths": (2, 2, 18, 2), "heads": (4, 8, 16, 32), "window": 12},
    "swin_v1_l": {"width": 192, "depths": (2, 2, 18, 2), "heads": (6, 12, 24, 48), "window": 12},
}

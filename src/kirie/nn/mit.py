"""Mix Transformer (MiT) and PVT v2: one pyramid of transformer blocks, under two names.

Papers: Xie, Wang, Yu, Anandkumar, Alvarez, Luo: "SegFormer: Simple and efficient design for semantic segmentation with
transformers", NeurIPS 2021; arXiv 2105.15203 (MiT-b0 … b5). Wang, Xie, Li, Fan, Song, Liang, Lu, Luo, Shao: "PVT v2: Improved
baselines with pyramid vision transformer", Computational Visual Media 8, 2022; arXiv 2106.13797 (b0 … b5, not the linear ones).
Written from the papers and from facts about the published weights; no published code was used. MiT is PVT v2 with the MLPs
of its first two stages half as wide.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import DropPath
from .layouts import Layout

__all__ = ["PUBLISHED", "TRANSFORMERS", "VARIANTS", "MixTransformer", "initialise", "keys"]

EPS = 1e-5  # of the norms after a convolution; those of blocks and stages differ between publishers

# --- blocks ----------------------------------------------------------------------------------------------------------


def to_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, H·W, C) → (B, C, H, W)."""
    B, _, C = tokens.shape
    return tokens.transpose(1, 2).reshape(B, C, *size)


def to_tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, H·W, C)."""
    return x.flatten(2).transpose(1, 2)


class PatchEmbedding(nn.Module):
    """Overlapping patches, normed: (B, inputs, H, W) → (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
        self.norm = nn.LayerNorm(outputs, eps=EPS)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """The tokens (B, H·W, C) and (H, W)."""
        x = self.conv(x)
        return self.norm(to_tokens(x)), (x.shape[2], x.shape[3])


class Attention(nn.Module):
    """All tokens ask; the map, made `reduction` times smaller by a convolution, answers."""

    def __init__(self, channels: int, *, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)  # rows: the keys, then the values
        self.proj = nn.Linear(channels, channels)
        self.reduce: nn.Conv2d | None = None
        if reduction > 1:
            self.reduce = nn.Conv2d(channels, channels, reduction, stride=reduction)
            self.norm = nn.LayerNorm(channels, eps=EPS)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, N, C) → (B, N, C)."""
        source = x
        if self.reduce is not None:  # what the last window does not cover is lost, as published
            source = self.norm(to_tokens(self.reduce(to_map(x, size))))  # (B, M, C), M ≈ N/R²
        q = self.q(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, h, N, C/h)
        # (B, M, 2·C) → (B, M, 2, h, C/h) → 2 of (B, h, M, C/h)
        k, v = self.kv(source).unflatten(2, (2, self.heads, -1)).transpose(1, 3).unbind(2)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).flatten(2))


class MixFFN(nn.Module):
    """MLP with a depthwise 3×3 convolution in it, whose zero padding tells tokens where they are."""

    def __init__(self, channels: int, *, expansion: int) -> None:
        super().__init__()
        inner = expansion * channels
        self.fc1 = nn.Linear(channels, inner)
        self.conv = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.fc2 = nn.Linear(inner, channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, N, C) → (B, N, C)."""
        return self.fc2(F.gelu(to_tokens(self.conv(to_map(self.fc1(x), size)))))


class Block(nn.Module):
    """Attention and Mix-FFN, each on normed tokens and added to what came in."""

    def __init__(
        self,
        channels: int,
        *,
        heads: int,
        reduction: int,
        expansion: int,
        drop_path: float,
        eps: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=eps)
        self.attention = Attention(channels, heads=heads, reduction=reduction)
        self.norm2 = nn.LayerNorm(channels, eps=eps)
        self.mlp = MixFFN(channels, expansion=expansion)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, N, C) → (B, N, C)."""
        x = x + self.drop_path(self.attention(self.norm1(x), size))
        return x + self.drop_path(self.mlp(self.norm2(x), size))


class Stage(nn.Module):
    """Patches, blocks, norm: (B, inputs, H, W) → (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, embed: PatchEmbedding, blocks: list[Block], norm: nn.LayerNorm) -> None:
        super().__init__()
        self.embed = embed
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """The normed map is both the stage's feature and what the next stage reads."""
        tokens, size = self.embed(x)
        for block in self.blocks:
            tokens = block(tokens, size)
        return to_map(self.norm(tokens), size).contiguous()


# --- model -----------------------------------------------------------------------------------------------------------


class MixTransformer(nn.Module):
    """A backbone: (B, inputs, H, W) → 4 features (B, channels[i], ⌈H/2ⁱ⁺²⌉, ⌈W/2ⁱ⁺²⌉); H and W from 29 on.

    Args:
        channels: of the four stages.
        depths: blocks of the four stages.
        heads, reductions, expansions: of each stage's attention and Mix-FFN: the papers' N, R and E.
        drop_path: chance that the last block's branches are left out in training; the first block's is 0.
        eps: of the norms of blocks and stages: 1e-6 as the papers' authors have it, 1e-5 in transformers' SegFormer.
        inputs: channels of the picture.
    """

    def __init__(
        self,
        *,
        channels: tuple[int, ...],
        depths: tuple[int, ...],
        heads: tuple[int, ...] = (1, 2, 5, 8),
        reductions: tuple[int, ...] = (8, 4, 2, 1),
        expansions: tuple[int, ...] = (4, 4, 4, 4),
        drop_path: float = 0.1,
        eps: float = 1e-6,
        inputs: int = 3,
    ) -> None:
        super().__init__()
        self.channels = tuple(channels)
        rates = iter(torch.linspace(0, drop_path, sum(depths), device="cpu").tolist())
        self.stages = nn.ModuleList()
        for index, width in enumerate(channels):
            blocks = [
                Block(
                    width,
                    heads=heads[index],
                    reduction=reductions[index],
                    expansion=expansions[index],
                    drop_path=next(rates),
                    eps=eps,
                )
                for _ in range(depths[index])
            ]
            kernel, stride = (3, 2) if index else (7, 4)
            before = channels[index - 1] if index else inputs
            embed = PatchEmbedding(before, width, kernel=kernel, stride=stride)
            self.stages.append(Stage(embed, blocks, nn.LayerNorm(width, eps=eps)))
        self.apply(initialise)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The features at 1/4, 1/8, 1/16 and 1/32."""
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return tuple(features)


def initialise(module: nn.Module) -> None:
    """Draw one layer's weights as the authors do; to be used with `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        reached = height * width * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / reached))
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


# --- published names → ours ------------------------------------------------------------------------------------------


def keys(theirs: str) -> dict[str, str]:
    """The names of PVT v2's authors, also MiT's, of a backbone that a publisher calls `theirs` and we `backbone`."""
    table = {theirs: "backbone", "attn": "attention", "attn.sr": "attention.reduce"}
    for number in range(1, 5):
        stage = f"stages.{number - 1}"
        table[f"{theirs}.norm{number}"] = f"backbone.{stage}.norm"  # a block has a norm1, too
        table[f"patch_embed{number}.proj"] = f"{stage}.embed.conv"
        table[f"patch_embed{number}"] = f"{stage}.embed"
        table[f"block{number}"] = f"{stage}.blocks"
    table["mlp.dwconv.dwconv"] = "mlp.conv"
    return table


# The ImageNet files: MiT and PVT v2 of the authors; MiT on the Hugging Face hub.
AUTHORS = Layout(name="authors", keys=keys("backbone"), within="backbone.", unused=("head.*",))
TRANSFORMERS = Layout(
    name="transformers",
    keys={
        "segformer.encoder": "backbone",
        **{f"segformer.encoder.layer_norm.{n}": f"backbone.stages.{n}.norm" for n in range(4)},
        **{f"patch_embeddings.{n}.proj": f"stages.{n}.embed.conv" for n in range(4)},
        **{f"patch_embeddings.{n}.layer_norm": f"stages.{n}.embed.norm" for n in range(4)},
        **{f"block.{n}": f"stages.{n}.blocks" for n in range(4)},
        "layer_norm_1": "norm1",
        "layer_norm_2": "norm2",
        "attention.self.query": "attention.q",
        "attention.self.key+value": "attention.kv",
        "attention.self.sr": "attention.reduce",
        "attention.self.layer_norm": "attention.norm",
        "attention.output.dense": "attention.proj",
        "mlp.dense1": "mlp.fc1",
        "mlp.dense2": "mlp.fc2",
        "mlp.dwconv.dwconv": "mlp.conv",
    },
    joined={"attention.self.key+value": ("attention.self.key", "attention.self.value")},
    unused=("classifier.*",),
)
PUBLISHED: tuple[Layout, ...] = (AUTHORS, TRANSFORMERS)

# --- variants --------------------------------------------------------------------------------------------------------

_NARROW, _WIDE = (32, 64, 160, 256), (64, 128, 320, 512)
_DEPTHS = {
    "b0": (2, 2, 2, 2),
    "b1": (2, 2, 2, 2),
    "b2": (3, 4, 6, 3),
    "b3": (3, 4, 18, 3),
    "b4": (3, 8, 27, 3),
    "b5": (3, 6, 40, 3),
}

# name → the arguments that make the size
VARIANTS: dict[str, dict[str, tuple[int, ...]]] = {
    f"{family}_{size}": {
        "channels": _NARROW if size == "b0" else _WIDE,
        "depths": depths,
        # PVT v2's largest has MiT's MLPs.
        "expansions": (4, 4, 4, 4) if family == "mit" or size == "b5" else (8, 8, 4, 4),
    }
    for family in ("mit", "pvt_v2")
    for size, depths in _DEPTHS.items()
}

"""InSPyReNet's blocks: pyramid axial attention in two forms, and attention to the context of a saliency map's regions.

Paper: Kim, Kim, Lee, Kang: "Revisiting image pyramid structure for high resolution salient object detection", ACCV 2022; arXiv
2209.09475, section 3. The first two are of UACANet (Kim, Lee, Kim, ACM MM 2021; arXiv 2107.02368). `inspyrenet` says what
differs from the published code; "as published" marks what looks accidental, but the weights depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput

__all__ = ["SICA", "BothAttentions", "ConvNorm", "PAADecoder", "PAAEncoder", "SelfAttention", "up"]

Size = tuple[int, int]


def up(x: Tensor, size: Sequence[int], *, align_corners: bool = False) -> Tensor:
    """(B, C, h, w) → (B, C, *size), bilinear."""
    if tuple(x.shape[-2:]) == tuple(size) and not torch.onnx.is_in_onnx_export():
        return x  # an exported graph has to hold where sizes differ
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=align_corners)


class ConvNorm(nn.Module):
    """Convolution without bias → BatchNorm → ReLU where asked: (B, inputs, H, W) → (B, outputs, H, W)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | Size,
        *,
        dilation: int = 1,
        relu: bool = False,
    ) -> None:
        super().__init__()
        tall, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        same = (dilation * (tall // 2), dilation * (wide // 2))
        self.conv = nn.Conv2d(
            inputs, outputs, (tall, wide), padding=same, dilation=dilation, bias=False
        )
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = relu
        nn.init.kaiming_normal_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply them in turn."""
        x = self.bn(self.conv(x))
        return F.relu(x) if self.relu else x


class FullPrecision(nn.Sequential):
    """Layers that stay in float32 when the network is converted to 16 bits: they read sums beyond float16's range."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        def wide(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            narrow = moved.is_floating_point() and moved.element_size() < 4
            return tensor.to(moved.device) if narrow else moved

        return super()._apply(wide, recurse)  # type: ignore[no-untyped-call]


class SelfAttention(nn.Module):
    """Attention between as many tokens as the map has rows (`axis` 2) or columns (3), times a learned factor, plus the map.

    As published, a token of either axis is every A-th number of the map in memory, A the number of tokens: columns where
    the map is square, and nothing that lines up with the picture for the rows of others. The scores are not scaled: they reach
    a thousand and more, where a step of float32 changes a weight in its fourth digit. So float32's are summed in float64.
    """

    def __init__(self, channels: int, *, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.query = ConvNorm(channels, channels // 8, 1)
        self.key = ConvNorm(channels, channels // 8, 1)
        self.value = ConvNorm(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        B, A = x.shape[0], x.shape[self.axis]
        q, k, v = (part(x).reshape(B, -1, A) for part in (self.query, self.key, self.value))
        if _exactly(q):
            q, k = q.double(), k.double()
        weights = (q.transpose(1, 2) @ k).softmax(dim=-1).to(v.dtype)  # (B, A, A)
        return self.gamma * (v @ weights.transpose(1, 2)).reshape(x.shape) + x


def _exactly(x: Tensor) -> bool:
    """Whether products of it are to be summed in float64: not in a file for other engines, nor where there is none."""
    return (
        x.dtype == torch.float32 and x.device.type != "mps" and not torch.onnx.is_in_onnx_export()
    )


class BothAttentions(nn.Module):
    """The sum of both axes' attentions: (B, C, H, W) → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.height = SelfAttention(channels, axis=2)
        self.width = SelfAttention(channels, axis=3)

    def forward(self, x: Tensor) -> Tensor:
        """Add the two."""
        return self.height(x) + self.width(x)


class PAAEncoder(nn.Module):
    """The paper's PAA-e: four views of a backbone's feature, three of them wide; (B, inputs, H, W) → (B, depth, H, W)."""

    def __init__(self, inputs: int, depth: int) -> None:
        super().__init__()
        self.plain = ConvNorm(inputs, depth, 1)
        self.branches = nn.ModuleList(
            nn.Sequential(
                ConvNorm(inputs, depth, 1),
                ConvNorm(depth, depth, (1, reach)),
                ConvNorm(depth, depth, (reach, 1)),
                BothAttentions(depth),
                ConvNorm(depth, depth, 3, dilation=reach),
            )
            for reach in (3, 5, 7)
        )
        self.fuse = ConvNorm(4 * depth, depth, 3)
        self.shortcut = ConvNorm(inputs, depth, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Fuse the four, and add what came in."""
        views = (self.plain(x), *(branch(x) for branch in self.branches))
        return F.relu(self.fuse(torch.cat(views, dim=1)) + self.shortcut(x))


class PAADecoder(nn.Module):
    """The paper's PAA-d: three contexts → a feature (B, depth, H/8, W/8) and its saliency (B, 1, H/8, W/8)."""

    def __init__(self, inputs: int, depth: int) -> None:
        super().__init__()
        self.enter = ConvNorm(inputs, depth, 3)
        self.attention = BothAttentions(depth)
        self.mix = nn.Sequential(*(ConvNorm(depth, depth, 3) for _ in range(3)))
        self.head = nn.Conv2d(depth, 1, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(self.head.weight)

    def forward(self, contexts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Contexts from the shallowest to the deepest; they are concatenated the other way round."""
        size = contexts[0].shape[-2:]
        x = torch.cat([up(each, size, align_corners=True) for each in reversed(contexts)], dim=1)
        x = self.mix(self.attention(self.enter(x)))
        return x, self.head(x)


class SICA(nn.Module):
    """Scale-invariant context attention: from a saliency map's regions, each pixel takes what its own context tells.

    A context is a sum, not a mean, over a map of `size` whatever the input's size is, and as published the feature is read in
    memory order there, as if its channels were last: the weights go with both.

    Args:
        inputs: channels of the feature.
        depth: channels of what comes out.
        size: (height, width) that contexts are summed at.
        laplacian: whether the Laplacian of the stage before gives two more regions.
    """

    def __init__(self, inputs: int, depth: int, *, size: Size, laplacian: bool) -> None:
        super().__init__()
        self.size = size
        self.threshold = nn.Parameter(torch.full((1,), 0.5))
        self.laplacian_threshold = nn.Parameter(torch.full((1,), 0.5)) if laplacian else None
        self.query = nn.Sequential(*self._pair(inputs, depth, 3))
        self.key = FullPrecision(*self._pair(inputs, depth, 1))
        self.value = FullPrecision(*self._pair(inputs, depth, 1))
        self.refined = ConvNorm(depth, depth, 3, relu=True)
        self.fuse = ConvNorm(inputs + depth, depth, 3, relu=True)
        self.mix = ConvNorm(depth, depth, 3, relu=True)
        self.head = ConvNorm(depth, 1, 1)

    @staticmethod
    def _pair(inputs: int, depth: int, kernel: int) -> tuple[ConvNorm, ConvNorm]:
        first = ConvNorm(inputs, depth, kernel, relu=True)
        return first, ConvNorm(depth, depth, kernel, relu=True)

    def regions(self, saliency: Tensor, laplacian: Tensor | None, size: Sequence[int]) -> Tensor:
        """Subject, ground, in doubt, and with a Laplacian more and less: (B, 3 or 5, *size) in 0…1."""
        over = up(saliency, size).sigmoid() - self.threshold
        maps = [over.clamp(0, 1), (-over).clamp(0, 1), self.threshold - over.abs()]
        if self.laplacian_threshold is not None:
            if laplacian is None:
                raise BadInput("This SICA was built for a Laplacian: give it one.")
            more = up(laplacian, size).sigmoid() - self.laplacian_threshold
            maps += [more.clamp(0, 1), (-more).clamp(0, 1)]
        return torch.cat(maps, dim=1)

    def forward(
        self, x: Tensor, saliency: Tensor, laplacian: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """A feature (B, depth, H, W) and a Laplacian (B, 1, H, W), from x (B, inputs, H, W) and maps of any size."""
        B, _, H, W = x.shape
        regions = up(self.regions(saliency, laplacian, (H, W)), self.size)
        key, value = self._contexts(up(x, self.size), regions)  # (B, depth, R)
        query = self.query(x).flatten(2)  # (B, depth, H·W)
        weights = (key.transpose(1, 2) @ query * query.shape[1] ** -0.5).softmax(dim=1)
        refined = self.refined((value @ weights).reshape(B, -1, H, W))  # of (B, R, H·W) weights
        x = self.mix(self.fuse(torch.cat((x, refined), dim=1)))
        return x, self.head(x)

    def _contexts(self, x: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the regions, (B, depth, R) each."""
        kind = x.device.type
        mixed = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        with torch.autocast(kind, enabled=False) if mixed else nullcontext():
            weight = self.key.get_parameter("0.conv.weight")
            here = x.reshape(x.shape[0], -1, x.shape[1]).to(
                weight.dtype
            )  # (B, n, C) in memory order
            context = regions.flatten(2).to(weight.dtype) @ here  # (B, R, C)
            context = context.transpose(1, 2)[..., None]  # (B, C, R, 1)
            key, value = self.key(context), self.value(context)
        return key.squeeze(3).to(x.dtype), value.squeeze(3).to(x.dtype)

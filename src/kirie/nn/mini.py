"""Mini: kirie's own small network, a plain dense encoder-decoder made for two CPU cores.

No paper and no upstream: written for kirie from known parts (residual 3×3 blocks of ResNet, arXiv:1512.03385; the
decoder with skips of U-Net, arXiv:1505.04597; dilated context, arXiv:1706.05587; sub-pixel output,
arXiv:1609.05158). Dense 3×3 convolutions are used throughout because they run nearer to a CPU's peak than depthwise
ones. The head sees the picture's own pixels again (folded 2×2 into channels) and answers four sub-pixels for each
position at 1/2: the map ends at the full input size, and its edges are learned instead of interpolated.

2.16 M parameters and 2.3 GFLOP (two for a multiply-add) at 256×256.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["KEYS", "VARIANTS", "Mini", "MiniMaps"]

STRIDE = 32  # the encoder halves five times; inputs are padded to a multiple of it


class MiniMaps(NamedTuple):
    """Every map of the network, as logits; there are no published names, the network is our own.

    logits: (N, 1, h, w), the answer.
    sides: (N, 1, ⌈h/4⌉, ⌈w/4⌉) and (N, 1, ⌈h/8⌉, ⌈w/8⌉), read from the decoder's levels, for training.
    """

    logits: Tensor
    sides: tuple[Tensor, Tensor]


# Blocks


def conv(
    inside: int, outside: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Convolution, batch norm, ReLU: (N, inside, h, w) → (N, outside, ⌈h/stride⌉, ⌈w/stride⌉)."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """ReLU(x + two 3×3 convolutions of x), (N, width, h, w) → the same; one dilation for each convolution."""

    def __init__(self, width: int, *, dilations: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        first, second = dilations
        self.first = conv(width, width, dilation=first)
        norm = nn.BatchNorm2d(width)
        # The block starts as the identity: what the sides ask for reaches the stem from the first step.
        nn.init.zeros_(norm.weight)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=second, dilation=second, bias=False), norm
        )

    def forward(self, x: Tensor) -> Tensor:
        """What came in, and what the block adds, cut off below zero."""
        return F.relu(x + self.second(self.first(x)))


class Context(nn.Module):
    """What the whole picture shows, added at 1/32: dilations 2 and 4, and the mean over all positions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide = Residual(width, dilations=(2, 4))
        self.whole = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The same positions, (N, C, h, w), having seen their surroundings and the whole."""
        x = self.wide(x)
        mean = x.mean((2, 3), keepdim=True)  # (N, C, 1, 1)
        return F.relu(x + self.whole(mean))


class Fuse(nn.Module):
    """One step of the decoder: the coarser level enlarged, the encoder's skip added, residual blocks."""

    def __init__(self, coarse: int, skip: int, width: int, *, blocks: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, width, 1, bias=False)
        self.skip = nn.Conv2d(skip, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.mix = nn.Sequential(conv(width, width), *(Residual(width) for _ in range(blocks)))

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """coarse: (N, coarse, h/2, w/2); skip: (N, skip, h, w); the result: (N, width, h, w)."""
        # The 1×1 convolution comes before the enlargement: the same sum at a quarter of the work.
        larger = F.interpolate(self.coarse(coarse), size=skip.shape[2:], mode="bilinear")
        return self.mix(F.relu(self.norm(larger + self.skip(skip))))


# Model


class Mini(nn.Module):
    """A salient-object network: (N, 3, h, w) float32, normalised by ImageNet's mean and deviation → logits.

    widths: channels of the encoder at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input size.
    blocks: residual blocks of the encoder at 1/2 … 1/16 (1/32 holds the context).
    decoder: channels of the decoder at 1/16, 1/8, 1/4 and 1/2.
    decoder_blocks: residual blocks of the decoder at the same levels.
    head: channels between the decoder and the four sub-pixels.

    Any h and w are taken: the input is padded at its right and lower edge by repeating border pixels, and the maps
    are cropped back. In eval mode `net(x)` is the logits (N, 1, h, w); in training mode it is `net.maps(x)`.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, int, int, int, int] = (16, 48, 96, 144, 160),
        blocks: tuple[int, int, int, int] = (0, 1, 2, 2),
        decoder: tuple[int, int, int, int] = (80, 64, 48, 16),
        decoder_blocks: tuple[int, int, int, int] = (0, 0, 0, 0),
        head: int = 16,
    ) -> None:
        super().__init__()
        self.stem = conv(3, widths[0], stride=2)
        self.stages = nn.ModuleList()  # level i works at 1/2^(i+1)
        for level, (width, count) in enumerate(zip(widths[:4], blocks, strict=True)):
            down = [conv(widths[level - 1], width, stride=2)] if level else []
            self.stages.append(nn.Sequential(*down, *(Residual(width) for _ in range(count))))
        self.context = nn.Sequential(conv(widths[3], widths[4], stride=2), Context(widths[4]))

        coarse = (widths[4], *decoder[:3])
        skips = widths[3::-1]  # 1/16, 1/8, 1/4, 1/2
        self.fuses = nn.ModuleList(
            Fuse(c, s, d, blocks=n)
            for c, s, d, n in zip(coarse, skips, decoder, decoder_blocks, strict=True)
        )
        self.sides = nn.ModuleList(nn.Conv2d(decoder[i], 1, 1) for i in (2, 1))  # at 1/4, 1/8
        self.head = nn.Sequential(conv(decoder[3] + 12, head), nn.Conv2d(head, 4, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor | MiniMaps:
        """The logits (N, 1, h, w) in eval mode; all maps in training mode."""
        return self.maps(x) if self.training else self._decode(x)[0]

    def maps(self, x: Tensor) -> MiniMaps:
        """The answer and the side maps, in either mode, for x of (N, 3, h, w)."""
        _, _, h, w = x.shape
        logits, levels = self._decode(x)
        sides = []
        for side, level, stride in zip(self.sides, (levels[2], levels[1]), (4, 8), strict=True):
            sides.append(side(level)[..., : -(-h // stride), : -(-w // stride)])
        return MiniMaps(logits, (sides[0], sides[1]))

    def _decode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (N, 1, h, w), and the decoder's features at 1/16, 1/8, 1/4 and 1/2 (of the padded size)."""
        _, _, h, w = x.shape
        bottom, right = -h % STRIDE, -w % STRIDE
        if bottom or right:
            x = F.pad(x, (0, right, 0, bottom), mode="replicate")
        features = []
        y = self.stem(x)  # (N, 16, h/2, w/2)
        for stage in self.stages:
            y = stage(y)
            features.append(y)
        y = self.context(y)  # (N, 160, h/32, w/32)
        levels = []
        for fuse, skip in zip(self.fuses, reversed(features), strict=True):
            y = fuse(y, skip)
            levels.append(y)
        pixels = F.pixel_unshuffle(x, 2)  # (N, 12, h/2, w/2): four pixels of three channels each
        y = self.head(torch.cat((y, pixels), 1))  # (N, 4, h/2, w/2)
        return F.pixel_shuffle(y, 2)[..., :h, :w], levels  # (N, 1, h, w)


# There is no published checkpoint with other names: the table is empty.
KEYS: dict[str, str] = {}

# Variants: arguments of `Mini`, by name.
VARIANTS: dict[str, dict[str, object]] = {"mini": {}}

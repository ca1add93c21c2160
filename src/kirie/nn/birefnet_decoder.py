"""BiRefNet's decoder: four levels that see the picture again, each with a gate that learned where its edges are.

Paper, upstream and licence: see `birefnet`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .birefnet_blocks import Cut, Norm, aligned

__all__ = ["Decoder", "Gate", "NoGate", "laplacian"]

Features = tuple[Tensor, ...]
GATE = 16  # channels that a gate is read from

# --- blocks ----------------------------------------------------------------------------------------------------------


class TwoConvs(nn.Module):
    """Two 3×3 convolutions with nothing between them: (B, inputs, H, W) → (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 64, 3, padding=1)
        self.conv_out = nn.Conv2d(64, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """One after the other."""
        return self.conv_out(self.conv1(x))

    def read(self, x: Tensor, weight: Tensor) -> Tensor:
        """What a 1×1 convolution of (1, outputs, 1, 1) reads from this: (B, 1, H, W), without the channels in memory."""
        # The second convolution and the reading one are linear: their product is computed from the weights.
        kernel = torch.einsum("ko,ochw->kchw", weight[:, :, 0, 0], self.conv_out.weight)
        bias = F.linear(cast("Tensor", self.conv_out.bias), weight[:, :, 0, 0])
        return F.conv2d(self.conv1(x), kernel, bias, padding=1)


class WithImage(nn.Module):
    """Put the image beside a map: (B, C, h, w) → (B, C + outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int, *, cut: Callable[..., Tensor]) -> None:
        super().__init__()
        self.convs = TwoConvs(inputs, outputs)
        self.cut = cut

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """The map, then what is made of the image, cut or resized to the map's size."""
        return torch.cat((x, self.convs(self.cut(image, x.shape[-2:]))), dim=1)


class NoImage(nn.Module):
    """Leave the map as it is."""

    def forward(self, x: Tensor, _image: Tensor) -> Tensor:
        """The map."""
        return x


class Gate(nn.Module):
    """Let through what lies at edges that the gradient reference teaches: (B, C, H, W) → the same."""

    def __init__(self, channels: int, *, norm: Norm) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Conv2d(channels, GATE, 3, padding=1), norm(GATE), nn.ReLU())
        self.predict = nn.Conv2d(GATE, 1, 1)
        self.weigh = nn.Conv2d(GATE, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The weighed map, and the logits (B, 1, H, W) of the gradient."""
        y = self.read(x)
        return x * self.weigh(y).sigmoid(), (self.predict(y),)


class NoGate(nn.Module):
    """Let everything through, and predict nothing."""

    def __init__(self, _channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The map alone."""
        return x, ()


# --- decoder ---------------------------------------------------------------------------------------------------------


class Decoder(nn.Module):
    """Four levels, from 1/32 to 1/4; each reads the level below, the encoder's feature beside it, and the image.

    Args:
        channels: of the features, from 1/4 to 1/32: the C₁ … C₄ below.
        block: (inputs, outputs) → one level's block.
        sides: whether the levels at 1/32, 1/16 and 1/8 have maps of their own.
        cut: how the image is brought to a level's size, and how many channels that makes at a stride; None: no image.
        deepest_image: whether the level at 1/32 sees the image, too.
        gates: channels → the gate behind each of these levels.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        block: Callable[[int, int], nn.Module],
        sides: bool,
        cut: Cut | None = None,
        deepest_image: bool = True,
        gates: Callable[[int], nn.Module] = NoGate,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4 = channels
        outputs = (c3, c2, c1, c1 // 2)
        shares = (c4 // 8, c4 // 8, c3 // 8, c2 // 8)  # of the image; c4 stands there twice
        self.images = nn.ModuleList(NoImage() for _ in outputs)
        inputs = [c4, c3, c2, c1]
        for n, stride in enumerate((32, 16, 8, 4)):
            if cut is not None and (n or deepest_image):
                self.images[n] = WithImage(cut[1](stride), shares[n], cut=cut[0])
                inputs[n] += shares[n]
        self.blocks = nn.ModuleList(block(*pair) for pair in zip(inputs, outputs, strict=True))
        self.laterals = nn.ModuleList(nn.Conv2d(each, each, 1) for each in (c3, c2, c1))
        self.gates = nn.ModuleList(gates(each) for each in (c3, c2, c1))
        self.sides = nn.ModuleList(nn.Conv2d(each, 1, 1) for each in (c3, c2, c1) if sides)
        self.finest = TwoConvs(3, c1 // 8) if cut is not None else None
        self.last = nn.Conv2d(c1 // 2 + (c1 // 8 if cut is not None else 0), 1, 1)

    def forward(self, features: Features, image: Tensor) -> tuple[Tensor, Features, Features]:
        """The logits (B, 1, H, W); the side maps; the gates' gradients: (B, 1, h, w) at 1/32, 1/16 and 1/8."""
        *skips, x = features
        sides: list[Tensor] = []
        gradients: list[Tensor] = []
        for n, (beside, block) in enumerate(zip(self.images, self.blocks, strict=True)):
            if n:
                skip = skips[3 - n]
                x = aligned(x, skip.shape[-2:]) + self.laterals[n - 1](skip)
            x = block(beside(x, image))
            if n < len(self.gates):  # none at 1/4
                sides += [side(x) for side in self.sides[n : n + 1]]
                x, gradient = self.gates[n](x)
                gradients += gradient
        return self._read(x, image), tuple(sides), tuple(gradients)

    def _read(self, x: Tensor, image: Tensor) -> Tensor:
        """Read the logits from the enlarged map, and from the image beside it."""
        width = x.shape[1]
        own, images = self.last.weight[:, :width], self.last.weight[:, width:]
        logits = aligned(F.conv2d(x, own, self.last.bias), image.shape[-2:])
        return logits if self.finest is None else logits + self.finest.read(image, images)


def laplacian(image: Tensor) -> Tensor:
    """How much each pixel differs from its 5×5 surroundings: (B, C, H, W) → (B, 1, H, W), of the colours' mean."""
    grey = image.mean(1, keepdim=True)
    kernel = torch.full((1, 1, 5, 5), 1 / 48, dtype=image.dtype, device=image.device)
    kernel[..., 2, 2] = -0.5  # 24 of 48
    return F.conv2d(F.pad(grey, (2, 2, 2, 2), mode="reflect"), kernel)

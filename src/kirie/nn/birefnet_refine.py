"""BiRefNet's refiners of 2023: a second look at the picture, beside the first answer.

Upstream and licence: see `birefnet`. Published code has had them from April 2023 to September 2025, but used them only until
January 2024, with the decoder of that time. The picture and the first logits go in as four channels; with tiles, the first
pass sees a smaller picture, and the refiner sees the whole one, tile by tile.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from .birefnet_blocks import aligned

__all__ = [
    "Ender",
    "Loop",
    "NoRefinement",
    "RefUNet",
    "Refinement",
    "RefinementByItself",
    "Refiner",
    "Stem",
]

Outputs = tuple[Tensor, ...]
Network = Callable[[Tensor], Outputs]  # (B, 3, H, W) → side maps and logits, the logits last

# --- blocks ----------------------------------------------------------------------------------------------------------


class _ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Norm each position."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _stem_norm(channels: int, *, batch: bool) -> nn.Sequential:
    """The published norm: in the other form, a step without weights stands before it."""
    if batch:
        return nn.Sequential(nn.BatchNorm2d(channels))
    return nn.Sequential(nn.Identity(), _ChannelNorm(channels, eps=1e-6))


class Stem(nn.Module):
    """Four channels to three: (B, 4, H, W) → (B, 3, H, W).

    Args:
        batch: BatchNorm, as in every published network for batches of more than one; else LayerNorm over the channels.
    """

    def __init__(self, *, batch: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 48, 3, padding=1)
        self.norm1 = _stem_norm(48, batch=batch)
        self.conv2 = nn.Conv2d(48, 3, 3, padding=1)
        self.norm2 = _stem_norm(3, batch=batch)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all in turn."""
        return self.norm2(self.conv2(F.gelu(self.norm1(self.conv1(x)))))


class Ender(nn.Sequential):
    """Two convolutions and a ReLU behind the refined logits, (B, 1, H, W) → the same.

    As published nothing comes out negative, so that no pixel is less than half subject.
    """

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 1, 3, padding=1), nn.ReLU())


def _conv(inputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()]


class RefUNet(nn.Module):
    """A small U-Net of BASNet's kind: (B, 4, H, W) → the logits (B, 1, H, W) alone; H and W are multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.encoders = nn.ModuleList([nn.Sequential(nn.Conv2d(4, 64, 3, padding=1), *_conv(64))])
        for _ in range(3):
            self.encoders.append(nn.Sequential(nn.MaxPool2d(2), *_conv(64)))
        self.pool = nn.MaxPool2d(2)
        self.decoders = nn.ModuleList(nn.Sequential(*_conv(each)) for each in (64, *[128] * 4))
        self.read = nn.Conv2d(64, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Outputs:
        """Go down and up again.

        Raises:
            BadInput: a size that cannot be halved four times.
        """
        _, _, H, W = x.shape
        if H % 16 or W % 16:
            raise BadInput(
                f"RefUNet takes heights and widths that are multiples of 16, not {H}×{W}."
            )
        skips: list[Tensor] = []
        for encoder in self.encoders:
            skips.append(encoder(skips[-1] if skips else x))
        bottom, *decoders = self.decoders
        y = bottom(self.pool(skips[-1]))  # (B, 64, H/16, W/16)
        for decoder, skip in zip(decoders, reversed(skips), strict=True):
            y = decoder(torch.cat((aligned(y, skip.shape[-2:]), skip), dim=1))
        return (self.read(y),)


class Refiner(nn.Module):
    """A whole plain network of its own: (B, 4, H, W) → its side maps, if any, and the logits (B, 1, H, W).

    Args:
        stem: four channels to what the backbone takes.
        backbone, squeeze, decoder: as in `BiRefNet`, but that the picture is seen once, and at one size.
    """

    def __init__(
        self, stem: nn.Module, backbone: nn.Module, *, squeeze: nn.Module, decoder: nn.Module
    ) -> None:
        super().__init__()
        self.stem = stem
        self.backbone = backbone
        self.squeeze = squeeze
        self.decoder = decoder

    def forward(self, x: Tensor) -> Outputs:
        """Encode and decode."""
        x = self.stem(x)
        *finer, deepest = self.backbone(x)
        logits, sides, _ = self.decoder((*finer, self.squeeze(deepest)), x)
        return (*sides, logits)


# --- the loop --------------------------------------------------------------------------------------------------------


class Loop(nn.Module):
    """Look again some times, tile by tile.

    Args:
        tiles: along each side; the first pass sees the picture that many times smaller. 1: all passes see the whole, and
            all that they return counts.
        iterations: how many times.
        ender: whether `Ender` follows each iteration of several tiles.
    """

    def __init__(self, *, tiles: int, iterations: int, ender: bool) -> None:
        super().__init__()
        self.tiles = tiles
        self.iterations = iterations
        self.ender = Ender() if ender else nn.Identity()

    @abstractmethod
    def step(self, network: Network, both: Tensor) -> Outputs:
        """What one pass returns for the picture and the logits (B, 4, H, W), the refined logits last."""

    def first(self, x: Tensor) -> Tensor:
        """The picture for the first pass."""
        _, _, H, W = x.shape
        return aligned(x, (H // self.tiles, W // self.tiles))

    def further(self, network: Network, x: Tensor, logits: Tensor) -> Outputs:
        """What all iterations return, for the picture (B, 3, H, W) and the first logits (B, 1, h, w)."""
        found: list[Tensor] = [logits]
        for _ in range(self.iterations):
            both = torch.cat((x, aligned(found[-1], x.shape[-2:])), dim=1)
            if self.tiles == 1:
                found += self.step(network, both)
            else:
                *_, refined = self.step(network, _cut(both, self.tiles))
                found.append(self.ender(_joined(refined, self.tiles)))
        return tuple(found[1:])


class NoRefinement(Loop):
    """Leave the first answer as it is."""

    def __init__(self) -> None:
        super().__init__(tiles=1, iterations=0, ender=False)

    def step(self, _network: Network, _both: Tensor) -> Outputs:
        """Nothing: it is never asked."""
        return ()


class Refinement(Loop):
    """By a refiner, handed in: (B, 4, H, W) → side maps and logits."""

    def __init__(self, refiner: nn.Module, *, tiles: int, iterations: int, ender: bool) -> None:
        super().__init__(tiles=tiles, iterations=iterations, ender=ender)
        self.refiner = refiner

    def step(self, _network: Network, both: Tensor) -> Outputs:
        """The refiner's answer."""
        outputs: Outputs = self.refiner(both)
        return outputs


class RefinementByItself(Loop):
    """By the network that gave the first answer, behind a stem."""

    def __init__(self, *, tiles: int, iterations: int, ender: bool) -> None:
        super().__init__(tiles=tiles, iterations=iterations, ender=ender)
        self.stem = Stem()

    def step(self, network: Network, both: Tensor) -> Outputs:
        """The network's answer to what the stem makes of picture and logits."""
        return network(self.stem(both))


def _cut(x: Tensor, tiles: int) -> Tensor:
    """(B, C, H, W) → (B·tiles², C, H/tiles, W/tiles)."""
    B, C, H, W = x.shape
    x = x.reshape(B, C, tiles, H // tiles, tiles, W // tiles)
    # b c i h j w -> (b i j) c h w
    return x.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def _joined(x: Tensor, tiles: int) -> Tensor:
    """The inverse of `_cut`."""
    _, C, h, w = x.shape
    x = x.reshape(-1, tiles, tiles, C, h, w)
    # b i j c h w -> b c (i h) (j w)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(-1, C, tiles * h, tiles * w)

"""The image pyramid of saliency maps: blur and halve, double and blur; and the Laplacian that is lost between.

Burt, Adelson: "The Laplacian pyramid as a compact image code", IEEE Transactions on Communications 31, 1983; in the form of
InSPyReNet (Kim et al., ACCV 2022; arXiv 2209.09475), whose weights depend on its kernel and borders.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ImagePyramid"]

TAPS, SIGMA = 7, 1.0
MARGIN = TAPS // 2


class ImagePyramid(nn.Module):
    """Up and down a pyramid of maps (B, C, H, W), each channel by itself; no parameters, and nothing in the state dict."""

    def __init__(self) -> None:
        super().__init__()
        at = torch.arange(TAPS, dtype=torch.float64) - MARGIN
        gauss = torch.exp(-(at**2) / (2 * SIGMA**2))
        gauss = gauss / gauss.sum()
        self.kernel: Tensor
        kernel = torch.outer(gauss, gauss)[None, None].float()
        self.register_buffer("kernel", kernel, persistent=False)  # (1, 1, TAPS, TAPS)

    def reduce(self, x: Tensor) -> Tensor:
        """Blur, and keep every second row and column from the first on: (B, C, H, W) → (B, C, ⌈H/2⌉, ⌈W/2⌉)."""
        return self._blur(x, stride=2)

    def expand(self, x: Tensor) -> Tensor:
        """Put zeros between rows and columns, and blur with four times the kernel: (B, C, H, W) → (B, C, 2H, 2W)."""
        x = torch.stack((x, torch.zeros_like(x)), dim=4).flatten(3)  # (B, C, H, 2W)
        x = torch.stack((x, torch.zeros_like(x)), dim=3).flatten(2, 3)  # (B, C, 2H, 2W)
        return 4 * self._blur(x)

    def deconstruct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The reduced map, and what it lacks: x less the reduced map, expanded (odd sizes: by nearest rows and columns)."""
        reduced = self.reduce(x)
        back = self.expand(reduced)
        if back.shape != x.shape:
            back = F.interpolate(back, size=x.shape[-2:], mode="nearest")
        return reduced, x - back

    def reconstruct(self, x: Tensor, laplacian: Tensor) -> Tensor:
        """The expanded map with its Laplacian, which is resized to it (bilinear, corners aligned) where sizes differ."""
        larger = self.expand(x)
        if laplacian.shape[-2:] != larger.shape[-2:] or torch.onnx.is_in_onnx_export():
            laplacian = F.interpolate(
                laplacian, size=larger.shape[-2:], mode="bilinear", align_corners=True
            )
        return larger + laplacian

    def _blur(self, x: Tensor, stride: int = 1) -> Tensor:
        """Correlate each channel with the kernel; outside, the map is mirrored, its edge not repeated."""
        B, C = x.shape[:2]
        x = _mirrored(_mirrored(x, 2), 3).flatten(0, 1)[:, None]  # (B·C, 1, H, W)
        x = F.conv2d(x, self.kernel.to(x.dtype), stride=stride)
        return x.reshape(B, C, *x.shape[-2:])


def _mirrored(x: Tensor, axis: int) -> Tensor:
    """`F.pad` in its mode `reflect`, of which PyTorch's exporter makes a graph that it warns of itself."""
    before = [x.narrow(axis, n, 1) for n in range(MARGIN, 0, -1)]
    last = x.shape[axis] - 1
    after = [x.narrow(axis, last - n, 1) for n in range(1, MARGIN + 1)]
    return torch.cat((*before, x, *after), dim=axis)

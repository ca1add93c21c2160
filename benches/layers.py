"""Two layers that are computed in another way than usual, against the usual way: Swin's products and deformable convolution.

    python benches/layers.py [--runs 7] [--threads 1 2]

JSON lines (extra torch, CPU): time of the usual way over that of kirie's, from the quickest of several calls in turns.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample, linear

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from kirie.nn.deform import Steps, sampled_conv2d

# (positions along a side, channels in, channels out) of Swin's products at 1024²
PRODUCTS = ((256, 96, 384), (256, 384, 96), (128, 192, 768), (64, 1536, 384), (32, 768, 2304))
KERNELS = ((128, 1), (128, 3), (128, 7))  # (side of the map, of the kernel); 64 channels


def as_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As `kirie.nn.layers.Linear` does."""
    y = conv2d(x.permute(0, 3, 1, 2), weight[:, :, None, None], bias)
    return y.permute(0, 2, 3, 1)


def by_grid(x: Tensor, weight: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
    """Deformable convolution by `grid_sample`, tap after tap, and one matrix product."""
    outputs, _, side, _ = weight.shape
    _, _, H, W = x.shape
    ys, xs = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    samples = []
    for tap in range(side * side):
        y = ys + tap // side - side // 2 + offset[:, 2 * tap]
        x_at = xs + tap % side - side // 2 + offset[:, 2 * tap + 1]
        grid = torch.stack((2 * x_at / (W - 1) - 1, 2 * y / (H - 1) - 1), dim=-1)
        samples.append(grid_sample(x, grid, align_corners=True) * mask[:, tap : tap + 1])
    columns = torch.stack(samples, dim=2).flatten(1, 2).flatten(2)  # (B, C·taps, H·W)
    return (weight.reshape(outputs, -1) @ columns).reshape(1, outputs, H, W)


def ratio(usual: Callable[[], Tensor], ours: Callable[[], Tensor], runs: int) -> dict[str, float]:
    """The usual way's time over ours, and how far the answers lie apart."""
    best = [float("inf")] * 2
    for _ in range(runs):
        for index, call in enumerate((usual, ours)):
            start = perf_counter()
            call()
            best[index] = min(best[index], perf_counter() - start)
    a, b = usual(), ours()
    apart = float((a - b).abs().max() / a.abs().max())
    return {"ratio": round(best[0] / best[1], 2), "differs_by": float(f"{apart:.1e}")}


def products(runs: int) -> list[dict[str, Any]]:
    rows = []
    for side, inputs, outputs in PRODUCTS:
        x = torch.randn(1, side, side, inputs)
        weight, bias = torch.randn(outputs, inputs), torch.randn(outputs)
        given = (x, weight, bias)
        found = ratio(lambda g=given: linear(*g), lambda g=given: as_convolution(*g), runs)
        rows.append({"product": f"{side}²: {inputs} to {outputs}", **found})
    return rows


def deformable(runs: int) -> list[dict[str, Any]]:
    rows = []
    for side, kernel in KERNELS:
        taps = kernel * kernel
        given = (
            torch.randn(1, 64, side, side),
            torch.randn(64, 64, kernel, kernel),
            torch.rand(1, 2 * taps, side, side) * 2 - 1,
            torch.rand(1, taps, side, side),
        )
        steps = Steps(padding=(kernel // 2, kernel // 2))
        found = ratio(
            lambda g=given: by_grid(*g),
            lambda g=given, s=steps: sampled_conv2d(*g, steps=s),
            runs,
        )
        rows.append({"deformable": f"{side}², {kernel}×{kernel}", **found})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    torch.manual_seed(0)
    with torch.inference_mode():
        for threads in given.threads:
            torch.set_num_threads(threads)
            for row in (*products(given.runs), *deformable(given.runs)):
                print(json.dumps({"threads": threads, **row}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()

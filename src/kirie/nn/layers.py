"""Blocks that several networks share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = [
    "ConvNormReLU",
    "DropPath",
    "Linear",
    "Renaming",
    "cat_resized",
    "named_map",
    "outlined",
    "published",
    "rename",
    "resize_to",
    "tracing",
    "undrawn",
]


class ConvNormReLU(nn.Module):
    """3×3 convolution with bias → BatchNorm → ReLU; (B, inputs, H, W) → (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation
        )
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the three in turn."""
        return F.relu(self.norm(self.conv(x)))


class Linear(nn.Linear):
    """As `nn.Linear`, for (B, H, W, inputs) → (B, H, W, outputs).

    On a CPU, with several threads, it is computed as a 1×1 convolution: by oneDNN, and not by MKL, whose products some
    processors are slow at. `benches/layers.py` compares the two.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The product, and the bias."""
        quick = x.device.type == "cpu" and x.dtype == torch.float32 and torch.get_num_threads() > 1
        if not quick or torch.compiler.is_compiling() or tracing():
            return super().forward(x)
        # b h w c -> b c h w, and back: nothing is moved in memory
        y = F.conv2d(x.permute(0, 3, 1, 2), self.weight[:, :, None, None], self.bias)
        return y.permute(0, 2, 3, 1)


class DropPath(nn.Dropout):
    """Stochastic depth: in training, leave a branch out for some samples, and scale it up for the others.

    As `Dropout`, with `p`, the share of samples without the branch, 0 ≤ p < 1.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, …) → (B, …), of the same mean."""
        if not self.training or self.p == 0:
            return x
        keep = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.p)
        return x * keep / (1 - self.p)


class _Undrawn(TorchFunctionMode):
    """Give no random numbers where they are asked for: what is in memory, or zeros."""

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if func in (Tensor.normal_, Tensor.uniform_):
            return args[0].zero_()  # truncated draws are repeated until all are within their limits
        return func(*args, **kwargs)


@contextmanager
def undrawn() -> Iterator[None]:
    """Parameters of what is built inside hold anything at all, and are to be overwritten; buffers are as ever."""
    with _Undrawn():
        yield


@contextmanager
def outlined() -> Iterator[None]:
    """What is built inside has names and shapes, but no memory and no numbers."""
    # On the meta device PyTorch draws by a form of its own, and imports its compiler for that: a second and more.
    with torch.device("meta"), undrawn():
        yield


def tracing() -> bool:
    """Whether a graph is being recorded, for TorchScript or ONNX."""
    return torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]


def resize_to(x: Tensor, like: Tensor) -> Tensor:
    """Resize (B, C, h, w) to the size of `like` (B, ·, H, W), bilinear, corners not aligned."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def cat_resized(deep: Tensor, skip: Tensor) -> Tensor:
    """Concatenate the deeper map, resized, and the skip connection, in this order."""
    return torch.cat((resize_to(deep, skip), skip), dim=1)


def named_map(maps: Any, name: str) -> Tensor | None:
    """A map of a network's named tuple; `saliency.0` is the first of the several that one name stands for."""
    first, _, index = name.partition(".")
    found = dict(zip(maps._fields, maps, strict=True)).get(first)
    if index and isinstance(found, tuple):
        return found[int(index)] if index.isdigit() and int(index) < len(found) else None
    return found if not index and isinstance(found, Tensor) else None


class Renaming:
    """A table of runs of dotted parts, ready for many names: from left to right, the longest run that it lists is replaced."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = dict(table)
        lengths: dict[str, set[int]] = {}
        for run in self._table:
            lengths.setdefault(run.partition(".")[0], set()).add(run.count(".") + 1)
        # By the first part, how long the runs are that begin with it: a network has thousands of names, and few of their
        # parts begin any run.
        self._lengths = {first: sorted(each, reverse=True) for first, each in lengths.items()}

    def __call__(self, name: str) -> str:
        """The name with its runs replaced."""
        parts, out, at = name.split("."), [], 0
        while at < len(parts):
            for length in self._lengths.get(parts[at], ()):
                run = ".".join(parts[at : at + length])
                if run in self._table:
                    out.append(self._table[run])
                    at += length
                    break
            else:
                out.append(parts[at])
                at += 1
        return ".".join(out)


def rename(name: str, keys: Mapping[str, str]) -> str:
    """Our name of a published tensor: from left to right, the longest run of dotted parts that `keys` lists is replaced."""
    return Renaming(keys)(name)


def published(name: str, keys: Mapping[str, str]) -> str:
    """The published name of one of our tensors: the inverse of `rename`."""
    return Renaming({ours: theirs for theirs, ours in keys.items()})(name)

"""Where a run computes: device, processes, precision; by accelerate, which `accelerate launch` and `torchrun` set up."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Any, Literal

import torch
import torch.nn.functional as F

from ..errors import DeviceUnavailable, MissingExtra

__all__ = ["accelerator", "faster_on_cpu", "rank"]

PATIENCE = timedelta(hours=2)  # for processes that wait while another one writes
Format = Literal["fp32", "bf16", "fp16"]


def rank() -> int:
    """Which of the processes that were started together this one is; known before anything is set up."""
    return int(os.environ.get("RANK", "0"))


def accelerator(precision: str, *, cpu: bool = False) -> tuple[Any, Format]:
    """Set this process up.

    Args:
        precision: `auto`, `fp32`, `bf16` or `fp16`.
        cpu: do not use a GPU that is there.

    Returns:
        The `accelerate.Accelerator`, and the precision that was chosen; all processes choose the same.

    Raises:
        MissingExtra: accelerate is not installed.
        DeviceUnavailable: the device cannot compute in that precision.
    """
    try:
        from accelerate import Accelerator, InitProcessGroupKwargs, PartialState
        from accelerate.state import AcceleratorState
        from accelerate.utils import DistributedDataParallelKwargs, broadcast_object_list
    except ModuleNotFoundError as error:
        raise MissingExtra("train", "Training") from error
    cpu = cpu or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    # One process may train several times (--ablate), each with a precision of its own.
    AcceleratorState._reset_state()  # noqa: SLF001  there is no public way
    process = PartialState(cpu=cpu, timeout=PATIENCE)
    kind = process.device.type
    chosen = [_chosen(precision, kind)]
    broadcast_object_list(chosen)  # they measure, and could disagree
    _check(chosen[0], kind)
    mixed = {"fp32": "no"}.get(chosen[0], chosen[0])
    # Not every head gets a gradient in every batch (classes, late epochs).
    spread = DistributedDataParallelKwargs(find_unused_parameters=True)
    made = Accelerator(
        mixed_precision=mixed,
        cpu=cpu,
        kwargs_handlers=[spread, InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    return made, chosen[0]


def _chosen(precision: str, kind: str) -> Format:
    if precision != "auto":
        return precision  # type: ignore[return-value]
    if kind == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return faster_on_cpu() if kind == "cpu" else "fp32"


def _check(precision: Format, kind: str) -> None:
    if precision == "fp16" and kind != "cuda":
        raise DeviceUnavailable("fp16 needs a GPU: set precision=bf16 or precision=fp32.")
    if precision == "bf16" and kind == "mps":
        raise DeviceUnavailable("bf16 is not trained on Apple's GPUs: set precision=fp32.")


def faster_on_cpu() -> Format:
    """Time one convolution both ways, as half of all CPUs only emulate bfloat16."""
    x = torch.zeros(8, 64, 64, 64).to(memory_format=torch.channels_last)
    weight = torch.zeros(64, 64, 3, 3).to(memory_format=torch.channels_last)
    times: dict[Format, float] = {}
    kinds: tuple[tuple[Format, torch.dtype], ...] = (
        ("bf16", torch.bfloat16),
        ("fp32", torch.float32),
    )
    for name, kind in kinds:
        a, b = x.to(kind), weight.to(kind)
        F.conv2d(a, b, padding=1)  # warm
        start = time.perf_counter()
        F.conv2d(a, b, padding=1)
        times[name] = time.perf_counter() - start
    return min(times, key=times.__getitem__)

"""`kirie doctor`: what is installed, what really loads, and what to do about the rest."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from .. import zoo
from .._home import Home
from .._version import __version__
from ..errors import KirieError

__all__ = ["add"]

EXTRAS = {  # extra → (distribution, what it is for)
    "torch": ("torch", "checkpoints, training, export"),
    "heic": ("pillow-heif", "pictures of iPhones (HEIC)"),
    "eval": ("numba", "the field's measures, kirie eval"),
}


class Finding(NamedTuple):
    """One line of the report."""

    state: Literal["ok", "missing", "problem"]
    what: str
    remedy: str = ""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "Say what is installed, which devices really load, and how to mend what does not."
    parser = commands.add_parser("doctor", help="check this installation", description=text)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Print the findings; 1 if kirie cannot cut here."""
    findings = [finding for check in CHECKS for finding in check()]
    if given.json:
        sys.stdout.write(
            json.dumps([f._asdict() for f in findings], indent=1, ensure_ascii=False) + "\n"
        )
    else:
        marks = {"ok": "✓", "missing": "·", "problem": "✗"}
        for state, what, remedy in findings:
            sys.stdout.write(f"{marks[state]} {what}\n" + (f"    → {remedy}\n" if remedy else ""))
    return 1 if any(f.state == "problem" for f in findings) else 0


def _system() -> Iterator[Finding]:
    from importlib import metadata

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("ok", f"kirie {__version__}, Python {platform.python_version()}")
    yield Finding("ok", f"{platform.system()} {platform.machine()}, {cores} cores usable")
    for name in ("numpy", "pillow", "pyvips"):
        yield Finding("ok", f"{name} {metadata.version(name)}")


def _pictures() -> Iterator[Finding]:
    from PIL import features

    for name, label in (
        ("jpg", "JPEG"),
        ("webp", "WebP"),
        ("avif", "AVIF"),
        ("littlecms2", "colour profiles"),
    ):
        known = features.check(name)
        remedy = "" if known else "install Pillow from its wheels: pip install --upgrade pillow"
        yield Finding(
            "ok" if known else "missing",
            f"Pillow: {label}{'' if known else ' not built in'}",
            remedy,
        )


def _onnx() -> Iterator[Finding]:
    import onnxruntime

    from ..cutter import load
    from ..engines.onnx import CUDA_REMEDY, providers

    available = providers()
    yield Finding("ok", f"onnxruntime {onnxruntime.__version__}, built with {', '.join(available)}")
    card = zoo.get(zoo.DEFAULT)
    try:
        import numpy as np

        with load(zoo.DEFAULT, device="cpu") as cutter:
            cutter.cut(np.zeros((8, 8, 3), np.uint8))
        yield Finding("ok", f"{card.name}: the embedded model runs on the CPU")
    except KirieError as error:
        yield Finding("problem", f"{card.name}: {error}")
    if "CUDAExecutionProvider" not in available:
        yield Finding(
            "missing", "onnxruntime: no CUDA part, so the engine onnx uses the CPU", CUDA_REMEDY
        )
        return
    try:
        with load(zoo.DEFAULT, engine="onnx", device="cuda") as cutter:
            yield Finding("ok", f"onnxruntime: CUDA loads ({cutter.engine.device})")
    except KirieError as error:
        yield Finding("problem", f"onnxruntime: {error}")


def _torch() -> Iterator[Finding]:
    from importlib import util

    if util.find_spec("torch") is None:
        return  # _extras says so
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if gpus:
        yield Finding("ok", f"PyTorch {torch.__version__} sees {', '.join(gpus)}")
    elif torch.backends.mps.is_available():
        yield Finding("ok", f"PyTorch {torch.__version__} sees an Apple GPU")
    else:
        why = (
            "a CUDA build, but no GPU or driver answers" if torch.version.cuda else "the CPU build"
        )
        yield Finding(
            "missing",
            f"PyTorch {torch.__version__}: no GPU ({why})",
            "pytorch.org says which build fits a GPU",
        )


def _extras() -> Iterator[Finding]:
    from importlib import metadata

    for extra, (distribution, purpose) in EXTRAS.items():
        try:
            yield Finding(
                "ok", f"extra {extra}: {distribution} {metadata.version(distribution)} ({purpose})"
            )
        except metadata.PackageNotFoundError:
            yield Finding(
                "missing",
                f"extra {extra}: not installed ({purpose})",
                f"pip install 'kirie[{extra}]'",
            )


def _models() -> Iterator[Finding]:
    from .. import weights

    try:
        settings = weights.Settings.read()
        rows = [file for card in zoo.MODELS for file in weights.files(card)]
    except KirieError as error:
        yield Finding("problem", f"models: {error}")
        return
    own = [file for file in rows if file.state == "here" and not file.weights.embedded]
    size = sum(file.path.stat().st_size for file in own) / 1e6
    what = f"{len(own)} fetched files, {size:.0f} MB" if own else "nothing fetched yet"
    yield Finding("ok", f"models: {what}, in {settings.home}")
    if refusal := Home(settings.home).refusal():
        yield Finding(
            "missing",
            f"models: no more can be stored ({refusal})",
            "set KIRIE_HOME to a folder that can be written to",
        )
    if settings.offline:
        yield Finding("ok", "models: KIRIE_OFFLINE is set, so nothing is ever fetched")
    if settings.mirror:
        yield Finding("ok", f"models: fetched from {settings.mirror} first (KIRIE_MIRROR)")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    *(_system, _pictures, _onnx, _torch),
    *(_models, _extras),
)

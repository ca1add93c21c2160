"""ONNX Runtime: the engine of every install."""

from __future__ import annotations

import os
import re
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._machine import cores
from ..errors import BadCheckpoint, DeviceUnavailable, KirieError, OutOfMemory
from ..spec import ModelCard
from ._like import for_onnx, refuse_second_card

__all__ = ["OnnxEngine", "providers"]

PACKAGE = Path(__file__).parent.parent
INPUTS: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
OUTPUTS = ("tensor(float)", "tensor(float16)", "tensor(double)")
PRECISIONS: dict[Any, str] = {np.float16: "fp16", np.float64: "fp64"}
LIGHT = 64 << 20  # bytes of a file: a larger network needs the memory and all cores for one call
MOST_VALUES = (
    2**30
)  # of one output: 4 GB; what a network gives for a large picture is a hundredth of it
UNKNOWN_OPERATOR = (  # as onnxruntime puts it, from its release 1.19 on
    r"Fatal error: (?P<domain>.*?):(?P<name>\S+)\([-\d]*\) is not a registered function/op",
    r'In Node, \("[^"]*", (?P<name>.*?), "(?P<domain>[^"]*)", [-\d]+\).*(?:No Op registered|No opset import)',
    r"Could not find an implementation for (?P<domain>)(?P<name>\S+\(\d+\))",
)
ALLOCATION = re.compile(r"Failed to allocate|bad_alloc|bad allocation|out of memory", re.IGNORECASE)
CUDA_REMEDY = (
    "Install the GPU build (pip uninstall onnxruntime; pip install onnxruntime-gpu) with matching CUDA and "
    "cuDNN libraries, or use --device cpu; `kirie doctor` shows what is there."
)


def providers() -> list[str]:
    """The execution providers that this build of ONNX Runtime contains."""
    import onnxruntime

    return list(onnxruntime.get_available_providers())


class OnnxEngine:
    """One `.onnx` file in an ONNX Runtime session.

    Args:
        path: the file; external data must lie beside it.
        device: `auto` takes CUDA where it really loads, else the CPU, and says so in `reason`.
        card: the model's, where it is known; else the file's own, if it carries one.
        like: the model that a file without a card is used like.
        options: an `onnxruntime.SessionOptions` to use instead of kirie's own (threads, logging, …).
        calls: how many calls are to run at once; a small network on a CPU then gets its share of the cores in each.

    Attributes:
        path: as given.
        calls: how many calls may run at once.
    """

    name = "onnx"

    kin: tuple[str, ...] = ()  # which network it is, an .onnx does not say

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        card: ModelCard | None = None,
        like: ModelCard | None = None,
        options: Any = None,
        calls: int = 1,
    ) -> None:
        self.path = path
        facts = None
        if not path.is_relative_to(
            PACKAGE
        ):  # what lies there was looked through when it was put there
            from .. import onnxfile

            facts = onnxfile.read(path)
        light = path.is_file() and path.stat().st_size <= LIGHT
        wanted = options or _options(calls if light else 1)
        self.device, self.reason, self._session = _session(path, device, wanted)
        self.calls = calls if light and self.device == "cpu" else 1
        self._input, self._kind, self._fixed = self._taken(self._session.get_inputs())
        self.notes: tuple[str, ...] = ()
        text = self._session.get_modelmeta().custom_metadata_map.get("kirie")
        self.own = ModelCard.from_json(text) if text else None
        self.card = card or self.own
        if like is not None and facts is not None:
            if self.card is not None:
                refuse_second_card(path, like)
            self.card, self.notes = for_onnx(path, facts, like)
        outputs = {output.name: output for output in self._session.get_outputs()}
        self._outputs = list(outputs)
        if self.card is not None:
            maps = self.card.procedure.maps
            named = [name for name in maps if name in outputs]
            ordered = self.card.procedure.ordered
            self._outputs = self._outputs[: len(maps)] if ordered else named or self._outputs
        for name in self._outputs:
            self._check_output(outputs[name])
        self.precision = PRECISIONS.get(self._kind, "fp32")

    @property
    def size(self) -> tuple[int, int] | None:
        """The one (height, width) that the file takes; None where it takes several."""
        height, width = self._fixed[2:]
        return (height, width) if height and width else None

    def _taken(self, inputs: list[Any]) -> tuple[str, Any, tuple[int | None, ...]]:
        """Name, type and fixed sizes of the one input, which must be a batch of pictures."""
        shapes = [f"{one.name} {one.type} {one.shape}" for one in inputs]
        says = f"{self.path.name} takes {'; '.join(shapes)[:300] or 'nothing'}, but "
        if len(inputs) != 1 or len(inputs[0].shape) != 4:  # noqa: PLR2004
            raise BadCheckpoint(
                f"{says}a network that cuts pictures takes one batch of pictures (N, 3, h, w)."
            )
        name, kind = inputs[0].name, INPUTS.get(inputs[0].type)
        fixed = tuple(n if isinstance(n, int) and n > 0 else None for n in inputs[0].shape)
        last = " (channels last)" if fixed[1] != 3 and fixed[3] == 3 else ""  # noqa: PLR2004
        if fixed[1] not in (3, None) or last:
            raise BadCheckpoint(
                f"{says}kirie gives three channels before height and width{last}: export the network with input (N, 3, h, w)."
            )
        if kind is None:
            raise BadCheckpoint(
                f"{says}kirie gives {', '.join(np.dtype(each).name for each in INPUTS.values())}: export it with one of these."
            )
        return name, kind, fixed

    def _check_output(self, output: Any) -> None:
        """Refuse what cannot be maps, before anything is computed."""
        if output.type not in OUTPUTS:
            raise BadCheckpoint(
                f"{self.path.name} gives {output.name} as {output.type}, not as maps of floating-point numbers: export the "
                "network with its logits or probabilities as output."
            )
        known = prod(n for n in output.shape if isinstance(n, int) and n > 0)
        if known > MOST_VALUES:
            raise BadCheckpoint(
                f"{self.path.name} would give {known} numbers for a picture ({output.name}, {output.shape}): no network that "
                "cuts pictures does. Nothing was computed."
            )

    def __call__(self, batch: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run (B, 3, h, w), normalised float32 or, where the file normalises, uint8 → the needed outputs by name."""
        if self._session is None:
            raise RuntimeError("This engine is closed.")
        for have, want in zip(batch.shape[1:], self._fixed[1:], strict=True):
            if want is not None and have != want:
                raise BadCheckpoint(
                    f"{self.path.name} takes pictures of {self._fixed[2]}×{self._fixed[3]}, but its card "
                    f"prepares {batch.shape[2]}×{batch.shape[3]}: the card does not fit the file."
                )
        if self._kind is np.uint8 and batch.dtype != np.uint8:
            raise BadCheckpoint(
                f"{self.path.name} takes pixels (uint8), but its card prepares normalised numbers: the card does not fit "
                "the file."
            )
        given = batch.astype(self._kind, copy=False)
        step = self._fixed[0] or len(given)  # a file exported for one picture gets one at a time
        parts = [
            self._run(given[start : start + step], step) for start in range(0, len(given), step)
        ]
        return {
            name: values[0] if len(parts) == 1 else np.concatenate(values)
            for name, values in zip(self._outputs, zip(*parts, strict=True), strict=True)
        }

    def _run(self, part: NDArray[Any], count: int) -> list[NDArray[np.float32]]:
        """One call; a part that is smaller than the file's fixed batch is filled up with its last picture."""
        filled = np.concatenate([part, np.repeat(part[-1:], count - len(part), axis=0)])
        try:
            answers = self._session.run(self._outputs, {self._input: filled})
        except Exception as error:  # onnxruntime's own classes derive from Exception alone
            raise _failure(self.path.name, self.device, error) from error
        return [
            self._maps(name, answer, count)[: len(part)]
            for name, answer in zip(self._outputs, answers, strict=True)
        ]

    def _maps(self, name: str, answer: Any, count: int) -> NDArray[np.float32]:
        """An output as (B, K, h', w') float32; an axis that the file leaves out is put in."""
        if answer.ndim == 2 and count == 1:  # noqa: PLR2004  (h', w')
            answer = answer[None]
        if answer.ndim == 3:  # noqa: PLR2004  (B, h', w')
            answer = answer[:, None]
        if answer.ndim != 4 or len(answer) != count or not answer.size:  # noqa: PLR2004
            raise BadCheckpoint(
                f"{self.path.name} gives {name} of shape {answer.shape} for {count} picture(s), not maps (N, K, h, w): it is "
                "not a network that cuts pictures."
            )
        return np.asarray(answer, np.float32)

    @property
    def session(self) -> Any:
        """The `onnxruntime.InferenceSession` itself; None once closed."""
        return self._session

    def close(self) -> None:
        """Drop the session."""
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _session(path: Path, device: str, options: Any) -> tuple[str, str, Any]:
    """(device, why, session); the session's providers are checked, since ONNX Runtime replaces failing ones silently."""
    available = providers()
    kind, _, index = device.partition(":")
    if kind == "mps":
        raise DeviceUnavailable(
            "The engine onnx has no mps device: use --engine pytorch, or --device cpu."
        )
    cuda = "CUDAExecutionProvider"
    if kind == "cuda" and cuda not in available:
        raise DeviceUnavailable(
            f"No GPU can be used: the installed onnxruntime has no CUDA part. {CUDA_REMEDY}"
        )
    if kind == "cpu" or cuda not in available:
        reason = "asked for" if kind == "cpu" else "the installed onnxruntime is the CPU build"
        return "cpu", reason, _create(path, ["CPUExecutionProvider"], options)
    number = int(index or 0)
    session = _create(path, [(cuda, {"device_id": number}), "CPUExecutionProvider"], options)
    if session.get_providers()[0] == cuda:
        return f"cuda:{number}", "asked for" if kind == "cuda" else "a GPU is there", session
    if kind == "cuda":
        raise DeviceUnavailable(
            f"No GPU can be used: onnxruntime's CUDA part is installed but did not load. {CUDA_REMEDY}"
        )
    return "cpu", "onnxruntime's CUDA part is installed but did not load; see kirie doctor", session


def _create(path: Path, chosen: list[Any], options: Any) -> Any:
    import onnxruntime

    if not path.is_file():
        raise BadCheckpoint(f"No such model file: {path}.")
    try:  # with links followed, so that external data is looked for in the folder that was checked
        return onnxruntime.InferenceSession(os.path.realpath(path), options, providers=chosen)
    except Exception as error:  # onnxruntime's own classes derive from Exception alone
        raise BadCheckpoint(_refusal(path.name, error)) from error


def _options(calls: int) -> Any:
    """Kirie's settings; so many calls at once divide the cores among them."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # its warnings are not for users; failures raise
    options.intra_op_num_threads = max(1, cores() // calls)
    # Waiting threads would burn the cores that decode and encode other pictures meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _refusal(name: str, error: Exception) -> str:
    """Why a file cannot be opened, in a sentence."""
    import onnxruntime

    text = " ".join(str(error).split())
    here = f"onnxruntime {onnxruntime.__version__}"
    for pattern in UNKNOWN_OPERATOR:
        if found := re.search(pattern, text):
            domain = found["domain"].removeprefix("ai.onnx")
            operator = f"{domain}:{found['name']}" if domain else found["name"]
            return (
                f"{name} uses the operator {operator!a}, which {here} does not have: export the network in float32 "
                "and without custom operators, or upgrade onnxruntime."
            )
    if found := re.search(r"(?:Opset|IR version:?) (\d+)", text):
        return (
            f"{name} is written for a newer ONNX ({found[0]}) than {here} reads: upgrade onnxruntime, or export the network "
            "with an older opset."
        )
    if ALLOCATION.search(text):
        return _too_large(name, "the CPU", text)
    return (
        f"{name} cannot be opened as an ONNX network: {_short(text)}. Download or export it again."
    )


def _failure(name: str, device: str, error: Exception) -> KirieError:
    """Why a call failed, in a sentence."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or ALLOCATION.search(text):
        return OutOfMemory(_too_large(name, device, text))
    return BadCheckpoint(
        f"{name} fails on a picture: {_short(text)}. The file is damaged, or made for another size: export it again."
    )


def _too_large(name: str, device: str, text: str) -> str:
    asked = re.search(r"buffer of size (\d+)", text)
    amount = f"{int(asked[1]) / 1e9:.1f} GB of memory at once, more" if asked else "more memory"
    return f"{name} asks for {amount} than {device} has: close other programs, or use a smaller network or input."


def _short(text: str) -> str:
    """The runtime's message without what only its developers need."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |\S*/onnxruntime_src/\S+ ", "", text)
    return ascii(text[:200])[1:-1].rstrip(". ")

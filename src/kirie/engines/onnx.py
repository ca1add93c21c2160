"""ONNX Runtime: the engine of every install."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import BadCheckpoint, DeviceUnavailable
from ..spec import ModelCard

__all__ = ["OnnxEngine", "providers"]

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
    """

    name = "onnx"
    precision = "fp32"

    def __init__(self, path: Path, *, device: str = "auto") -> None:
        self._path = path
        self.device, self.reason, self._session = _session(path, device)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:  # noqa: PLR2004
            raise BadCheckpoint(
                f"{path.name} does not take one batch of pictures (N, 3, h, w): it is not a network that cuts "
                "pictures."
            )
        self._input = inputs[0].name
        self._fixed = tuple(n if isinstance(n, int) else None for n in inputs[0].shape)
        self._outputs = [output.name for output in self._session.get_outputs()]
        text = self._session.get_modelmeta().custom_metadata_map.get("kirie")
        self.card = ModelCard.from_json(text) if text else None

    def __call__(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run (B, 3, h, w) float32 → the file's outputs by name."""
        if self._session is None:
            raise RuntimeError("This engine is closed.")
        for have, want in zip(batch.shape[1:], self._fixed[1:], strict=True):
            if want is not None and have != want:
                raise BadCheckpoint(
                    f"{self._path.name} takes pictures of {self._fixed[2]}×{self._fixed[3]}, but its card "
                    f"prepares {batch.shape[2]}×{batch.shape[3]}: the card does not fit the file."
                )
        step = self._fixed[0] or len(batch)  # a file exported for one picture gets one at a time
        parts = [
            self._session.run(None, {self._input: batch[start : start + step]})
            for start in range(0, len(batch), step)
        ]
        return {
            name: values[0] if len(parts) == 1 else np.concatenate(values)
            for name, values in zip(self._outputs, zip(*parts, strict=True), strict=True)
        }

    def close(self) -> None:
        """Drop the session."""
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _session(path: Path, device: str) -> tuple[str, str, Any]:
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
        return "cpu", reason, _create(path, ["CPUExecutionProvider"])
    number = int(index or 0)
    session = _create(path, [(cuda, {"device_id": number}), "CPUExecutionProvider"])
    if session.get_providers()[0] == cuda:
        return f"cuda:{number}", "asked for" if kind == "cuda" else "a GPU is there", session
    if kind == "cuda":
        raise DeviceUnavailable(
            f"No GPU can be used: onnxruntime's CUDA part is installed but did not load. {CUDA_REMEDY}"
        )
    return "cpu", "onnxruntime's CUDA part is installed but did not load; see kirie doctor", session


def _create(path: Path, chosen: list[Any]) -> Any:
    import onnxruntime

    if not path.is_file():
        raise BadCheckpoint(f"No such model file: {path}.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # its warnings are not for users; failures raise
    options.intra_op_num_threads = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    )
    # Waiting threads would burn the cores that decode and encode other pictures meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=chosen)
    except Exception as error:  # onnxruntime's own classes derive from Exception alone
        text = " ".join(str(error).split())
        raise BadCheckpoint(
            f"{path.name} cannot be opened as an ONNX network: {text[:200]}. Download or export it again."
        ) from error

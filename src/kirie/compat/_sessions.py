"""rembg's sessions: a network, read as rembg reads it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import prepare, procedure, zoo
from ..cutter import Cutter, load
from ..engines import Engine
from ..engines.onnx import OnnxEngine
from ..errors import BadCheckpoint, BadInput, DeviceUnavailable, UnknownModel
from ..spec import CutOptions, ModelCard, Preparation
from . import _pictures

__all__ = ["Session", "new_session", "warn_of_unused"]

Opened = TypeVar("Opened")

DEFAULT = "u2net"
CLOTHES = "u2net_cloth_seg"
MASK = CutOptions(as_="mask", edges="raw")

# How rembg prepares a picture for each of its networks; it reads them all the same way (`_levels`).
U2NET = Preparation(size=(320, 320), filter="lanczos", scale="maximum")
LARGE = replace(U2NET, size=(1024, 1024))
ISNET = replace(LARGE, mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0))
ANIME = replace(LARGE, std=(1.0, 1.0, 1.0))
PREPARATIONS = {
    "u2net": U2NET,
    "u2netp": U2NET,
    "u2net_human_seg": U2NET,
    CLOTHES: replace(U2NET, size=(768, 768)),
    "silueta": U2NET,
    "isnet-general-use": ISNET,
    "isnet-anime": ANIME,
    "birefnet-general": LARGE,
    "birefnet-general-lite": LARGE,
    "birefnet-portrait": LARGE,
    "birefnet-dis": LARGE,
    "birefnet-hrsod": LARGE,
    "birefnet-cod": LARGE,
    "birefnet-massive": LARGE,
    "bria-rmbg": LARGE,
}
CUSTOM = {"u2net_custom": U2NET, "dis_custom": ISNET, "ben_custom": ISNET}
ABSENT = ("birefnet-general-fp16", "sam")
SERVICES = ("withoutbg", "atlascloud")

GARMENTS = {"upper": (1,), "lower": (2,), "full": (3,), "attire": (1, 2, 3)}
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class Session:
    """A network that is ready for many pictures; safe to share between threads. Made by `new_session`.

    Args:
        model_name: the name that it is made with.
        engine: the open network; `close` closes it.
        card: the network's; None for a file that has none.
        preparation: how rembg prepares pictures for it; None where rembg does not know it, and the card says all.

    Attributes:
        model_name: as given.
        engine: as given; `engine.device` says where it runs.
    """

    def __init__(
        self,
        model_name: str,
        engine: Engine,
        card: ModelCard | None,
        preparation: Preparation | None,
    ) -> None:
        self.model_name = model_name
        self.engine = engine
        self._card = card
        self._preparation = preparation

    def predict(self, img: Image.Image, *args: Any, **kwargs: Any) -> list[Image.Image]:
        """Find the masks: one, or for clothes one for each of upper, lower and full body.

        Args:
            img: any mode; alpha is left out of account, and so is an orientation tag.
            args: none is used.
            kwargs: `cc` or `cloth_category` for clothes: `upper`, `lower`, `full`, or `attire` for all in one.

        Returns:
            Images of mode L and the picture's size.
        """
        garment = kwargs.pop("cc", None) or kwargs.get("cloth_category")
        kwargs.pop("cloth_category", None)
        warn_of_unused("predict", args, kwargs)
        rgb = np.asarray(_pictures.simple(img).convert("RGB"))
        if self._card is not None and self._preparation is None:
            return [Image.fromarray(Cutter(self._card, self.engine).cut(rgb, MASK).mask)]
        scores = self._scores(rgb)
        if self.model_name == CLOTHES:
            return _garments(scores, img.size, garment)
        return [_levels(scores[0], img.size)]

    def _scores(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(K, h, w) float32: the network's answer, through its sigmoid if that is outside the file."""
        batch, _ = prepare.prepare(rgb, self._preparation or U2NET)
        if self._card is None:
            answer = next(iter(self.engine(batch).values()))  # the file's first output
            outside = False
        else:
            first = self._card.procedure.maps[0]
            answer = procedure.run(self.engine, batch, self._card.procedure)[first]
            outside = self._card.readout.activation == "sigmoid"
        scores: NDArray[np.float32] = answer[0]
        if outside:  # written with tanh, which cannot overflow
            scores = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * scores))
        if scores.ndim != 3 or not np.isfinite(scores).all():  # noqa: PLR2004
            raise BadCheckpoint(
                f"{self.model_name} returned something that is not a finite map (shape {scores.shape}): the file is "
                "damaged, or no network that cuts pictures."
            )
        return scores

    @property
    def inner_session(self) -> Any:
        """The `onnxruntime.InferenceSession`, for instance for its `get_providers()`."""
        if isinstance(self.engine, OnnxEngine):
            return self.engine.session
        raise AttributeError(
            f"{self.model_name} runs on the engine {self.engine.name}, not in ONNX Runtime: see "
            "`session.engine`."
        )

    def close(self) -> None:
        """Give the network's memory back."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.model_name} on {self.engine.name}/{self.engine.device}>"


def _levels(plane: NDArray[np.float32], size: tuple[int, int]) -> Image.Image:
    """One map (h, w) as a mask of `size` = (width, height): stretched, cut to 8 bits, resized by Lanczos."""
    low, high = plane.min(), plane.max()
    stretched = (plane - low) / (high - low) if high > low else np.zeros_like(plane)
    levels = (stretched.clip(0, 1) * 255).astype(np.uint8)
    return Image.fromarray(levels).resize(size, Image.Resampling.LANCZOS)


def _garments(
    scores: NDArray[np.float32], size: tuple[int, int], garment: Any
) -> list[Image.Image]:
    """The class map is resized as if its numbers were levels, as rembg does it."""
    small = Image.fromarray(scores.argmax(axis=0).astype(np.uint8))  # (h, w) of classes
    labels = np.asarray(small.resize(size, Image.Resampling.LANCZOS))
    chosen = [garment] if garment in GARMENTS else ["upper", "lower", "full"]
    return [
        Image.fromarray(np.isin(labels, GARMENTS[name]).astype(np.uint8) * np.uint8(255))
        for name in chosen
    ]


def new_session(
    model_name: str = DEFAULT, *args: Any, sess_opts: Any = None, **kwargs: Any
) -> Session:
    """Open a network for many pictures.

    Args:
        model_name: a name of rembg's or kirie's, or `u2net_custom`, `dis_custom` or `ben_custom` with `model_path`.
        args: none is used.
        sess_opts: an `onnxruntime.SessionOptions` in place of kirie's; OMP_NUM_THREADS is not read.
        kwargs: `providers`, ONNX Runtime's names in order of preference; `model_path`, an `.onnx` file.

    Raises:
        UnknownModel: kirie has no card of that name.
        DeviceUnavailable: none of the providers can be used here.
        LicenceRefused, Offline: as `kirie.load`.
        BadCheckpoint: the file cannot be used.
    """
    providers, path = kwargs.pop("providers", None), kwargs.pop("model_path", None)
    warn_of_unused("new_session", args, kwargs)
    if model_name in CUSTOM:
        file = _custom_file(model_name, path)
        engine = _preferred(
            lambda device: OnnxEngine(file, device=device, options=sess_opts), providers
        )
        return Session(model_name, engine, None, CUSTOM[model_name])
    _check_name(model_name)
    cutter = _preferred(lambda device: _open(model_name, device, sess_opts), providers)
    return Session(model_name, cutter.engine, cutter.card, PREPARATIONS.get(model_name))


def _custom_file(name: str, path: Any) -> Path:
    if path is None:
        raise BadInput(f"{name} needs model_path: an .onnx file.")
    file = Path(path).expanduser()
    if file.suffix.lower() != ".onnx":
        raise BadInput(f"{name} runs .onnx files, not {file.name}: kirie.load opens others.")
    return file


def _check_name(name: str) -> None:
    """Refuse a model that kirie has no card for; for rembg's, with what can be done instead."""
    try:
        zoo.get(name)
    except UnknownModel as error:
        if name in SERVICES:
            raise UnknownModel(
                f"{name!r} is a service that pictures are sent to, and kirie sends nothing anywhere: name a model "
                "that runs here (`kirie models list`)."
            ) from error
        if name in (*PREPARATIONS, *ABSENT):
            raise UnknownModel(
                f"kirie has no card for rembg's {name!r}: `kirie models list` shows what it has; an .onnx file that "
                "you have runs as new_session('dis_custom', model_path=…)."
            ) from error
        raise


def _open(name: str, device: str, sess_opts: Any) -> Cutter:
    cutter = load(name, device=device)
    if sess_opts is None:
        return cutter
    cutter.close()
    if not isinstance(cutter.engine, OnnxEngine):
        raise BadCheckpoint(
            f"{name} does not run in ONNX Runtime, which sess_opts is for: leave it out."
        )
    engine = OnnxEngine(cutter.engine.path, device=device, card=cutter.card, options=sess_opts)
    return Cutter(cutter.card, engine)


def _preferred(open_on: Callable[[str], Opened], providers: Any) -> Opened:
    """The first provider that works; saying so where it is not the first of the list."""
    if not providers:
        return open_on("auto")
    passed = []
    for provider in providers:
        device = _device(provider)
        if device is None:
            passed.append(f"{provider}: kirie runs ONNX files by {CPU} and {CUDA}")
            continue
        try:
            opened = open_on(device)
        except DeviceUnavailable as error:
            passed.append(f"{provider}: {error}")
            continue
        if passed:
            warnings.warn(
                f"The session runs on {device}. {'; '.join(passed)}", RuntimeWarning, stacklevel=3
            )
        return opened
    raise DeviceUnavailable(
        f"None of the providers can be used here; add {CPU!r} to allow the CPU. {'; '.join(passed)}"
    )


def _device(provider: Any) -> str | None:
    """The device that a provider of ONNX Runtime stands for: a name, or a name with its options."""
    name, options = (provider, {}) if isinstance(provider, str) else provider
    if name == CUDA:
        return f"cuda:{options['device_id']}" if "device_id" in options else "cuda"
    return "cpu" if name == CPU else None


def warn_of_unused(what: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Say what is passed over: rembg takes anything, and drops what it does not know without a word."""
    names = [*(repr(value) for value in args), *kwargs]
    if names:
        warnings.warn(
            f"{what} has no use for {', '.join(names)}: rembg ignores it, and so does kirie.",
            RuntimeWarning,
            stacklevel=3,
        )

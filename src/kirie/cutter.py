"""The whole line in seven calls: decode → prepare → engine → read out → refine → compose → encode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import compose, edges, image, prepare, procedure, readout, weights, zoo
from ._overlap import overlap
from .engines import ENGINES, Engine, open_engine
from .errors import BadCheckpoint, BadInput, UnknownModel
from .spec import CutOptions, ModelCard

__all__ = ["Cutout", "Cutter", "load"]

Source = Any  # path, bytes, binary file object, PIL image, array, or a decoded Picture
OPAQUE = 0.5  # an alpha from here on counts as subject
LEAST_COVERAGE = 0.0005


class Cutter:
    """A model that is ready to cut; safe to share between threads.

    Args:
        card: what makes the model's answers right.
        engine: the open network; `close` closes it.
    """

    def __init__(self, card: ModelCard, engine: Engine) -> None:
        self.card = card
        self.engine = engine

    def cut(
        self,
        source: Source,
        options: CutOptions | None = None,
        *,
        edges: Literal["clean", "raw"] | None = None,
    ) -> Cutout:
        """Cut the subject out of one picture.

        Args:
            source: path, bytes, binary file object, PIL image, or array: (H, W), (H, W, 3) or (H, W, 4), uint8,
                uint16 or float in [0, 1], RGB.
            options: all options; `edges` alone can be given by itself.
            edges: `clean` (default) estimates the subject's colours along its edge, `raw` keeps the picture's.

        Raises:
            BadInput: the picture cannot be read, or is over `options.max_pixels`.
        """
        options = _options(options, edges)
        watch = _Watch()
        picture = image.decode(source, max_pixels=options.max_pixels)
        watch("decode")
        batch, geometry = prepare.prepare(picture.rgb, self.card.preparation)
        watch("prepare")
        raw = procedure.run(self.engine, batch, self.card.procedure)
        watch("network")
        return self._finish(picture, raw[self.card.procedure.maps[0]][0], geometry, options, watch)

    def cut_many(
        self,
        sources: Iterable[Source],
        options: CutOptions | None = None,
        *,
        batch_size: int = 8,
        then: Callable[[int, Cutout], Any] | None = None,
        errors: Literal["raise", "return"] = "raise",
    ) -> Iterator[Any]:
        """Cut many pictures, in order: the network runs whole batches while others are decoded and encoded.

        Args:
            sources: as for `cut`; read only a little ahead, so that memory does not grow with their number.
            options: all options.
            batch_size: pictures per engine call.
            then: called in a worker with (index, cutout), to save it for example; its result is yielded
                instead of the cutout.
            errors: `raise` ends at the first picture that fails; `return` yields its `KirieError` in its place.

        Yields:
            A `Cutout` (or what `then` made of it) for each source.
        """
        options = _options(options, None)
        if batch_size < 1:
            raise BadInput(f"batch_size is {batch_size}, but must be at least 1.")

        def before(source: Source) -> tuple[image.Picture, Any, Any, _Watch]:
            watch = _Watch()
            picture = image.decode(source, max_pixels=options.max_pixels)
            watch("decode")
            batch, geometry = prepare.prepare(picture.rgb, self.card.preparation)
            watch("prepare")
            return picture, batch, geometry, watch

        def network(items: list[tuple[image.Picture, Any, Any, _Watch]]) -> list[Any]:
            started = perf_counter()
            raw = procedure.run(
                self.engine, np.concatenate([item[1] for item in items]), self.card.procedure
            )
            share = (perf_counter() - started) / len(items)
            for item in items:
                item[3].add("network", share)
            return [
                (*item, logits)
                for item, logits in zip(items, raw[self.card.procedure.maps[0]], strict=True)
            ]

        def after(index: int, item: tuple[image.Picture, Any, Any, _Watch, Any]) -> Any:
            picture, _, geometry, watch, logits = item
            cutout = self._finish(picture, logits, geometry, options, watch)
            return then(index, cutout) if then else cutout

        yield from overlap(sources, before, network, after, batch_size=batch_size, errors=errors)

    def _finish(
        self,
        picture: image.Picture,
        logits: NDArray[np.float32],
        geometry: prepare.Geometry,
        options: CutOptions,
        watch: _Watch,
    ) -> Cutout:
        """From the network's answer on: read out, refine, and hand over what composing and encoding need."""
        watch.restart()
        alpha = readout.alpha(logits, self.card.readout, geometry)
        watch("read out")
        colours = picture.pixels
        if options.edges == "clean" and options.as_ == "cutout":
            colours = edges.clean(_whole(picture), alpha)
        watch("edges")
        if picture.alpha is not None:  # what the picture already hides stays hidden
            alpha *= picture.alpha.astype(np.float32) / np.float32(
                np.iinfo(picture.alpha.dtype).max
            )
        return Cutout(
            picture=picture,
            alpha=alpha,
            colours=colours,
            options=options,
            card=self.card,
            engine=self.engine.name,
            device=self.engine.device,
            precision=self.engine.precision,
            timings=watch.seconds,
        )

    def close(self) -> None:
        """Give the network's memory back."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Cutter {self.card.name} on {self.engine.name}/{self.engine.device}>"


@dataclass(kw_only=True)
class Cutout:
    """One picture, cut.

    Attributes:
        picture: the picture as it was read.
        alpha: (H, W) float32 in [0, 1], straight.
        colours: (H, W, 3) at the picture's depth and in its profile: the subject's own colours.
        options, card, engine, device, precision: how it was made.
        timings: seconds by stage.
    """

    picture: image.Picture
    alpha: NDArray[np.float32]
    colours: NDArray[Any]
    options: CutOptions
    card: ModelCard
    engine: str
    device: str
    precision: str
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.alpha.shape[0], self.alpha.shape[1]

    @cached_property
    def coverage(self) -> float:
        """The subject's share of the picture, 0…1: the mean of alpha."""
        return float(self.alpha.mean(dtype=np.float64))

    @cached_property
    def bbox(self) -> tuple[int, int, int, int] | None:
        """The subject's box (x0, y0, x1, y1), exclusive at the far end; None where it is empty."""
        subject = self.alpha >= OPAQUE
        rows, columns = np.flatnonzero(subject.any(axis=1)), np.flatnonzero(subject.any(axis=0))
        if not len(rows):
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    @property
    def empty(self) -> bool:
        """No subject was found: no alpha reaches one half, or coverage is under 0.05 %."""
        return self.bbox is None or self.coverage < LEAST_COVERAGE

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about this result: one sentence each."""
        none = ("No subject was found in this picture.",) if self.empty else ()
        return (*self.picture.notes, *none)

    @property
    def pixels(self) -> NDArray[Any]:
        """(H, W, 4) at the original depth and profile, straight alpha."""
        return compose.cutout(self.colours, self.alpha)

    @property
    def mask(self) -> NDArray[Any]:
        """The alpha as (H, W) integers of the picture's depth."""
        return compose.mask(self.alpha, self.picture.pixels.dtype)

    @property
    def rgba(self) -> Image.Image:
        """The cutout as an 8-bit PIL image, its profile in `info`."""
        return self._pillow(compose.cutout(compose.eight_bits(self.colours), self.alpha))

    def on(self, background: str | tuple[int, int, int] | Source) -> Image.Image:
        """The cutout on a colour, on the picture's own background blurred (`blur`), or on another picture: RGB."""
        return self._pillow(compose.eight_bits(self.flat(background)))

    def flat(self, background: str | tuple[int, int, int] | Source) -> NDArray[Any]:
        """As `on`, but (H, W, 3) at the original depth."""
        return compose.on(self.colours, self.alpha, self._background(background))

    def render(self) -> NDArray[Any]:
        """What the options ask for, ready to be encoded."""
        if self.options.as_ == "mask":
            return self.mask
        if self.options.as_ == "trimap":
            return compose.trimap(self.alpha)
        if self.options.as_ == "overlay":
            return compose.overlay(self.picture.pixels, self.alpha)
        return (
            self.pixels if self.options.background is None else self.flat(self.options.background)
        )

    def encode(self, format: str | None = None) -> bytes:  # noqa: A002  the option's one name
        """What the options ask for, as a picture file's bytes."""
        watch = _Watch()
        pixels = self.render()
        watch("compose")
        plane = self.options.as_ in ("mask", "trimap")  # numbers, not colours: no profile
        data = image.encode(
            pixels,
            format or self.options.format or "png",
            icc=None if plane else self.picture.icc,
            exif=self.picture.exif,
            dpi=self.picture.dpi,
        )
        watch("encode")
        self.timings |= watch.seconds
        return data

    def save(self, path: str | Path) -> Path:
        """Write the result; the format is the options' or follows from the name. Never leaves half a file."""
        target = Path(path)
        image.write_atomic(target, self.encode(self.options.format or image.format_for(target)))
        return target

    def report(self) -> dict[str, Any]:
        """The facts of this result without its pixels, as `kirie cut --json` prints them."""
        return {
            "model": self.card.name,
            "licence": self.card.licence,
            "engine": self.engine,
            "device": self.device,
            "precision": self.precision,
            "size": list(self.size),
            "coverage": round(self.coverage, 5),
            "bbox": list(self.bbox) if self.bbox else None,
            "empty": self.empty,
            "notes": list(self.notes),
            "timings": {stage: round(seconds, 4) for stage, seconds in self.timings.items()},
        }

    def _background(self, background: Any) -> NDArray[Any]:
        if isinstance(background, str) and background == "blur":
            plane = compose.blurred(self.picture.pixels, self.alpha)
            return compose.deepen(plane, self.colours.dtype)
        named = compose.colour(background) if isinstance(background, str) else background
        if isinstance(named, tuple):
            plane = np.array([[named]], np.uint8)
        elif named is None:
            compose.check_background(background)
            plane = compose.cover(image.decode(background).rgb, self.size)
        else:
            plane = compose.cover(image.decode(named).rgb, self.size)
        plane = image.from_srgb(plane, self.picture.icc)
        return np.broadcast_to(compose.deepen(plane, self.colours.dtype), self.colours.shape)

    def _pillow(self, pixels: NDArray[Any]) -> Image.Image:
        made = Image.fromarray(pixels)
        if self.picture.icc:
            made.info["icc_profile"] = self.picture.icc
        return made

    def _repr_png_(self) -> bytes:
        """Notebooks show the cutout."""
        return image.encode(np.asarray(self.rgba), "png")

    def __repr__(self) -> str:
        height, width = self.size
        state = "empty" if self.empty else f"{self.coverage:.1%} subject"
        return f"<Cutout {width}×{height}, {state}, {self.card.name}>"


def load(model: str | Path = zoo.DEFAULT, *, engine: str = "auto", device: str = "auto") -> Cutter:
    """Open a model.

    Args:
        model: a card's name, or the path of a `.safetensors` or `.onnx` file that carries its card.
        engine: `auto`, `onnx`, `pytorch` or `fake`.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; one that is named is used or refused, never replaced.

    Raises:
        UnknownModel: there is neither a card nor a file of that name.
        BadCheckpoint: the file cannot be used.
        DeviceUnavailable: the device cannot be used here.
    """
    path = Path(model)
    suffixes = tuple(suffix for group in ENGINES.values() for suffix in group)
    if path.suffix.lower() in suffixes or path.is_file():
        if not path.is_file():
            raise UnknownModel(f"No such model file: {path}.")
        opened, card = open_engine((path,), None, engine=engine, device=device)
        if card is None:
            opened.close()
            raise BadCheckpoint(
                f"{path.name} does not say how its pictures are prepared and read (it carries no model card), and a "
                "wrong guess gives wrong masks: export it again with kirie."
            )
        return Cutter(card, opened)
    card = zoo.get(str(model))
    opened, _ = open_engine(weights.locate(card), card, engine=engine, device=device)
    return Cutter(card, opened)


def _whole(picture: image.Picture) -> NDArray[Any]:
    """The pixels, with visible neighbours' colours spread into what the picture's own alpha hides.

    Colours beside a hidden area are pure already: taken for a mixture with the black that stands for nothing,
    they would come out too bright.
    """
    if picture.alpha is None:
        return picture.pixels
    hidden = picture.alpha == 0
    if not hidden.any() or hidden.all():
        return picture.pixels
    # Far from everything visible: the mean of it; near, what lies next to it.
    mean = picture.pixels[~hidden].mean(axis=0).astype(picture.pixels.dtype)
    filled = np.where(hidden[..., None], mean, picture.pixels)
    spread = compose.blurred(filled, hidden.astype(np.float32))
    return np.where(hidden[..., None], compose.deepen(spread, filled.dtype), filled)


def _options(options: CutOptions | None, edges: Literal["clean", "raw"] | None) -> CutOptions:
    options = options or CutOptions()
    return replace(options, edges=edges) if edges else options


class _Watch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        self._last = perf_counter()

    def add(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def __call__(self, stage: str) -> None:
        now = perf_counter()
        self.add(stage, now - self._last)
        self._last = now

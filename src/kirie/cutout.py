"""One picture, cut: what `Cutter` hands back, and what can be made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import arrange, coco, compose, contour, image
from ._frame import frame
from ._watch import Watch
from ._zip import zipped
from .backgrounds import checkerboard
from .errors import BadInput
from .options import DATA, CutOptions
from .spec import ModelCard

__all__ = ["Cutout"]

Source = Any  # path, bytes, binary file object, PIL image, array, or a decoded Picture
OPAQUE = 0.5  # an alpha from here on counts as subject
LEAST_COVERAGE = 0.0005
UNSURE = 0.5  # confidence below which a note says so
SIDES = ("left", "top", "right", "bottom")
COLOURS = 3  # axes of an array of colours
PREVIEW = 640  # pixels of a notebook's preview
Floats = NDArray[np.float32]


@dataclass(kw_only=True)
class Cutout:
    """One picture, cut.

    Attributes:
        picture: the picture as it was read.
        alpha: (H, W) float32 in [0, 1], straight: what is shown.
        subject: the same before `invert` and the picture's own alpha; coverage, box and the like are of it.
        colours: (H, W, 3) at the picture's depth and in its profile: the subject's own colours.
        confidence: 0…1: the IoU that is to be expected of such an answer, where the model's card knows it; otherwise how
            decided the answer is (see `refine.confidence`); of an answer of nothing how unlikely every pixel is (`readout.absence`).
        options, card, engine, device, precision: how it was made; a preset written out.
        model_notes: what a user should know of the model's file.
        timings: seconds by stage.
        seen: the (height, width) that the network saw the picture at; two where a large picture's answers were blended.
    """

    picture: image.Picture
    alpha: Floats
    subject: Floats
    colours: NDArray[Any]
    confidence: float
    options: CutOptions
    card: ModelCard
    engine: str
    device: str
    precision: str
    model_notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    seen: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.alpha.shape[0], self.alpha.shape[1]

    @cached_property
    def coverage(self) -> float:
        """The subject's share of the picture, 0…1: the mean of alpha."""
        return float(self._found.mean(dtype=np.float64))

    @cached_property
    def bbox(self) -> tuple[int, int, int, int] | None:
        """The subject's box (x0, y0, x1, y1), exclusive at the far end; None where it is empty."""
        subject = self._found >= OPAQUE
        rows, columns = np.flatnonzero(subject.any(axis=1)), np.flatnonzero(subject.any(axis=0))
        if not len(rows):
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    @property
    def touches_border(self) -> tuple[str, ...]:
        """The sides of the picture that the subject reaches, and may be cut off by: `left`, `top`, `right`, `bottom`."""
        if self.bbox is None:
            return ()
        height, width = self.size
        near = (self.bbox[0] == 0, self.bbox[1] == 0, self.bbox[2] == width, self.bbox[3] == height)
        return tuple(side for side, touches in zip(SIDES, near, strict=True) if touches)

    @property
    def empty(self) -> bool:
        """No subject was found: no alpha reaches one half, or coverage is under 0.05 %."""
        return self.bbox is None or self.coverage < LEAST_COVERAGE

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about this result: one sentence each."""
        found = [*self.model_notes, *self.picture.notes]
        if self.empty:
            found.append("No subject was found in this picture.")
        if self.confidence < UNSURE:
            found.append(
                f"The model is unsure about this picture (confidence {self.confidence:.2f}): look at the result."
            )
        return tuple(found)

    @cached_property
    def _found(self) -> Floats:
        """The subject as far as the picture's own alpha shows it."""
        own = self.picture.alpha
        if not self.options.invert or own is None:
            return self.subject if own is None else self.alpha
        return self.subject * own.astype(np.float32) / np.float32(np.iinfo(own.dtype).max)

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
        place = frame(self.alpha, CutOptions())
        behind = arrange.background(self.picture, self.subject, background, self.options, place)
        return arrange.flat(self.colours, self.alpha, behind)

    def render(self) -> NDArray[Any]:
        """What the options ask for as a picture, ready to be encoded: for `contour` and `coco` its mask."""
        options, made = self.options, self.options.as_
        if made == "overlay":
            return arrange.overlay(self.picture, self.alpha, options)
        colours, alpha, place = arrange.arranged(self.picture, self.colours, self.alpha, options)
        if made == "trimap":
            return compose.trimap(alpha)
        if made in ("mask", "contour", "coco"):
            return compose.mask(alpha, colours.dtype)
        if made == "checker":
            return arrange.flat(colours, alpha, checkerboard(place.size))
        if options.background is None:
            return compose.cutout(colours, alpha)
        behind = arrange.background(self.picture, self.subject, options.background, options, place)
        return arrange.flat(colours, alpha, behind)

    def encode(self, format: str | None = None) -> bytes:  # noqa: A002  the option's one name
        """What the options ask for, as a file's bytes."""
        watch = Watch()
        options = self.options
        chosen = format or options.format or DATA.get(options.as_, "png")
        if options.as_ in DATA:
            data = self._data(chosen)
            watch("encode")
        else:
            options.check_format(image.format_named(chosen))
            pixels = self.render()
            watch("compose")
            data = self._file(pixels, chosen)
            watch("encode")
        self.timings |= watch.seconds
        return data

    def save(self, path: str | Path) -> Path:
        """Write the result; the format is the options' or follows from the name. Never leaves half a file."""
        target = Path(path)
        made = self.options.as_
        named = target.suffix[1:].lower() or target.name
        chosen = named if made in DATA else self.options.format or image.format_for(target)
        image.write_atomic(target, self.encode(chosen))
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
            "seen": [list(size) for size in self.seen],
            "coverage": round(self.coverage, 5),
            "bbox": list(self.bbox) if self.bbox else None,
            "empty": self.empty,
            "touches_border": list(self.touches_border),
            "confidence": round(self.confidence, 3),
            "notes": list(self.notes),
            "timings": {stage: round(seconds, 4) for stage, seconds in self.timings.items()},
        }

    def _data(self, chosen: str) -> bytes:
        """A result that is no picture."""
        made = self.options.as_
        if chosen != DATA[made]:
            raise BadInput(f"as {made} writes .{DATA[made]} files: end the name in that.")
        colours, alpha, _ = arrange.arranged(self.picture, self.colours, self.alpha, self.options)
        if made == "contour":
            return contour.svg(alpha).encode()
        if made == "coco":
            return coco.annotation(alpha, Path(self.picture.source).name).encode()
        planes = {"colour.png": colours, "alpha.png": compose.mask(alpha, colours.dtype)}
        return zipped({name: self._file(plane, "png") for name, plane in planes.items()})

    def _file(self, pixels: NDArray[Any], chosen: str) -> bytes:
        """A picture file's bytes, with the metadata that it is to keep."""
        strip = self.options.strip
        exif = None if strip == "all" else self.picture.exif
        return image.encode(
            pixels,
            chosen,
            icc=self.picture.icc if pixels.ndim == COLOURS else None,  # else numbers, not colours
            exif=image.without_place(exif) if strip == "gps" else exif,
            dpi=None if strip == "all" else self.picture.dpi,
            quality=self.options.quality,
        )

    def _pillow(self, pixels: NDArray[Any]) -> Image.Image:
        made = Image.fromarray(pixels)
        if self.picture.icc:
            made.info["icc_profile"] = self.picture.icc
        return made

    def _repr_png_(self) -> bytes:
        """Notebooks show the cutout on a checkerboard, small."""
        shown = self.on(checkerboard(self.size))
        shown.thumbnail((PREVIEW, PREVIEW))
        return image.encode(np.asarray(shown), "png")

    def __repr__(self) -> str:
        height, width = self.size
        state = "empty" if self.empty else f"{self.coverage:.1%} subject"
        return f"<Cutout {width}×{height}, {state}, {self.card.name}>"

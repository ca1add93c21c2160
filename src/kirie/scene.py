"""What is where in one picture: what `Segmenter` hands back, and what can be made of it."""

from __future__ import annotations

import colorsys
import io
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import compose, image, readout
from ._legend import with_legend
from ._png import png
from ._watch import Watch
from .errors import BadInput
from .prepare import Geometry
from .spec import CutOptions

if TYPE_CHECKING:
    from .cutout import Cutout
    from .cutter import Cutter

__all__ = ["Scene", "numbers", "palette"]

TINT = 0.6  # how much of the overlay is the classes' colours
PALETTE = 256  # colours that an indexed file can have


@dataclass(kw_only=True)
class Scene:
    """One picture, its parts named.

    Attributes:
        picture: the picture as it was read.
        scores: (K, h, w) float32 at the network's size: logits, whose softmax is what the network believes.
        geometry: how the network saw the picture.
        names: of the K classes; a class's number is its place here.
        colours: (K, 3) uint8, sRGB: how each is shown.
        classes: (H, W) uint8 (uint16 from 257 classes on): the class of each pixel.
        cutter: what made it: model, engine, device.
        timings: seconds by stage.
    """

    picture: image.Picture
    scores: NDArray[np.float32]
    geometry: Geometry
    names: tuple[str, ...]
    colours: NDArray[np.uint8]
    classes: NDArray[np.uint8] | NDArray[np.uint16]
    cutter: Cutter
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.classes.shape[0], self.classes.shape[1]

    @cached_property
    def shares(self) -> dict[str, float]:
        """The classes that are there, each with its share of the picture's pixels, the largest first."""
        counts = np.bincount(self.classes.ravel(), minlength=len(self.names))
        order = [int(number) for number in np.argsort(-counts, kind="stable") if counts[number]]
        return {self.names[number]: int(counts[number]) / self.classes.size for number in order}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about this result: one sentence each."""
        return (*self.cutter.notes, *self.picture.notes)

    def probability(self, *names: str) -> NDArray[np.float32]:
        """How likely each pixel is of one of these classes: (H, W) float32 in [0, 1].

        Raises:
            BadInput: no such class.
        """
        return readout.share(
            self.scores, self.geometry, numbers(names, self.names, self.cutter.card.name)
        )

    def cut(self, *names: str, options: CutOptions | None = None) -> Cutout:
        """Cut out everything that is of one of these classes, edges as the options say.

        Raises:
            BadInput: no such class.
        """
        watch = Watch()
        low, high = self.cutter.card.readout.levels
        alpha = ((self.probability(*names) - low) / (high - low)).clip(0, 1)
        watch("read out")
        return self.cutter.assemble(self.picture, alpha, options or CutOptions(), watch)

    def overlay(self, *, legend: bool = True) -> Image.Image:
        """The picture in the classes' colours: RGB; with a legend of those that are there, by area, at its right."""
        tint = np.broadcast_to(np.float32(TINT), self.size)
        pixels = compose.on(self.colours[self.classes], tint, self.picture.rgb)
        if not legend:
            return Image.fromarray(pixels)
        rows = []
        for name, share in self.shares.items():
            red, green, blue = (int(level) for level in self.colours[self.names.index(name)])
            rows.append((name, (red, green, blue), share))
        return with_legend(compose.eight_bits(pixels), rows)

    @property
    def indexed(self) -> Image.Image:
        """The class map as a PIL image: pixel values are class numbers, the palette is the classes' colours.

        Raises:
            BadInput: more classes than a palette has room for.
        """
        if len(self.names) > PALETTE:
            raise BadInput(
                f"A palette has room for {PALETTE} classes, and these are {len(self.names)}: use `classes`, or save a PNG, "
                "which holds plain numbers then."
            )
        made = Image.fromarray(self.classes.astype(np.uint8, copy=False))
        made.putpalette(self.colours.tobytes())  # a grey image becomes an indexed one
        return made

    def encode(self) -> bytes:
        """The class map as a PNG file's bytes: indexed, pixel values are class numbers; 16-bit grey from 257 classes on."""
        watch = Watch()
        if len(self.names) > PALETTE:
            data = png(self.classes)
        else:
            file = io.BytesIO()
            self.indexed.save(file, "png", bits=8)
            data = file.getvalue()
        watch("encode")
        self.timings |= watch.seconds
        return data

    def save(self, path: str | Path) -> Path:
        """Write the class map as a `.png` (see `encode`); never leaves half a file."""
        target = Path(path)
        if target.suffix.lower() != ".png":
            raise BadInput(
                f"{target.name}: a class map is exact numbers, and is saved as .png; `overlay()` makes a picture to look at."
            )
        image.write_atomic(target, self.encode())
        return target

    def report(self) -> dict[str, Any]:
        """The facts of this result without its pixels, as `kirie segment --json` prints them."""
        return {
            **self.cutter.facts(),
            "size": list(self.size),
            "classes": [
                {"name": name, "number": self.names.index(name), "share": round(share, 5)}
                for name, share in self.shares.items()
            ],
            "notes": list(self.notes),
            "timings": {stage: round(seconds, 4) for stage, seconds in self.timings.items()},
        }

    def _repr_png_(self) -> bytes:
        """Notebooks show the overlay."""
        return image.encode(np.asarray(self.overlay()), "png")

    def __repr__(self) -> str:
        height, width = self.size
        largest = ", ".join(f"{name} {share:.0%}" for name, share in list(self.shares.items())[:3])
        return f"<Scene {width}×{height}, {largest}, {self.cutter.card.name}>"


def palette(colours: tuple[str, ...], count: int) -> NDArray[np.uint8]:
    """(count, 3): the colours `#rrggbb`, or ones that are easily told apart, the first black."""
    if colours:
        return np.array([list(bytes.fromhex(colour[1:])) for colour in colours], np.uint8)
    made = [(0.0, 0.0, 0.0)]
    for number in range(1, count):
        hue = 0.61803398875 * number % 1  # the golden ratio's steps never come close to each other
        made.append(colorsys.hsv_to_rgb(hue, (0.9, 0.6)[number % 2], (0.95, 0.7)[number // 2 % 2]))
    levels: NDArray[np.uint8] = np.rint(255 * np.array(made)).astype(np.uint8)
    return levels


def numbers(names: tuple[str, ...], known: tuple[str, ...], model: str) -> list[int]:
    """The numbers of classes by their names, whatever their case; `BadInput` with the nearest otherwise."""
    if not names:
        raise BadInput("No class was named: name at least one of those in `names`.")
    places = {name.casefold(): number for number, name in enumerate(known)}
    for name in names:
        if name.strip().casefold() not in places:
            near = get_close_matches(name.casefold(), places, n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise BadInput(f"{model} has no class {name!r}.{hint} It has: {', '.join(known)}.")
    return [places[name.strip().casefold()] for name in names]

"""transparent-background's `Remover` on kirie's engines.

    from kirie.compat.transparent_background import Remover

    remover = Remover(mode="fast")
    cutout = remover.process(Image.open("photo.jpg"), type="rgba")

Measured against transparent-background 1.3.4. An image gives an image, an array an array; the types, `threshold` and
`reverse` do what they do there, within one level. One argument is ours: `edges` of the
constructor, for the colours of the type `rgba`: `clean` is kirie's estimate, `raw` the picture's own; without it they
are PyMatting's, as there (extra matting).

What differs on purpose:

- An array is resized for the network as an image is (Pillow's bilinear), so both give the same map; there, arrays are
  resized without smoothing. Backgrounds that are larger than the picture are smoothed when they are shrunk.
- Pictures of any mode, and arrays of grey, with alpha or of other types, are converted to RGB; there they fail.
- `type` may be a list, as its README has it; an unknown type is an error, where it gives the picture back unchanged.
- Where PyMatting is missing, `rgba` is an error, not another result.
- `jit` changes nothing: there is no TorchScript here; with it, as there, pictures are always resized to one size.
- Weights are found, fetched and verified as all of kirie's; `config.yaml` and modes of one's own are not read.
- A constant answer of the network is an empty map.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import compose, image, prepare, procedure, readout
from .. import edges as edge_colours
from .._bilinear import resized
from ..cutter import load
from ..errors import BadInput
from ..spec import Preparation
from . import _composites, _matting, _pictures

__all__ = ["Remover"]

CARDS = {
    "base": "inspyrenet-base",
    "fast": "inspyrenet-fast",
    "base-nightly": "inspyrenet-base-nightly",
}
SQUASHED = Preparation(size=(1024, 1024))
FREE = replace(SQUASHED, policy="bound", shorter=1280, multiple=32)

GREEN = (120, 255, 155)
SIGMA = 15
BARE = (".pth", ".pt", ".ckpt")  # files that carry no card

NAMED = {"green": GREEN, "white": (255, 255, 255)}
TYPES = ("rgba", "map", *NAMED, "blur", "overlay")


class Remover:
    """An InSPyReNet that is ready to cut.

    Args:
        mode: `base`, `fast` or `base-nightly`.
        jit: changes nothing but that `resize` is `static`.
        device: `cpu`, `cuda`, `cuda:1`, `mps`, or None for the best that is there.
        ckpt: a file of one's own in place of the mode's weights: a `.pth` of its architecture, or any that carries its card.
        resize: `static` to the mode's size, or `dynamic`: aspect ratio kept, the shorter side at most 1280.
        edges: the colours of `rgba`: None as transparent-background, `clean` as kirie, `raw` for the picture's.

    Attributes:
        device: where it runs.
        cutter: the Cutter beneath.
    """

    def __init__(
        self,
        mode: str = "base",
        jit: bool = False,
        device: Any = None,
        ckpt: str | PathLike[str] | None = None,
        resize: str = "static",
        *,
        edges: Literal["clean", "raw"] | None = None,
    ) -> None:
        _one_of("mode", mode, tuple(CARDS))
        _one_of("resize", resize, ("static", "dynamic"))
        _one_of("edges", edges, (None, "clean", "raw"))
        if jit and resize != "static":
            warnings.warn(
                "With jit, pictures are resized to one size: resize is static.",
                RuntimeWarning,
                stacklevel=2,
            )
        self._dynamic, self._edges = resize == "dynamic" and not jit, edges
        wanted = "auto" if device is None else str(device).replace("mps:0", "mps")
        if ckpt is None:
            self.cutter = load(CARDS[mode], device=wanted)
        else:
            path = Path(fspath(ckpt)).expanduser()
            bare = path.suffix.lower() in BARE
            self.cutter = load(path, device=wanted, like=CARDS[mode] if bare else None)
        self.device = self.cutter.engine.device

    def process(
        self,
        img: Image.Image | NDArray[Any],
        type: str | PathLike[str] | list[int] | tuple[int, ...] = "rgba",
        threshold: float | str | None = None,
        reverse: bool = False,
    ) -> Image.Image | NDArray[np.uint8]:
        """Cut one picture.

        Args:
            img: an image, or an array (H, W, 3) RGB; an orientation tag is left out of account.
            type: `rgba`; `map`, in three equal channels; `green`, `white` or a colour, `[255, 0, 0]`, behind the
                subject; `blur`, the background out of focus; `overlay`, the subject tinted and outlined; or the path
                of a picture to lay it on, stretched to its size.
            threshold: make the map hard: 1 above it, else 0.
            reverse: keep the background instead.

        Returns:
            An image or an array, as `img` is, uint8.

        Raises:
            BadInput: the picture cannot be read, or the type is none of these.
            MissingExtra: type `rgba` without a threshold and without PyMatting.
        """
        ground = _ground(type)
        if ground == "rgba" and threshold is None and self._edges is None:
            _matting.require("Estimating colours as transparent-background does")
        array = isinstance(img, np.ndarray)
        rgb = _rgb(img)
        found = self._map(rgb)
        if threshold is not None:
            found = (found > float(threshold)).astype(np.float64)
        if reverse:
            found = 1 - found
        made = self._made(rgb, found, ground, soft=threshold is None)
        return made if array else Image.fromarray(made)

    def _map(self, rgb: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        """(H, W) in [0, 1]: the stretched answer, corners in place."""
        card = self.cutter.card
        # One call even where the card blends two (`pyramid`): transparent-background never does.
        how = replace(FREE if self._dynamic else SQUASHED, size=card.preparation.size)
        batch, geometry = prepare.prepare(rgb, how)
        maps = procedure.run(self.cutter.engine, batch, card.procedure)
        raw = maps[card.procedure.maps[0]][0]
        plane = readout.probabilities(raw, card.readout)
        low, high = plane.min(), plane.max()
        if high <= low:
            return np.zeros(geometry.picture, np.float32)
        return resized((plane - low) / (high - low), *geometry.picture, corners=True)

    def _made(
        self, rgb: NDArray[np.uint8], found: NDArray[np.floating[Any]], ground: Any, *, soft: bool
    ) -> NDArray[np.uint8]:
        levels = (found * 255).astype(np.uint8)
        if ground == "map":
            return np.repeat(levels[:, :, None], 3, axis=2)
        if ground == "rgba":
            return np.dstack([self._colours(rgb, found) if soft else rgb, levels])
        if ground == "blur":
            return _composites.blended(rgb, found, _composites.blurred(rgb, SIGMA))
        if ground == "overlay":
            half = ((rgb.astype(np.uint16) + np.array(GREEN, np.uint16)) // 2).astype(np.uint8)
            made = _composites.blended(half, found, rgb)
            made[_composites.outline(found > 0.5)] = GREEN  # noqa: PLR2004
            return made
        if isinstance(ground, Path):
            height, width = found.shape
            picture = Image.fromarray(image.decode(ground).rgb)
            stretched = picture.resize((width, height), Image.Resampling.BILINEAR)
            return _composites.blended(rgb, found, np.asarray(stretched))
        return _composites.blended(rgb, found, np.array([[ground]], np.float64))

    def _colours(
        self, rgb: NDArray[np.uint8], found: NDArray[np.floating[Any]]
    ) -> NDArray[np.uint8]:
        if self._edges == "raw":
            return rgb
        if self._edges == "clean":
            clean = edge_colours.clean(rgb, found.astype(np.float32))
            return compose.eight_bits(clean)
        return (255 * np.clip(_matting.colours(rgb, found), 0, 1) + 0.5).astype(np.uint8)

    def __repr__(self) -> str:
        return f"<Remover {self.cutter.card.name} on {self.cutter.engine.name}/{self.device}>"


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        names = ", ".join(str(each) for each in allowed)
        raise BadInput(f"{name} is {value!r}, but can only be one of: {names}.")


def _rgb(img: Any) -> NDArray[np.uint8]:
    if isinstance(img, np.ndarray):
        img = _pictures.from_array(img)
    if not isinstance(img, Image.Image):
        raise BadInput(
            f"process takes a PIL image or an array, not {type(img).__name__}: kirie.cut takes paths and bytes."
        )
    return np.asarray(_pictures.simple(img).convert("RGB"))


def _ground(kind: Any) -> str | Path | tuple[int, ...]:
    """What a type asks for: a name of `TYPES`, a colour, or a picture's path."""
    if isinstance(kind, list | tuple) or (isinstance(kind, str) and kind.startswith("[")):
        return _colour(kind)
    if kind in NAMED:
        return NAMED[kind]
    if kind in TYPES:
        return str(kind)
    path = Path(fspath(kind))
    if not path.is_file():
        raise BadInput(
            f"The type {kind!r} is none of {', '.join(TYPES)}, no colour such as [255, 0, 0], and no picture file."
        )
    return path


def _colour(kind: Any) -> tuple[int, ...]:
    parts = kind.strip("[] ").split(",") if isinstance(kind, str) else kind
    try:
        values = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        values = ()
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):  # noqa: PLR2004
        raise BadInput(
            f"The colour {kind!r} is not three whole numbers 0…255, such as [255, 0, 0]."
        )
    return values

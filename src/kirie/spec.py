"""The facts that travel through kirie: frozen dataclasses, standard library only.

A `ModelCard` holds everything that makes a checkpoint's answer right: which network with which arguments, the
files and their hashes, the licence, how a picture becomes the network's input (`Preparation`), how the network's
output becomes an alpha (`ReadOut`) and how many calls make one answer (`Procedure`). Cards are data (`zoo.py`), and
the same JSON travels inside kirie's own `.safetensors` and `.onnx` files.

`CutOptions` is the one set of options of the library, the command line and the server.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from .errors import BadCheckpoint, BadInput

__all__ = ["CutOptions", "ModelCard", "Preparation", "Procedure", "ReadOut", "Weights"]

Filter = Literal["bilinear", "bicubic", "lanczos", "shrink", "skimage", "skimage-plain"]
Scale = Literal["255", "maximum"]
Activation = Literal["sigmoid", "softmax", "none"]
Edges = Literal["clean", "raw"]
As = Literal["cutout", "mask", "trimap", "overlay"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
DEFAULT_MAX_PIXELS = 200_000_000


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadInput(f"{name} is {value!r}, but can only be one of: {', '.join(allowed)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How a picture becomes the network's input.

    The picture (sRGB) is squashed to `size` = (height, width), its aspect ratio not kept, as all published
    networks of these families do it. `filter` names the resampling: Pillow's antialiased bilinear, bicubic or
    Lanczos on 8-bit values; `shrink`, a box by whole factors and then a triangle (libvips; five times faster than
    `bilinear` on large photos and within a level of it); or scikit-image's order-1 resize on floats with
    (`skimage`) or without (`skimage-plain`) its Gaussian. Values are then divided by 255 or by the resized picture's maximum,
    `mean` is subtracted and the result divided by `std` (R, G, B).
    """

    size: tuple[int, int]
    filter: Filter = "bilinear"
    scale: Scale = "255"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        _one_of("preparation.filter", self.filter, get_args(Filter))
        _one_of("preparation.scale", self.scale, get_args(Scale))
        if len(self.size) != 2 or not all(isinstance(n, int) and 1 <= n <= 8192 for n in self.size):  # noqa: PLR2004
            raise BadInput(
                f"preparation.size is {self.size!r}, but must be two numbers up to 8192."
            )
        if not (len(self.mean) == len(self.std) == 3 and all(self.std)):  # noqa: PLR2004
            raise BadInput("preparation.mean and std must be three numbers each, std not zero.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOut:
    """How the network's output becomes an alpha of the picture's size.

    `activation` is applied to the raw map (`none` where the file already holds probabilities). `stretch` is the
    published min-max normalisation of some networks: it makes "no subject" impossible to say. `quantise` cuts
    the map to 8 bits before it is resized, as the published scripts do; `filter` names the resampling.
    `levels` = (low, high) are the fixed probabilities that become 0 and 1, linearly between: they take the
    haze off what is certain. Unlike `stretch` they do not depend on the picture.
    """

    activation: Activation = "sigmoid"
    stretch: bool = False
    quantise: bool = False
    filter: Literal["bilinear", "lanczos"] = "bilinear"
    levels: tuple[float, float] = (0.0, 1.0)
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _one_of("readout.activation", self.activation, get_args(Activation))
        _one_of("readout.filter", self.filter, ("bilinear", "lanczos"))
        if not 0 <= self.levels[0] < self.levels[1] <= 1:
            raise BadInput(f"readout.levels is {self.levels!r}, but must be 0 <= low < high <= 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """How many engine calls make one answer, and which named maps they need; `single` reads out the first."""

    name: Literal["single"] = "single"
    maps: tuple[str, ...] = ("logits",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One file of a checkpoint: `hash` is `algorithm:hex`; `publisher_hash` says who gave it."""

    file: str
    size: int
    hash: str
    url: str = ""
    publisher_hash: bool = False

    @property
    def embedded(self) -> bool:
        """Whether the file lies inside the package."""
        return self.url.startswith("package:")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Everything that makes one checkpoint's answer right."""

    name: str
    title: str
    architecture: str
    arguments: dict[str, Any] = field(default_factory=dict)
    licence: str
    commercial: bool
    training_sets: tuple[str, ...] = ()
    preparation: Preparation
    readout: ReadOut = field(default_factory=ReadOut)
    procedure: Procedure = field(default_factory=Procedure)
    weights: tuple[Weights, ...] = ()
    aliases: tuple[str, ...] = ()
    source: str = ""

    def to_json(self) -> str:
        """The card as JSON, as kirie's own files carry it (without the files' own hashes)."""
        content = asdict(self)
        del content["weights"]
        return json.dumps({"kirie": 1, **content}, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card that a file carries; `BadCheckpoint` where it is not one."""
        try:
            content = json.loads(text)
            if content.pop("kirie") != 1:
                raise BadCheckpoint(
                    "The file's model card is of a newer layout than this kirie reads: upgrade kirie."
                )
            parts = {"preparation": Preparation, "readout": ReadOut, "procedure": Procedure}
            for key, kind in parts.items():
                content[key] = kind(**_tuples(content[key]))
            return cls(**_tuples(content))
        except (ValueError, TypeError, KeyError, AttributeError, BadInput) as error:
            raise BadCheckpoint(
                f"The file's model card cannot be read ({error}): export the model again, or name the card that "
                "fits it."
            ) from error


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists only; the dataclasses hold tuples."""
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOptions:
    """What a user can ask of a cut; one name for each in library, command line and server.

    edges: `clean` estimates the subject's own colours along the edge; `raw` keeps the picture's.
    as_: what to make (`--as`): the cutout, its mask, a trimap or an overlay on the picture.
    background: None (transparent), a colour (`white`, `#f80`, `#ff8800`, `rgb(…)`), `blur`, or a picture file.
    format: the output format (`png`, `webp`, …); None takes the file name's, else PNG.
    max_pixels: pictures with more pixels are refused before they are decoded.
    """

    edges: Edges = "clean"
    as_: As = "cutout"
    background: str | None = None
    format: str | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __post_init__(self) -> None:
        _one_of("edges", self.edges, get_args(Edges))
        _one_of("as", self.as_, get_args(As))
        if self.max_pixels < 1:
            raise BadInput(f"max_pixels is {self.max_pixels}, but must be at least 1.")
        if self.background is not None and self.as_ != "cutout":
            raise BadInput(f"A background goes with a cutout, not with a {self.as_}.")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The options' names, in order."""
        return tuple(f.name for f in fields(cls))

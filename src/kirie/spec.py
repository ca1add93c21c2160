"""The facts that travel through kirie: frozen dataclasses, standard library only.

A `ModelCard` holds everything that makes a checkpoint's answer right: which network with which arguments, the
files and their hashes, the licence, how a picture becomes the network's input (`Preparation`), how the network's
output becomes an alpha (`ReadOut`) and how many calls make one answer (`Procedure`). Cards are data (`zoo/`), and
the same JSON travels inside kirie's own `.safetensors` and `.onnx` files.

`CutOptions`, the one set of options of the library, the command line and the server, is in `options.py`.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, get_args

from .errors import BadCheckpoint, BadInput
from .options import DEFAULT_MAX_PIXELS, CutOptions

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "CutOptions",
    "ModelCard",
    "Preparation",
    "Procedure",
    "ReadOut",
    "Weights",
]

Filter = Literal["bilinear", "bicubic", "lanczos", "shrink", "skimage", "skimage-plain", "torch"]
Reading = Literal["bilinear", "lanczos", "corners"]
Scale = Literal["255", "maximum", "none"]
Activation = Literal["sigmoid", "softmax", "none"]
Calls = Literal["single", "slide", "pyramid"]
Policy = Literal["squash", "keep", "bound"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LONGEST_SIDE = 8192  # of a network's input
LEAST_STRIDE = 32  # of windows: smaller ones would take for ever
LARGEST = 1e6  # of a mean; the inverse is the smallest standard deviation
LONGEST_TEXT = 1000
COLOUR = re.compile("#[0-9a-f]{6}")
LONGEST_CARD = 1_000_000


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadInput(f"{name} is {value!r}, but can only be one of: {', '.join(allowed)}.")


def _must(name: str, value: object, what: str, *, holds: bool) -> None:
    if not holds:
        raise BadInput(f"{name} is {repr(value)[:100]}, but must be {what}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_size(value: object, least: int = 1) -> bool:
    """Whether this is (height, width) of something that a network can look at."""
    if not isinstance(value, tuple) or len(value) != 2:  # noqa: PLR2004
        return False
    return all(type(n) is int and least <= n <= LONGEST_SIDE for n in value)


def _are_texts(values: object) -> bool:
    """Whether these are lines of text that a terminal can show."""
    return isinstance(values, tuple) and all(
        isinstance(text, str) and text.isprintable() and len(text) <= LONGEST_TEXT
        for text in values
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How a picture becomes the network's input.

    The picture (sRGB) is squashed to `size` = (height, width), its aspect ratio not kept, as most published
    networks have it; with the policy `keep` it keeps its ratio: its shorter side becomes that of `size`, or its longer one
    `longest` where it would be longer; then both are rounded up to a `multiple`. With `bound` it keeps its ratio and, where it
    can, its size: its shorter side becomes at most `shorter`, its longer one at most `longest`; then both go to the nearest
    `multiple`. `filter` names the resampling: Pillow's antialiased bilinear, bicubic or Lanczos on 8-bit values; `shrink`, a box by whole factors and then a triangle (libvips; five times faster than
    `bilinear` on large photos and within a level of it); scikit-image's order-1 resize on floats with
    (`skimage`) or without (`skimage-plain`) its Gaussian; or PyTorch's bilinear, not antialiased, cut to 8 bits (`torch`).
    Values are then divided by 255 or by the resized picture's maximum, `mean` is subtracted and the result divided by
    `std` (R, G, B). With the scale `none` they stay 8-bit numbers: the network's file holds the rest itself.
    """

    size: tuple[int, int]
    policy: Policy = "squash"
    shorter: int = LONGEST_SIDE
    longest: int = LONGEST_SIDE
    multiple: int = 1
    filter: Filter = "bilinear"
    scale: Scale = "255"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        _one_of("preparation.policy", self.policy, get_args(Policy))
        _one_of("preparation.filter", self.filter, get_args(Filter))
        _one_of("preparation.scale", self.scale, get_args(Scale))
        what = f"two whole numbers up to {LONGEST_SIDE}"
        _must("preparation.size", self.size, what, holds=_is_size(self.size))
        least = min(self.size)
        what = f"a whole number from the shorter side of size to {LONGEST_SIDE}"
        for name, side in (("shorter", self.shorter), ("longest", self.longest)):
            long = type(side) is int and least <= side <= LONGEST_SIDE
            _must(f"preparation.{name}", side, what, holds=long)
        whole = type(self.multiple) is int and 1 <= self.multiple <= least
        _must("preparation.multiple", self.multiple, "a whole number up to size", holds=whole)
        for name, values in (("mean", self.mean), ("std", self.std)):
            three = isinstance(values, tuple) and len(values) == 3  # noqa: PLR2004
            plain = three and all(_is_number(value) for value in values)
            _must(f"preparation.{name}", values, "three numbers", holds=plain)
        _must("preparation.std", self.std, "above zero", holds=min(self.std) >= 1 / LARGEST)

    def fixed(self, size: tuple[int, int]) -> Preparation:
        """The same for a file that takes one (height, width) only: pictures are squashed to it."""
        long = LONGEST_SIDE
        return replace(self, size=size, policy="squash", shorter=long, longest=long, multiple=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOut:
    """How the network's output becomes an alpha of the picture's size.

    `activation` is applied to the raw map (`none` where the file already holds probabilities). `invert` takes the
    map's opposite: the network marks what is to be left out. `stretch` is the published min-max normalisation of
    some networks: it makes "no subject" impossible to say. `quantise` cuts the map to 8 bits before it is
    resized, as the published scripts do; `filter` names the resampling (`corners`: bilinear, corner pixels on corner
    pixels, not smoothed where it shrinks). `levels` = (low, high) are the fixed
    probabilities that become 0 and 1, linearly between: they take the haze off what is certain. Unlike `stretch`
    they do not depend on the picture. `classes` names the channels of a network with several: the first is the
    background, and the subject is everything else. Without a `background` they are the kinds of things in a scene:
    `kirie segment` reads them. `colours` shows them: `#rrggbb` for each; none, where they have no usual ones.
    `presence` is how probable the subject's pixels (those that become one half or more) must be in the mean for it to count
    as found: below it the alpha is zero everywhere.
    `calibration` says what an answer's decidedness (`refine.confidence`) is worth: the IoU with the truth that it had on
    pictures held out of training, at decidednesses evenly from 0 to 1. Where it was not measured, it is empty.
    """

    activation: Activation = "sigmoid"
    invert: bool = False
    stretch: bool = False
    quantise: bool = False
    filter: Reading = "bilinear"
    levels: tuple[float, float] = (0.0, 1.0)
    classes: tuple[str, ...] = ()
    background: bool = True
    colours: tuple[str, ...] = ()
    presence: float = 0.0
    calibration: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _one_of("readout.activation", self.activation, get_args(Activation))
        _one_of("readout.filter", self.filter, get_args(Reading))
        for name in ("invert", "stretch", "quantise", "background"):
            value = getattr(self, name)
            _must(f"readout.{name}", value, "true or false", holds=isinstance(value, bool))
        levels = self.levels
        two = isinstance(levels, tuple) and len(levels) == 2 and all(map(_is_number, levels))  # noqa: PLR2004
        fits = two and 0 <= levels[0] < levels[1] <= 1
        _must("readout.levels", levels, "0 <= low < high <= 1", holds=fits)
        _must("readout.classes", self.classes, "names", holds=_are_texts(self.classes))
        named = self.background or len(self.classes) > 1
        _must("readout.classes", self.classes, "two names at least, or a background", holds=named)
        shown = _are_texts(self.colours) and all(map(COLOUR.fullmatch, self.colours))
        one_each = len(self.colours) in (0, len(self.classes))
        what = "one #rrggbb for each class, or none"
        _must("readout.colours", self.colours, what, holds=shown and one_each)
        sure = _is_number(self.presence) and 0 <= self.presence <= 1
        _must("readout.presence", self.presence, "a number from 0 to 1", holds=sure)
        measured = self.calibration
        numbers = isinstance(measured, tuple) and all(map(_is_number, measured))
        rising = numbers and all(0 <= a <= b <= 1 for a, b in pairwise(measured))
        what = "two rising numbers in 0…1 at least, or none"
        _must("readout.calibration", measured, what, holds=rising and len(measured) != 1)

    def unmeasured(self) -> ReadOut:
        """The same for other weights: without what was measured on the answers of these."""
        return replace(self, presence=0.0, calibration=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """How many engine calls make one answer, and which named maps they need; `single` reads out the first.

    window, stride: of `slide`: the prepared picture is looked at through windows of `window` = (height, width), `stride` =
        (down, across) apart, and where they overlap their answers are averaged.
    threshold, elements: of `pyramid`: a picture that the policy `bound` leaves larger than `threshold` on both sides is
        looked at twice, squashed and so, and the answers are blended. The first of `maps` are the logits of the small one,
        the others the Laplacians of the large one, from the smallest to the largest; `elements` are the sides of the elliptic
        structuring elements that find the edges at each. Other pictures are looked at once, squashed.
    ordered: the file has names of its own for its outputs: they are the maps in this order, and what more there is
        is not needed.
    """

    name: Calls = "single"
    maps: tuple[str, ...] = ("logits",)
    ordered: bool = False
    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    threshold: int = 0
    elements: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _one_of("procedure.name", self.name, get_args(Calls))
        named = _are_texts(self.maps) and bool(self.maps)
        _must("procedure.maps", self.maps, "names of maps", holds=named)
        _must(
            "procedure.ordered", self.ordered, "true or false", holds=isinstance(self.ordered, bool)
        )
        if self.name == "pyramid":
            self._check_pyramid()
        if self.name != "slide":
            return
        what = f"two whole numbers from {LEAST_STRIDE} to {LONGEST_SIDE}"
        _must("procedure.window", self.window, what, holds=_is_size(self.window, LEAST_STRIDE))
        sizes = _is_size(self.stride, LEAST_STRIDE)
        within = sizes and all(a <= b for a, b in zip(self.stride, self.window, strict=True))  # type: ignore[arg-type]
        _must(
            "procedure.stride", self.stride, f"{what}, and no wider than the window", holds=within
        )

    def _check_pyramid(self) -> None:
        side = type(self.threshold) is int and 0 <= self.threshold <= LONGEST_SIDE
        what = f"a whole number up to {LONGEST_SIDE}"
        _must("procedure.threshold", self.threshold, what, holds=side)
        several = isinstance(self.elements, tuple) and 0 < len(self.elements) == len(self.maps) - 1
        odd = several and all(type(n) is int and n % 2 and 1 <= n < 100 for n in self.elements)  # noqa: PLR2004
        what = "odd numbers below 100, one for each map but the first"
        _must("procedure.elements", self.elements, what, holds=odd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One file of a checkpoint, and where it is to be had.

    file: its name; the suffix says which engine reads it.
    size: its bytes; None where the publisher gives no exact number.
    about: the size as the publisher rounds it, for people, where there is no exact one.
    hash: `algorithm:hex`; empty where the publisher gives none: such a file has to be trusted at first use.
    publisher_hash: the publisher gave the hash, not we.
    begins: the first digits of the SHA-256, where the publisher gives no more, as in a file's name. They are checked, but are
        too few to be trusted alone.
    url: `package:PATH` for a file inside the package, else where it is to be had.
    by_hand: no program can fetch it (a drive that asks questions): `url` is for people.
    readout, procedure: these stand in the card's place where this file answers otherwise, such as an `.onnx` with the
        sigmoid inside.
    """

    file: str
    size: int | None = None
    about: int | None = None
    hash: str = ""
    publisher_hash: bool = False
    begins: str = ""
    url: str = ""
    by_hand: bool = False
    readout: ReadOut | None = None
    procedure: Procedure | None = None

    @property
    def embedded(self) -> bool:
        """Whether the file lies inside the package."""
        return self.url.startswith("package:")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Everything that makes one checkpoint's answer right.

    task: for what it is good, in two or three words for people ("any subject", "people", "clothes", "street scenes").
    licence: the weights' SPDX id, or the publisher's name for it.
    commercial: whether that allows commercial use; None where the publisher does not say.
    training_sets: what it was trained on, with the terms of those data where they are known.
    source: where the publisher describes it.
    """

    name: str
    title: str
    task: str = "any subject"
    architecture: str
    arguments: dict[str, Any] = field(default_factory=dict)
    licence: str
    commercial: bool | None
    training_sets: tuple[str, ...] = ()
    preparation: Preparation
    readout: ReadOut = field(default_factory=ReadOut)
    procedure: Procedure = field(default_factory=Procedure)
    weights: tuple[Weights, ...] = ()
    aliases: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("name", "title", "task", "architecture", "licence", "source"):
            value = getattr(self, name)
            _must(
                name, value, f"one line up to {LONGEST_TEXT} characters", holds=_are_texts((value,))
            )
        for name in ("training_sets", "aliases"):
            _must(name, getattr(self, name), "lines of text", holds=_are_texts(getattr(self, name)))
        given = self.commercial is None or isinstance(self.commercial, bool)
        _must("commercial", self.commercial, "true, false or null", holds=given)
        named = isinstance(self.arguments, dict) and _are_texts(tuple(self.arguments))
        _must("arguments", self.arguments, "named values", holds=named)

    def for_file(self, weights: Weights) -> ModelCard:
        """The card as it is for one of its files."""
        return replace(
            self,
            readout=weights.readout or self.readout,
            procedure=weights.procedure or self.procedure,
        )

    def to_json(self) -> str:
        """The card as JSON, as kirie's own files carry it (without the files' own hashes)."""
        content = asdict(self)
        del content["weights"]
        return json.dumps({"kirie": 1, **content}, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card that a file carries; `BadCheckpoint` where it is not one."""
        try:
            if len(text) > LONGEST_CARD:
                raise BadInput(f"it is longer than {LONGEST_CARD} characters")
            content = json.loads(text, parse_constant=_refuse)
            if content.pop("kirie") != 1:
                raise BadCheckpoint(
                    "The file's model card is of a newer layout than this kirie reads: upgrade kirie."
                )
            content.pop("weights", None)  # a file does not say where files are to be had
            parts = {"preparation": Preparation, "readout": ReadOut, "procedure": Procedure}
            for key, kind in parts.items():
                content[key] = kind(**_tuples(content[key]))
            return cls(**_tuples(content))
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            RecursionError,
            BadInput,
        ) as error:
            raise BadCheckpoint(
                f"The file's model card cannot be read ({_one_line(error)}): export the model again, or ask its "
                "publisher for a whole file."
            ) from error


def _refuse(constant: str) -> None:
    """NaN and the infinities, which Python's reader takes though JSON has none of them."""
    raise ValueError(f"{constant} is no number")


def _one_line(error: Exception) -> str:
    return " ".join(ascii(error.args[0] if error.args else error).strip("'\"").split())[:200]


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists only; the dataclasses hold tuples."""
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
    }

"""`CutOptions`: the one set of options of the library, the command line and the server.

Each option has one name everywhere (`--min-area`, `min_area=`) and is read and refused in one place: `_table.py`. In which
order the options act is said in `refine.py` (the alpha) and `arrange.py` (the picture that is made of it).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Literal

from ._table import DATA, OPTIONS, ORIGINALS
from .errors import BadInput

__all__ = ["DATA", "DEFAULT_MAX_PIXELS", "ORIGINALS", "PRESETS", "CutOptions"]

DEFAULT_MAX_PIXELS = 200_000_000
OPAQUE = ("jpeg", "jpg")  # no transparency
DEEP = ("png", "tiff", "tif")  # 16 bits
DEEPEST = 16

# What each preset stands for; an option that is given beside it wins.
PRESETS: dict[str, dict[str, Any]] = {
    "product-white": {
        "background": "white",
        "canvas": "2000x2000",
        "scale": "85%",
        "position": "center",
    },
    "avatar": {
        "background": "#e4e7eb",
        "canvas": "512x512",
        "scale": "94%",
        "position": "bottom",
    },
    "sticker": {"outline": "2.5%", "shadow": "drop", "crop": "4%"},
}
LAID = ("background", "shadow", "outline")  # what only a cutout has around it


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOptions:
    """What a user can ask of a cut: `kirie cut --help` and docs/options.md say what each option does.

    Values may be given as on the command line (`canvas="2000x2000"`, `crop="5%"`) or as numbers and tuples
    (`canvas=(2000, 2000)`, `roi=(10, 20, 300, 400)`); they are held in one form, so equal options are equal. Pixels are pixels
    of the picture, upright. None stands for the default.
    """

    # what to make
    as_: str = "cutout"
    preset: str | None = None
    background: str | None = None
    fit: str = "cover"
    shadow: str | None = None
    outline: Any = None
    invert: bool = False
    # where to look
    roi: Any = None
    box: Any = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    # edges
    edges: Literal["clean", "raw", "matte"] = "clean"
    decontaminate: float | None = None
    threshold: float | None = None
    largest: bool = False
    min_area: Any = None
    fill_holes: bool = False
    shift: float = 0.0
    feather: float = 0.0
    # where the subject stands
    crop: Any = None
    canvas: Any = None
    scale: Any = None
    position: Any = None
    # the file
    format: str | None = None
    depth: int | None = None
    quality: int | None = None
    strip: str | None = None

    def __post_init__(self) -> None:
        for name, option in OPTIONS.items():
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, option.read(name.rstrip("_"), given))
        self._check()

    def _check(self) -> None:
        """Refuse what goes ill together."""
        made = self.as_
        for name in LAID:
            if made != "cutout" and getattr(self, name) not in (None, "none"):
                raise BadInput(f"A {name} goes with a cutout, not with a {made}.")
        if self.decontaminate and self.edges == "raw":
            raise BadInput(
                "decontaminate changes the edge's colours, and edges raw leaves them: choose one."
            )
        if self.canvas and self.canvas[0] * self.canvas[1] > self.max_pixels:
            raise BadInput(
                f"canvas {self.canvas[0]}x{self.canvas[1]} has more pixels than max_pixels allows: make it smaller, or "
                "raise max_pixels."
            )
        if made in DATA and self.format not in (None, DATA[made]):
            raise BadInput(f"as {made} writes {DATA[made].upper()} files: leave out the format.")
        if self.format and made not in DATA:
            self.check_format(self.format)

    def check_format(self, format: str) -> None:  # noqa: A002  the option's one name
        """Refuse a picture format that cannot hold what is asked for."""
        clear = made_clear(self)
        if format in OPAQUE and clear:
            raise BadInput(
                "JPEG cannot be transparent: give --background white, or another format such as webp."
            )
        if self.depth == DEEPEST and format not in DEEP:
            raise BadInput(f"depth 16 needs png or tiff: {format} has 8 bits per channel.")

    def resolved(self) -> CutOptions:
        """These options with what their preset stands for; `none` written out as nothing."""
        found: dict[str, Any] = {
            name: value
            for name, value in PRESETS.get(self.preset or "", {}).items()
            if getattr(self, name) is None and (self.as_ == "cutout" or name not in LAID)
        }
        found |= {
            name: None
            for name in (*LAID, "crop", "strip")
            if isinstance(getattr(self, name), str) and getattr(self, name) == "none"
        }
        return replace(self, preset=None, **found)

    def changed(self, **changes: Any) -> CutOptions:
        """The same with some options changed, by name; `BadInput` for a name that is no option."""
        unknown = next((name for name in changes if name not in OPTIONS), None)
        if unknown is not None:
            near = get_close_matches(unknown, OPTIONS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BadInput(f"There is no option {unknown!r}.{hint} docs/options.md lists all.")
        return replace(self, **changes) if changes else self

    def given(self) -> dict[str, Any]:
        """What differs from the defaults, in names and values that JSON can hold."""
        content = asdict(self)
        return {f.name: content[f.name] for f in fields(self) if content[f.name] != f.default}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The options' names, in order."""
        return tuple(f.name for f in fields(cls))


def made_clear(options: CutOptions) -> bool:
    """Whether the result has transparent parts."""
    background = options.background
    if background is None and options.preset is not None:
        background = PRESETS[options.preset].get("background")
    return options.as_ == "cutout" and background in (None, "none")

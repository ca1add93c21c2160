"""kirie (切り絵): finds the subject of any picture and cuts it out cleanly.

    >>> import kirie
    >>> cutout = kirie.cut("dog.jpg")
    >>> cutout.save("dog.png")

Pictures are RGB, (height, width, channels), sRGB unless they carry a profile; alpha is straight. `kirie.load` opens
a model once for many pictures; `kirie.nn` (extra torch) builds and loads the networks themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .spec import CutOptions, ModelCard

if TYPE_CHECKING:
    from .cutout import Cutout
    from .cutter import Cutter, load
    from .scene import Scene
    from .segmenter import Segmenter, load_segmenter
    from .weights import Fetch

__all__ = [
    "CutOptions",
    "Cutout",
    "Cutter",
    "Fetch",
    "ModelCard",
    "Scene",
    "Segmenter",
    "__version__",
    "cut",
    "load",
    "load_segmenter",
    "models",
    "segment",
]

# name → the module that it is imported from at first use
LAZY = {
    "Cutout": "cutout",
    "Cutter": "cutter",
    "Fetch": "weights",
    "Scene": "scene",
    "Segmenter": "segmenter",
    "load": "cutter",
    "load_segmenter": "segmenter",
}


def cut(
    source: Any, options: CutOptions | None = None, *, model: str | None = None, **changes: Any
) -> Cutout:
    """Cut the subject out of one picture; opens the model anew at each call (see `load` for many pictures).

    Args:
        source: path, bytes, binary file object, PIL image, or array: (H, W), (H, W, 3) or (H, W, 4), uint8, uint16
            or float in [0, 1], RGB.
        options: all options.
        model: a card's name or a file that carries its card; kirie's embedded model where it is None.
        changes: some of them by name: `kirie.cut("dog.jpg", background="white", shift=-1)`.
    """
    from . import zoo
    from .cutter import load

    with load(model or zoo.DEFAULT) as cutter:
        return cutter.cut(source, options, **changes)


def segment(source: Any, *, model: str | None = None, like: str | None = None) -> Scene:
    """Name what is where in one picture; opens the model anew at each call (see `load_segmenter` for many pictures).

    Args:
        source: as for `cut`.
        model: a card's name or a file; there is none inside the package, so it must be named.
        like: for a file that carries no card: the name of the model that it was made from.
    """
    from .segmenter import load_segmenter

    with load_segmenter(model, like=like) as segmenter:
        return segmenter.segment(source)


def models() -> tuple[ModelCard, ...]:
    """The cards of all models that kirie knows."""
    from .zoo import MODELS

    return MODELS


def __getattr__(name: str) -> Any:
    """Import the working parts at first use: `import kirie` alone takes milliseconds."""
    if name in LAZY:
        from importlib import import_module

        return getattr(import_module(f".{LAZY[name]}", __name__), name)
    raise AttributeError(f"module 'kirie' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

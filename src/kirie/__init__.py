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
    from .cutter import Cutout, Cutter, load

__all__ = ["CutOptions", "Cutout", "Cutter", "ModelCard", "__version__", "cut", "load", "models"]


def cut(
    source: Any, options: CutOptions | None = None, *, model: str | None = None, edges: Any = None
) -> Cutout:
    """Cut the subject out of one picture; opens the model anew at each call (see `load` for many pictures).

    Args:
        source: path, bytes, binary file object, PIL image, or array: (H, W), (H, W, 3) or (H, W, 4), uint8, uint16
            or float in [0, 1], RGB.
        options: all options.
        model: a card's name or a file that carries its card; kirie's embedded model where it is None.
        edges: `clean` (default) or `raw`.
    """
    from . import zoo
    from .cutter import load

    with load(model or zoo.DEFAULT) as cutter:
        return cutter.cut(source, options, edges=edges)


def models() -> tuple[ModelCard, ...]:
    """The cards of all models that kirie knows."""
    from .zoo import MODELS

    return MODELS


def __getattr__(name: str) -> Any:
    """Import the working parts at first use: `import kirie` alone takes milliseconds."""
    if name in ("Cutout", "Cutter", "load"):
        from . import cutter

        return getattr(cutter, name)
    raise AttributeError(f"module 'kirie' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

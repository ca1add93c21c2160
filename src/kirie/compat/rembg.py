"""rembg's `remove` and `new_session` on kirie's engines.

    from kirie.compat.rembg import new_session, remove

    session = new_session("u2net")
    png = remove(jpeg_bytes, session=session)

Measured against rembg 2.0.86. What goes in comes out: bytes → PNG bytes, PIL image → PIL image, array → array. Masks
are read as rembg reads them (Lanczos, the picture's maximum, min-max, 8 bits), and equal its own within rounding; the
cutout is its plain one, colours multiplied by the mask. One argument is ours: `edges="clean"` lays kirie's estimate of the
subject's own colours under the mask instead.

What differs on purpose:

- `new_session()` and `remove` without a session take `u2net`, rembg's default until 2.0.80, not `bria-rmbg`, whose
  weights do not allow commercial use. Names resolve to kirie's cards: files are verified, licences are asked for.
- Networks that kirie has no card for (`sam` …), services that pictures are sent to, and `vitmatte` are refused.
- `providers` is a list of preferences: the first that works is used, and passing one over is a RuntimeWarning. Where
  none works, the CPU is not taken unless the list names it.
- Alpha matting that fails (no sure subject, no convergence) gives the result that rembg gives, with a RuntimeWarning.
- Arguments that rembg ignores in silence are ignored with a RuntimeWarning.
- `model_path` may lie anywhere. `force_return_bytes` works on images and arrays too. Grey pictures can be matted.
- 16-bit grey is scaled to 8 bits, not clipped; an RGB profile is kept; arrays that come back can be written to.
- A constant answer of the network is an empty mask, not a division by zero.
- Damaged files, unknown names and impossible arguments raise kirie's errors, one sentence each. A picture of more than
  200 million pixels is refused, and so are formats that are not plain pictures (EPS, PDF …).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from .. import compose, edges
from ..errors import BadInput
from . import _masks, _matting, _pictures
from ._sessions import Session, new_session

__all__ = ["Session", "new_session", "remove"]

OPENING = ("providers", "sess_opts", "model_path")  # arguments of `new_session`


class Predicts(Protocol):
    """What `remove` needs of a session: kirie's, or one of your own."""

    def predict(self, img: Image.Image, *args: Any, **kwargs: Any) -> list[Image.Image]:
        """Masks (mode L) of the picture's size."""
        ...


def remove(
    data: bytes | Image.Image | NDArray[Any],
    alpha_matting: bool = False,
    alpha_matting_foreground_threshold: int = 240,
    alpha_matting_background_threshold: int = 10,
    alpha_matting_erode_size: int = 10,
    session: Predicts | None = None,
    only_mask: bool = False,
    post_process_mask: bool = False,
    decontaminate: bool = False,
    vitmatte: bool = False,
    vitmatte_model: str | None = None,
    bgcolor: Sequence[int] | None = None,
    force_return_bytes: bool = False,
    *args: Any,
    **kwargs: Any,
) -> bytes | Image.Image | NDArray[np.uint8]:
    """Cut the subject out of a picture, as rembg does.

    Args:
        data: a file's bytes, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4); its colours stay in their order.
        alpha_matting: solve for the alpha along the edge in closed form (extra matting).
        alpha_matting_foreground_threshold: for that, mask levels above it are sure subject …
        alpha_matting_background_threshold: … and levels below it sure background, …
        alpha_matting_erode_size: … both after an erosion by squares of this side, in pixels.
        session: from `new_session`; without one the default network is opened for this call alone.
        only_mask: return the mask.
        post_process_mask: make the mask hard, with a smooth outline.
        decontaminate: estimate the subject's own colours as rembg does (extra matting).
        vitmatte: refused; kirie has no such network.
        vitmatte_model: goes with `vitmatte`.
        bgcolor: (red, green, blue, alpha), 0…255, to lay the cutout on.
        force_return_bytes: return PNG bytes whatever `data` is.
        args: none is used.
        kwargs: `edges`: `raw` (default) as rembg, `clean` as kirie, which needs no extra; `putalpha`: give the picture
            the mask as its alpha, all colours kept; `cc` or `cloth_category`; and those of `new_session`.

    Returns:
        PNG bytes, an image, or an array, as `data` was; several masks are stacked, one below the other.
    """
    how = _How(
        only_mask=only_mask,
        matting=(
            alpha_matting_foreground_threshold,
            alpha_matting_background_threshold,
            alpha_matting_erode_size,
        )
        if alpha_matting
        else None,
        putalpha=kwargs.pop("putalpha", False),
        decontaminate=decontaminate,
        edges=kwargs.pop("edges", "raw"),
        vitmatte=vitmatte_model or "its default" if vitmatte else None,
    )
    picture = ImageOps.exif_transpose(_opened(data))
    masks = _predicted(picture, session, args, kwargs)
    if post_process_mask:
        masks = [Image.fromarray(_masks.smoothed(np.asarray(mask))) for mask in masks]
    result = _stacked([how.cutout(picture, mask) for mask in masks]) if masks else picture
    if bgcolor is not None and not only_mask:
        ground = Image.new("RGBA", result.size, tuple(bgcolor))
        result = Image.alpha_composite(ground, result.convert("RGBA"))
    return _as_given(result, picture, None if force_return_bytes else data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """What a mask is made into; `matting` = (foreground, background, erode)."""

    only_mask: bool
    matting: tuple[int, int, int] | None
    putalpha: bool
    decontaminate: bool
    edges: str
    vitmatte: str | None

    def __post_init__(self) -> None:
        if self.edges not in ("raw", "clean"):
            raise BadInput(f"edges is {self.edges!r}, but can only be one of: raw, clean.")
        if self.vitmatte and not self.only_mask:
            raise BadInput(
                f"kirie has no ViTMatte ({self.vitmatte}): use alpha_matting=True, or edges='clean' for clean colours."
            )
        if self.matting and not self.only_mask:
            _matting.require("Alpha matting")  # before the network has run for nothing

    def cutout(self, picture: Image.Image, mask: Image.Image) -> Image.Image:
        """One mask's result."""
        if self.only_mask:
            return mask
        if self.matting:
            return self._matted(picture, mask, self.matting)
        if self.putalpha:
            return _with_alpha(picture, mask)
        if self.edges == "clean":
            return _clean(picture, mask)
        return _decontaminated(picture, mask) if self.decontaminate else _plain(picture, mask)

    def _matted(
        self, picture: Image.Image, mask: Image.Image, levels: tuple[int, int, int]
    ) -> Image.Image:
        foreground, background, erode = levels
        trimap = _masks.trimap(
            np.asarray(mask), foreground=foreground, background=background, erode=erode
        )
        rgb = _rgb(picture)
        try:
            alpha = _matting.alpha(rgb, trimap)
        except ValueError as error:
            warnings.warn(
                f"Alpha matting failed, and the mask was used as it is: {' '.join(str(error).split())}",
                RuntimeWarning,
                stacklevel=4,
            )
            return _with_alpha(picture, mask) if self.putalpha else _decontaminated(picture, mask)
        return _joined(_matting.colours(rgb, alpha), alpha)


def _predicted(
    picture: Image.Image, session: Predicts | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Image.Image]:
    if session is not None:
        return session.predict(picture, *args, **kwargs)
    opening = {name: kwargs.pop(name) for name in OPENING if name in kwargs}
    with new_session(**opening) as own:
        return own.predict(picture, *args, **kwargs)


def _as_given(
    result: Image.Image, picture: Image.Image, data: Any
) -> bytes | Image.Image | NDArray[np.uint8]:
    """The result as bytes, image or array, as `data` is, with the picture's profile."""
    icc = _pictures.profile(picture)
    if icc and result.mode != "L":
        result.info["icc_profile"] = icc
    if isinstance(data, Image.Image):
        return result
    return np.array(result) if isinstance(data, np.ndarray) else _pictures.png(result)


def _opened(data: Any) -> Image.Image:
    if isinstance(data, bytes | bytearray | memoryview):
        return _pictures.simple(_pictures.from_bytes(bytes(data)))
    if isinstance(data, np.ndarray):
        return _pictures.from_array(data)
    if isinstance(data, Image.Image):
        return _pictures.simple(data)
    raise BadInput(
        f"remove takes bytes, a PIL image or an array, not {type(data).__name__}: read a file's bytes first; "
        "kirie.cut takes paths."
    )


def _rgb(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("RGB"))


def _plain(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """Blend with transparent black: the colours too are multiplied by the mask."""
    return Image.composite(picture, Image.new("RGBA", picture.size), mask)


def _with_alpha(picture: Image.Image, mask: Image.Image) -> Image.Image:
    changed = picture.copy()
    changed.putalpha(mask)
    return changed


def _clean(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """Estimate the subject's colours as kirie does it; straight alpha."""
    alpha = np.asarray(mask, np.float32) / np.float32(255)
    return Image.fromarray(compose.cutout(edges.clean(_rgb(picture), alpha), alpha))


def _decontaminated(picture: Image.Image, mask: Image.Image) -> Image.Image:
    rgb, alpha = _rgb(picture), np.asarray(mask) / 255
    return _joined(_matting.colours(rgb, alpha), alpha)


def _joined(colours: NDArray[Any], alpha: NDArray[Any]) -> Image.Image:
    """Floats in [0, 1] → RGBA, truncated."""
    values = np.dstack([colours, alpha])  # (H, W, 4)
    return Image.fromarray(np.clip(values * 255, 0, 255).astype(np.uint8))


def _stacked(parts: list[Image.Image]) -> Image.Image:
    """One below the other, RGBA; a single one as it is."""
    if len(parts) == 1:
        return parts[0]
    out = Image.new("RGBA", (parts[0].width, sum(part.height for part in parts)))
    top = 0
    for part in parts:
        out.paste(part, (0, top))
        top += part.height
    return out

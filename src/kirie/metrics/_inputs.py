"""Predictions and truths, checked and scaled: the one place where what a user hands over becomes numbers.

The rules, which are those of the field's evaluators where these agree:

- A prediction is 8 or 16 bits, bool, or floats in [0, 1] (levels over 255 or 65535 are recognised); `p` is it over 255
  (65535, 1), then stretched so that its least value is 0 and its largest 1, unless it is constant.
- A truth is the same kinds, or whole numbers that are all 0 or 1. A pixel is foreground above 128 of 255.
- RGB is read by its luma (ITU-R 601, as Pillow rounds it); alpha, where there is a pixel that is not opaque, is the mask.
- Sizes that differ: the prediction is resized to the truth's (OpenCV's bilinear, before anything else), or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, MissingExtra

__all__ = ["Array", "Pair", "Plane", "Resize", "as_image", "as_plane", "extra", "pair"]

Array = NDArray[Any]
Resize = Literal["bilinear", "error"]
T = TypeVar("T")

HALF = 128 / 255  # a truth's pixel is foreground above this


class Plane:
    """A grey plane in [0, 1]: whole numbers up to `top`, or floats.

    Attributes:
        codes: (H, W) uint8, uint16, or float64 where `top` is 1.
        top: what stands for white: 255, 65535, or 1 for floats.
        low, high: the least and the largest code.
    """

    __slots__ = ("codes", "high", "low", "top")

    def __init__(self, codes: Array, top: int) -> None:
        self.codes, self.top = codes, top
        self.low, self.high = codes.min().item(), codes.max().item()

    @property
    def table(self) -> NDArray[np.float64]:
        """What each code stands for, in [0, 1]; of whole numbers only."""
        return np.arange(self.top + 1, dtype=np.float64) / self.top

    def values(self) -> NDArray[np.float64]:
        """(H, W) float64 in [0, 1]."""
        return self.codes if self.top == 1 else looked_up(self.table, self.codes)

    def above(self, threshold: float) -> NDArray[np.bool_]:
        """Which pixels are larger than a threshold in [0, 1]."""
        if self.top == 1:
            return self.codes > threshold
        return from_code(self.codes, int(np.searchsorted(self.table, threshold, side="right")))


class Pair:
    """One picture's prediction and truth, of the same size, with what several measures need of them.

    Attributes:
        prediction: as it was given.
        truth: as it was given.
        image: (H, W, 3) uint8 RGB, where the picture is known.
        notes: what was done to the input that a user should know: one phrase each.
    """

    def __init__(
        self, prediction: Plane, truth: Plane, image: Array | None, notes: tuple[str, ...]
    ) -> None:
        self.prediction, self.truth, self.image, self.notes = prediction, truth, image, notes
        self._made: dict[Any, Any] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.truth.codes.shape
        return height, width

    def once(self, make: Callable[[Pair], T]) -> T:
        """What `make` returns for this pair; made once, and shared by all measures."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W): the truth's foreground."""
        return self.once(_mask)

    @property
    def p(self) -> NDArray[np.float64]:
        """(H, W): the prediction, stretched to [0, 1]."""
        return self.once(_stretched)

    @property
    def table(self) -> NDArray[np.float64]:
        """What each of the prediction's codes stands for after the stretch; of whole numbers only."""
        return self.once(_table)

    @property
    def levels(self) -> NDArray[np.uint8]:
        """(H, W): trunc(255·p)."""
        return self.once(_levels)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(H, W): p > 0.5."""
        return self.once(_found)

    def at_least(self, threshold: float) -> NDArray[np.bool_]:
        """(H, W): p >= threshold."""
        if self.prediction.top == 1:
            return self.p >= threshold
        return from_code(self.prediction.codes, int(np.searchsorted(self.table, threshold)))


def _mask(given: Pair) -> NDArray[np.bool_]:
    return given.truth.above(HALF)


def _stretched(given: Pair) -> NDArray[np.float64]:
    plane = given.prediction
    if plane.top == 1:
        return stretched(plane.codes, plane.low, plane.high)
    return looked_up(given.table, plane.codes)


def _table(given: Pair) -> NDArray[np.float64]:
    plane, table = given.prediction, given.prediction.table
    return stretched(table, table[plane.low], table[plane.high])


def _levels(given: Pair) -> NDArray[np.uint8]:
    plane = given.prediction
    if plane.top == 1:
        return (given.p * 255).astype(np.uint8)
    # Codes that do not occur may lie outside of 0…1; their levels mean nothing.
    table = (given.table.clip(0, 1) * 255).astype(np.uint8)
    occurring = np.arange(plane.low, plane.high + 1)
    if plane.top == 255 and np.array_equal(table[occurring], occurring):
        return plane.codes
    return looked_up(table, plane.codes)


def _found(given: Pair) -> NDArray[np.bool_]:
    if given.prediction.top == 1:
        return given.p > 0.5
    return from_code(given.prediction.codes, int(np.searchsorted(given.table, 0.5, side="right")))


def stretched(values: Array, low: Any, high: Any) -> Array:
    """Least 0, largest 1; a constant stays."""
    return (values - low) / (high - low) if high > low else values


def from_code(codes: Array, first: int) -> NDArray[np.bool_]:
    """Which codes are `first` or more, where `first` may be past the last that there is."""
    if first > np.iinfo(codes.dtype).max:
        return np.zeros(codes.shape, np.bool_)
    found: NDArray[np.bool_] = codes >= codes.dtype.type(first)
    return found


def looked_up(table: Array, codes: Array) -> Array:
    """`table[codes]`, in pieces that stay in the cache."""
    out = np.empty(codes.shape, table.dtype)
    flat, filled = codes.reshape(-1), out.reshape(-1)
    for start in range(0, flat.size, 16384):
        part = slice(start, start + 16384)
        np.take(table, flat[part], out=filled[part], mode="clip")
    return out


def pair(prediction: Any, truth: Any, *, image: Any = None, resize: Resize = "bilinear") -> Pair:
    """Check one prediction against one truth.

    Args:
        prediction: (H, W): uint8, uint16, bool, or floats in [0, 1]; an array, a tensor, or what NumPy can read.
        truth: (H, W), of the same kinds; whole numbers that are all 0 or 1 count as bool.
        image: (H, W, 3) uint8 RGB, for measures that look at the picture.
        resize: what becomes of a prediction of another size than the truth: `bilinear` (needs the extra eval) or `error`.

    Raises:
        BadInput: numbers out of range, or sizes that differ and may not.
    """
    if resize not in ("bilinear", "error"):
        raise BadInput(f"resize is {resize!r}: it can be 'bilinear' or 'error'.")
    notes: list[str] = []
    predicted, true = as_plane("The prediction", prediction), as_plane("The truth", truth)
    if true.top > 1 and true.high == 1:
        true = Plane((true.codes * 255).astype(np.uint8), 255)
        notes.append("truth of 0 and 1")
    elif true.top > 1 and _grey(true):
        notes.append("grey truth, cut above 128")
    if predicted.top > 1 and predicted.high == 1:
        notes.append("prediction of 0 and 1, read as nearly black by measures of raw values")
    if predicted.codes.shape != true.codes.shape:
        if resize == "error":
            raise BadInput(
                f"The prediction is {_said(predicted)} and the truth {_said(true)}: give maps of one size, or "
                "resize='bilinear'."
            )
        predicted = _resized(predicted, true.codes.shape)
        notes.append("prediction resized to the truth")
    picture = None if image is None else as_image(image, true.codes.shape)
    return Pair(predicted, true, picture, tuple(notes))


def _grey(plane: Plane) -> bool:
    """Whether there is anything between black and white."""
    one, inner = plane.codes.dtype.type(1), plane.codes.dtype.type(plane.top - 1)
    flat = plane.codes.reshape(-1)
    return any(  # in pieces that stay in the cache; black less one wraps round to white
        (flat[start : start + 65536] - one < inner).any() for start in range(0, flat.size, 65536)
    )


def _said(plane: Plane) -> str:
    return f"{plane.codes.shape[1]}×{plane.codes.shape[0]}"


def _resized(plane: Plane, shape: tuple[int, ...]) -> Plane:
    cv2 = extra("Resizing predictions to the truth's size")
    made = cv2.resize(plane.codes, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return Plane(made, plane.top)


def extra(purpose: str) -> Any:
    """OpenCV, which comes with the extra eval.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("eval", purpose) from error
    return cv2


def numbers(given: Any) -> Array:
    """An array of whatever NumPy can read; tensors come off their graph and their device first."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        if str(given.dtype).endswith("bfloat16"):  # NumPy has no such type
            given = given.float()
    return np.asarray(given)


def as_plane(name: str, given: Any) -> Plane:
    """One grey plane of any accepted kind; `BadInput` where it is none."""
    values = numbers(given)
    while values.ndim > 2 and values.shape[0] == 1:  # (1, H, W), (1, 1, H, W)
        values = values[0]
    if values.ndim == 3 and values.shape[2] <= 4:
        values = _flat(name, values)
    if values.ndim != 2 or not values.size:
        raise BadInput(f"{name} has the shape {values.shape}: give one map, (height, width).")
    kind = values.dtype.kind
    if kind == "b":
        return Plane(np.ascontiguousarray(values).view(np.uint8) * np.uint8(255), 255)
    if kind == "f":
        return _floats(name, values)
    if kind not in "ui":
        raise BadInput(
            f"{name} holds {values.dtype}: give uint8, uint16, bool, or floats in [0, 1]."
        )
    if values.dtype == np.uint16 or values.dtype == np.dtype(">u2"):
        return Plane(np.ascontiguousarray(values, np.uint16), 65535)
    if values.dtype != np.uint8:
        low, high = values.min(), values.max()
        if low < 0 or high > 255:
            raise BadInput(f"{name} holds {values.dtype} numbers from {low} to {high}: give 0…255.")
    return Plane(np.ascontiguousarray(values, np.uint8), 255)


def _floats(name: str, values: Array) -> Plane:
    """Floats in [0, 1]; those that are 8- or 16-bit levels over 255 or 65535 become these levels again."""
    low, high = values.min(), values.max()
    if np.isnan(low + high):
        raise BadInput(f"{name} holds NaN.")
    if low < 0 or high > 1:
        raise BadInput(
            f"{name} holds floats from {low:g} to {high:g}, not in [0, 1]: logits need a sigmoid first."
        )
    for top, kind in ((255, np.uint8), (65535, np.uint16)):
        if _are_levels(values[::8, ::8], top) and _are_levels(values, top):
            return Plane(np.rint(values * top).astype(kind), top)
    return Plane(np.ascontiguousarray(values, np.float64), 1)


def _are_levels(values: Array, top: int) -> bool:
    """Whether floats are whole numbers over `top`, up to their rounding."""
    wide = values.astype(np.float64)
    slack = 2 * float(np.finfo(values.dtype).eps)
    return bool((np.abs(wide - np.rint(wide * top) / top) <= slack).all()) and slack * top < 0.1


def _flat(name: str, values: Array) -> Array:
    """(H, W, 1…4) → (H, W): alpha where something is not opaque, else the luma."""
    channels = values.shape[2]
    if channels in (2, 4):
        alpha, white = values[..., -1], 255 if values.dtype == np.uint8 else 65535
        if values.dtype.kind != "u":
            raise BadInput(f"{name} has alpha and holds {values.dtype}: give uint8 or uint16.")
        if alpha.size and alpha.min() < white:
            return alpha
        values = values[..., :-1]
    if values.shape[2] == 1:
        return values[..., 0]
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red
    if values.dtype.kind == "f":
        return 0.299 * red + 0.587 * green + 0.114 * blue
    wide = values.astype(np.uint64) @ np.array((19595, 38470, 7471), np.uint64)
    return ((wide + 32768) >> 16).astype(values.dtype)


def as_image(given: Any, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) uint8 of the truth's size; `BadInput` where it is none."""
    values = numbers(given)
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] != 3:
        raise BadInput(f"The picture is {values.dtype} {values.shape}: give (H, W, 3) uint8 RGB.")
    if values.shape[:2] != tuple(shape):
        raise BadInput(
            f"The picture is {values.shape[1]}×{values.shape[0]} and the truth {shape[1]}×{shape[0]}: give the picture "
            "that the truth belongs to."
        )
    return values

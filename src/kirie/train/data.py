"""Pictures for training: three folders read once into memory as small uint8 arrays.

Layout of the data folder (others inside it are never opened, so a test set may lie beside them):
    train/        NAME.jpg with NAME.png, the mask: 8 bit, 255 = subject
    cutouts/      NAME.webp or .png with alpha: subjects alone
    backgrounds/  NAME.jpg: pictures to lay cutouts on
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput

__all__ = ["Data", "Sample", "held_out", "load", "photo"]

HELD_OUT_SHARE = 10  # one photo in ten
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_READERS = 2

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture. `image`: (H, W, 3) RGB uint8 sRGB; `mask`: (H, W) uint8, 255 = subject, or None."""

    name: str
    image: Bytes
    mask: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """What the loop draws from.

    train, held: pictures with masks, disjoint by photo. cutouts: subjects with their alpha as `mask`, and
    colours premultiplied by it.
    backgrounds: pictures without a mask; empty: those of them that show no subject at all.
    """

    train: list[Sample]
    held: list[Sample]
    cutouts: list[Sample] = field(default_factory=list)
    backgrounds: list[Sample] = field(default_factory=list)
    empty: list[Sample] = field(default_factory=list)


def photo(stem: str) -> str:
    """The photo that a file was made from: a cutout and a background of a held-out photo are held out too.

    `petbg_Bengal_1`, `pet_Bengal_1` → `pet_Bengal_1`; `ccpbg_0007r`, `ccphead_0007`, `ccp_0007` → `ccp_0007`;
    `bal_123_0` → `bal_123` (one photo, several balloons); all others stand for themselves.
    """
    stem = re.sub(r"^(pet|ccp)(bg|head)_", r"\1_", stem)
    stem = re.sub(r"^(ccp_\d+)[lr]$", r"\1", stem)
    return re.sub(r"^(bal_\d+)_\d+$", r"\1", stem)


def held_out(stem: str) -> bool:
    """Whether a file belongs to the fixed tenth that is never trained on: by a hash of its photo's name."""
    digest = hashlib.sha256(photo(stem).encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_SHARE == 0


def load(
    folder: Path, *, side: int = 352, cutout_side: int = 288, with_subject: Iterable[str] = ()
) -> Data:
    """Read `train`, `cutouts` and `backgrounds` under `folder`, shrunk so that no side is longer than `side`.

    with_subject: beginnings of the names of backgrounds that do show something like a subject: good to
    lay a cutout on, but no examples of "no subject".
    """
    pairs = _read(folder / "train", lambda path: _pair(path, side), optional=False)
    held = [s for s in pairs if held_out(s.name)]
    train = [s for s in pairs if not held_out(s.name)]
    cutouts = _read(folder / "cutouts", lambda path: _cutout(path, cutout_side))
    backgrounds = _read(folder / "backgrounds", lambda path: _plain(path, side))
    cutouts = [s for s in cutouts if not held_out(s.name)]
    backgrounds = [s for s in backgrounds if not held_out(s.name)]
    busy = tuple(with_subject)
    empty = [s for s in backgrounds if not (busy and s.name.startswith(busy))]
    if not train or not held:
        raise BadInput(
            f"{folder / 'train'} holds {len(pairs)} pictures with masks; training needs enough for both a "
            "training part and a held-out tenth (about thirty at least)."
        )
    return Data(train, held, cutouts, backgrounds, empty)


def _read(
    folder: Path, reader: Callable[[Path], Sample | None], *, optional: bool = True
) -> list[Sample]:
    """All samples of a folder, sorted by name; an optional folder may be absent."""
    if not folder.is_dir():
        if optional:
            return []
        raise BadInput(
            f"{folder} is not a folder: the data folder must hold train/NAME.jpg with NAME.png."
        )
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
    with ThreadPoolExecutor(_READERS) as pool:
        return [sample for sample in pool.map(reader, paths) if sample is not None]


def _decode(path: Path, flags: int) -> Any:
    array = cv2.imread(str(path), flags)
    if array is None:
        raise BadInput(f"{path} cannot be read as a picture: remove it or fetch it again.")
    return array


def _shrunk(array: Any, side: int) -> Any:
    """Resize so that the longer side is at most `side`, by area averaging; never enlarges."""
    h, w = array.shape[:2]
    scale = side / max(h, w)
    if scale >= 1:
        return array
    size = max(1, round(w * scale)), max(1, round(h * scale))
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA)


def _rgb(bgr: Any) -> Bytes:
    return np.ascontiguousarray(bgr[..., ::-1])


def _pair(path: Path, side: int) -> Sample | None:
    """A photo and its mask of the same stem; masks themselves are no samples."""
    if path.suffix.lower() == ".png":
        return None
    image = _decode(path, cv2.IMREAD_COLOR)
    mask = _decode(path.with_suffix(".png"), cv2.IMREAD_GRAYSCALE)
    if image.shape[:2] != mask.shape:
        raise BadInput(
            f"{path.name} is {image.shape[1]}×{image.shape[0]} pixels, its mask {mask.shape[1]}×{mask.shape[0]}: "
            "both must have the same size."
        )
    return Sample(path.stem, _rgb(_shrunk(image, side)), _shrunk(mask, side))


def _cutout(path: Path, side: int) -> Sample:
    """Premultiplied colours and alpha, cropped to where alpha is not zero.

    Premultiplied, because resizing and turning then mix no hidden colour into the edge.
    """
    array = _decode(path, cv2.IMREAD_UNCHANGED)
    if array.ndim != 3 or array.shape[2] != 4:
        raise BadInput(f"{path} has no alpha channel: cutouts are RGBA pictures.")
    rows, columns = np.flatnonzero(array[..., 3].any(1)), np.flatnonzero(array[..., 3].any(0))
    if not rows.size:
        raise BadInput(f"{path} is fully transparent: remove it.")
    array = array[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alpha = array[..., 3]
    colours = cv2.multiply(array[..., :3], cv2.merge((alpha, alpha, alpha)), scale=1 / 255)
    return Sample(
        path.stem, _rgb(_shrunk(colours, side)), _shrunk(np.ascontiguousarray(alpha), side)
    )


def _plain(path: Path, side: int) -> Sample:
    return Sample(path.stem, _rgb(_shrunk(_decode(path, cv2.IMREAD_COLOR), side)))

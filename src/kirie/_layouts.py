"""Where data sets keep their pictures and masks, so that a folder's name is enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from ._formats import PICTURES, displayed
from .errors import BadInput

__all__ = ["LABELLED", "TESTS", "TRAINS", "Layout", "find", "photos_beside", "pictures"]

# Folders side by side, pictures and masks, in lower case; `*` stands for the same in both.
PAIRS = (
    ("im", "gt"),  # DIS5K
    ("image", "mask"),  # UHRSD, CAMO, AIM-500 and many more
    ("images", "masks"),
    ("image", "gt"),
    ("images", "gt"),
    ("img", "gt"),
    ("imgs", "gt"),  # HKU-IS, and the usual copies of CHAMELEON, CAMO, COD10K, NC4K
    ("img", "mask"),
    ("imgs", "masks"),
    ("image", "gt_object"),  # COD10K
    ("*-image", "*-mask"),  # DUTS
    ("*_test", "*_test_mask"),  # HRSOD
    ("*_training", "*_training_mask"),
    ("images", "ground_truth_mask"),  # ECSSD
    ("original", "mask"),
    ("original_image", "mask"),  # P3M-10k
    ("blurred_image", "mask"),
)
# Those of label maps, which give each pixel a class.
LABELLED = (
    ("images", "labels"),
    ("images", "annotations"),  # ADE20K
    ("image", "label"),
    ("leftimg8bit", "gtfine"),  # Cityscapes
    ("jpegimages", "segmentationclass"),  # VOC
    ("img_dir", "ann_dir"),  # as mmsegmentation lays sets out
    *PAIRS,
)
# Parts that a data set is divided into, the wanted ones first; tests are meant where nobody says anything.
TESTS = (
    *("test", "te", "testing", "duts-te", "hrsod_te", "val", "valid", "validation", "vd", "eval"),
)
TRAINS = ("train", "tr", "training", "trainset", "duts-tr", "dis-tr", "hrsod_tr", "uhrsd_tr")
FEW = 5  # names that a message lists


class Layout(NamedTuple):
    """A data set's folders: masks, and pictures where there are any."""

    masks: Path
    images: Path | None
    note: str = ""  # what was recognised


def find(
    folder: Path, *, parts: Sequence[str] = TESTS, pairs: Sequence[tuple[str, str]] = PAIRS
) -> Layout:
    """The masks (and pictures) that a folder stands for: a data set's, its part for tests, or the folder of masks itself.

    Args:
        folder: what a user named.
        parts: of a data set that is divided, the names of the wanted ones, the best first: `TESTS` or `TRAINS`.
        pairs: names of folders of pictures and of truths: those of masks, or `LABELLED`.

    Raises:
        BadInput: it is no folder, it holds data sets of which one must be named, or nothing that can be masks.
    """
    if not folder.is_dir():
        raise BadInput(f"{displayed(folder)} is no folder: name the folder of the true masks.")
    inside = _below(folder)
    found = _pair(inside, parts, pairs)
    if found:
        return found
    for name in parts:
        found = _part(inside[name], parts, pairs) if name in inside else None
        if found:
            return found
    several = [path.name for path in inside.values() if _pair(_below(path), parts, pairs)]
    if several:
        some = ", ".join(several[:FEW]) + (" …" if len(several) > FEW else "")
        raise BadInput(f"{displayed(folder)} holds data sets ({some}): name one of them.")
    if pictures(folder):
        beside = _beside(folder, pairs)
        return Layout(folder, beside, f"pictures in {displayed(beside)}" if beside else "")
    raise BadInput(f"{displayed(folder)} holds no masks, and no folders that kirie knows as such.")


def pictures(folder: Path) -> dict[str, Path]:
    """Every picture below a folder by its path without ending; a PNG counts where a JPEG has the same name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.suffix.lower() in PICTURES and not hidden and path.is_file():
            name = inside.with_suffix("").as_posix()
            if name not in found or path.suffix.lower() == ".png":
                found[name] = path
    return found


def photos_beside(masks: Path) -> dict[str, Path]:
    """JPEGs of the same names as PNG masks, in one folder with them."""
    return {
        path.relative_to(masks).with_suffix("").as_posix(): path
        for path in sorted(masks.rglob("*"))
        if path.suffix.lower() in (".jpg", ".jpeg") and path.with_suffix(".png").is_file()
    }


def _below(folder: Path) -> dict[str, Path]:
    return {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}


def _part(folder: Path, parts: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Layout | None:
    """A part of a data set: two folders, or one that holds JPEGs and their masks."""
    found = _pair(_below(folder), parts, pairs)
    if found is None and photos_beside(folder):
        found = Layout(folder, None, f"pictures and masks in {folder.name}")
    return found


def _pair(
    inside: dict[str, Path], parts: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> Layout | None:
    for image, mask in _names(inside, pairs):
        images, masks = inside[image], inside[mask]
        within = _below(images).keys() & _below(masks).keys()
        part = next((name for name in parts if name in within), None)
        if part:
            images, masks = _below(images)[part], _below(masks)[part]
        place = f", {part} in both" if part else ""
        return Layout(masks, images, f"masks in {mask}, pictures in {image}{place}")
    return None


def _names(inside: dict[str, Path], pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """(pictures, masks) among folder names."""
    for image, mask in pairs:
        for name in inside:
            if fnmatch(name, mask):
                partner = image.replace("*", _star(mask, name))
                if partner in inside:
                    yield partner, name


def _star(pattern: str, name: str) -> str:
    """What `*` stands for."""
    return name[: len(name) - len(pattern) + 1] if "*" in pattern else ""


def _beside(masks: Path, pairs: Sequence[tuple[str, str]]) -> Path | None:
    """The pictures that lie beside a folder of masks."""
    around = _below(masks.absolute().parent)
    own = masks.absolute().name.lower()
    return next((around[image] for image, mask in _names(around, pairs) if mask == own), None)

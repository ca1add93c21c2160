"""What a folder named by a user holds: pictures, their truths, and what has no partner."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .. import _layouts
from .._formats import PICTURES, displayed
from .._layouts import Layout
from ..errors import BadInput
from .polygons import coco_pictures, is_coco, labelme_picture, loaded
from .reading import Example, Task, named_beside

__all__ = ["Found", "look"]

FEW = 3  # names that a note lists
# What the names of truths end in, where they are not those of the pictures.
ENDINGS = re.compile(
    r"([-_ ]?(mask|masks|gt|matte|alpha|label|labels|seg|segmentation|annotation)"
    r"|_gtFine_labelTrainIds|_gtCoarse_labelTrainIds|_L)$",
    re.IGNORECASE,
)
PHOTO_ENDINGS = re.compile(r"(_leftImg8bit|[-_ ](image|img|im|rgb|photo))$", re.IGNORECASE)
# Cityscapes has four files beside each map of labels to train with.
OTHERS = re.compile(r"_gt(Fine|Coarse)_(color|labelIds|instanceIds|polygons)$")
# Where a COCO file lies in a data set's folder, by the part that is wanted.
COCO_FILES = {
    "train": ("annotations/*train*.json", "*train*.json"),
    "test": ("annotations/*val*.json", "annotations/*test*.json", "*val*.json", "*test*.json"),
}
COCO_ANYWHERE = ("_annotations.coco.json", "annotations.json", "annotations/*.json", "*.json")


COMPOSED = ("cutouts", "backgrounds")


@dataclass(frozen=True, slots=True)
class Found:
    """A set's pictures, and what was left out.

    Attributes:
        name: of the set.
        without_truth, without_picture: files that have no partner.
    """

    name: str
    files: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    cutouts: tuple[Path, ...] = ()
    backgrounds: tuple[Path, ...] = ()
    without_truth: tuple[Path, ...] = ()
    without_picture: tuple[Path, ...] = ()


def look(path: Path, task: Task, part: Literal["train", "test"], *, whole: bool = True) -> Found:
    """Find what a folder or an annotation file holds.

    Args:
        path: what the user named.
        task: what the truths are.
        part: the wanted part of a set that is divided.
        whole: whether something must be found; False to look for faults.

    Raises:
        BadInput: nothing is there, or nothing that can be understood.
    """
    if path.suffix.lower() == ".json" and path.is_file():
        found = _coco(path)
    elif not path.is_dir():
        raise BadInput(f"{displayed(path)} is no folder: name a folder of pictures and masks.")
    else:
        found = _annotated(path, part) or _laid_out(path, task, part)
    if whole and not (found.files or found.cutouts or found.backgrounds):
        raise BadInput(
            f"{displayed(path)} holds no picture with a truth of the same name"
            f"{': ' + '; '.join(found.notes) if found.notes else ''}. Put pictures into images/ and masks of the same names "
            "into masks/."
        )
    return found


# Folders of masks


def _laid_out(path: Path, task: Task, part: Literal["train", "test"]) -> Found:
    parts = _layouts.TRAINS if part == "train" else _layouts.TESTS
    pairs = _layouts.LABELLED if task == "semantic" else _layouts.PAIRS
    own = {p.name.lower(): p for p in path.iterdir() if p.is_dir()}
    cutouts, backgrounds = (
        tuple(sorted(_layouts.pictures(own[name]).values())) if name in own else ()
        for name in COMPOSED
    )
    beside = any(p.suffix.lower() in PICTURES for p in path.iterdir())
    if (cutouts or backgrounds) and not own.keys() - set(COMPOSED) and not beside:
        return _composed_only(path, cutouts, backgrounds)
    layout = _layouts.find(path, parts=parts, pairs=pairs)
    files, no_truth, no_picture = _paired(layout)
    if layout.masks == path:  # pictures beside their masks: the folders below are something else
        cutouts = backgrounds = ()
    notes = [f"{displayed(path)}: {layout.note}"] if layout.note else []
    if cutouts or backgrounds:
        notes.append(f"{len(cutouts)} cutouts and {len(backgrounds)} backgrounds to compose with")
    notes += _left_out(no_truth, "without a truth") + _left_out(no_picture, "without a picture")
    return Found(
        path.name or str(path.absolute().name),
        files,
        tuple(notes),
        named_beside(path) if task == "semantic" else (),
        cutouts,
        backgrounds,
        no_truth,
        no_picture,
    )


def _composed_only(path: Path, cutouts: tuple[Path, ...], backgrounds: tuple[Path, ...]) -> Found:
    """A set that only adds to what other sets are composed with."""
    note = (
        f"{displayed(path)}: {len(cutouts)} cutouts and {len(backgrounds)} backgrounds, no photos"
    )
    return Found(
        path.name or str(path.absolute().name),
        (),
        (note,),
        cutouts=cutouts,
        backgrounds=backgrounds,
    )


def _left_out(paths: tuple[Path, ...], why: str) -> list[str]:
    if not paths:
        return []
    some = ", ".join(displayed(p.name) for p in paths[:FEW]) + (" …" if len(paths) > FEW else "")
    return [f"{len(paths)} files {why} are left out: {some}"]


Paired = tuple[tuple[Example, ...], tuple[Path, ...], tuple[Path, ...]]


def _paired(layout: Layout) -> Paired:
    """Examples, pictures without a truth, truths without a picture."""
    if layout.images is not None:
        images = _layouts.pictures(layout.images)
        truths = _layouts.pictures(layout.masks)
        truths = {name: path for name, path in truths.items() if not OTHERS.search(name)}
        return _matched(images, truths)
    images = _layouts.photos_beside(layout.masks)
    everything = _layouts.pictures(layout.masks)
    rest = {name: path for name, path in everything.items() if name not in images}
    truths = {name: path for name, path in rest.items() if ENDINGS.search(name)}
    if not images and truths:  # NAME.jpg and NAME_mask.png in one folder
        return _matched({name: path for name, path in rest.items() if name not in truths}, truths)
    files, _, _ = _matched(images, {name: everything[name] for name in images})
    lonely = [(path.suffix.lower() == ".png", path) for path in rest.values()]
    return (
        files,
        tuple(path for is_mask, path in lonely if not is_mask),
        tuple(path for is_mask, path in lonely if is_mask),
    )


def _matched(images: dict[str, Path], truths: dict[str, Path]) -> Paired:
    """By name; then by the name without an ending that says what the file is; then without its folders."""
    pairs: dict[str, tuple[Path, Path]] = {}
    keys: tuple[Callable[[str, re.Pattern[str]], str], ...] = (
        lambda name, _: name,
        lambda name, ending: ending.sub("", name),
        lambda name, ending: ending.sub("", name.rpartition("/")[2]),
    )
    left, wanted = dict(images), dict(truths)
    for key in keys:
        by_key = _unique(wanted, lambda name, key=key: key(name, ENDINGS))  # type: ignore[misc]
        names = _unique(left, lambda name, key=key: key(name, PHOTO_ENDINGS))  # type: ignore[misc]
        for short in sorted(names.keys() & by_key.keys()):
            pairs[names[short]] = left.pop(names[short]), wanted.pop(by_key[short])
    files = tuple(Example(name, *pairs[name]) for name in sorted(pairs))
    return files, tuple(left[n] for n in sorted(left)), tuple(wanted[n] for n in sorted(wanted))


def _unique(names: dict[str, Path], key: Callable[[str], str]) -> dict[str, str]:
    """Key → name, of keys that one name alone has."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key(name), []).append(name)
    return {short: several[0] for short, several in found.items() if len(several) == 1}


# Annotation files


def _annotated(path: Path, part: Literal["train", "test"]) -> Found | None:
    """A folder with a COCO file, or with LabelMe files; None where there are none."""
    shown = sorted(path.glob("*.json")) + sorted(path.glob("annotations/*.json"))
    if not shown and not any(path.glob("*/*.json")):
        return None
    for pattern in (*COCO_FILES[part], *COCO_ANYWHERE):
        for file in sorted(path.glob(pattern)):
            if is_coco(loaded(file)):
                return _coco(file)
    parts = _layouts.TRAINS if part == "train" else _layouts.TESTS
    inside = {p.name.lower(): p for p in path.iterdir() if p.is_dir()}
    for name in parts:
        within = inside.get(name)
        found = _annotated(within, part) if within else None
        if found:
            return found
    return _labelme(path)


def _coco(path: Path) -> Found:
    examples, missing = [], []
    for name, drawn in coco_pictures(path):
        photo = _photo(path, name)
        if photo is None:
            missing.append(Path(name))
        else:
            examples.append(Example(Path(name).with_suffix("").as_posix(), photo, drawn))
    content = loaded(path)
    known = sorted(content.get("categories", ()), key=lambda c: c["id"])
    notes = [f"{displayed(path)}: COCO annotations"]
    notes += _left_out(tuple(missing), "that are annotated but not there")
    return Found(
        path.parent.name,
        tuple(examples),
        tuple(notes),
        tuple(str(c["name"]) for c in known),
        without_picture=tuple(missing),
    )


def _labelme(path: Path) -> Found | None:
    examples, missing, drawn = [], [], set()
    for file in _jsons(path):
        found = labelme_picture(file)
        if found is None:
            continue
        photo = _photo(file, found[0]) or _beside(file)
        if photo is None:
            missing.append(file)
        else:
            name = file.relative_to(path).with_suffix("").as_posix()
            examples.append(Example(name, photo, found[1]))
            drawn.add(photo.resolve())
    if not examples and not missing:
        return None
    plain = [p for p in _layouts.pictures(path).values() if p.resolve() not in drawn]
    notes = [f"{displayed(path)}: LabelMe annotations"]
    notes += _left_out(tuple(plain), "without annotations")
    notes += _left_out(tuple(missing), "whose picture is not there")
    return Found(path.name, tuple(examples), tuple(notes), (), (), (), tuple(plain), tuple(missing))


def _jsons(path: Path) -> Iterator[Path]:
    return (p for p in sorted(path.rglob("*.json")) if not p.name.startswith("."))


def _photo(file: Path, name: str) -> Path | None:
    """The picture that an annotation file names: from its own folder, the one above, and those usual in data sets."""
    own = file.parent
    folders = [own, own / "images", own.parent, own.parent / "images"]
    stem = re.sub(r"^(instances|annotations)_", "", file.stem)
    folders += [own / stem, own.parent / stem, own.parent / "images" / stem]
    for folder in folders:
        for candidate in (folder / name, folder / Path(name).name):
            if candidate.suffix.lower() in PICTURES and candidate.is_file():
                return candidate
    return None


def _beside(file: Path) -> Path | None:
    found = (file.with_suffix(ending) for ending in sorted(PICTURES))
    return next((path for path in found if path.is_file()), None)

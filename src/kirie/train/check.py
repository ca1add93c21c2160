"""What is wrong with training data, before hours are spent on it: every fault, by file, in a sentence.

    faults = check.faults([("DATA", 1)], validation=[("VAL", 1)])
    check.sheet(faults)                          # a contact sheet, PNG bytes

Kinds of faults, in the order in which they are listed:
    unreadable       a picture, truth or cutout that cannot be decoded, or not whole
    no truth         a picture without a mask of its name
    no picture       a mask without a picture of its name
    sizes            picture and truth of different sizes
    values           a truth that is neither black and white nor softly grey: 0 and 1, a palette, a trimap, colours, a JPEG
    empty            a truth without a subject, or a label map in which no pixel counts
    full             a truth that is subject everywhere
    inverted         a truth whose subject surrounds its background
    duplicate        a picture that is in the set already, also under another name, in another size or mirrored
    contradiction    the same picture with another truth
    leak             a picture of the validation set that is in the training set
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._formats import displayed, sniff
from .._machine import cores
from ..errors import BadInput
from ._found import Found, look
from .likeness import Print, alike, print_of
from .polygons import Polygons
from .reading import Example, Labels, Task, cutout, grey, picture, truth

__all__ = ["KINDS", "Checked", "Fault", "check", "faults"]

KINDS = (
    *("unreadable", "no truth", "no picture", "sizes", "values", "empty", "full", "inverted"),
    *("duplicate", "contradiction", "leak"),
)
VOID = 255
AROUND = 0.9  # of the outermost pixels subject: the mark of an inverted mask
INSIDE = 0.02  # of the pixels background, at least, for it to be one
FEW_LEVELS = 8  # fewer than these, besides black and white, are no soft edge
SAME = 0.5  # overlap of two truths of one picture, below which they contradict each other

Sets = Sequence[tuple[str | Path, float]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong. `kind`: of `KINDS`; `files`: those concerned, the one to look at first; `message`: a sentence."""

    kind: str
    files: tuple[Path, ...]
    message: str
    truth: Path | Polygons | None = None  # of the first file, to show


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `pictures`: how many pairs were looked at; `healthy`: those without a fault; `notes`: how folders were understood."""

    faults: tuple[Fault, ...]
    pictures: int
    healthy: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Seen:
    """One pair, looked at."""

    example: Example
    held: bool
    faults: list[Fault] = field(default_factory=list)
    mark: Print | None = None
    small: NDArray[np.bool_] | None = None  # where the subject is, coarsely

    @property
    def source(self) -> Path:
        """The truth's file."""
        true = self.example.truth
        return true if isinstance(true, Path) else true.source

    def add(self, kind: str, message: str, path: Path | None = None) -> None:
        """Note a fault, of one file or of the pair."""
        example = self.example
        other = (example.truth,) if isinstance(example.truth, Path) and not path else ()
        files = (path or example.image, *other)
        self.faults.append(Fault(kind, files, message, example.truth))


class _Rules(NamedTuple):
    """How truths are read."""

    task: Task
    labels: Labels
    classes: Sequence[str]


def faults(
    data: Sets,
    validation: Sets = (),
    *,
    task: Task = "subject",
    labels: Labels | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Fault]:
    """Every fault of the data; see `check`."""
    found = check(data, validation, task=task, labels=labels, progress=progress)
    return list(found.faults)


def check(
    data: Sets,
    validation: Sets = (),
    *,
    task: Task = "subject",
    labels: Labels | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Look at every picture and truth.

    Args:
        data: the folders to train on, as for `sources.find`.
        validation: those to validate on.
        task: what the truths are.
        labels: how label maps are read.
        progress: called with how many of how many pictures have been looked at.

    Raises:
        BadInput: a folder is missing or cannot be understood at all.
    """
    found = [look(Path(path), task, "train", whole=False) for path, _ in data]
    held = [look(Path(path), task, "test", whole=False) for path, _ in validation]
    pairs = [(e, False) for f in found for e in f.files] + [
        (e, True) for f in held for e in f.files
    ]
    classes = _drawn([e for e, _ in pairs]) if task == "semantic" else ()
    rules = _Rules(task, labels or Labels(), classes)
    extras = [path for f in found for path in (*f.cutouts, *f.backgrounds)]
    listed = [fault for f in (*found, *held) for fault in _unpaired(f)]
    seen: list[_Seen] = []
    with ThreadPoolExecutor(cores()) as pool:
        for one in pool.map(lambda pair: _looked_at(pair, rules), pairs):
            seen.append(one)
            if progress:
                progress(len(seen), len(pairs))
        cutouts = frozenset(path for f in found for path in f.cutouts)
        listed += [f for f in pool.map(lambda path: _extra(path, cutouts), extras) if f]
    listed += [fault for one in seen for fault in one.faults] + _copies(seen)
    order = {kind: place for place, kind in enumerate(KINDS)}
    listed.sort(key=lambda fault: (order[fault.kind], str(fault.files[0])))
    blamed = {path for fault in listed for path in fault.files}
    return Checked(
        tuple(listed),
        len(pairs),
        tuple(one.example for one in seen if one.example.image not in blamed),
        tuple(note for f in (*found, *held) for note in f.notes),
    )


def _drawn(examples: list[Example]) -> tuple[str, ...]:
    """All labels of annotations, so that they can be drawn."""
    pieces = (e.truth.pieces for e in examples if isinstance(e.truth, Polygons))
    return tuple(sorted({piece.label for some in pieces for piece in some}))


def _unpaired(found: Found) -> list[Fault]:
    return [
        *(
            Fault("no truth", (path,), "there is no mask of this name; it would be left out")
            for path in found.without_truth
        ),
        *(
            Fault("no picture", (path,), "there is no picture of this name; it would be left out")
            for path in found.without_picture
        ),
    ]


def _extra(path: Path, cutouts: frozenset[Path]) -> Fault | None:
    """What is wrong with a cutout or a background."""
    try:
        if path in cutouts:
            cutout(path)
        else:
            picture(path)
    except BadInput as error:
        return Fault("unreadable", (path,), _reason(error, path))
    return None


def _reason(error: BadInput, path: Path) -> str:
    """The message without the file's name, which is listed beside it."""
    return str(error).removeprefix(displayed(path)).lstrip(": ").removeprefix("is ")


# One pair


def _looked_at(pair: tuple[Example, bool], rules: _Rules) -> _Seen:
    example, held = pair
    seen = _Seen(example, held)
    rgb = None
    try:
        rgb = picture(example.image)
        seen.mark = print_of(rgb)
    except BadInput as error:
        seen.add("unreadable", _reason(error, example.image), example.image)
    true = _truth(seen, rules)
    if true is None:
        return seen
    if rgb is not None and rgb.shape[:2] != true.shape:
        (h, w), (th, tw) = rgb.shape[:2], true.shape
        turned = " (turned by a quarter: one of the two ignores the camera's orientation)"
        hint = turned if (h, w) == (tw, th) else ""
        seen.add("sizes", f"the picture is {w}×{h} pixels, its truth {tw}×{th}{hint}")
    if rules.task == "semantic":
        if not (true != VOID).any():
            seen.add("empty", "no pixel of the label map counts")
        return seen
    said = _values(example.truth) if isinstance(example.truth, Path) else ""
    if said:
        seen.add("values", said, seen.source)
    seen.small = _coarse(true)
    for kind, message in _content(true):
        if kind != "empty" or not said:  # numbers of classes are not bright enough for a subject
            seen.add(kind, message)
    return seen


def _truth(seen: _Seen, rules: _Rules) -> NDArray[Any] | None:
    """The truth; None where it cannot be read, which is noted."""
    try:
        return truth(seen.example, rules.task, rules.labels, rules.classes)
    except BadInput as error:
        kind = "values" if "holds colours" in str(error) else "unreadable"
        seen.add(kind, _reason(error, seen.source), seen.source)
        return None


def _values(path: Path) -> str:
    """What is wrong with a mask's numbers; empty where nothing is."""
    levels, notes = grey(path)
    if sniff(path.read_bytes()[:64])[0] == "jpeg":
        return "stored as JPEG, which blurs a mask; store it as PNG"
    for note in notes:
        if note.startswith(("palette", "a colour")):
            return f"{note}; store it as a grey picture, 0 and 255"
    found = np.unique(levels)
    top = int(found[-1])
    white = 65535 if levels.dtype == np.uint16 else 255
    if top == 1:
        return "holds 0 and 1 where 0 and 255 are usual; 1 would be read as subject"
    if 0 < top < white // 2:
        return (
            f"its largest value is {top} of {white}: numbers of classes, or a mask that is too dark"
        )
    rest = found[(found > 0) & (found < white)]
    if 0 < len(rest) < FEW_LEVELS and np.isin(levels, rest).mean() > 0.001:
        some = ", ".join(str(value) for value in found.tolist())
        return f"holds only the values {some}: a trimap, or numbers of classes"
    return ""


def _content(true: NDArray[Any]) -> list[tuple[str, str]]:
    """Faults of a mask (H, W) uint8 as such."""
    subject = true >= 128
    share = float(subject.mean())
    if not subject.any():
        return [("empty", "the mask has no subject: no value reaches one half")]
    if subject.all():
        return [("full", "the mask is subject everywhere")]
    edge = np.concatenate((subject[0], subject[-1], subject[:, 0], subject[:, -1]))
    around = float(edge.mean())
    if around >= AROUND and 1 - share >= INSIDE:
        return [
            (
                "inverted",
                f"{around:.0%} of the picture's border and {share:.0%} of it all are subject: black and white seem exchanged",
            )
        ]
    return []


def _coarse(true: NDArray[Any]) -> NDArray[np.bool_]:
    """(32, 32): where the subject is."""
    rows, columns = ((np.arange(32) + 0.5) * side // 32 for side in true.shape)
    return true[np.ix_(rows.astype(int), columns.astype(int))] >= 128


# Copies


def _copies(seen: list[_Seen]) -> list[Fault]:
    known = [one for one in seen if one.mark is not None]
    listed = []
    for like in alike([one.mark for one in known if one.mark is not None]):
        first, second = known[like.first], known[like.second]
        how = "the same picture, or nearly," + (" mirrored," if like.mirrored else "")
        files = second.example.image, first.example.image
        named = displayed(first.example.image)
        if first.held != second.held:
            kind, message = "leak", f"{how} is in the training set as {named}"
        elif _contradict(first, second, mirrored=like.mirrored):
            kind, message = "contradiction", f"{how} has another truth as {named}"
        else:
            kind, message = "duplicate", f"{how} is there already as {named}"
        listed.append(Fault(kind, files, message, second.example.truth))
    return listed


def _contradict(first: _Seen, second: _Seen, *, mirrored: bool) -> bool:
    a, b = first.small, second.small
    if a is None or b is None:
        return False
    b = b[:, ::-1] if mirrored else b
    either = int((a | b).sum())
    return bool(either) and int((a & b).sum()) / either < SAME

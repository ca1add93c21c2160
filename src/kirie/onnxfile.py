"""What an ONNX file says of itself, read without running it and without the onnx package.

ONNX Runtime opens whatever a file points to, in older releases also outside the file's folder. So a file is looked through
here first: every tensor of every graph, subgraph, function and attribute. Only the structure is read, never the weights.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from ._lookalikes import AGAIN, start_of, what_else
from ._onnx import CONSTANT, LONGEST_NAME, OnnxFacts, Port, shown, walk
from ._protobuf import Damaged
from .errors import BadCheckpoint

__all__ = ["OnnxFacts", "Port", "check_external", "ending", "read"]

# operators after which a map is still what it was before
PASSING = frozenset(
    (
        *("Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Transpose", "Slice"),
        *("Gather", "Split", "Resize", "Upsample", "Clip", "Concat", "Pad", "Dropout"),
        *("QuantizeLinear", "DequantizeLinear"),
    )
)
SQUASHING = frozenset(("Sigmoid", "HardSigmoid", "Softmax"))  # … → [0, 1]
WEIGHING = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))  # end in any number: logits
STRETCHING = frozenset(("Sub", "Div"))  # min-max, where both sides are computed
LINEAR = frozenset(("Add", "Sum", "Mul", "Sub", "Div", "BatchNormalization"))  # logits stay logits
MOST_STEPS = 1000


def ending(facts: OnnxFacts, output: str) -> Literal["probabilities", "logits", "classes", ""]:
    """What an output holds, told from the operators that lead to it; empty where they do not tell."""
    stretched = moved = False
    for _ in range(MOST_STEPS):
        made = facts.made.get(output, CONSTANT)
        name, computed = made.operator, [each for each in made.inputs if _computed(facts, each)]
        if name in SQUASHING:
            return "" if moved else "probabilities"
        if name in WEIGHING:
            return "" if stretched else "logits"
        if name == "ArgMax":
            return "classes"
        if name in STRETCHING and computed == list(made.inputs):
            stretched = True
        elif name in LINEAR:
            moved = True
        elif name not in PASSING:
            return ""
        if not computed:
            return ""
        output = computed[0]
    return ""


def _computed(facts: OnnxFacts, name: str) -> bool:
    return facts.made.get(name, CONSTANT).operator != "Constant"


def read(path: Path) -> OnnxFacts:
    """Look through an ONNX file.

    Raises:
        BadCheckpoint: it cannot be read, is damaged, or is something else.
    """
    start, size = start_of(path, "ONNX file")
    if why := what_else(path.name, start):
        raise BadCheckpoint(why)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            facts = walk(data, size)
    except Damaged as error:
        raise BadCheckpoint(
            f"{path.name} is not an ONNX file, or is cut short or damaged ({error}): {AGAIN}."
        ) from error
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{path} cannot be read: {error}.") from error
    if not facts.operators or not facts.outputs:
        raise BadCheckpoint(f"{path.name} holds no network: {AGAIN}.")
    check_external(facts, path)
    return facts


def check_external(facts: OnnxFacts, path: Path) -> None:
    """Refuse a file whose tensors do not all lie in it or in its own folder, also where a link leads out of it."""
    home = Path(os.path.realpath(path)).parent  # unlike Path.resolve it lets a loop of links be
    checked: dict[str, int] = {}
    for name, location, offset, length in facts.external:
        if location not in checked:
            checked[location] = _size_inside(home, location, name, path.name)
        try:
            begin, extent = int(offset or 0), int(length or 0)
        except ValueError:
            begin = extent = -1
        if begin < 0 or extent < 0 or begin + extent > checked[location]:
            raise BadCheckpoint(
                f"{path.name} expects {shown(name)} in {shown(location)}, which is too short for it: {AGAIN}, all "
                "its files together."
            )


def _size_inside(home: Path, location: str, name: str, file: str) -> int:
    """The size of a file that a tensor lies in, if it is a file in the folder."""
    strange = any(ord(character) < 32 for character in location) or len(location) > LONGEST_NAME  # noqa: PLR2004
    windows = PureWindowsPath(location)
    if (
        strange
        or not location
        or PurePosixPath(location).is_absolute()
        or windows.drive
        or windows.root
        or ".." in windows.parts  # which splits at both kinds of slashes
    ):
        raise BadCheckpoint(
            f"{file} asks for {shown(name)} from {shown(location)}, outside its own folder: it was not opened. Get the "
            "network from a source that you trust."
        )
    real = Path(os.path.realpath(home / location))
    if not real.is_relative_to(home):
        raise BadCheckpoint(
            f"{file} asks for {shown(name)} from {shown(location)}, which is a link out of its folder: it was not "
            "opened. Put the file itself there."
        )
    try:
        there, size = real.is_file(), real.stat().st_size
    except OSError:
        there, size = False, 0
    if not there:
        raise BadCheckpoint(
            f"{file} keeps weights in {shown(location)}, which is not beside it: get all files of the network."
        )
    return size

"""A file without a card, used like a model that has one: what is taken from the model, and what the file itself decides.

From the model: how pictures are prepared and answers are read. From the file: its fixed size, whether it takes pixels, whether it
ends with logits or probabilities, and, for a checkpoint, the network. The licence is nobody's to guess.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadCheckpoint, BadInput
from ..spec import ModelCard, Preparation

if TYPE_CHECKING:
    from ..onnxfile import OnnxFacts

__all__ = ["for_checkpoint", "for_onnx", "refuse_second_card"]

UNSTATED = "not stated"


def refuse_second_card(path: Path, like: ModelCard) -> None:
    """A file's own card is right; another one cannot be."""
    raise BadInput(
        f"{path.name} says itself how it is used: leave `like` out (it was {like.name!r})."
    )


def _of(like: ModelCard, path: Path, **changes: Any) -> ModelCard:
    """The file's card, as far as it is the model's."""
    name = "".join(character if character.isprintable() else "?" for character in path.name)
    return replace(
        like,
        name=name,
        title=f"{name}, used like {like.name}",
        licence=UNSTATED,
        commercial=None,
        training_sets=(),
        weights=(),
        aliases=(),
        source="",
        **changes,
    )


def for_onnx(path: Path, facts: OnnxFacts, like: ModelCard) -> tuple[ModelCard, tuple[str, ...]]:
    """The card of a foreign `.onnx`, and what a user should know of how it came about.

    Raises:
        BadCheckpoint: the file cannot be used like this model.
    """
    from ..onnxfile import ending

    notes = []
    preparation, readout = like.preparation, like.readout
    if like.procedure.name != "single":
        raise BadCheckpoint(
            f"{path.name} cannot be used like {like.name}, which takes several calls for one answer: give a model that takes "
            "one."
        )
    shape = facts.inputs[0].shape if facts.inputs else None
    if shape is not None and len(shape) == 4:  # noqa: PLR2004  (N, 3, h, w)
        height, width = (
            have if isinstance(have, int) and have > 0 else own
            for have, own in zip(shape[2:], preparation.size, strict=True)
        )
        size = (height, width)
        fixed = any(isinstance(have, int) and have > 0 for have in shape[2:])
        if size != preparation.size:
            notes.append(
                f"{path.name} takes pictures of {size[0]}×{size[1]} only, {like.name} {preparation.size[0]}×"
                f"{preparation.size[1]}: they are prepared at the file's size."
            )
        if fixed:
            preparation = _sized(path, preparation, size)
        if facts.inputs[0].kind == "uint8":
            notes.append(f"{path.name} takes pixels: it normalises them itself.")
            preparation = replace(preparation, scale="none")
    holds = ending(facts, facts.outputs[0].name)
    if holds == "classes":
        raise BadCheckpoint(
            f"{path.name} answers with class numbers (ArgMax), in which soft edges are lost: export the network up to its "
            "logits."
        )
    if holds == "probabilities" and readout.activation != "none":
        notes.append(f"{path.name} ends with probabilities: no {readout.activation} is applied.")
        readout = replace(readout, activation="none")
    if holds == "logits" and readout.activation == "none":
        notes.append(f"{path.name} ends with logits: a sigmoid is applied.")
        readout = replace(readout, activation="softmax" if readout.classes else "sigmoid")
    if not holds:
        notes.append(
            f"Its operators do not tell whether {path.name} ends with logits or probabilities: it is read as {like.name} "
            f"is (activation {readout.activation})."
        )
    procedure = replace(like.procedure, ordered=True)
    return _of(like, path, preparation=preparation, readout=readout, procedure=procedure), tuple(
        notes
    )


def _sized(path: Path, preparation: Preparation, size: tuple[int, int]) -> Preparation:
    try:
        return preparation.fixed(size)
    except BadInput as error:
        raise BadCheckpoint(
            f"{path.name} takes pictures of {size[0]}×{size[1]}, larger than any network that cuts pictures."
        ) from error


def for_checkpoint(path: Path, origin: Any, like: ModelCard, kin: tuple[str, ...]) -> ModelCard:
    """The card of a foreign checkpoint.

    Args:
        path: the file.
        origin: the loaded network's.
        like: the model whose preparation and reading fit it.
        kin: the names of the networks of its family.

    Raises:
        BadCheckpoint: the file holds a network of another family.
    """
    if like.architecture not in kin:
        raise BadCheckpoint(
            f"{path.name} holds the network {origin.architecture}, but the model {like.name} is of another family "
            f"({like.architecture}): give one of the same (`kirie models list`)."
        )
    named, classes = len(like.readout.classes), origin.options.get("classes")
    if classes is not None and max(1, named) != classes:
        raise BadCheckpoint(
            f"{path.name} tells {classes} classes apart, but {like.name} {max(1, named)}: give a model of as many "
            "(`kirie models list`)."
        )
    return _of(like, path, architecture=origin.architecture, arguments=dict(origin.options))

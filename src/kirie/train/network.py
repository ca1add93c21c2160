"""What a run starts from: a recipe and perhaps a checkpoint → the recipe complete, the network, and whose licence it carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from .. import weights, zoo
from ..errors import BadInput, FetchFailed, Offline, UnknownModel
from ..nn.build import ARCHITECTURES, build
from ..spec import ModelCard, ReadOut
from .recipe import Recipe
from .recipes import RECIPES

__all__ = ["Started", "card_of", "start"]

READABLE = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")


class Started(NamedTuple):
    """recipe: nothing is left open in it. parent: the card of the checkpoint that the weights come from, where it has one."""

    recipe: Recipe
    net: nn.Module
    parent: ModelCard | None
    notes: tuple[str, ...] = ()


def start(
    recipe: Recipe,
    *,
    classes: Sequence[str] = (),
    seed: int = 0,
    fetch: weights.Fetch | None = None,
) -> Started:
    """Build the network that a recipe trains, on the CPU, in training mode; random numbers are drawn with `seed`.

    Args:
        recipe: with `init`, its network is that of the checkpoint.
        classes: of the data, for a semantic task.
        seed: of the weights.
        fetch: what may be done to get a checkpoint that is named by its card.

    Raises:
        BadInput: neither network nor checkpoint is named, or they do not go together.
        BadCheckpoint: the checkpoint cannot be read.
    """
    torch.manual_seed(seed)
    if recipe.task == "semantic":
        recipe = _with_classes(recipe, classes)
    if recipe.init:
        return _from_checkpoint(recipe, fetch)
    if not recipe.network:
        raise BadInput(
            f"The recipe {recipe.name} goes on from a checkpoint: name one with --init, such as --init kirie-mini."
        )
    filled = recipe.backbone_weights or None
    try:
        net = build(recipe.network, backbone_weights=filled, **recipe.arguments)
    except (Offline, FetchFailed) as error:
        raise type(error)(
            f"{error} To start from random weights instead: --set backbone_weights="
        ) from error
    return Started(_with_objective(recipe), net, None)


def _with_classes(recipe: Recipe, classes: Sequence[str]) -> Recipe:
    count = recipe.classes or len(classes)
    if count < 2:
        raise BadInput(
            f"A semantic network needs two classes at least, but there are {count}: set classes, or put classes.txt beside "
            "the pictures."
        )
    named = tuple(classes) if len(classes) == count else tuple(f"class {n}" for n in range(count))
    readout = recipe.readout
    if len(readout.classes) != count:
        readout = ReadOut(activation="softmax", classes=named, background=False)
    arguments = {**recipe.arguments, "classes": count}
    return replace(recipe, classes=count, arguments=arguments, readout=readout)


def _with_objective(recipe: Recipe) -> Recipe:
    """The loss of the network's family, where the recipe names none."""
    if recipe.objective:
        return recipe
    like = _kin(recipe)
    if like is None:
        raise BadInput(f"The network {recipe.network} has no loss of its own: set objective.")
    return replace(
        recipe, objective=like.objective, objective_arguments=dict(like.objective_arguments)
    )


def _kin(recipe: Recipe) -> Recipe | None:
    """The recipe of the same network, otherwise of one of its family."""
    family = ARCHITECTURES[recipe.network].family
    others = [each for each in RECIPES.values() if each.network and each.objective]
    same = [each for each in others if each.network == recipe.network]
    kin = [each for each in others if ARCHITECTURES[each.network].family == family]
    return next(iter(same + kin), None)


# --- from a checkpoint -------------------------------------------------------------------------------------------------


def _from_checkpoint(recipe: Recipe, fetch: weights.Fetch | None) -> Started:
    from ..engines.pytorch import load_network

    path, card = _located(recipe.init, fetch)
    loaded = load_network(path, card=card)
    origin = loaded.net.origin
    own: ModelCard | None = loaded.card
    family = ARCHITECTURES[origin.architecture].family
    if recipe.network and ARCHITECTURES[recipe.network].family != family:
        raise BadInput(
            f"{recipe.init} holds the network {origin.architecture}, but the recipe {recipe.name} trains {recipe.network}: "
            "use the recipe finetune, which takes any."
        )
    arguments = {**origin.options, **recipe.arguments}
    complete = replace(recipe, network=origin.architecture, arguments=arguments)
    if not recipe.network:
        complete = _as_used(complete, own)
    net, notes = _filled(complete, loaded.net)
    return Started(_with_objective(complete), net.train(), own, notes)


def _located(name: str, fetch: weights.Fetch | None) -> tuple[Path, ModelCard | None]:
    """A file, or the file of a card."""
    path = Path(name)
    if path.exists():
        return path, None
    try:
        card = zoo.get(name)
    except UnknownModel as error:
        raise UnknownModel(f"--init: {error}") from error
    found = weights.locate(card, READABLE, fetch)
    return found.path, found.card


def _as_used(recipe: Recipe, card: ModelCard | None) -> Recipe:
    """The checkpoint's own preparation and reading; those of its family's recipe where it tells none."""
    like = _kin(recipe)
    source: Any = card or like
    if source is None:
        return recipe
    default = Recipe(name="", epochs=1)
    given = {}
    if recipe.size == default.size:
        given["size"] = source.preparation.size if card else source.size
    semantic = bool(source.readout.classes) and not source.readout.background
    if semantic != (recipe.task == "semantic"):
        what = "names classes" if semantic else "finds a subject"
        hint = "semantic" if semantic else "subject"
        raise BadInput(f"{recipe.init} {what}: set task={hint}, and give data of that kind.")
    reading = {} if recipe.task == "semantic" else {"readout": source.readout.unmeasured()}
    return replace(
        recipe,
        preparation=source.preparation,
        procedure=source.procedure,
        **reading,
        **given,
    )


def _filled(recipe: Recipe, loaded: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """The recipe's network with the loaded one's weights; what has another shape (other classes) stays random."""
    net = build(recipe.network, **recipe.arguments)
    have, want = loaded.state_dict(), net.state_dict()
    fits = {k: v for k, v in have.items() if k in want and v.shape == want[k].shape}
    left = [name for name in want if name not in fits]
    if len(left) > len(want) // 2:
        raise BadInput(
            f"{recipe.init} fills only {len(fits)} of {len(want)} tensors of {recipe.network} with {recipe.arguments}: leave "
            "those arguments out."
        )
    net.load_state_dict({**want, **fits}, strict=True)
    notes = (f"random at the start, as the shape differs: {', '.join(left)}",) if left else ()
    return net, notes


# --- what comes out ----------------------------------------------------------------------------------------------------


def card_of(recipe: Recipe, *, parent: ModelCard | None, data: Sequence[str]) -> ModelCard:
    """The card of the trained network: how it is used, what it was trained on, and under which licence it comes.

    Args:
        recipe: complete.
        parent: the card of the checkpoint that the training began with: its licence and training sets stay.
        data: names of the data sets.
    """
    about = f"trained with the recipe {recipe.name}"
    if parent is not None:
        about = f"{parent.title}, {about}"
    elif recipe.init:
        about = f"{Path(recipe.init).name}, {about}"
    return ModelCard(
        name=f"{recipe.name}-trained",
        title=about,
        task="your pictures" if recipe.name == "finetune" else "any subject",
        architecture=recipe.network,
        arguments=recipe.arguments,
        licence=parent.licence if parent else "not stated",
        commercial=parent.commercial if parent else None,
        training_sets=(*(parent.training_sets if parent else ()), *data),
        preparation=recipe.prepared,
        readout=recipe.readout,
        procedure=recipe.procedure,
    )

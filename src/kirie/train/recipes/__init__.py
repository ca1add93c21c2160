"""RECIPES: how each network is trained. Data: one frozen row for each; `get` finds one by its name."""

from __future__ import annotations

from difflib import get_close_matches

from ...errors import BadInput
from ..recipe import Recipe
from . import basnet, birefnet, finetune, inspyrenet, isnet, mini, segformer, u2net
from .basnet import BASNET
from .finetune import FINETUNE
from .isnet import ISNET, ISNET_ENCODER
from .mini import MINI
from .u2net import U2NET, U2NETP

__all__ = ["RECIPES", "about", "get"]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *(U2NET, U2NETP, ISNET_ENCODER, ISNET, BASNET),
        *(inspyrenet.RES2NET50, inspyrenet.SWIN_B),
        *(
            birefnet.DIS,
            birefnet.HRSOD,
            birefnet.COD,
            birefnet.GENERAL,
            birefnet.MATTING,
            birefnet.LITE,
        ),
        *(segformer.ADE20K, segformer.CITYSCAPES),
        *(FINETUNE, MINI),
    )
}


def get(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        BadInput: there is none.
    """
    if name not in RECIPES:
        near = get_close_matches(name, RECIPES, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"Unknown recipe {name!r}.{hint} `kirie train list` lists all.")
    return RECIPES[name]


def about(name: str) -> str:
    """What the recipe's file says of it: the command, how long it takes, and which scores are reported."""
    for module in (basnet, birefnet, finetune, inspyrenet, isnet, mini, segformer, u2net):
        if RECIPES[name] in (getattr(module, each) for each in module.__all__):
            return (module.__doc__ or "").strip()
    return RECIPES[name].about

"""RECIPES: how each network is trained. Data: one frozen row for each; `get` finds one by its name."""

from __future__ import annotations

from difflib import get_close_matches

from ...errors import BadInput
from ..recipe import Recipe
from . import birefnet, inspyrenet, segformer
from .basnet import BASNET
from .finetune import FINETUNE
from .isnet import ISNET, ISNET_ENCODER
from .mini import MINI
from .u2net import U2NET, U2NETP

__all__ = ["RECIPES", "get"]

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

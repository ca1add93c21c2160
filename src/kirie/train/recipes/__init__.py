"""RECIPES: how each of kirie's networks is trained. Data: one frozen row per network."""

from __future__ import annotations

from ..recipe import Recipe
from .mini import MINI

__all__ = ["RECIPES"]

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (MINI,)}

"""U²-Net and U²-Net-P as the paper trains them (arXiv 2005.09007).

    kirie train u2net --data DUTS-TR --out OUT
    kirie train u2netp --data DUTS-TR --out OUT

Published: DUTS-TR with its mirrored copies (21 106 pictures), 320×320, random crops of 288×288, rows reversed for one in two,
the cross-entropy of all seven maps with weight 1, Adam at 1e-3 without decay or schedule, batch 12, about 600 000 steps:
120 hours on a GTX 1080 Ti. Here the mirrored copies are drawn instead of stored. Reported, as MAE and largest F-measure on
DUTS-TE: U²-Net 0.044 and 0.873; U²-Net-P 0.054 and 0.852.
"""

from __future__ import annotations

from dataclasses import replace

from ... import zoo
from ..recipe import Recipe

__all__ = ["U2NET", "U2NETP"]

U2NET = Recipe(
    name="u2net",
    about="U²-Net as published",
    network="u2net",
    preparation=zoo.get("u2net").preparation,
    readout=zoo.get("u2net").readout,
    steps=600_000,
    size=(320, 320),
    batch=12,
    augmentation="published-sod",
    augmentation_arguments={"crop": 0.9, "flip": "rows", "mirror": True},
    objective="u2net",
    optimiser="adam",
    learning_rate=1e-3,
    validate_every=2000,
)

U2NETP = replace(U2NET, name="u2netp", about="U²-Net-P as published", network="u2netp")

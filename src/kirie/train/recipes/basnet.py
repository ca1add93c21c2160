"""BASNet as the paper trains it (CVPR 2019).

    kirie train basnet --data DUTS-TR --out OUT

Published: DUTS-TR with its mirrored copies, 256×256, random crops of 224×224, the hybrid loss (cross-entropy, 1 − SSIM, 1 − IoU) of
all eight maps with weight 1, Adam at 1e-3 without decay or schedule, batch 8, about 400 000 steps: 125 hours on a GTX 1080
Ti; there the encoder starts from an ImageNet ResNet-34, here from random weights or those of --init. Reported on DUTS-TE: MAE 0.047, largest F-measure 0.860.
"""

from __future__ import annotations

from ... import zoo
from ..recipe import Recipe

__all__ = ["BASNET"]

BASNET = Recipe(
    name="basnet",
    about="BASNet as published",
    network="basnet",
    preparation=zoo.get("basnet").preparation,
    readout=zoo.get("basnet").readout,
    steps=400_000,
    size=(256, 256),
    batch=8,
    augmentation="published-sod",
    augmentation_arguments={"crop": 0.875, "flip": "rows", "mirror": True},
    objective="basnet",
    optimiser="adam",
    learning_rate=1e-3,
    validate_every=2000,
)

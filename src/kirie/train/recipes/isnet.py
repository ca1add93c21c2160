"""IS-Net as the paper trains it (arXiv 2203.03041), in its two stages.

    kirie train isnet-gt-encoder --data DIS5K/DIS-TR --out ENCODER
    kirie train isnet --data DIS5K/DIS-TR --val DIS5K/DIS-VD --out OUT --set objective_arguments.encoder=ENCODER/best.safetensors

First the ground-truth encoder learns to give back the truth that it is shown; then, frozen, it shows the network what its
features should be. Without an encoder the network is trained on its maps alone, which is what the published script does
unless told. Published: DIS-TR (3000 pictures), 1024×1024, mirrored for one in two, Adam at 1e-3 without decay or schedule, batch
8, a validation every 2000 steps, the end after 20 without a better one: plan for days on one large GPU. Reported on DIS-VD: largest F-measure 0.791, MAE 0.074.
"""

from __future__ import annotations

from dataclasses import replace

from ... import zoo
from ..recipe import Recipe

__all__ = ["ISNET", "ISNET_ENCODER"]

ISNET = Recipe(
    name="isnet",
    about="IS-Net as published; its encoder first: isnet-gt-encoder",
    network="isnet",
    preparation=zoo.get("isnet").preparation,
    readout=zoo.get("isnet").readout,
    epochs=1000,  # patience ends it
    size=(1024, 1024),
    batch=8,
    augmentation="flip",
    objective="isnet",
    optimiser="adam",
    learning_rate=1e-3,
    validate_every=2000,
    metric="f",
    patience=20,
)

ISNET_ENCODER = replace(
    ISNET,
    name="isnet-gt-encoder",
    about="the ground-truth encoder that IS-Net learns its features from",
    network="isnet-gt-encoder",
    input="truth",
    objective="isnet-gt-encoder",
    epochs=100,
    validate_every=1000,
    patience=5,
)

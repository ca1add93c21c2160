"""BiRefNet as its authors train it (CAAI AIR 2024, arXiv 2401.03407), for each of their tasks.

    kirie train birefnet-dis --data DIS5K/DIS-TR --val DIS5K/DIS-VD --out OUT
    kirie train birefnet-hrsod --data DUTS-TR --data HRSOD-TR --data UHRSD-TR --out OUT
    kirie train birefnet-cod --data COD10K-TR --data CAMO-TR --out OUT
    kirie train birefnet-general --data DIS5K/DIS-TR --data DUTS-TR --data HRSOD-TR … --out OUT
    kirie train birefnet-matting --data P3M-10k --data AM-2k … --out OUT
    kirie train birefnet-lite --data DIS5K/DIS-TR --data DUTS-TR … --out OUT

`--set objective_arguments.gradient_target=truth` lets the gates learn the edges of the true subject instead of the
predicted one; `--set varied=256,2304,32 --set augmentation_arguments.longest=2304` gives each batch a size of its
own, as BiRefNet_dynamic was trained.

Published: 1024×1024, batch 8, AdamW with decay 0.01 of everything, a constant rate of 1e-4 (DIS5K) or 1e-5 (all
others) times √(batch / 4), bfloat16. Backbone Swin-L, of `birefnet-lite` Swin-T, from ImageNet. The loss is weighted
by task: cross-entropy 30, IoU 0.5, SSIM 10, for general use MAE 100 as well, for matting MAE 100 instead of IoU; in
the last 40 (DIS5K), 10 (matting) or 20 epochs it changes. Epochs: DIS5K 500, COD, HRSOD and matting 150, general 200;
the published general weights are of epoch 244 and, with Swin-T, 232.

Expected: with Swin-L 60 hours of one A100 for each million pictures shown, with Swin-T 15; estimated from the
authors' 69 ms for a forward pass in half precision, three of which make a step, and from the operations. So DIS5K
(1.5 million) takes 4 days, COD (0.6 million) 1.5, HRSOD (2.6 million) 6. The authors report 24 GB (compiled) to 29 GB
of memory for batches of 2 in half precision.

Reported, as S-measure and weighted F-measure: general 0.911 and 0.875 on DIS-VD, lite 0.882 and 0.830; matting 0.979
and 0.988 on TE-P3M-500-NP. Those of DIS5K, COD and HRSOD are in the paper's tables.
"""

from __future__ import annotations

from dataclasses import replace

from ... import zoo
from ..recipe import Recipe

__all__ = ["COD", "DIS", "GENERAL", "HRSOD", "LITE", "MATTING"]

BATCH = 8
SCALE = (BATCH / 4) ** 0.5  # of the rates
_CARD = zoo.get("birefnet-general")

GENERAL = Recipe(
    name="birefnet-general",
    about="BiRefNet for any subject, as published",
    network="birefnet",
    arguments={"backbone": "swin_v1_l"},
    backbone_weights="swin_v1_l",
    preparation=_CARD.preparation,
    readout=_CARD.readout,
    procedure=_CARD.procedure,
    epochs=200,
    size=(1024, 1024),
    batch=BATCH,
    augmentation="birefnet",
    objective="birefnet",
    objective_arguments={"task": "General"},
    optimiser="adamw",
    learning_rate=1e-5 * SCALE,
    weight_decay=1e-2,
    decay_norms=True,
    metric="s",
)

DIS = replace(
    GENERAL,
    name="birefnet-dis",
    about="BiRefNet for fine structures (DIS5K), as published",
    epochs=500,
    objective_arguments={"task": "DIS5K"},
    learning_rate=1e-4 * SCALE,
)

HRSOD = replace(
    GENERAL,
    name="birefnet-hrsod",
    about="BiRefNet for salient subjects in large pictures, as published",
    epochs=150,
    objective_arguments={"task": "HRSOD"},
)

COD = replace(
    GENERAL,
    name="birefnet-cod",
    about="BiRefNet for camouflaged animals, as published",
    epochs=150,
    objective_arguments={"task": "COD"},
)

MATTING = replace(
    GENERAL,
    name="birefnet-matting",
    about="BiRefNet for soft alpha, as published",
    task="matting",
    epochs=150,
    objective_arguments={"task": "Matting"},
    metric="mae",
)

LITE = replace(
    GENERAL,
    name="birefnet-lite",
    about="BiRefNet with Swin-T for any subject, as published",
    arguments={"backbone": "swin_v1_t"},
    backbone_weights="swin_v1_t",
)

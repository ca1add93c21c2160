"""InSPyReNet as the paper trains it (ACCV 2022, arXiv 2209.09475), at 384×384, for blending at any size.

    kirie train inspyrenet-res2net50 --data DUTS-TR --out OUT
    kirie train inspyrenet-swin_b --data DUTS-TR --out OUT
    kirie train inspyrenet-swin_b --data DIS5K/DIS-TR --out OUT --set epochs=180

Published: DUTS-TR (10 553 pictures) for 60 epochs in batches of 6, which are 105 480 steps; DIS-TR for 180 epochs.
The loss of all four saliency maps against their truths' pyramid. Adam without decay: 1e-4, and 1e-5 for the backbone,
which starts from ImageNet; each the smaller of a polynomial (power 0.9, down to 1e-7) and of a warm-up over 12 000
steps from a tenth. float32, no clipping, no running mean.

Expected: the authors say no hours; by operations (105 and 71 G multiplications a picture) half a day for Swin-B and 8
hours for Res2Net-50 on one GPU that does 10 Tflop/s of such work. Not measured. `--set precision=bf16` is faster:
unlike the published loss, ours does not need float32.

Reported, as S-measure, largest F-measure and MAE: Res2Net-50 on DUTS-TE 0.904, 0.892, 0.035, on ECSSD 0.936, 0.949,
0.031; Swin-B on DUTS-TE 0.931, 0.927, 0.024, on ECSSD 0.949, 0.960, 0.023. Swin-B trained on DIS-TR, as S-measure and
largest F-measure on DIS-VD: 0.887, 0.876.
"""

from __future__ import annotations

from dataclasses import replace

from ... import zoo
from ..recipe import Recipe

__all__ = ["RES2NET50", "SWIN_B"]

_SWIN_B, _RES2NET50 = zoo.get("inspyrenet-swinb"), zoo.get("inspyrenet-res2net50")

SWIN_B = Recipe(
    name="inspyrenet-swin_b",
    about="InSPyReNet with Swin-B as published, at 384",
    network="inspyrenet",
    arguments=_SWIN_B.arguments,
    backbone_weights="swin_v1_b",
    preparation=_SWIN_B.preparation,
    readout=_SWIN_B.readout,
    procedure=_SWIN_B.procedure,
    epochs=60,
    size=(384, 384),
    batch=6,
    augmentation="inspyrenet",
    objective="inspyrenet",
    optimiser="adam",
    learning_rate=1e-4,
    backbone_rate=0.1,
    schedule="poly",
    power=0.9,
    least=1e-7,
    warm_up=12_000,
    warm_from=0.1,
    warm_join="min",
    precision="fp32",
    metric="s",
)

RES2NET50 = replace(
    SWIN_B,
    name="inspyrenet-res2net50",
    about="InSPyReNet with Res2Net-50 as published, at 384",
    arguments=_RES2NET50.arguments,
    backbone_weights="res2net50",
    preparation=_RES2NET50.preparation,
    readout=_RES2NET50.readout,
    procedure=_RES2NET50.procedure,
)

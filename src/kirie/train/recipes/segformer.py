"""SegFormer as the paper trains it (NeurIPS 2021, arXiv 2105.15203): every pixel gets a class.

    kirie train segformer-ade20k --data ADE20K --out OUT
    kirie train segformer-cityscapes --data CITYSCAPES --out OUT
    kirie train segformer-ade20k --data ADE20K --out OUT --set arguments.backbone=mit_b5 --set backbone_weights=mit_b5 --set size=640

The backbone starts from NVIDIA's ImageNet weights, whose licence is not for commercial use; `--set backbone_weights=`
starts from random ones.

Published: AdamW, 6e-5 for the backbone and ten times that for the head, decay 0.01, a linear fall to zero over 160
000 steps after a warm-up of 1500; windows of 512² (ADE20K, batch 16; b5: 640²) or 1024² (Cityscapes, batch 8) from
pictures scaled by 0.5 to 2, mirrored, colours distorted; cross-entropy over all pixels. Labels of ADE20K count from
1, and 0 does not count; those of Cityscapes are train ids, and 255 does not count. One thing differs: here no bias
decays; published, those outside of norms do.

Expected: not measured; by operations (8.4 G multiplications a window) 7 hours for b0 on ADE20K, 4 days for b5 at 512,
and 20 hours for b0 on Cityscapes, on one GPU that does 5 Tflop/s of such work.

Reported mIoU, one scale: ADE20K b0 37.4, b1 42.2, b2 46.5, b3 49.4, b4 50.3, b5 51.0; Cityscapes b0 76.2, b1 78.5, b2
81.0, b3 81.7, b4 82.3, b5 82.4.
"""

from __future__ import annotations

from dataclasses import replace

from ... import zoo
from ..recipe import Recipe

__all__ = ["ADE20K", "CITYSCAPES"]

_ADE20K, _CITYSCAPES = zoo.get("segformer-b0-ade"), zoo.get("segformer-b0-city")

ADE20K = Recipe(
    name="segformer-ade20k",
    about="SegFormer-b0 for 150 kinds of things, as published",
    network="segformer",
    arguments={"backbone": "mit_b0"},
    backbone_weights="mit_b0",
    task="semantic",
    classes=150,
    reduce_zero=True,
    preparation=_ADE20K.preparation,
    readout=_ADE20K.readout,
    procedure=_ADE20K.procedure,
    steps=160_000,
    size=(512, 512),
    batch=16,
    augmentation="segformer",
    augmentation_arguments={"long": 4.0},
    objective="segformer",
    optimiser="adamw",
    learning_rate=6e-4,
    backbone_rate=0.1,
    weight_decay=0.01,
    schedule="poly",
    power=1.0,
    warm_up=1500,
    warm_from=1e-6,
    validate_every=4000,
    metric="miou",
)

CITYSCAPES = replace(
    ADE20K,
    name="segformer-cityscapes",
    about="SegFormer-b0 for 19 kinds of things in streets, as published",
    classes=19,
    reduce_zero=False,
    preparation=_CITYSCAPES.preparation,
    readout=_CITYSCAPES.readout,
    procedure=_CITYSCAPES.procedure,
    size=(1024, 1024),
    batch=8,
    augmentation_arguments={"long": 2.0},
)

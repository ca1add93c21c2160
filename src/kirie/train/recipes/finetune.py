"""Fine-tuning: go on from any checkpoint, ours or published, with your own pictures.

    kirie train finetune --init kirie-mini --data PICTURES --val-split 0.1 --out OUT
    kirie train finetune --init u2net.pth --data PICTURES --data DUTS-TR:0.2 --out OUT

The network is that of the checkpoint, and so are its preparation, its reading and, as long as nothing else is set, the loss of its
family. A small rate with a warm-up, statistics of BatchNorm as they are, a running mean of the weights. Minutes for kirie-mini
on two cores and some tens of pictures, an hour or so for a large network on one GPU. No scores: they are those of your pictures.
"""

from __future__ import annotations

from ..recipe import Recipe

__all__ = ["FINETUNE"]

FINETUNE = Recipe(
    name="finetune",
    about="go on from a checkpoint (--init) with your own pictures",
    epochs=20,
    batch=4,
    augmentation="photo",
    optimiser="adamw",
    learning_rate=1e-4,
    weight_decay=0.01,
    backbone_rate=0.1,
    schedule="cosine",
    warm_up=20,
    clip=1.0,
    average=0.99,
    freeze_norms=True,
    metric="iou",
)

"""BASNet: the authors' checkpoint.

Paper: CVPR 2019, arXiv 2101.04704; code: github.com/xuebinqin/BASNet (MIT). The weights come without a licence of their own.
"""

from __future__ import annotations

from ..spec import ModelCard, Preparation, ReadOut
from ._sources import drive

__all__ = ["MODELS"]

MODELS: tuple[ModelCard, ...] = (
    ModelCard(
        name="basnet",
        title="BASNet, the paper's network",
        architecture="basnet",
        licence="MIT (code)",
        commercial=None,
        training_sets=("DUTS-TR (own terms)",),
        # The same script as U²-Net's, with today's scikit-image.
        preparation=Preparation(size=(256, 256), filter="skimage", scale="maximum"),
        readout=ReadOut(stretch=True, quantise=True),
        weights=(drive("basnet.pth", "1s52ek_4YTDRt_EOkx1FS53u-vJa0c4nu", about=348_500_000),),
        source="https://github.com/xuebinqin/BASNet",
    ),
)

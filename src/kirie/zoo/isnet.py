"""IS-Net: the authors' checkpoints, the anime network made from it, and rembg's conversions to ONNX.

Paper: arXiv 2203.03041; code: github.com/xuebinqin/DIS (Apache-2.0). The authors' weights come without a licence of their
own, and DIS5K, which they were trained on, has non-commercial terms.
"""

from __future__ import annotations

from dataclasses import replace

from ..spec import ModelCard, Preparation, ReadOut
from ._sources import drive, rembg

__all__ = ["MODELS"]

GENERAL = ModelCard(
    name="isnet-general-use",
    title="IS-Net for general use",
    architecture="isnet",
    licence="Apache-2.0 (code)",
    commercial=None,
    training_sets=("DIS5K (non-commercial terms)", "more that the authors do not name"),
    preparation=Preparation(
        size=(1024, 1024), filter="torch", mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0)
    ),
    readout=ReadOut(stretch=True),
    weights=(
        rembg(
            "isnet-general-use.onnx",
            size=178_648_008,
            md5="fc16ebd8b0c10d971d3513d564d01e29",
            readout=ReadOut(activation="none", stretch=True),  # it ends with the sigmoid
        ),
        drive("isnet-general-use.pth", "1nV57qKuy--d5u1yvkng9aXW1KS4sOpOi", about=176_600_000),
    ),
    source="https://github.com/xuebinqin/DIS",
)

MODELS: tuple[ModelCard, ...] = (
    GENERAL,
    replace(
        GENERAL,
        name="isnet",
        title="IS-Net as in the paper, for comparisons",
        task="fine detail",
        licence="academic",
        commercial=False,
        training_sets=("DIS5K (non-commercial terms)",),
        weights=(drive("isnet.pth", "1KyMpRjewZdyYfxHPYcd-ZbanIXtin0Sn", about=176_600_000),),
    ),
    ModelCard(
        name="isnet-anime",
        title="IS-Net trained on anime characters",
        task="anime",
        architecture="isnet",
        licence="Apache-2.0",
        commercial=True,
        training_sets=("AniSeg (own terms)", "character_bg_seg_data (own terms)"),
        # As rembg, which publishes the file under this name, prepares and reads it.
        preparation=Preparation(
            size=(1024, 1024), filter="lanczos", scale="maximum", std=(1.0, 1.0, 1.0)
        ),
        readout=ReadOut(stretch=True, quantise=True, filter="lanczos"),
        weights=(
            rembg(
                "isnet-anime.onnx",
                size=176_069_933,
                md5="6f184e756bb3bd901c8849220a83e38e",
                readout=ReadOut(activation="none", stretch=True, quantise=True, filter="lanczos"),
            ),
        ),
        source="https://github.com/SkyTNT/anime-segmentation",
    ),
)

"""U²-Net: the authors' checkpoints, the clothes network made from it, and rembg's conversions to ONNX.

Paper: arXiv 2005.09007; code and weights: github.com/xuebinqin/U-2-Net. The author says there that all released models
follow the repository's licence, and that the data sets have their own.
"""

from __future__ import annotations

from dataclasses import replace

from ..spec import ModelCard, Preparation, ReadOut
from ._sources import drive, rembg

__all__ = ["MODELS"]

# rembg's conversions end with the sigmoid.
CONVERTED = ReadOut(activation="none", stretch=True, quantise=True)

U2NET = ModelCard(
    name="u2net",
    title="U²-Net, the paper's network",
    architecture="u2net",
    licence="Apache-2.0",
    commercial=True,
    training_sets=("DUTS-TR (own terms)",),
    # As the published script runs with today's scikit-image. The 0.14 that it pinned did not smooth: on pictures of a
    # few hundred pixels, as the network was trained on, that is nearly the same; on a camera's it makes noise.
    preparation=Preparation(size=(320, 320), filter="skimage", scale="maximum"),
    readout=ReadOut(stretch=True, quantise=True),
    weights=(
        rembg(
            "u2net.onnx",
            size=175_997_641,
            md5="60024c5c889badc19c04ad937298a77b",
            readout=CONVERTED,
        ),
        drive("u2net.pth", "1ao1ovG1Qtx4b7EoskHXmi2E9rp5CHLcZ", about=176_300_000),
    ),
    source="https://github.com/xuebinqin/U-2-Net",
)

MODELS: tuple[ModelCard, ...] = (
    U2NET,
    replace(
        U2NET,
        name="u2netp",
        title="U²-Net-P, the paper's small network",
        architecture="u2netp",
        weights=(
            rembg(
                "u2netp.onnx",
                size=4_574_861,
                md5="8e83ca70e441ab06c318d82300c84806",
                readout=CONVERTED,
            ),
            drive("u2netp.pth", "1rbSTGKAE-MTxBYHd-51l2hMOQPT_7EPy", about=4_700_000),
        ),
    ),
    replace(
        U2NET,
        name="u2net-human",
        title="U²-Net trained on people",
        task="people",
        training_sets=("Supervisely Person (own terms)",),
        weights=(
            rembg(
                "u2net_human_seg.onnx",
                size=175_997_641,
                md5="c09ddc2e0104f800e3e1bb4652583d1f",
                readout=CONVERTED,
            ),
            drive("u2net_human_seg.pth", "1m_Kgs91b21gayc2XLW0ou8yugAIadWVP", about=176_300_000),
        ),
        aliases=("u2net_human_seg",),
    ),
    ModelCard(
        name="u2net-cloth",
        title="U²-Net that tells clothes apart",
        task="clothes",
        architecture="u2net-cloth",
        licence="MIT",
        commercial=True,
        training_sets=("iMaterialist Fashion 2019 (competition terms)",),
        # It was trained with plain 0.5 / 0.5. Its own script never shrinks a picture, so no filter is the right one.
        preparation=Preparation(size=(768, 768), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        # All garments together are the subject. The conversion gives the same class scores as the checkpoint.
        readout=ReadOut(
            activation="softmax", classes=("background", "upper body", "lower body", "full body")
        ),
        weights=(
            rembg(
                "u2net_cloth_seg.onnx",
                size=176_194_565,
                md5="2434d1f3cb744e0e49386c906e5a08bb",
            ),
            drive(
                "cloth_segm_u2net_latest.pth",
                "1mhF3yqd7R-Uje092eypktNl-RoZNuiCJ",
                about=165_000_000,
            ),
        ),
        aliases=("u2net_cloth_seg",),
        source="https://github.com/levindabhi/cloth-segmentation",
    ),
    replace(
        U2NET,
        name="u2net-portrait",
        title="U²-Net that draws a face in lines",
        task="line drawing",
        training_sets=("APDrawing (own terms)",),
        preparation=replace(U2NET.preparation, size=(512, 512)),
        # The network marks the lines; the published drawing is the paper around them.
        readout=replace(U2NET.readout, invert=True),
        weights=(
            drive("u2net_portrait.pth", "1IG3HdpcRiDoWNookbncQjeaPN28t90yW", about=176_300_000),
        ),
        aliases=("u2net_portrait",),
    ),
    replace(
        U2NET,
        name="silueta",
        title="U²-Net made four times smaller",
        licence="not stated",  # its maker gave it away in the authors' forum and said no more
        commercial=None,
        weights=(
            rembg(
                "silueta.onnx",
                size=44_173_029,
                md5="55e59e0d8062d2f5d013f4725ee84782",
                readout=CONVERTED,
            ),
        ),
    ),
)

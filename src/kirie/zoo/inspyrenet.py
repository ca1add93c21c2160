"""InSPyReNet: the authors' checkpoints, and those of transparent-background, which is theirs too.

Paper: arXiv 2209.09475; code: github.com/plemeri/InSPyReNet and github.com/plemeri/transparent-background (both MIT). The
weights come without a licence of their own. The authors blend what was trained at 384² (`pyramid`); transparent-background never does.
"""

from __future__ import annotations

from dataclasses import replace

from ..spec import ModelCard, Preparation, Procedure, ReadOut, Weights
from ._sources import drive

__all__ = ["MODELS"]

DUTS = "DUTS-TR (own terms)"
HRSOD = "HRSOD-TR (own terms)"
UHRSD = "UHRSD-TR (own terms)"
DIS = "DIS5K (non-commercial terms)"
# Also all benchmarks' test sets: scores on them mean nothing.
EVERYTHING = (
    *(DUTS, HRSOD, UHRSD, DIS),
    *("FSS-1000 (own terms)", "MSRA-10K (own terms)", "the usual test sets (own terms)"),
)
BLENDED = Procedure(
    name="pyramid",
    maps=("logits", "laplacian.0", "laplacian.1", "laplacian.2"),
    threshold=512,
    elements=(5, 9, 17),
)
SWINB, RES2NET50 = 367_000_000, 113_000_000  # bytes of a state dict, about

SMALL = ModelCard(
    name="inspyrenet-swinb",
    title="InSPyReNet Swin-B, as in the paper",
    architecture="inspyrenet",
    arguments={"backbone": "swin_v1_b", "base_size": (384, 384)},
    licence="MIT (code)",
    commercial=None,
    training_sets=(DUTS,),
    # The published rule lets the longer side grow without bound; `longest` keeps a panorama from filling the memory.
    preparation=Preparation(size=(384, 384), shorter=1280, longest=4096, multiple=32),
    readout=ReadOut(stretch=True, filter="corners"),
    procedure=BLENDED,
    weights=(drive("InSPyReNet_SwinB.pth", "1k5hNJImgEgSmz-ZeJEEb_dVkrOnswVMq", about=SWINB),),
    source="https://github.com/plemeri/InSPyReNet",
)
# What was trained at 1024² answers in one pass.
FINE = replace(
    SMALL,
    arguments={"backbone": "swin_v1_b", "base_size": (1024, 1024)},
    preparation=replace(SMALL.preparation, size=(1024, 1024)),
    procedure=Procedure(),
)


def _trained(base: ModelCard, name: str, what: str, key: str, data: tuple[str, ...]) -> ModelCard:
    """One of the authors' checkpoints: `name` is their configuration's, of which all files are called `latest.pth`."""
    return replace(
        base,
        name=name.lower().replace("_", "-"),
        title=f"InSPyReNet Swin-B {what}",
        task="fine structures" if "DIS5K" in name else "any subject",
        training_sets=data,
        weights=(drive(f"{name}.pth", key, about=SWINB),),
    )


def _released(file: str, md5: str = "") -> Weights:
    """A file of transparent-background's release, whose configuration gives the MD5."""
    return Weights(
        file=file,
        about=SWINB,
        hash=f"md5:{md5}" if md5 else "",
        publisher_hash=bool(md5),
        url=f"https://github.com/plemeri/transparent-background/releases/download/1.2.12/{file}",
    )


BASE = replace(
    FINE,
    name="inspyrenet-base",
    title="InSPyReNet of transparent-background, 1024²",
    training_sets=EVERYTHING,
    weights=(_released("ckpt_base.pth", "d692e3dd5fa1b9658949d452bebf1cda"),),
    aliases=("tb-base",),
    source="https://github.com/plemeri/transparent-background",
)
FAST = replace(
    BASE,
    name="inspyrenet-fast",
    title="InSPyReNet of transparent-background, 384², large pictures blended",
    arguments=SMALL.arguments,
    preparation=SMALL.preparation,
    procedure=BLENDED,
    weights=(_released("ckpt_fast.pth", "9efdbfbcc49b79ef0f7891c83d2fd52f"),),
    aliases=("tb-fast", "inspyrenet-plus-ultra-lr"),
)

MODELS: tuple[ModelCard, ...] = (
    BASE,
    FAST,
    replace(
        BASE,
        name="inspyrenet-base-nightly",
        title="InSPyReNet of transparent-background, 1024², newer",
        training_sets=("not stated",),
        weights=(_released("ckpt_base_nightly.pth"),),
        aliases=("tb-base-nightly",),
    ),
    replace(  # the network of `inspyrenet-base`, as its authors test it
        BASE,
        name="inspyrenet-plus-ultra",
        title="InSPyReNet Plus Ultra, pictures at up to 1280 pixels",
        preparation=replace(BASE.preparation, policy="bound"),
        aliases=(),
        source=SMALL.source,
    ),
    SMALL,
    replace(
        SMALL,
        name="inspyrenet-res2net50",
        title="InSPyReNet Res2Net-50, as in the paper",
        arguments={"backbone": "res2net50", "base_size": (384, 384)},
        procedure=Procedure(),
        weights=(
            drive("InSPyReNet_Res2Net50.pth", "12moRuU8F0-xRvE16bVg6mkGWDuqYHJor", about=RES2NET50),
        ),
    ),
    _trained(
        SMALL,
        "InSPyReNet_SwinB_DH_LR",
        "for high resolution, 384²",
        "1nbs6Xa7NMtcikeHFtkQRVrsHbBRHtIqC",
        (DUTS, HRSOD),
    ),
    _trained(
        SMALL,
        "InSPyReNet_SwinB_HU_LR",
        "for high resolution, 384²",
        "1uLSIYXlRsZv4Ho0C-c87xKPhmF_b-Ll4",
        (HRSOD, UHRSD),
    ),
    _trained(
        SMALL,
        "InSPyReNet_SwinB_DHU_LR",
        "for high resolution, 384²",
        "14gRNwR7XwJ5oEcR4RWIVbYH3HEV6uBUq",
        (DUTS, HRSOD, UHRSD),
    ),
    _trained(
        FINE,
        "InSPyReNet_SwinB_DH",
        "for high resolution, 1024²",
        "1UBGFDUYZ9SysZr96dhsscZg7nDXt6IUD",
        (DUTS, HRSOD),
    ),
    _trained(
        FINE,
        "InSPyReNet_SwinB_HU",
        "for high resolution, 1024²",
        "1HB02tiInEgo-pNzwqyvyV6eSN1Y2xPRJ",
        (HRSOD, UHRSD),
    ),
    _trained(
        SMALL,
        "InSPyReNet_SwinB_DIS5K_LR",
        "on DIS5K, 384²",
        "1Sj7GZoocGMHyKNhFnQQc1FTs76ysJIX3",
        (DIS,),
    ),
    _trained(
        FINE,
        "InSPyReNet_SwinB_DIS5K",
        "on DIS5K, 1024²",
        "1aCxHMbhvj8ah77jXVgqvqImQA_Y0G-Yg",
        (DIS,),
    ),
)

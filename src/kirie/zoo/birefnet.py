"""BiRefNet: the authors' checkpoints, on the Hugging Face hub and in their release, and rembg's copies of their ONNX files.

Paper: arXiv 2401.03407; code: github.com/ZhengPeng7/BiRefNet. The authors put code and weights under the MIT licence; the
data that they trained on have their own terms, not all of them commercial.

The order of the picture's patches changed in the authors' code on 5 November 2024. What was trained later has the present one.
For what is older the authors load their files with the present code, and nothing else is known: those cards leave it open,
`kirie.nn.load` takes the present order and says so, and its `patch_order="grid"` is the other.
"""

from __future__ import annotations

from dataclasses import replace

from ..spec import ModelCard, Preparation, Weights
from ._sources import rembg

__all__ = ["MODELS"]

AUTHORS = "ZhengPeng7"
RELEASE = "https://github.com/ZhengPeng7/BiRefNet/releases/download/v1"

# Bytes of a file, as the hub rounds them.
LARGE, LARGE_HALF, TINY = 885_000_000, 444_000_000, 178_000_000
# rembg's files; where its page was not at hand, they are as large as the others of this size
ONNX_LARGE, ONNX_TINY = 972_666_916, 224_005_088

DIS = "DIS5K (non-commercial terms)"
DUTS, HRSOD, UHRSD = "DUTS (own terms)", "HRSOD (own terms)", "UHRSD (own terms)"
P3M, HUMANS = "P3M-10k (own terms)", "TR-humans (not described)"
GENERAL = (DIS, DUTS, HRSOD, UHRSD, "HRS10K (own terms)", P3M, HUMANS)
MATTING = (
    *(P3M, HUMANS, "AM-2k (own terms)", "AIM-500 (own terms)", "Human-2k (own terms)"),
    *("Distinctions-646 (own terms)", "HIM2K (own terms)", "PPM-100 (own terms)"),
    "backgrounds: BG-20k (own terms)",
)
GENERAL_HR = (*GENERAL, *(each for each in MATTING if each not in GENERAL))


# As the authors' own tools take pictures of any size: at their own, to multiples of 32; larger ones than it has seen shrink.
DYNAMIC = Preparation(size=(1024, 1024), policy="bound", shorter=2304, longest=2304, multiple=32)


def _hub(repository: str, about: int) -> Weights:
    """A checkpoint on the hub, which gives its size and hash only to those who ask it."""
    url = f"https://huggingface.co/{AUTHORS}/{repository}/resolve/main/model.safetensors"
    return Weights(file="model.safetensors", about=about, url=url)


def _released(file: str, about: int = LARGE) -> Weights:
    """A state dict in the authors' release, which gives no hash."""
    return Weights(file=file, about=about, url=f"{RELEASE}/{file}")


BASE = ModelCard(
    name="birefnet-general",
    title="BiRefNet for general use",
    architecture="birefnet",
    arguments={"backbone": "swin_v1_l"},
    licence="MIT",
    commercial=True,
    training_sets=GENERAL,
    preparation=Preparation(size=(1024, 1024)),
    weights=(
        rembg(
            "BiRefNet-general-epoch_244.onnx",
            size=ONNX_LARGE,
            md5="7a35a0141cbbc80de11d9c9a28f52697",
        ),
        _hub("BiRefNet", LARGE),
        _released("BiRefNet-general-epoch_244.pth"),
    ),
    aliases=("birefnet",),
    source="https://github.com/ZhengPeng7/BiRefNet",
)
TINY_BASE = replace(BASE, arguments={"backbone": "swin_v1_t"}, aliases=())
# Trained after the order of the patches had changed.
NEW = replace(BASE, arguments={"backbone": "swin_v1_l", "patch_order": "colour"}, aliases=())

MODELS: tuple[ModelCard, ...] = (
    BASE,
    replace(
        TINY_BASE,
        name="birefnet-general-lite",
        title="BiRefNet for general use, small",
        weights=(
            rembg(
                "BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
                size=ONNX_TINY,
                md5="4fab47adc4ff364be1713e97b7e66334",
            ),
            _hub("BiRefNet_lite", TINY),
            _released("BiRefNet-general-bb_swin_v1_tiny-epoch_232.pth", TINY),
        ),
        aliases=("birefnet-lite",),
    ),
    replace(
        TINY_BASE,
        name="birefnet-lite-2k",
        title="BiRefNet for general use, small, at 2560×1440",
        preparation=Preparation(size=(1440, 2560)),
        weights=(
            _hub("BiRefNet_lite-2K", TINY),
            _released("BiRefNet_lite-general-2K-epoch_232.pth", TINY),
        ),
    ),
    replace(
        NEW,
        name="birefnet-hr",
        title="BiRefNet for general use, at 2048×2048",
        training_sets=GENERAL_HR,
        preparation=Preparation(size=(2048, 2048)),
        weights=(
            _hub("BiRefNet_HR", LARGE_HALF),
            _released("BiRefNet_HR-general-epoch_130.pth"),
        ),
    ),
    replace(
        NEW,
        name="birefnet-dynamic",
        title="BiRefNet for general use, trained at all sizes from 256 to 2304",
        preparation=DYNAMIC,
        weights=(
            _hub("BiRefNet_dynamic", LARGE_HALF),
            _released("BiRefNet_dynamic-general-epoch_174.pth"),
        ),
    ),
    replace(
        NEW,
        name="birefnet-512",
        title="BiRefNet for general use, at 512×512",
        preparation=Preparation(size=(512, 512)),
        weights=(_hub("BiRefNet_512x512", LARGE_HALF),),
    ),
    replace(
        BASE,
        name="birefnet-legacy",
        title="BiRefNet for general use, an earlier one that has seen no portraits",
        training_sets=(DIS, DUTS, HRSOD, UHRSD, "more that the authors do not name"),
        weights=(_hub("BiRefNet-legacy", LARGE),),
        aliases=(),
    ),
    replace(
        BASE,
        name="birefnet-matting",
        title="BiRefNet for matting",
        task="soft edges",
        training_sets=MATTING,
        weights=(
            _hub("BiRefNet-matting", LARGE),
            _released("BiRefNet-matting-epoch_100.pth"),
        ),
        aliases=(),
    ),
    replace(
        NEW,
        name="birefnet-hr-matting",
        title="BiRefNet for matting, at 2048×2048",
        task="soft edges",
        training_sets=MATTING,
        preparation=Preparation(size=(2048, 2048)),
        weights=(
            _hub("BiRefNet_HR-matting", LARGE_HALF),
            _released("BiRefNet_HR-matting-epoch_135.pth"),
        ),
    ),
    replace(
        NEW,
        name="birefnet-dynamic-matting",
        title="BiRefNet for matting, trained at all sizes from 256 to 2304",
        task="soft edges",
        training_sets=MATTING,
        preparation=DYNAMIC,
        weights=(
            _hub("BiRefNet_dynamic-matting", LARGE_HALF),
            _released("BiRefNet_dynamic-matting-epoch_159.pth"),
        ),
    ),
    replace(
        TINY_BASE,
        name="birefnet-lite-matting",
        title="BiRefNet for matting, small",
        task="soft edges",
        training_sets=MATTING,
        weights=(_hub("BiRefNet_lite-matting", TINY),),
    ),
    replace(
        BASE,
        name="birefnet-portrait",
        title="BiRefNet for portraits",
        task="people",
        training_sets=(P3M, HUMANS),
        weights=(
            rembg(
                "BiRefNet-portrait-epoch_150.onnx",
                size=ONNX_LARGE,
                md5="c3a64a6abf20250d090cd055f12a3b67",
            ),
            _hub("BiRefNet-portrait", LARGE),
            _released("BiRefNet-portrait-epoch_150.pth"),
        ),
        aliases=(),
    ),
    replace(
        BASE,
        name="birefnet-dis",
        title="BiRefNet as in the paper, trained on DIS5K's training set",
        task="fine structures",
        training_sets=(DIS,),
        weights=(
            rembg(
                "BiRefNet-DIS-epoch_590.onnx",
                about=ONNX_LARGE,
                md5="2d4d44102b446f33a4ebb2e56c051f2b",
            ),
            _hub("BiRefNet-DIS5K", LARGE),
            _released("BiRefNet-DIS-epoch_590.pth"),
        ),
        aliases=(),
    ),
    replace(
        BASE,
        name="birefnet-massive",
        title="BiRefNet trained on DIS5K's training and test sets",
        task="fine structures",
        training_sets=(DIS,),
        weights=(
            rembg(
                "BiRefNet-massive-TR_DIS5K_TR_TEs-epoch_420.onnx",
                about=ONNX_LARGE,
                md5="33e726a2136a3d59eb0fdf613e31e3e9",
            ),
            _hub("BiRefNet-DIS5K-TR_TEs", LARGE),
            _released("BiRefNet-massive-TR_DIS5K_TR_TEs-epoch_420.pth"),
        ),
        aliases=(),
    ),
    replace(
        BASE,
        name="birefnet-cod",
        title="BiRefNet for what is camouflaged",
        task="camouflage",
        training_sets=("COD10K (own terms)", "CAMO (own terms)"),
        weights=(
            rembg(
                "BiRefNet-COD-epoch_125.onnx",
                about=ONNX_LARGE,
                md5="f6d0d21ca89d287f17e7afe9f5fd3b45",
            ),
            _hub("BiRefNet-COD", LARGE),
            _released("BiRefNet-COD-epoch_125.pth"),
        ),
        aliases=(),
    ),
    replace(
        BASE,
        name="birefnet-hrsod",
        title="BiRefNet for what catches the eye, trained on DUTS, HRSOD and UHRSD",
        task="salient objects",
        training_sets=(DUTS, HRSOD, UHRSD),
        weights=(
            rembg(
                "BiRefNet-HRSOD_DHU-epoch_115.onnx",
                about=ONNX_LARGE,
                md5="c017ade5de8a50ff0fd74d790d268dda",
            ),
            _hub("BiRefNet-HRSOD", LARGE),
            _released("BiRefNet-HRSOD_DHU-epoch_115.pth"),
        ),
        aliases=(),
    ),
)

"""BACKBONES: the publishers' ImageNet files that networks are trained from. They cut nothing, and are no models of `MODELS`.

`kirie.nn.build(NETWORK, backbone=NAME, backbone_weights=NAME)` fetches and reads them.
"""

from __future__ import annotations

from dataclasses import replace

from ..spec import ModelCard, Preparation, Weights
from .segformer import LICENCE, hub

__all__ = ["BACKBONES"]

STORAGE = "https://github.com/SwinTransformer/storage/releases/download"
PVT = "https://github.com/whai362/PVT"
RES2NET = "https://shanghuagao.oss-cn-beijing.aliyuncs.com/res2net"


def _card(name: str, title: str, licence: str, weights: Weights, source: str) -> ModelCard:
    return ModelCard(
        name=name,
        title=title,
        task="backbone",
        architecture=name,
        licence=licence,
        commercial=licence != LICENCE,
        training_sets=("ImageNet (own terms)",),
        preparation=Preparation(size=(384, 384) if "384" in weights.file else (224, 224)),
        weights=(weights,),
        source=source,
    )


def _swin(letter: str, size: str, release: str, file: str, millions: int) -> ModelCard:
    """Trained on ImageNet-22k, then on the 1000 classes; the files that BiRefNet starts from."""
    url = f"{STORAGE}/{release}/{file}"
    return _card(
        f"swin_v1_{letter}",
        f"Swin {size}, ImageNet-22k and 1k",
        "MIT",
        Weights(file=file, about=4 * millions * 1_000_000, url=url),
        "https://github.com/microsoft/Swin-Transformer",
    )


def _pvt(size: str, millions: float) -> ModelCard:
    file = f"pvt_v2_{size}.pth"
    about = round(4 * millions) * 1_000_000
    weights = Weights(file=file, about=about, url=f"{PVT}/releases/download/v2/{file}")
    return _card(f"pvt_v2_{size}", f"PVT v2 {size}, ImageNet-1k", "Apache-2.0", weights, PVT)


def _mit(size: str, millions: float) -> ModelCard:
    repository = f"nvidia/mit-{size}"
    return _card(
        f"mit_{size}",
        f"Mix Transformer {size}, ImageNet-1k",
        LICENCE,
        hub(repository, millions),
        f"https://huggingface.co/{repository}",
    )


def _torchvision(name: str, title: str, file: str, millions: float) -> ModelCard:
    """A file of torchvision, which puts the first digits of its SHA-256 into its name."""
    weights = Weights(
        file=file,
        about=round(4 * millions) * 1_000_000,
        begins=file.removesuffix(".pth").rpartition("-")[2],
        url=f"https://download.pytorch.org/models/{file}",
    )
    title = f"{title}, ImageNet-1k"
    return _card(name, title, "BSD-3-Clause", weights, "https://github.com/pytorch/vision")


def _res2net(layers: int, digest: str, millions: float) -> ModelCard:
    file = f"res2net{layers}_v1b_26w_4s-{digest}.pth"
    weights = Weights(file=file, about=round(4 * millions) * 1_000_000, url=f"{RES2NET}/{file}")
    source = "https://github.com/Res2Net/Res2Net-PretrainedModels"
    title = f"Res2Net-{layers} v1b, ImageNet-1k"
    card = _card(f"res2net{layers}", title, "not stated", weights, source)
    return replace(card, commercial=None)


BACKBONES: tuple[ModelCard, ...] = (
    _swin("t", "tiny", "v1.0.8", "swin_tiny_patch4_window7_224_22kto1k_finetune.pth", 28),
    _swin("s", "small", "v1.0.8", "swin_small_patch4_window7_224_22kto1k_finetune.pth", 50),
    _swin("b", "base", "v1.0.0", "swin_base_patch4_window12_384_22kto1k.pth", 88),
    _swin("l", "large", "v1.0.0", "swin_large_patch4_window12_384_22kto1k.pth", 197),
    *(
        _pvt(size, millions)
        for size, millions in (
            ("b0", 3.7),
            ("b1", 14.0),
            ("b2", 25.4),
            ("b3", 45.2),
            ("b4", 62.6),
            ("b5", 82.0),
        )
    ),
    *(
        _mit(size, millions)
        for size, millions in (
            ("b0", 3.6),
            ("b1", 13.7),
            ("b2", 24.7),
            ("b3", 44.6),
            ("b4", 61.4),
            ("b5", 82.0),
        )
    ),
    _torchvision("resnet50", "ResNet-50 (second recipe)", "resnet50-11ad3fa6.pth", 25.6),
    _torchvision("vgg16", "VGG-16", "vgg16-397923af.pth", 138.4),
    _torchvision("vgg16bn", "VGG-16 with BatchNorm", "vgg16_bn-6c64b313.pth", 138.4),
    _res2net(50, "3cf99910", 25.7),
    _res2net(101, "0812c246", 45.2),
)

"""SegFormer: the authors' networks for ADE20K and Cityscapes, as they publish them on the Hugging Face hub.

Paper: arXiv 2105.15203. The licence covers code and weights: research and evaluation only. Pictures are prepared as in the
authors' evaluation: at their own aspect ratio, where the hub's preprocessor squashes them; the networks for Cityscapes look at
large pictures through a window.
"""

from __future__ import annotations

from ..spec import ModelCard, Preparation, Procedure, ReadOut, Weights
from .labels import ADE20K, CITYSCAPES, Labels

__all__ = ["LICENCE", "MODELS", "hub"]

LICENCE = "NVIDIA-NC"  # its own name: NVIDIA Source Code License for SegFormer
MILLIONS = {"b0": 3.7, "b1": 13.7, "b2": 27.5, "b3": 47.3, "b4": 64.1, "b5": 84.7}  # parameters


def hub(repository: str, millions: float, *, safe: bool = False) -> Weights:
    """A checkpoint on the Hugging Face hub, float32; the hub gives its size and hash only to those who ask it."""
    file = "model.safetensors" if safe else "pytorch_model.bin"
    return Weights(
        file=file,
        about=round(4 * millions) * 1_000_000,
        url=f"https://huggingface.co/{repository}/resolve/main/{file}",
    )


def _readout(labels: Labels) -> ReadOut:
    return ReadOut(
        activation="softmax",
        levels=(0.1, 0.9),
        classes=labels.names,
        colours=labels.colours,
        background=False,
    )


def _ade(size: str, side: int = 512, *, converted: tuple[Weights, ...] = ()) -> ModelCard:
    repository = f"nvidia/segformer-{size}-finetuned-ade-{side}-{side}"
    return ModelCard(
        name=f"segformer-{size}-ade",
        title=f"SegFormer-{size}, 150 kinds of things in any scene",
        task="scenes",
        architecture=f"segformer-{size}",
        arguments={"classes": len(ADE20K.names), "eps": 1e-5},
        licence=LICENCE,
        commercial=False,
        training_sets=("ADE20K (non-commercial terms)",),
        preparation=Preparation(size=(side, side), policy="keep", longest=2048, multiple=32),
        readout=_readout(ADE20K),
        weights=(*converted, hub(repository, MILLIONS[size])),
        aliases=(repository,),
        source=f"https://huggingface.co/{repository}",
    )


def _city(
    size: str, trained: str, preparation: Preparation, procedure: Procedure | None = None
) -> ModelCard:
    """A network for Cityscapes; `trained` is the size of its training crops, as the repository's name has it."""
    repository = f"nvidia/segformer-{size}-finetuned-cityscapes-{trained}"
    ending = "" if trained == "1024-1024" else f"-{trained.partition('-')[0]}"
    return ModelCard(
        name=f"segformer-{size}-city{ending}",
        title=f"SegFormer-{size}, 19 kinds of things in a street, {trained.replace('-', '×')}",
        task="street scenes",
        architecture=f"segformer-{size}",
        arguments={"classes": len(CITYSCAPES.names), "eps": 1e-5},
        licence=LICENCE,
        commercial=False,
        training_sets=("Cityscapes (non-commercial terms)",),
        preparation=preparation,
        readout=_readout(CITYSCAPES),
        procedure=procedure or Procedure(),
        weights=(hub(repository, MILLIONS[size]),),
        aliases=(repository, f"segformer-{size}-cityscapes{ending}"),
        source=f"https://huggingface.co/{repository}",
    )


def _whole(shorter: int, longer: int) -> Preparation:
    return Preparation(size=(shorter, shorter), policy="keep", longest=longer)


def _windows(window: int, stride: int) -> Procedure:
    return Procedure(name="slide", window=(window, window), stride=(stride, stride))


MODELS: tuple[ModelCard, ...] = (
    _ade(
        "b0",
        converted=(
            # transformers.js' conversion: runs without PyTorch
            Weights(
                file="model.onnx",
                about=15_000_000,
                url="https://huggingface.co/Xenova/segformer-b0-finetuned-ade-512-512/resolve/main/onnx/model.onnx",
            ),
        ),
    ),
    *(_ade(size) for size in ("b1", "b2", "b3", "b4")),
    _ade("b5", 640),
    *(_city(size, "1024-1024", _whole(1024, 2048), _windows(1024, 768)) for size in MILLIONS),
    _city("b0", "768-768", _whole(1024, 2048), _windows(768, 768)),
    _city("b0", "640-1280", _whole(640, 1280)),
    _city("b0", "512-1024", _whole(512, 1024)),
)

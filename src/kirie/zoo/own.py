"""kirie's own models."""

from __future__ import annotations

from ..spec import ModelCard, Preparation, ReadOut, Weights

__all__ = ["MODELS"]

MODELS: tuple[ModelCard, ...] = (
    ModelCard(
        name="kirie-mini",
        title="kirie's own small model, embedded (preview)",
        architecture="mini",
        arguments={
            "widths": (16, 48, 96, 144, 160),
            "blocks": (0, 1, 2, 2),
            "decoder": (80, 64, 48, 16),
            "decoder_blocks": (0, 0, 0, 0),
            "head": 16,
        },
        licence="Apache-2.0",
        commercial=True,
        training_sets=(
            "Oxford-IIIT Pet, 3 breeds (CC-BY-SA-4.0)",
            "Clothing Co-Parsing (Apache-2.0)",
            "clothing-dataset-small (CC0-1.0)",
            "Open Images rabbits (CC-BY-2.0)",
            "Matterport balloon (Flickr, commercial use and changes allowed)",
            "YCB object scans (CC-BY-4.0)",
            "Noto Emoji (Apache-2.0)",
            "backgrounds: budgie-backgrounds, elementary wallpapers, scikit-image (CC0-1.0)",
            "backgrounds: GroceryStoreDataset (MIT), COCO (CC-BY-2.0)",
        ),
        preparation=Preparation(size=(256, 256), filter="shrink"),
        readout=ReadOut(activation="sigmoid", levels=(0.1, 0.9)),
        weights=(
            Weights(
                file="kirie-mini.onnx",
                size=4345004,
                hash="sha256:275adb84760291d37bc0046e83c4bfa0350783574e9ec1fe8edbf39e32d1ee3b",
                url="package:assets/kirie-mini.onnx",
            ),
            Weights(
                file="kirie-mini.safetensors",
                size=4355080,
                hash="sha256:c995b3bb7a9c1ef38c20d7a63e69feff4c90c53546ff18bbb800378b26f1bf45",
                url="package:assets/kirie-mini.safetensors",
            ),
        ),
        source="docs/models/kirie-mini.md",
    ),
)

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
            "subjects and scenes drawn by kirie (Apache-2.0)",
        ),
        preparation=Preparation(size=(288, 288), filter="shrink"),
        readout=ReadOut(
            activation="sigmoid",
            levels=(0.2, 0.8),
            presence=0.7,
            calibration=(0.278,) * 12
            + (0.311, 0.412, 0.548, 0.573, 0.608, 0.695, 0.796, 0.908, 0.925),
        ),
        weights=(
            Weights(
                file="kirie-mini.onnx",
                size=4348414,
                hash="sha256:4157eae6d078d7faa322fdb17d027e2711fe65383a153d61de6ef4aeeb5e38ad",
                url="package:assets/kirie-mini.onnx",
            ),
            Weights(
                file="kirie-mini.safetensors",
                size=4355576,
                hash="sha256:a83666c71dac5461a365eec20d0932fef222e9e97653ec8697a590a68d53598a",
                url="package:assets/kirie-mini.safetensors",
            ),
        ),
        source="docs/models/kirie-mini.md",
    ),
)

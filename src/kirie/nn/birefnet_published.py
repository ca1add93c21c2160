"""How BiRefNet is published: its tensors' names, and which variant a file holds.

Paper, upstream and licence: see `birefnet`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType
from typing import Any, cast

from . import mit, resnet, swin, vgg
from .backbones import build_backbone, nearest, outline
from .layers import outlined
from .layouts import Layout

__all__ = ["LAYOUTS", "guesses"]

Shapes = Mapping[str, tuple[int, ...]]

# --- published names → ours ------------------------------------------------------------------------------------------

KEYS: dict[str, str] = {
    "cls_head": "classify",
    "squeeze_module": "squeeze",
    # inside blocks
    "dec_att": "attend",
    "conv_resi": "residual",
    "aspp1": "first",
    **{f"aspp{n}": f"dilated.{n - 2}" for n in (2, 3, 4)},
    "aspp_deforms": "deformed",
    "global_avg_pool": "pool",
    "atrous_conv": "conv",
    "offset_conv": "offset",
    "modulator_conv": "modulator",
    "regular_conv": "regular",
    # the decoder's levels: 4 is at 1/32; what reads the image is counted from the full size
    **{f"decoder.decoder_block{n}": f"decoder.blocks.{4 - n}" for n in (4, 3, 2, 1)},
    **{f"decoder.lateral_block{n}.conv": f"decoder.laterals.{4 - n}" for n in (4, 3, 2)},
    **{f"decoder.ipt_blk{n}": f"decoder.images.{5 - n}.convs" for n in (5, 4, 3, 2)},
    "decoder.ipt_blk1": "decoder.finest",
    **{f"decoder.conv_ms_spvn_{n}": f"decoder.sides.{4 - n}" for n in (4, 3, 2)},
    **{f"decoder.gdt_convs_{n}": f"decoder.gates.{4 - n}.read" for n in (4, 3, 2)},
    **{f"decoder.gdt_convs_pred_{n}.0": f"decoder.gates.{4 - n}.predict" for n in (4, 3, 2)},
    **{f"decoder.gdt_convs_attn_{n}.0": f"decoder.gates.{4 - n}.weigh" for n in (4, 3, 2)},
    "decoder.conv_out1.0": "decoder.last",
    # the refiners of 2023
    "stem_layer": "refinement.stem",
    "dec_end": "refinement.ender",
    "refiner": "refinement.refiner",
    "refiner.stem_layer": "refinement.refiner.stem",
    **{f"encoder_{n}": f"encoders.{n - 1}" for n in (1, 2, 3, 4)},
    **{f"decoder_{n}": f"decoders.{5 - n}" for n in (5, 4, 3, 2, 1)},
    "conv_d0": "read",
}
# Published code builds these since January 2024, but never calls them; before, it did, with the decoder of that time.
UNCALLED = ("refiner.*", "stem_layer.*", "dec_end.*")
COMPUTED = ("*.bias_index",)  # Swin's, which a file may lack


def _layouts() -> Iterable[Layout]:
    """The authors' networks, by backbone, with and without what is not called; and kirie's own, saved without a card."""
    kinds: tuple[ModuleType, ...] = (swin, mit, resnet, vgg)
    for name, unused in (("ZhengPeng7", UNCALLED), ("ZhengPeng7, until January 2024", ())):
        for kind in kinds:
            keys = {**kind.keys("bb"), **KEYS}
            yield Layout(name=name, keys=keys, unused=unused, absent=COMPUTED)
    yield Layout(name="kirie", absent=COMPUTED)


LAYOUTS: tuple[Layout, ...] = tuple(_layouts())

# One network under two names; BiRefNet's authors use the second.
SAME = {"mit_b5": "pvt_v2_b5"}

# --- variants --------------------------------------------------------------------------------------------------------


def guesses(shapes: Shapes) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """What a file with these tensors (our names) could hold: a name of `build`, arguments, and arguments only assumed."""
    file = _File(shapes)
    if not file.has("decoder.blocks.", "squeeze."):
        return []
    inside = {
        name.removeprefix("backbone."): shape
        for name, shape in shapes.items()
        if name.startswith("backbone.")
    }
    backbone = SAME.get(found := nearest(inside), found)
    if inside and not any(name in inside for name, _ in outline(backbone)):
        return []  # read in the layout of another backbone
    sure: dict[str, Any] = {"backbone": backbone}
    likely: dict[str, Any] = {}
    times = _times(file, backbone)
    if times == 2:
        sure["scale_inputs"] = "cat"
    else:
        likely["scale_inputs"] = "none"  # or "add"
    sure |= _inside(file)
    sure |= _squeeze(file, [times * each for each in _channels(backbone)])
    sure |= {"sides": file.has("decoder.sides."), "gates": file.has("decoder.gates.")}
    sure |= _patches(file)
    sure["auxiliary_classes"] = file.size("classify.0.weight", 0) or 0

    modern = (
        sure["gates"] or sure["attention"] == "deformable" or sure.get("deepest_patches", False)
    )
    refine = "none" if modern else _refine(file)
    old = not modern and (
        refine != "none" or sure["attention"] == "deformable-2023" or "deepest_patches" in sure
    )
    if sure["patches"] == "split":
        likely["patch_order"] = "grid" if old else "colour"
    if refine != "none":
        sure |= {"refine": refine, "ender": file.has("refinement.ender.")}
        likely |= {"refine_tiles": 2, "refine_iterations": 1}
    return [("birefnet-2023" if old else "birefnet", sure, likely)]


class _File:
    """A file's tensors, by our names."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes

    def has(self, *starts: str) -> bool:
        """Whether there are names that start so."""
        return any(name.startswith(starts) for name in self.shapes)

    def size(self, name: str, axis: int) -> int | None:
        """How long a tensor is along an axis."""
        shape = self.shapes.get(name, ())
        return shape[axis] if len(shape) > axis else None

    def count(self, start: str) -> int:
        """How many different parts follow the start of names."""
        return len(
            {k.removeprefix(start).partition(".")[0] for k in self.shapes if k.startswith(start)}
        )


@cache
def _channels(backbone: str) -> tuple[int, ...]:
    with outlined():
        channels: tuple[int, ...] = cast("Any", build_backbone(backbone)).channels
    return channels


def _times(file: _File, backbone: str) -> int:
    """How many times the backbone's channels most of the decoder has: 2 where both sizes stand side by side."""
    votes = Counter(
        (file.size(f"decoder.laterals.{n}.weight", 0) or 0) / own
        for n, own in enumerate(_channels(backbone)[2::-1])
    )
    return 1 if votes.most_common(1)[0][0] == 1 else 2


def _attention(file: _File, start: str) -> str:
    """What stands there."""
    if file.has(f"{start}.first.conv.value."):
        return "deformable-v4"
    if file.has(f"{start}.deformed.", f"{start}.first.conv.regular."):
        first = file.size(f"{start}.deformed.0.conv.regular.weight", 3)
        several = first == 1 or file.has(f"{start}.deformed.2.")
        return "deformable" if several else "deformable-2023"
    return "aspp" if file.has(f"{start}.dilated.", f"{start}.first.") else "none"


def _inside(file: _File) -> dict[str, Any]:
    """The decoder's blocks, as most of them are, so that one damaged tensor does not mislead."""
    starts = [f"decoder.blocks.{n}" for n in range(4)]
    found = Counter(_attention(file, f"{start}.attend") for start in starts)
    widths = [[file.size(f"{start}.conv_in.weight", axis) for axis in (0, 1)] for start in starts]
    known = [(out, into) for out, into in widths if out and into]
    outs = Counter(out for out, _ in known)
    inner: int | None = outs.most_common(1)[0][0] if outs else 64
    if len(outs) > 1 and all(out == into // 4 for out, into in known):
        inner = None
    return {
        "block": "residual" if file.has(*(f"{start}.residual." for start in starts)) else "basic",
        "attention": found.most_common(1)[0][0],
        "inner": inner,
        "norm": "batch" if file.has(*(f"{start}.bn_" for start in starts)) else "none",
    }


def _squeeze(file: _File, channels: list[int]) -> dict[str, Any]:
    """The squeeze blocks, and how many features the first of them reads."""
    count = file.count("squeeze.")
    if not count:
        return {"squeezes": 0, "context": 0}
    if file.has("squeeze.0.conv_in.", "squeeze.0.conv_out.", "squeeze.0.attend."):
        kind = "residual" if file.has("squeeze.0.residual.") else "basic"
        inputs = file.size("squeeze.0.conv_in.weight", 1)
    else:
        kind = _attention(file, "squeeze.0")
        weight = "conv.regular.weight" if kind.startswith("deformable") else "conv.weight"
        weight = "conv.value.weight" if kind == "deformable-v4" else weight
        inputs = file.size(f"squeeze.0.first.{weight}", 1)
    contexts = {sum(channels[3 - n :]): n for n in range(4)}
    return {"squeeze": kind, "squeezes": count, "context": contexts.get(inputs or 0, 3)}


def _patches(file: _File) -> dict[str, Any]:
    """How the decoder sees the image."""
    if not file.has("decoder.finest.", "decoder.images."):
        return {"patches": "none"}
    sizes = [file.size(f"decoder.images.{n}.convs.conv1.weight", 1) for n in range(4)]
    split = any(size is not None and size > 3 for size in sizes)
    return {
        "patches": "split" if split else "resized",
        "deepest_patches": file.has("decoder.images.0."),
    }


def _refine(file: _File) -> str:
    """Who looks again, in the network of 2023."""
    if file.has("refinement.stem."):
        return "itself"
    if file.has("refinement.refiner.encoders."):
        return "refunet"
    if file.has("refinement.refiner.stem."):
        return "refiner"
    return "refiner-four" if file.has("refinement.refiner.") else "none"

"""Network → one file that carries its card: `.onnx` (runs without PyTorch) or `.safetensors`. Needs the extra train.

Half-precision ONNX files hold float16 weights with a cast to float32 behind each: half the size, while everything is
computed in float32 (ONNX Runtime folds the casts when it opens the file). What the rounding costs is measured and reported.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ._version import __version__
from .errors import BadInput, KirieError, MissingExtra
from .nn.layers import named_map
from .nn.save import as_half, check_card, replacing, rounds, save
from .spec import ModelCard, Procedure

__all__ = ["OPSET", "Parity", "to_onnx", "to_safetensors"]

OPSET = 17  # but a module may need a later one, as its `opset`
TOLERANCE = 1e-4  # of the file against the same weights in PyTorch


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How faithful an exported file is: largest error over largest magnitude of each map, on random inputs.

    same_weights: against PyTorch with the weights as the file holds them: the export's own error.
    float32: against the network as it was given: with what rounding the weights costs.
    size: the file's bytes.
    """

    same_weights: float
    float32: float
    size: int


def to_onnx(
    net: nn.Module, path: str | Path, *, card: ModelCard, size: tuple[int, int], half: bool = True
) -> Parity:
    """Write a network as ONNX with its card inside, and check the file against PyTorch.

    Input `image` (N, 3, h, w) float32, normalised; outputs are the maps of the card's procedure by their names, each (N, K, h',
    w'). N is free; h and w are fixed, unless the card's procedure is `pyramid`.

    Args:
        net: any network of kirie; it is not changed.
        path: the file to write; replaced in one step, and only if everything succeeded.
        card: goes into the file; pictures are squashed to `size` and looked at once, unless they are to be blended.
        size: (h, w) of the input.
        half: store the weights in 16 bits.

    Raises:
        BadInput: the file cannot be written, or the card names another network, or maps that it does not have.
        KirieError: the exported file does not answer as the network does.
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtra("train", "Exporting to ONNX") from error
    check_card(net, card)
    free = card.procedure.name == "pyramid"  # a large picture is seen in a size of its own
    if free:
        card = replace(card, preparation=replace(card.preparation, size=size))
    else:
        # One size, one look: a file that was traced at a size cannot keep a picture's ratio, nor see it in parts of any size.
        card = replace(card, preparation=card.preparation.fixed(size))
    if card.procedure.name == "slide":
        card = replace(card, procedure=Procedure(maps=card.procedure.maps))
    sizes = (size, (size[0] + 32, size[1] + 64)) if free else (size,)
    original = _Answers(_plain(net), card.procedure.maps)
    folded = _folded(original, size)
    if half:
        _round_to_half(folded)
    with replacing(Path(path)) as temporary:
        _trace(folded, temporary, size, free=free)
        model = onnx.load(temporary)
        if half:
            _store_half(model)
        model.producer_name, model.producer_version = "kirie", __version__
        onnx.helper.set_model_props(model, {"kirie": card.to_json()})
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, temporary)
        report = _parity(temporary, folded, original, sizes)
        if not report.same_weights <= TOLERANCE:
            raise KirieError(
                f"The exported file differs from the network by {report.same_weights:.1e} (allowed: {TOLERANCE:.0e}): "
                "nothing was written. Export with another PyTorch version, or report this."
            )
    return report


def to_safetensors(
    net: nn.Module, path: str | Path, *, card: ModelCard, half: bool = False
) -> None:
    """Write a network's weights as one `.safetensors` file with its card in the header; as `kirie.nn.save`."""
    save(net, path, card=card, half=half)


# --- weights ---------------------------------------------------------------------------------------------------------


def _plain(net: nn.Module) -> nn.Module:
    """A copy on the CPU, float32, eval mode."""
    return copy.deepcopy(net).cpu().float().eval()


class _Answers(nn.Module):
    """A network that gives the maps of these names."""

    def __init__(self, net: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net, self.names = net, names
        self.eval()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The maps, in the order of the names."""
        if self.names == ("logits",):
            return (self.net(x),)
        maps = self.net.maps(x)  # type: ignore[operator]
        found = {name: named_map(maps, name) for name in self.names}
        if missing := [name for name, value in found.items() if value is None]:
            raise BadInput(
                f"The card asks for the map {missing[0]!r}, which the network does not give; it gives "
                f"{', '.join(maps._fields)}."
            )
        return tuple(value for value in found.values() if value is not None)


def _folded(net: _Answers, size: tuple[int, int]) -> _Answers:
    """A copy whose BatchNorms are part of the convolutions right before them, where there is one."""
    folded = copy.deepcopy(net)
    image = _images(size, count=1)
    with torch.inference_mode():
        want = net(image)
        pairs = _pairs(folded, image)
    for first, second in pairs:
        conv, norm = folded.get_submodule(first), folded.get_submodule(second)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            folded.set_submodule(first, fuse_conv_bn_eval(conv, norm))
            folded.set_submodule(second, nn.Identity())
    with torch.inference_mode():
        error = _error(folded(image), want)
    # A convolution whose output is also used elsewhere: the exporter folds what it sees itself.
    return folded if error <= TOLERANCE else copy.deepcopy(net)


def _pairs(net: nn.Module, image: Tensor) -> list[tuple[str, str]]:
    """Names of each convolution and the BatchNorm that takes its output, seen by running the network once."""
    made: dict[int, tuple[str, Tensor]] = {}  # the tensors are kept, so that no id comes twice
    calls: Counter[str] = Counter()
    pairs: list[tuple[str, str]] = []

    def watch(name: str) -> Callable[..., None]:
        def after(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            calls[name] += 1
            if isinstance(module, nn.Conv2d):
                made[id(output)] = name, output
            elif id(inputs[0]) in made:
                pairs.append((made[id(inputs[0])][0], name))

        return after

    hooks = [
        module.register_forward_hook(watch(name))
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    net(image)
    for hook in hooks:
        hook.remove()
    return [pair for pair in pairs if calls[pair[0]] == calls[pair[1]] == 1]


@torch.no_grad()
def _round_to_half(net: nn.Module) -> None:
    for tensor in (*net.parameters(), *net.buffers()):
        if rounds(tensor):
            tensor.copy_(as_half(tensor))


# --- ONNX ------------------------------------------------------------------------------------------------------------


def _trace(net: _Answers, path: Path, size: tuple[int, int], *, free: bool) -> None:
    axes = {"image": {0: "N", 2: "h", 3: "w"} if free else {0: "N"}}
    for name in net.names:
        axes[name] = {0: "N", 2: f"{name} h", 3: f"{name} w"} if free else {0: "N"}
    with warnings.catch_warnings():
        # The TorchScript exporter is called outdated; the new one needs onnxscript, and writes several times the nodes.
        warnings.simplefilter("ignore", DeprecationWarning)
        # What depends on the size may be traced as a constant: mostly the size is one; else two sizes are compared.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        # A graph with free sizes keeps some nodes that could be constants.
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        torch.onnx.export(
            net,
            (_images(size, count=2),),
            str(path),
            dynamo=False,
            opset_version=max(getattr(each, "opset", OPSET) for each in net.modules()),
            input_names=["image"],
            output_names=list(net.names),
            dynamic_axes=axes,
        )


def _store_half(model: Any) -> None:
    """Store each float32 initialiser that float16 holds exactly as such, behind a cast; in place."""
    import onnx

    graph = model.graph
    casts = []
    for initialiser in graph.initializer:
        values = onnx.numpy_helper.to_array(initialiser)
        if values.dtype != np.float32 or values.ndim < 2:  # noqa: PLR2004
            continue
        with np.errstate(over="ignore"):
            small = values.astype(np.float16)
        if not np.array_equal(small.astype(np.float32), values):
            continue
        name = initialiser.name
        initialiser.CopyFrom(onnx.numpy_helper.from_array(small, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def _parity(
    path: Path, folded: _Answers, original: _Answers, sizes: tuple[tuple[int, int], ...]
) -> Parity:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    same, whole = [], []
    for size in sizes:
        images = _images(size, count=2)
        exported = session.run(list(folded.names), {"image": images.numpy()})
        have = tuple(torch.from_numpy(each) for each in exported)
        with torch.inference_mode():
            same.append(_error(have, folded(images)))
            whole.append(_error(have, original(images)))
    return Parity(same_weights=max(same), float32=max(whole), size=path.stat().st_size)


def _images(size: tuple[int, int], *, count: int) -> Tensor:
    """Random inputs (count, 3, h, w) with large and small structures; always the same."""
    draw = torch.Generator().manual_seed(1)
    coarse = torch.randn(count, 3, 5, 7, generator=draw)
    fine = torch.randn(count, 3, *size, generator=draw)
    return nn.functional.interpolate(coarse, size, mode="bilinear") * 1.5 + 0.2 * fine


def _error(have: tuple[Tensor, ...], want: tuple[Tensor, ...]) -> float:
    """The largest error over the largest magnitude, of the map where it is worst."""
    pairs = zip(have, want, strict=True)
    return max(float((a - b).abs().max() / b.abs().max().clamp_min(1e-12)) for a, b in pairs)

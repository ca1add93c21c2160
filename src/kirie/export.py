"""Network → one file that carries its card: `.onnx` (runs without PyTorch) or `.safetensors`. Needs the extra train.

Half-precision ONNX files hold float16 weights with a cast to float32 behind each: half the size, while everything is
computed in float32 (ONNX Runtime folds the casts when it opens the file). What the rounding costs is measured and reported.
"""

from __future__ import annotations

import copy
import secrets
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ._version import __version__
from .errors import BadInput, KirieError, MissingExtra
from .nn import build
from .spec import ModelCard

__all__ = ["OPSET", "Parity", "to_onnx", "to_safetensors"]

OPSET = 17
TOLERANCE = 1e-4  # of the file against the same weights in PyTorch
LARGEST_HALF = 65504.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How faithful an exported file is: largest error over largest magnitude of the logits, on random inputs.

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

    Input `image` (N, 3, h, w) float32, normalised; output `logits` (N, K, h', w'). N is free; h and w are fixed.

    Args:
        net: any network of kirie; it is not changed.
        path: the file to write; replaced in one step, and only if everything succeeded.
        card: goes into the file, with `size` as its preparation's.
        size: (h, w) of the input.
        half: store the weights in 16 bits.

    Raises:
        BadInput: the file cannot be written, or the card names another network.
        KirieError: the exported file does not answer as the network does.
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtra("train", "Exporting to ONNX") from error
    _check_card(net, card)
    card = replace(card, preparation=replace(card.preparation, size=size))
    original = _plain(net)
    folded = _folded(original, size)
    if half:
        _round_to_half(folded)
    with _replacing(Path(path)) as temporary:
        _trace(folded, temporary, size)
        model = onnx.load(temporary)
        if half:
            _store_half(model)
        model.producer_name, model.producer_version = "kirie", __version__
        onnx.helper.set_model_props(model, {"kirie": card.to_json()})
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, temporary)
        report = _parity(temporary, folded, original, size)
        if not report.same_weights <= TOLERANCE:
            raise KirieError(
                f"The exported file differs from the network by {report.same_weights:.1e} (allowed: {TOLERANCE:.0e}): "
                "nothing was written. Export with another PyTorch version, or report this."
            )
    return report


def to_safetensors(
    net: nn.Module, path: str | Path, *, card: ModelCard, half: bool = False
) -> None:
    """Write a network's weights as one `.safetensors` file with its card in the header.

    Args:
        net: any network of kirie; it is not changed.
        path: the file to write; replaced in one step.
        card: goes into the header; `nn.load` builds the network from it.
        half: store weights of two and more axes in 16 bits; biases and normalisation stay in 32.

    Raises:
        BadInput: the file cannot be written, or the card names another network.
        MissingExtra: safetensors is not installed.
    """
    try:
        from safetensors.torch import save_file
    except ModuleNotFoundError as error:
        raise MissingExtra("torch", "Writing .safetensors") from error
    _check_card(net, card)
    state = {
        name: _as_half(tensor) if half and _rounds(tensor) else tensor
        for name, tensor in net.state_dict().items()
    }
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    with _replacing(Path(path)) as temporary:
        save_file(plain, temporary, metadata={"format": "pt", "kirie": card.to_json()})


# --- card and file ---------------------------------------------------------------------------------------------------


def _check_card(net: nn.Module, card: ModelCard) -> None:
    """Refuse a card that would not rebuild the network."""
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in card.arguments.items()}
    with torch.device("meta"):
        named = build(card.architecture, **arguments)
    want = {name: tensor.shape for name, tensor in named.state_dict().items()}
    have = {name: tensor.shape for name, tensor in net.state_dict().items()}
    if want != have:
        raise BadInput(
            f"The card {card.name!r} names the network {card.architecture} with {card.arguments}, but the given network "
            "has other weights: give the card that fits it."
        )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the same folder that takes the path's place when all went well."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors makes its files private
        temporary.replace(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


# --- weights ---------------------------------------------------------------------------------------------------------


def _plain(net: nn.Module) -> nn.Module:
    """A copy on the CPU, float32, eval mode."""
    return copy.deepcopy(net).cpu().float().eval()


def _folded(net: nn.Module, size: tuple[int, int]) -> nn.Module:
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


def _rounds(tensor: Tensor) -> bool:
    """Whether a tensor may be stored in 16 bits: weights, not biases or statistics, and within float16's range."""
    return (
        tensor.is_floating_point()
        and tensor.ndim > 1
        and tensor.numel() > 0
        and float(tensor.abs().max()) < LARGEST_HALF
    )


def _as_half(tensor: Tensor) -> Tensor:
    return tensor.detach().half()


@torch.no_grad()
def _round_to_half(net: nn.Module) -> None:
    for tensor in (*net.parameters(), *net.buffers()):
        if _rounds(tensor):
            tensor.copy_(_as_half(tensor))


# --- ONNX ------------------------------------------------------------------------------------------------------------


def _trace(net: nn.Module, path: Path, size: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        # The TorchScript exporter is called outdated; the new one needs onnxscript, and writes several times the nodes.
        warnings.simplefilter("ignore", DeprecationWarning)
        # What depends on the size may be traced as a constant: the size is one.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        torch.onnx.export(
            net,
            (_images(size, count=2),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
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


def _parity(path: Path, folded: nn.Module, original: nn.Module, size: tuple[int, int]) -> Parity:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    images = _images(size, count=2)
    exported = torch.from_numpy(session.run(["logits"], {"image": images.numpy()})[0])
    with torch.inference_mode():
        return Parity(
            same_weights=_error(exported, folded(images)),
            float32=_error(exported, original(images)),
            size=path.stat().st_size,
        )


def _images(size: tuple[int, int], *, count: int) -> Tensor:
    """Random inputs (count, 3, h, w) with large and small structures; always the same."""
    draw = torch.Generator().manual_seed(1)
    coarse = torch.randn(count, 3, 5, 7, generator=draw)
    fine = torch.randn(count, 3, *size, generator=draw)
    return nn.functional.interpolate(coarse, size, mode="bilinear") * 1.5 + 0.2 * fine


def _error(have: Tensor, want: Tensor) -> float:
    """The largest error over the largest magnitude."""
    return float((have - want).abs().max() / want.abs().max().clamp_min(1e-12))

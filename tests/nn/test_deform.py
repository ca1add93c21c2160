"""Deformable convolution against ONNX Runtime's own, against its plain form, and its gradients."""

import io
import itertools
import sys
import types
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie.nn import deform  # noqa: E402
from kirie.nn.deform import Steps, aggregate2d, deform_conv2d, sampled_conv2d  # noqa: E402

pytestmark = pytest.mark.torch

# name → (channels, outputs, kernel, groups, offset groups, steps)
SHAPES = {
    "1×1": (4, 6, (1, 1), 1, 1, Steps()),
    "3×3": (4, 6, (3, 3), 1, 1, Steps(padding=(1, 1))),
    "7×7": (4, 6, (7, 7), 1, 1, Steps(padding=(3, 3))),
    "wide": (4, 6, (2, 5), 1, 1, Steps(padding=(0, 2))),
    "steps": (4, 6, (3, 2), 1, 1, Steps(stride=(2, 3), padding=(2, 1), dilation=(2, 3))),
    "groups": (8, 6, (3, 3), 2, 1, Steps(padding=(1, 1))),
    "offset groups": (8, 6, (3, 3), 1, 4, Steps(padding=(1, 1))),
    "both": (8, 4, (3, 2), 4, 2, Steps(stride=(1, 2), padding=(1, 0), dilation=(1, 2))),
}


def made(name, *, size=(9, 11), batch=2, reach=2.0, dtype=torch.float32):
    """Random arguments; offsets reach over the edges, and some are whole, half, and far outside."""
    channels, outputs, kernel, groups, G, steps = SHAPES[name]
    draw = torch.Generator().manual_seed(len(name))

    def random(*shape):
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    rows, columns = (
        (size[n] + 2 * steps.padding[n] - steps.dilation[n] * (kernel[n] - 1) - 1)
        // steps.stride[n]
        + 1
        for n in (0, 1)
    )
    taps = kernel[0] * kernel[1]
    offset = reach * random(batch, 2 * G * taps, rows, columns)
    offset[:, :, 0] = offset[:, :, 0].round()
    offset[:, :, 1] = offset[:, :, 1].mul(2).round() / 2
    offset[:, ::2, -1] = 1e4
    parts = (
        random(batch, channels, *size),
        random(outputs, channels // groups, *kernel),
        offset,
        2 * random(batch, G * taps, rows, columns).sigmoid(),
        random(outputs),
    )
    return [part.to(dtype) for part in parts], steps


def ours(arguments, steps, function=sampled_conv2d):
    *arguments, bias = arguments
    return function(*arguments, bias=bias, steps=steps)


def by_hand(arguments, steps):
    """The definition, sample by sample."""
    x, weight, offset, mask, bias = (t.double().numpy() for t in arguments)
    (B, C, H, W), (outputs, each, h, w) = x.shape, weight.shape
    taps, G = h * w, offset.shape[1] // (2 * h * w)
    out = np.zeros((B, outputs, *offset.shape[2:]))

    def at(plane, y, x):
        return plane[y, x] if 0 <= y < H and 0 <= x < W else 0.0

    for b, o, i, j in np.ndindex(*out.shape):
        total = bias[o]
        group = o // (outputs // (C // each))
        for c, t in itertools.product(range(each), range(taps)):
            channel = group * each + c
            k = channel // (C // G) * taps + t
            y = i * steps.stride[0] - steps.padding[0] + t // w * steps.dilation[0]
            x0 = j * steps.stride[1] - steps.padding[1] + t % w * steps.dilation[1]
            y, x0 = y + offset[b, 2 * k, i, j], x0 + offset[b, 2 * k + 1, i, j]
            fy, fx = int(np.floor(y)), int(np.floor(x0))
            ly, lx = y - fy, x0 - fx
            value = (
                (1 - ly) * (1 - lx) * at(x[b, channel], fy, fx)
                + (1 - ly) * lx * at(x[b, channel], fy, fx + 1)
                + ly * (1 - lx) * at(x[b, channel], fy + 1, fx)
                + ly * lx * at(x[b, channel], fy + 1, fx + 1)
            )
            total += weight[o, c, t // w, t % w] * mask[b, k, i, j] * value
        out[b, o, i, j] = total
    return out


def by_onnx(arguments, steps):
    """ONNX Runtime's answer, from a file that holds one operator."""
    onnx = pytest.importorskip("onnx")
    import onnxruntime

    x, weight, offset, *_ = arguments
    _, each, h, w = weight.shape
    node = onnx.helper.make_node(
        "DeformConv",
        ["x", "weight", "offset", "bias", "mask"],
        ["y"],
        kernel_shape=[h, w],
        strides=list(steps.stride),
        pads=[*steps.padding, *steps.padding],
        dilations=list(steps.dilation),
        group=x.shape[1] // each,
        offset_group=offset.shape[1] // (2 * h * w),
    )
    named = dict(zip(("x", "weight", "offset", "mask", "bias"), arguments, strict=True))
    inputs = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(t.shape))
        for name, t in named.items()
    ]
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None] * 4)
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "one", inputs, [output]),
        opset_imports=[onnx.helper.make_opsetid("", 19)],
        ir_version=9,
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {name: t.numpy() for name, t in named.items()})[0]


def near(have, want, bound=2e-6):
    want = torch.as_tensor(want, dtype=torch.float64)
    assert have.shape == want.shape
    assert (have - want).abs().max() <= bound * want.abs().max()


@pytest.mark.parametrize("name", SHAPES)
def test_is_the_definition(name):
    arguments, steps = made(name, size=(5, 6), dtype=torch.float64)
    near(ours(arguments, steps), by_hand(arguments, steps), 1e-13)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_is_onnx_runtimes_operator(name, layout):
    arguments, steps = made(name, size=(23, 31))
    want = by_onnx(arguments, steps)
    arguments = [t.contiguous(memory_format=layout) if t.ndim == 4 else t for t in arguments]
    near(ours(arguments, steps), want)


@pytest.mark.parametrize("name", SHAPES)
def test_some_rows_at_a_time_are_the_same(name, monkeypatch):
    arguments, steps = made(name)
    for each in arguments:
        each.requires_grad_()

    def gradients():
        y = ours(arguments, steps)
        return y, *torch.autograd.grad(y.square().sum(), arguments)

    whole = gradients()
    monkeypatch.setattr(deform, "SAMPLES", 1)
    for have, want in zip(gradients(), whole, strict=True):
        near(have.detach(), want.detach())


def test_without_offsets_it_is_a_convolution():
    (x, weight, offset, _, _), steps = made("3×3")
    want = torch.nn.functional.conv2d(x, weight, padding=1)
    near(sampled_conv2d(x, weight, torch.zeros_like(offset), steps=steps), want)


def test_without_mask_and_bias():
    (x, weight, offset, mask, bias), steps = made("3×3")
    want = by_onnx((x, weight, offset, torch.ones_like(mask), torch.zeros_like(bias)), steps)
    near(deform_conv2d(x, weight, offset, steps=steps), want)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("form", ["bags", "rows"])
def test_gradients(name, form, monkeypatch):
    if form == "rows":  # as on devices that have no bags
        monkeypatch.setattr(deform, "BAGS", ())
    arguments, steps = made(name, size=(4, 5), batch=1, reach=1.0, dtype=torch.float64)
    arguments[2] += 0.01  # whole positions have no gradient
    for each in arguments:
        each.requires_grad_()
    torch.autograd.gradcheck(lambda *inputs: ours(inputs, steps), arguments, fast_mode=True)


def test_devices_without_bags(monkeypatch):
    arguments, steps = made("both")
    want = ours(arguments, steps)
    monkeypatch.setattr(deform, "BAGS", ())
    near(ours(arguments, steps), want)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), 3e38])
def test_offsets_that_are_no_positions_look_outside(bad):
    (x, weight, offset, mask, bias), steps = made("3×3")
    offset[:] = bad
    y = ours((x, weight, offset, mask, bias), steps)
    near(y, bias[:, None, None].expand_as(y))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_sixteen_bits_keep_the_positions(kind):
    arguments, steps = made("3×3", size=(40, 300))
    x, weight, offset, mask, bias = (t.to(kind) for t in arguments)
    y = ours((x, weight, offset, mask, bias), steps)
    assert y.dtype == kind
    same = [t.float() for t in (x, weight, offset, mask, bias)]
    near(y.float(), ours(same, steps), 0.01)


def test_export_writes_one_operator():
    onnx = pytest.importorskip("onnx")
    import onnxruntime

    (x, weight, offset, mask, bias), steps = made("both")

    class Net(torch.nn.Module):
        def forward(self, x, offset, mask):
            first = ours((x, weight, offset, mask, bias), steps, deform_conv2d)
            return first + deform_conv2d(x, weight, offset, steps=steps)

    with io.BytesIO() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            Net(),
            (x, offset, mask),
            file,
            dynamo=False,
            opset_version=19,
            input_names=["x", "offset", "mask"],
            dynamic_axes={"x": {0: "N"}, "offset": {0: "N"}, "mask": {0: "N"}},
        )
        written = file.getvalue()
    kinds = [node.op_type for node in onnx.load_from_string(written).graph.node]
    assert kinds.count("DeformConv") == 2
    session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    x, offset, mask = (torch.cat((t, t.flip(0))) for t in (x, offset, mask))
    have = session.run(None, {"x": x.numpy(), "offset": offset.numpy(), "mask": mask.numpy()})
    near(torch.from_numpy(have[0]), Net()(x, offset, mask))


def test_exports_with_an_open_size():
    (x, weight, offset, mask, bias), steps = made("3×3")

    class Net(torch.nn.Module):
        def forward(self, x, offset, mask):
            return ours((x, weight, offset, mask, bias), steps)

    height, width = torch.export.Dim("height", min=2), torch.export.Dim("width", min=2)
    sizes = {2: height, 3: width}
    program = torch.export.export(Net(), (x, offset, mask), dynamic_shapes=[sizes] * 3).module()
    (x, _, offset, mask, _), _ = made("3×3", size=(14, 8))
    near(program(x, offset, mask), Net()(x, offset, mask))


@pytest.fixture
def torchvision(monkeypatch):
    """A torchvision whose operator notes how it is called."""
    calls = []

    def operator(x, offset, weight, bias, *others):
        *steps, mask = others
        calls.append(x.dtype)
        return ours((x, weight, offset, mask, bias), Steps(*steps))

    ops = types.ModuleType("torchvision.ops")
    ops.deform_conv2d = operator
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.ops", ops)
    deform._compiled.cache_clear()
    yield calls
    deform._compiled.cache_clear()


def test_the_compiled_operator_is_used_where_there_is_one(torchvision, monkeypatch):
    arguments, steps = made("both")
    want = ours(arguments, steps)
    ours(arguments, steps, deform_conv2d)
    assert not torchvision  # installed, but without its operators
    monkeypatch.setattr(
        torch.ops, "torchvision", types.SimpleNamespace(deform_conv2d=None), raising=False
    )
    deform._compiled.cache_clear()
    near(ours(arguments, steps, deform_conv2d), want)
    rough = ours([t.bfloat16() for t in arguments], steps, deform_conv2d)
    assert rough.dtype == torch.bfloat16
    assert torchvision == [torch.float32, torch.float32]


# the fourth version's sums


def summed(name, **how):
    """Arguments of `aggregate2d`, and what `deform_conv2d` says with weights of one."""
    (x, weight, offset, mask, _), steps = made(name, **how)
    mask = 3 * mask - 2  # of any sign
    kernel = tuple(weight.shape[2:])
    ones = torch.ones(x.shape[1], 1, *kernel, dtype=x.dtype)
    return x, offset, mask, {"kernel": kernel, "steps": steps}, ones


@pytest.mark.parametrize("name", SHAPES)
def test_sums_are_a_convolution_of_ones(name):
    x, offset, mask, how, ones = summed(name, dtype=torch.float64)
    want = sampled_conv2d(x, ones, offset, mask, steps=how["steps"])
    torch.testing.assert_close(aggregate2d(x, offset, mask, **how), want)


def test_sums_and_their_gradients_by_rows(monkeypatch):
    x, offset, mask, how, _ = summed("both", dtype=torch.float64, size=(6, 7))
    whole = aggregate2d(x, offset, mask, **how)
    monkeypatch.setattr(deform, "SAMPLES", 200)
    torch.testing.assert_close(aggregate2d(x, offset, mask, **how), whole)
    offset = offset.clamp(-4, 4) + 0.13  # away from whole positions, where bilinear has a kink
    parts = [t.requires_grad_() for t in (x, offset, mask)]
    assert torch.autograd.gradcheck(lambda *t: aggregate2d(*t, **how), parts)


def test_sums_export_as_one_operator():
    onnx = pytest.importorskip("onnx")
    import onnxruntime

    x, offset, mask, how, _ = summed("offset groups")

    class Net(torch.nn.Module):
        def forward(self, x, offset, mask):
            return aggregate2d(x, offset, mask, **how)

    with io.BytesIO() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        names = ["x", "offset", "mask"]
        torch.onnx.export(
            Net(), (x, offset, mask), file, dynamo=False, opset_version=19, input_names=names
        )
        written = file.getvalue()
    kinds = [node.op_type for node in onnx.load_from_string(written).graph.node]
    assert kinds.count("DeformConv") == 1
    session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    have = session.run(None, {"x": x.numpy(), "offset": offset.numpy(), "mask": mask.numpy()})
    near(torch.from_numpy(have[0]), Net()(x, offset, mask))

"""What holds for every network that `nn.build` knows."""

import copy
import io
import subprocess
import sys
import warnings

import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.nn.build import ARCHITECTURES, FAMILIES, resolve  # noqa: E402

pytestmark = pytest.mark.torch

# One variant a family is computed with; the others share its code, and are only built.
COMPUTED = ["u2netp", "isnet", "segformer-b0", "inspyrenet", "basnet", "birefnet", "mini"]
ARGUMENTS = {
    "birefnet": {"backbone": "swin_v1_t", "auxiliary_classes": 5},
    "inspyrenet": {"backbone": "mit_b0", "depth": 16, "base_size": (64, 64)},
}
CLASSES = {"segformer-b0": 150}
STRIDE = {"segformer-b0": 4}  # how much smaller than the input the logits are
MULTIPLE = {"inspyrenet": 8}  # what the logits' sides are rounded up to
ANY = [(64, 64), (33, 71), (70, 45), (32, 96)]
LEGAL = {"birefnet": [(64, 64), (32, 96), (128, 32)]}  # the sizes of the others are free
OPSETS = {"birefnet": 19}  # the first that has deformable convolution


def build(name):
    try:
        resolve(ARCHITECTURES[name].target)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not there")
    torch.manual_seed(0)
    return nn.build(name, **ARGUMENTS.get(name, {}))


def flat(maps):
    """All tensors of a tuple of maps, which may hold tuples of side maps."""
    return [t for each in maps for t in (flat(each) if isinstance(each, tuple) else (each,))]


@pytest.fixture(params=COMPUTED)
def name(request):
    return request.param


@pytest.fixture
def net(name):
    return ready(name)


def ready(name):
    """The network in eval mode."""
    net = build(name)
    if name == "inspyrenet":  # it sums over whole maps: without statistics, beyond float16
        seen(net)
    return net.eval()


def seen(net):
    """Give all BatchNorms the statistics of one batch."""
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        net.train()(torch.randn(4, 3, 64, 64))
    for norm in norms:
        norm.momentum = 0.1


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_published_names_are_a_bijection(name):
    with torch.device("meta"):
        net = build(name)
    names, parameters = list(net.state_dict()), [own for own, _ in net.named_parameters()]
    for layout in FAMILIES[ARCHITECTURES[name].family].published():
        theirs = [layout.published(ours) for ours in names]
        assert len(set(theirs)) == len(names)
        assert [layout.rename(each) for each in theirs] == names
        assert [layout.rename(each) for each in names] == names  # our own files pass through
        assert len(set(layout.keys.values())) == len(layout.keys)
        assert all(map(layout.has, parameters))  # which `nn.load` therefore does not draw


@pytest.mark.parametrize(
    ("name", "size"), [(name, size) for name in COMPUTED for size in LEGAL.get(name, ANY)]
)
def test_logits_of_any_legal_size(name, size):
    net = ready(name)
    step = MULTIPLE.get(name, 1)
    height, width = (-(-n // STRIDE.get(name, 1) // step) * step for n in size)
    image = torch.randn(2, 3, *size)
    with torch.inference_mode():
        logits = net(image)
        maps = net.maps(image)
        assert logits.shape == (2, CLASSES.get(name, 1), height, width)
        assert torch.isfinite(logits).all()
        assert torch.equal(net(image), logits)
        near = 1e-5 * max(1.0, float(logits.abs().max()))
        torch.testing.assert_close(net(image[1:]), logits[1:], rtol=1e-4, atol=near)
    assert maps._fields[0] == "logits"
    torch.testing.assert_close(maps.logits, logits)


def test_training_mode_returns_the_maps_and_reaches_every_parameter(net):
    net.train()
    maps = net(torch.randn(2, 3, 64, 96))
    assert maps._fields[0] == "logits"
    sum(each.square().mean() for each in flat(maps)).backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None]
    assert not idle
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_state_and_copies(net, name):
    image = torch.randn(1, 3, 64, 64)
    again = build(name)
    for parameter in again.parameters():
        torch.nn.init.ones_(parameter)
    again.load_state_dict(net.state_dict(), strict=True)
    twin = copy.deepcopy(net)
    with torch.inference_mode():
        assert torch.equal(again.eval()(image), net(image))
        assert torch.equal(twin(image), net(image))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_finite_and_near(net, kind):
    image = torch.randn(1, 3, 32, 32)  # CPUs are slow at it
    with torch.inference_mode():
        exact = net(image)
        rough = copy.deepcopy(net).to(kind)(image.to(kind)).float()
    assert torch.isfinite(rough).all()
    assert (rough - exact).abs().max() <= 0.1 * max(1.0, exact.abs().max())


def test_traces_and_exports(net, name):
    image = torch.randn(1, 3, 64, 64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch calls tracing outdated
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # the size may become a constant
        traced = torch.jit.trace(net, image, check_trace=False)  # compared below
    with torch.inference_mode():
        other = torch.randn(2, 3, 64, 64)
        torch.testing.assert_close(traced(other), net(other), rtol=1e-4, atol=1e-5)
    program = torch.export.export(net, (image,))
    with torch.inference_mode():
        torch.testing.assert_close(program.module()(image), net(image), rtol=1e-4, atol=1e-5)
    pytest.importorskip("onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            net, (image,), io.BytesIO(), dynamo=False, opset_version=OPSETS.get(name, 17)
        )


def test_importing_kirie_leaves_pytorch_out_and_nn_says_what_is_missing():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import kirie\n"
        "from kirie.errors import MissingExtra\n"
        "try:\n    import kirie.nn\n"
        "except MissingExtra as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'kirie[torch]'" in done.stdout

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
from kirie.nn.layers import published, rename  # noqa: E402

pytestmark = pytest.mark.torch

# One variant a family is computed with; the others share its code, and are only built.
COMPUTED = ["u2netp", "isnet", "mini"]


def build(name, **arguments):
    try:
        resolve(ARCHITECTURES[name].target)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not there")
    torch.manual_seed(0)
    return nn.build(name, **arguments)


def flat(maps):
    """All tensors of a tuple of maps, which may hold tuples of side maps."""
    return [t for each in maps for t in (flat(each) if isinstance(each, tuple) else (each,))]


@pytest.fixture(params=COMPUTED)
def net(request):
    return build(request.param).eval()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_published_names_are_a_bijection(name):
    with torch.device("meta"):
        names = list(build(name).state_dict())
    keys = FAMILIES[ARCHITECTURES[name].family].keys
    table = resolve(keys) if keys else {}
    theirs = [published(ours, table) for ours in names]
    assert len(set(theirs)) == len(names)
    assert [rename(each, table) for each in theirs] == names
    assert [rename(each, table) for each in names] == names  # our own files pass through
    if table:
        assert len(set(table.values())) == len(table)


@pytest.mark.parametrize("size", [(64, 64), (33, 71), (70, 45), (32, 96)])
def test_logits_of_the_inputs_size_from_any_size(net, size):
    image = torch.randn(2, 3, *size)
    with torch.inference_mode():
        logits = net(image)
        maps = net.maps(image)
        assert logits.shape == (2, 1, *size)
        assert torch.isfinite(logits).all()
        assert torch.equal(net(image), logits)
        torch.testing.assert_close(net(image[1:]), logits[1:], rtol=1e-4, atol=1e-5)
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


def test_state_and_copies(net):
    image = torch.randn(1, 3, 64, 64)
    again = type(net)() if type(net).__name__ != "U2Net" else type(net)(variant="small")
    again.load_state_dict(net.state_dict(), strict=True)
    twin = copy.deepcopy(net)
    with torch.inference_mode():
        assert torch.equal(again.eval()(image), net(image))
        assert torch.equal(twin(image), net(image))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_finite_and_near(net, kind):
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        exact = net(image)
        rough = copy.deepcopy(net).to(kind)(image.to(kind)).float()
    assert torch.isfinite(rough).all()
    assert (rough - exact).abs().max() <= 0.1 * max(1.0, exact.abs().max())


def test_traces_and_exports(net):
    image = torch.randn(1, 3, 64, 64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch calls tracing outdated
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # the size may become a constant
        traced = torch.jit.trace(net, image)
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
        torch.onnx.export(net, (image,), io.BytesIO(), dynamo=False, opset_version=17)


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

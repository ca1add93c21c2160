"""BASNet against what the authors' network returned, through `nn.load` of a file in the published layout."""

import math

import numpy as np
import pytest

import golden
from inspected import inspected

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput  # noqa: E402
from kirie.nn.basnet import KEYS, BASNetMaps  # noqa: E402
from kirie.nn.layers import published, rename  # noqa: E402
from kirie.nn.recognise import recognise  # noqa: E402
from kirie.train.basnet import basnet_loss, basnet_losses, similarity  # noqa: E402

pytestmark = pytest.mark.torch

CASES = golden.names("basnet", "basnet_256", "basnet_loss_96x64")
PUBLISHED = ("dout", "d1", "d2", "d3", "d4", "d5", "d6", "db")  # in the order of the maps
LOSSES = ("loss.bce", "loss.ssim", "loss.iou")


def loaded(case, folder):
    """The network of a case, read from a file in one of two layouts."""
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in case.weights().items()}
    path = folder / "basnet.pth"
    if "loss" in case.name:
        tensors = {"state_dict": {f"module.{name}": value for name, value in tensors.items()}}
    torch.save(tensors, path)
    net = nn.load(path)
    path.unlink()
    return net.double() if case.facts.get("dtype") == "float64" else net


@pytest.mark.parametrize("name", CASES)
def test_maps_and_losses_are_the_published_ones(name, tmp_path):
    case = golden.load("basnet", name)
    net = loaded(case, tmp_path)
    assert (net.origin.family, net.origin.architecture) == ("basnet", "basnet")
    assert net.origin.options == {"channels": case.facts["config"]["n_channels"]}
    image = torch.from_numpy(case.input()).to(next(net.parameters()).dtype)
    with torch.inference_mode():
        maps = net.maps(image)
        assert torch.equal(net(image), maps.logits)
    have = dict(zip(PUBLISHED, maps, strict=True))
    have = {f"logit_{key}": value for key, value in have.items()} | {
        key: value.sigmoid() for key, value in have.items()
    }
    if "target" in case.outputs:
        have |= losses_of(maps, torch.from_numpy(case.outputs["target"]))
    checked = [case.check(have[key], key) for key in case.outputs if key in have]
    step = check_step(case, net, image)
    assert len(checked) + step == len(set(case.outputs) - {"target"})


@pytest.mark.parametrize("name", CASES)
def test_inspect_names_the_variant(name, tmp_path, capsys):
    case = golden.load("basnet", name)
    facts = inspected(case, tmp_path, capsys)
    assert (facts["family"], facts["backbone"]) == ("basnet", None)
    channels = case.facts["config"]["n_channels"]
    assert facts["options"] == {"architecture": "basnet", "channels": channels}
    assert not facts["assumed"]


def losses_of(maps, truth):
    terms = dict(zip(LOSSES, basnet_losses(maps, truth), strict=True))
    return terms | {"loss.total": basnet_loss(maps, truth)}


def check_step(case, net, image):
    """Losses in training mode and gradients' norms, where the case holds them; how many."""
    if not any(name.startswith("train.") for name in case.outputs):
        return 0
    truth = torch.from_numpy(case.outputs["target"])
    losses = losses_of(net.train()(image), truth)
    names = [name for name in case.outputs if name.startswith("train.loss")]
    for name in names:
        case.check(losses[name.removeprefix("train.")].detach(), name)
    losses["loss.total"].backward()
    norms = {name: parameter.grad.norm().item() for name, parameter in net.named_parameters()}
    have = [norms[rename(name, KEYS)] for name in case.facts["config"]["grad_names"]]
    want = case.outputs["train.grad_norms"].astype(np.float64)
    np.testing.assert_allclose(have, want, rtol=1e-3, atol=1e-3 * want.max())
    return len(names) + 1


# --- losses ----------------------------------------------------------------------------------------------------------


def random_maps(size=(24, 20)):
    draw = torch.Generator().manual_seed(3)
    return BASNetMaps(*(torch.randn(2, 1, *size, generator=draw) for _ in PUBLISHED))


def test_similarity_is_that_of_its_definition():
    draw = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 1, 1, 13, 9, generator=draw, dtype=torch.float64)
    want = dense_similarity(x, y).mean()
    torch.testing.assert_close(similarity(x, y), want, rtol=1e-6, atol=1e-7)


def dense_similarity(x, y):
    """Each pixel's, by sums over its window of 11 pixels a side; zeros outside."""
    x, y = x[0, 0], y[0, 0]
    height, width = x.shape
    out = torch.empty_like(x)
    whole = sum(math.exp(-(n**2) / 4.5) for n in range(-5, 6)) ** 2
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for r in range(height):
        for c in range(width):
            near = ((rows - r).abs() <= 5) & ((columns - c).abs() <= 5)
            w = torch.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 4.5) * near / whole
            mx, my = (w * x).sum(), (w * y).sum()
            vx, vy = (w * x * x).sum() - mx**2, (w * y * y).sum() - my**2
            both = (w * x * y).sum() - mx * my
            out[r, c] = (2 * mx * my + 1e-4) * (2 * both + 9e-4)
            out[r, c] /= (mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)
    return out


def test_a_perfect_answer_costs_nothing_and_an_empty_one_is_defined():
    truth = torch.zeros(2, 1, 24, 20)
    truth[:, :, 6:18, 5:15] = 1
    maps = BASNetMaps(*(200 * (truth - 0.5) for _ in PUBLISHED))
    assert basnet_loss(maps, truth) == pytest.approx(0, abs=1e-5)
    nothing = BASNetMaps(*(torch.full_like(truth, -200) for _ in PUBLISHED))
    losses = basnet_losses(nothing, torch.zeros_like(truth))
    assert torch.isfinite(torch.stack(losses)).all()


def test_losses_refuse_a_truth_of_another_shape():
    with pytest.raises(BadInput, match="must be equal"):
        basnet_loss(random_maps(), torch.zeros(2, 24, 20))


# --- network ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def names():
    """Our tensors, without numbers."""
    with torch.device("meta"):
        return nn.build("basnet").state_dict()


def test_published_size(names):
    with torch.device("meta"):
        net = nn.build("basnet")
    assert sum(p.numel() for p in net.parameters()) == 87_060_360
    assert len(names) == 517


def test_any_size_in_and_every_parameter_learns():
    net = nn.build("basnet").train()
    maps = net(torch.randn(2, 3, 45, 33))
    assert all(each.shape == (2, 1, 45, 33) for each in maps)
    basnet_loss(maps, torch.ones(2, 1, 45, 33)).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_build_refuses_no_channels():
    with pytest.raises(BadInput, match="channels=0"):
        nn.build("basnet", channels=0)


def test_the_file_is_told_by_its_names(names, tmp_path):
    tensors = {
        published(name, KEYS): torch.zeros(()).expand(value.shape) for name, value in names.items()
    }
    match = recognise(tensors, None, "x.pth")
    assert match.exact
    assert (match.architecture, match.arguments) == ("basnet", {"channels": 3})
    for name in ("refunet.conv_d2.weight", "resb5_2.bn1.bias"):
        del tensors[name]
    torch.save({name: value.clone() for name, value in tensors.items()}, tmp_path / "x.pth")
    with pytest.raises(BadCheckpoint, match="nearest to basnet, but does not fit it: 2 missing"):
        nn.load(tmp_path / "x.pth")

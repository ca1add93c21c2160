"""BASNet against what the authors' network returned, through `nn.load` of a file in the published layout."""

import numpy as np
import pytest

import golden
from inspected import inspected

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput  # noqa: E402
from kirie.nn.basnet import KEYS  # noqa: E402
from kirie.nn.layers import published  # noqa: E402
from kirie.nn.recognise import recognise  # noqa: E402
from kirie.train.losses import basnet_loss  # noqa: E402

pytestmark = pytest.mark.torch

CASES = golden.names("basnet", "basnet_256", "basnet_loss_96x64")
PUBLISHED = ("dout", "d1", "d2", "d3", "d4", "d5", "d6", "db")  # in the order of the maps


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
def test_maps_are_the_published_ones(name, tmp_path):
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
    checked = [case.check(have[key], key) for key in case.outputs if key in have]
    losses = [key for key in case.outputs if key.startswith(("loss", "train"))]
    assert len(checked) + len(losses) == len(set(case.outputs) - {"target"})


@pytest.mark.parametrize("name", CASES)
def test_inspect_names_the_variant(name, tmp_path, capsys):
    case = golden.load("basnet", name)
    facts = inspected(case, tmp_path, capsys)
    assert (facts["family"], facts["backbone"]) == ("basnet", None)
    channels = case.facts["config"]["n_channels"]
    assert facts["options"] == {"architecture": "basnet", "channels": channels}
    assert not facts["assumed"]


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

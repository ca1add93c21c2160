"""The PyTorch engine: the maps that a card names, options that leave no trace in a file, failures in a sentence."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn, zoo  # noqa: E402
from kirie.engines.pytorch import PytorchEngine  # noqa: E402
from kirie.errors import BadCheckpoint  # noqa: E402
from kirie.spec import Procedure  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A network and its checkpoint."""
    torch.manual_seed(0)
    net = nn.build("isnet", classes=1).eval()
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(net.state_dict(), path)
    return net, path


def card(*maps):
    return replace(zoo.get("isnet"), procedure=Procedure(maps=maps))


def batch(count=2):
    draw = np.random.default_rng(0)
    return draw.standard_normal((count, 3, 64, 64), np.float32)


def test_the_maps_that_the_card_names(stored):
    net, path = stored
    with torch.inference_mode():
        want = net.maps(torch.from_numpy(batch()))
    engine = PytorchEngine(path, device="cpu", card=card("d3", "logits", "features.5"))
    have = engine(batch())
    assert list(have) == ["d3", "logits", "features.5"]
    for name, value in (("d3", want.d3), ("logits", want.logits), ("features.5", want.features[5])):
        np.testing.assert_allclose(have[name], value.numpy(), rtol=1e-5, atol=1e-6)
    alone = PytorchEngine(path, device="cpu")(batch())
    assert list(alone) == ["logits"]
    np.testing.assert_allclose(alone["logits"], want.logits.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["saliency", "features", "features.6", "features.x", "d3.0"])
def test_maps_that_the_network_does_not_have(stored, name):
    """They stay out, and `procedure.run` says which is missing."""
    engine = PytorchEngine(stored[1], device="cpu", card=card("logits", name))
    assert list(engine(batch(1))) == ["logits"]


def test_a_card_of_another_network(stored, monkeypatch):
    from kirie.nn.build import FAMILIES

    with pytest.raises(BadCheckpoint, match=r"net\.pth holds the network isnet, .*u2net"):
        PytorchEngine(stored[1], device="cpu", like=zoo.get("u2net"))
    optional = replace(FAMILIES["u2net"], options=("patch_order",))
    monkeypatch.setitem(FAMILIES, "u2net", optional)
    grid = replace(zoo.get("u2net"), arguments={"patch_order": "grid"})
    with pytest.raises(BadCheckpoint, match=r"does not hold what u2net is: patch_order"):
        PytorchEngine(stored[1], device="cpu", card=grid)


def test_a_picture_that_the_network_cannot_take(stored):
    engine = PytorchEngine(stored[1], device="cpu")
    with pytest.raises(BadCheckpoint, match=r"net\.pth fails on a picture: .*channels"):
        engine(np.zeros((1, 4, 64, 64), np.float32))

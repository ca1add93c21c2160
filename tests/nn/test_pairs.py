"""Any backbone under any head that can stand on several: shapes, and one training step."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.nn.backbones import BACKBONES, build_backbone, stem_channels, with_stem  # noqa: E402
from kirie.nn.layers import outlined  # noqa: E402
from kirie.train.losses import (  # noqa: E402
    TASKS,
    birefnet_loss,
    inspyrenet_loss,
)

pytestmark = pytest.mark.torch

HEADS = {"inspyrenet": {"depth": 16, "base_size": (32, 32)}, "birefnet": {"inner": 8}}
LOSSES = {
    "inspyrenet": inspyrenet_loss,
    "birefnet": lambda maps, truth: birefnet_loss(maps, truth, weights=TASKS["General"]),
}
# Some are computed with, one that has a stem level among them; the others make their step on the meta device, which knows
# shapes alone.
COMPUTED = ("mit_b0", "res2net50")
SIZE = (64, 96)


def flat(maps):
    """All tensors of a tuple of maps, which may hold tuples of maps."""
    nested = [each for each in maps if each is not None]
    return [t for each in nested for t in (flat(each) if isinstance(each, tuple) else (each,))]


@pytest.mark.parametrize("name", BACKBONES)
def test_features_are_those_of_the_contract(name):
    with outlined():
        backbone = build_backbone(name).eval()
    image = torch.zeros(1, 3, *SIZE, device="meta")
    features, five = backbone(image), with_stem(backbone, image)
    for level, (feature, channels) in enumerate(zip(features, backbone.channels, strict=True)):
        assert feature.shape == (
            1,
            channels,
            SIZE[0] // 2 ** (level + 2),
            SIZE[1] // 2 ** (level + 2),
        )
    first = (1, stem_channels(backbone), SIZE[0] // 4, SIZE[1] // 4)
    assert [each.shape for each in five] == [first, *(each.shape for each in features)]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("head", HEADS)
def test_shapes_and_a_step_of_every_pair(head, backbone):
    with outlined():
        net = nn.build(head, backbone=backbone, **HEADS[head])
    maps = net.train()(torch.zeros(2, 3, *SIZE, device="meta"))
    sum(each.square().mean() for each in flat(maps)).backward()
    assert maps.logits.shape == (2, 1, *SIZE)
    assert all(p.grad is not None and p.grad.shape == p.shape for p in net.parameters())


@pytest.mark.parametrize("backbone", COMPUTED)
@pytest.mark.parametrize("head", HEADS)
def test_a_step_lowers_the_loss(head, backbone):
    torch.manual_seed(0)
    net = nn.build(head, backbone=backbone, **HEADS[head]).train()
    image = torch.randn(2, 3, *SIZE)
    truth = torch.zeros(2, 1, *SIZE)
    truth[:, :, 16:48, 24:72] = 1
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4)
    losses = []
    for _ in range(2):
        loss = LOSSES[head](net(image), truth)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in net.parameters())
        optimiser.step()
    assert losses[-1] < losses[0]

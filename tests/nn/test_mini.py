"""Mini: shapes, the contract of all networks, its size, and gradients everywhere."""

import pytest

torch = pytest.importorskip("torch")

from kirie.nn.mini import KEYS, Mini, MiniMaps  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Mini().eval()


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (1, 1), (31, 200), (128, 96)])
def test_any_size_comes_back_at_its_own_size(net, size):
    h, w = size
    with torch.inference_mode():
        maps = net.maps(torch.randn(2, 3, h, w))
    assert isinstance(maps, MiniMaps)
    assert maps.logits.shape == (2, 1, h, w)
    assert [tuple(s.shape) for s in maps.sides] == [
        (2, 1, -(-h // 4), -(-w // 4)),
        (2, 1, -(-h // 8), -(-w // 8)),
    ]


def test_eval_mode_gives_logits_and_training_mode_all_maps(net):
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(net(x), net.maps(x).logits)
    other = Mini().train()
    assert isinstance(other(x), MiniMaps)


def test_logits_are_not_probabilities():
    torch.manual_seed(0)
    net = Mini()
    with torch.inference_mode():
        logits = net(torch.randn(2, 3, 64, 64)).logits
    assert logits.min() < 0


def test_a_picture_does_not_depend_on_its_neighbours_in_the_batch(net):
    x = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(net(x)[1:2], net(x[1:2]), atol=1e-5, rtol=1e-4)


def test_it_fits_five_megabytes_at_half_precision(net):
    # 4.9 MB leave room for the graph and the card of the exported file.
    parameters = sum(p.numel() for p in net.parameters())
    assert 2_000_000 < parameters <= 2_450_000
    assert 2 * sum(t.numel() for t in net.state_dict().values()) <= 4_900_000


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    net = Mini().train()
    for module in net.modules():  # the blocks start as the identity: open them
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)
    maps = net(torch.randn(2, 3, 64, 64))
    sum(m.square().mean() for m in (maps.logits, *maps.sides)).backward()
    without = [
        name
        for name, p in net.named_parameters()
        if p.grad is None or not torch.isfinite(p.grad).all() or not p.grad.any()
    ]
    assert without == []


def test_other_widths_are_arguments():
    net = Mini(widths=(8, 8, 16, 16, 24), blocks=(1, 1, 1, 1), decoder=(16, 8, 8, 8), head=8).eval()
    with torch.inference_mode():
        assert net(torch.randn(1, 3, 40, 72)).shape == (1, 1, 40, 72)


def test_there_are_no_published_names():
    assert KEYS == {}

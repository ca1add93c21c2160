"""The losses against hand values, at their limits, and in half precision."""

import math

import pytest

torch = pytest.importorskip("torch")

from kirie.train import losses  # noqa: E402

pytestmark = pytest.mark.torch

SINGLE = (losses.cross_entropy, losses.iou, losses.similarity)


def truth(size=32):
    t = torch.zeros(2, 1, size, size)
    t[0, :, 8:20, 5:25] = 1  # the second picture has no subject
    return t


@pytest.mark.parametrize("loss", SINGLE)
def test_zero_at_a_perfect_answer(loss):
    t = truth()
    assert loss((t * 2 - 1) * 60, t) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("loss", SINGLE)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_finite_in_half_precision_at_the_largest_logits(loss, kind):
    logits = (torch.full((2, 1, 32, 32), 6e4)).to(kind).requires_grad_()
    value = loss(-logits, truth().to(kind))
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()


def test_cross_entropy_by_hand():
    t = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    logits = torch.tensor([math.log(3), 0.0]).reshape(1, 1, 1, 2)  # p = 3/4, 1/2
    assert losses.cross_entropy(logits, t) == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2)


def test_iou_by_hand():
    t = torch.zeros(1, 1, 4, 4)
    t[..., :2] = 1
    # p = 1/2 everywhere: intersection 4, union 16·½ + 8 − 4 = 12; one is added to both.
    assert losses.iou(torch.zeros(1, 1, 4, 4), t) == pytest.approx(1 - 5 / 13)


def test_iou_of_nothing_and_everything():
    t = torch.zeros(1, 1, 10, 10)
    assert losses.iou(torch.full_like(t, 60), t) == pytest.approx(1 - 1 / 101)
    assert losses.iou(torch.full_like(t, -60), t) == pytest.approx(0, abs=1e-6)


def test_similarity_by_hand():
    """Constant maps have no variance: SSIM is the luminance term alone."""
    t = torch.ones(1, 1, 16, 16)
    c = 0.01**2
    expected = 1 - (2 * 0.5 + c) / (0.25 + 1 + c)
    assert losses.similarity(torch.zeros(1, 1, 16, 16), t) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [(8, 8), (9, 30), (3, 20), (1, 1)])
def test_window_means_are_means(size):
    x = torch.rand(2, 5, *size)
    expected = (
        torch.nn.functional.avg_pool2d(x, 8, 1) if min(size) >= 8 else x.mean((2, 3), keepdim=True)
    )
    torch.testing.assert_close(losses._window_means(x), expected)


def test_the_sum_over_scales():
    t = truth()
    maps = [torch.randn(2, 1, s, s) for s in (32, 8)]
    small = torch.nn.functional.avg_pool2d(t, 4)
    parts = (1.0, 0.7, 0.3)
    expected = sum(
        k * (loss(maps[0], t) + 0.4 * loss(maps[1], small))
        for k, loss in zip(parts, SINGLE, strict=True)
    )
    torch.testing.assert_close(losses.deep(maps, t, (1.0, 0.4), parts), expected)
    with pytest.raises(ValueError, match="argument"):
        losses.deep(maps, t, (1.0,))


@pytest.mark.parametrize("loss", SINGLE)
def test_gradients_are_right(loss):
    torch.manual_seed(0)
    t = (torch.rand(1, 1, 9, 9) > 0.5).float()
    logits = torch.randn(1, 1, 9, 9, requires_grad=True)
    loss(logits, t).backward()
    step = torch.randn_like(logits) * 1e-2
    with torch.no_grad():
        slope = (loss(logits + step, t) - loss(logits - step, t)) / 2
    assert slope.item() == pytest.approx((logits.grad * step).sum().item(), abs=2e-5)

"""The losses against hand values, at their limits, and in half precision."""

import math

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from kirie import nn  # noqa: E402
from kirie.errors import BadInput  # noqa: E402
from kirie.nn.basnet import BASNetMaps  # noqa: E402
from kirie.nn.birefnet import BiRefNetMaps  # noqa: E402
from kirie.nn.segformer import SegFormerMaps  # noqa: E402
from kirie.train import losses  # noqa: E402
from kirie.train.losses.maps import _window_means  # noqa: E402
from kirie.train.losses.mini import mini_losses, soft_iou  # noqa: E402

pytestmark = pytest.mark.torch

PERFECT = (
    losses.bce,
    losses.weighted_bce,
    losses.iou,
    soft_iou,
    losses.pixel_iou,
    losses.patch_iou,
    losses.ssim,
    losses.box_ssim,
    losses.mae,
    losses.mse,
    losses.regional,
    losses.structure,
    losses.alpha_laplacian,
    losses.alpha_gradient,
)
SINGLE = (*PERFECT, losses.contour)


def truth(size=32):
    t = torch.zeros(2, 1, size, size)
    t[0, :, 8:20, 5:25] = 1  # the second picture has no subject
    return t


@pytest.mark.parametrize("loss", PERFECT)
def test_zero_at_a_perfect_answer(loss):
    t = truth() if loss not in (losses.iou, losses.patch_iou) else truth()[:1]
    assert loss((t * 2 - 1) * 60, t) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("loss", SINGLE)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_finite_in_half_precision_at_the_largest_logits(loss, kind):
    for sign in (1, -1):
        logits = torch.full((2, 1, 32, 32), 6e4).to(kind).requires_grad_()
        with torch.autocast("cpu", kind):
            value = loss(sign * logits, truth().to(kind))
        value.backward()
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", SINGLE)
@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_nothing_and_everything_are_finite(loss, fill):
    logits = torch.randn(2, 1, 32, 32).requires_grad_()
    loss(logits, torch.full((2, 1, 32, 32), fill)).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", SINGLE)
def test_gradients_are_right(loss):
    torch.manual_seed(0)
    t = (torch.rand(1, 1, 9, 9) > 0.5).double()
    logits = torch.randn(1, 1, 9, 9, dtype=torch.float64, requires_grad=True)
    value = loss(logits, t)
    assert value.dtype == torch.float64
    value.backward()
    step = torch.randn_like(logits) * 1e-4
    with torch.no_grad():
        slope = (loss(logits + step, t) - loss(logits - step, t)) / 2
    assert slope.item() == pytest.approx((logits.grad * step).sum().item(), rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("loss", SINGLE)
def test_another_shape_is_refused(loss):
    with pytest.raises(BadInput, match="must be equal"):
        loss(torch.zeros(2, 1, 16, 16), torch.zeros(2, 16, 16))


# --- by hand -----------------------------------------------------------------------------------------------------------


def test_cross_entropy_by_hand():
    t = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    logits = torch.tensor([math.log(3), 0.0]).reshape(1, 1, 1, 2)  # p = 3/4, 1/2
    assert losses.bce(logits, t) == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2)
    assert losses.mae(logits, t) == pytest.approx((0.25 + 0.5) / 2)
    assert losses.mse(logits, t) == pytest.approx((0.0625 + 0.25) / 2)
    assert losses.regional(logits, t) == pytest.approx((1 - 0.5625 - 0.0625 + 0.5) / 2)


def test_iou_by_hand():
    t = torch.zeros(1, 1, 4, 4)
    t[..., :2] = 1
    # p = 1/2 everywhere: intersection 4, union 16·½ + 8 − 4 = 12
    assert losses.iou(torch.zeros(1, 1, 4, 4), t) == pytest.approx(1 - 4 / 12)
    assert soft_iou(torch.zeros(1, 1, 4, 4), t) == pytest.approx(1 - 5 / 13)
    # of each pixel: (½ + 1) / (1 + 1) inside, 1 / (½ + 1) outside
    assert losses.pixel_iou(torch.zeros(1, 1, 4, 4), t) == pytest.approx(1 - (0.75 + 2 / 3) / 2)


def test_iou_of_nothing():
    t = torch.zeros(1, 1, 10, 10)
    assert soft_iou(torch.full_like(t, 60), t) == pytest.approx(1 - 1 / 101)
    assert soft_iou(torch.full_like(t, -60), t) == pytest.approx(0, abs=1e-6)
    assert losses.iou(torch.full_like(t, -200), t) == 1


def test_iou_of_several_pictures_is_their_mean_or_their_sum():
    logits, t = torch.randn(3, 1, 8, 8), (torch.rand(3, 1, 8, 8) > 0.5).float()
    each = torch.stack([losses.iou(logits[[n]], t[[n]]) for n in range(3)])
    torch.testing.assert_close(losses.iou(logits, t), each.mean())
    torch.testing.assert_close(losses.iou(logits, t, reduction="sum"), each.sum())
    with pytest.raises(BadInput, match="mean, sum"):
        losses.iou(logits, t, reduction="none")


def test_patches():
    torch.manual_seed(0)
    logits, t = torch.randn(2, 1, 20, 24), (torch.rand(2, 1, 20, 24) > 0.5).float()
    cuts = [(slice(y, y + 8), slice(x, x + 8)) for y in (0, 8, 16) for x in (0, 8, 16)]
    each = torch.stack([losses.iou(logits[..., y, x], t[..., y, x]) for y, x in cuts])
    torch.testing.assert_close(losses.patch_iou(logits, t, patch=8), each[0])
    torch.testing.assert_close(losses.patch_iou(logits, t, patch=8, patches="all"), each.sum())
    empty = losses.patch_iou(torch.full_like(t, -200), torch.zeros_like(t), patch=8, patches="all")
    assert empty == 0
    with pytest.raises(BadInput, match="first, all"):
        losses.patch_iou(logits, t, patches="some")


def test_box_similarity_by_hand():
    """Constant maps have no variance: SSIM is the luminance term alone."""
    t = torch.ones(1, 1, 16, 16)
    c = 0.01**2
    expected = 1 - (2 * 0.5 + c) / (0.25 + 1 + c)
    assert losses.box_ssim(torch.zeros(1, 1, 16, 16), t) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [(8, 8), (9, 30), (3, 20), (1, 1)])
def test_window_means_are_means(size):
    x = torch.rand(2, 5, *size)
    expected = F.avg_pool2d(x, 8, 1) if min(size) >= 8 else x.mean((2, 3), keepdim=True)
    torch.testing.assert_close(_window_means(x), expected)


def test_similarity_is_that_of_its_definition():
    draw = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 1, 1, 13, 9, generator=draw, dtype=torch.float64)
    want = dense_similarity(x, y).mean()
    torch.testing.assert_close(losses.similarity(x, y), want, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(losses.ssim(x.logit(), y), 1 - want, rtol=1e-6, atol=1e-7)


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


# --- several maps, features, labels ------------------------------------------------------------------------------------


def test_scales_are_brought_to_the_truth_or_the_truth_to_them():
    t = truth()
    maps = [torch.randn(2, 1, size, size) for size in (32, 8)]
    large = F.interpolate(maps[1], (32, 32), mode="bilinear", align_corners=True)
    have = losses.supervise(maps, t, losses.bce, resize="maps")
    torch.testing.assert_close(have, torch.stack([losses.bce(maps[0], t), losses.bce(large, t)]))
    have = losses.supervise(maps, t, losses.bce, resize="truth")
    small = losses.bce(maps[1], F.avg_pool2d(t, 4))
    torch.testing.assert_close(have, torch.stack([losses.bce(maps[0], t), small]))
    with pytest.raises(BadInput, match="must be equal"):
        losses.supervise(maps, t, losses.bce)
    with pytest.raises(BadInput, match="none, maps, truth"):
        losses.supervise(maps, t, losses.bce, resize="both")


def test_the_sum_over_mini_s_scales():
    t = truth()
    maps = [torch.randn(2, 1, s, s) for s in (32, 8)]
    small, parts = F.avg_pool2d(t, 4), (1.0, 0.7, 0.3)
    terms = zip(parts, (losses.bce, soft_iou, losses.box_ssim), strict=True)
    expected = [k * (loss(maps[0], t) + 0.4 * loss(maps[1], small)) for k, loss in terms]
    found = mini_losses(maps, t, scales=(1.0, 0.4), parts=parts)
    torch.testing.assert_close(torch.stack(found), torch.stack(expected))
    with pytest.raises(BadInput, match="scales has 1"):
        mini_losses(maps, t, scales=(1.0,))


def encoded(size=32):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.build("isnet-gt-encoder").eval().maps(torch.rand(2, 1, size, size))


def test_feature_distances_are_what_their_formulas_say():
    draw = torch.Generator().manual_seed(1)
    have, noise = (torch.randn(2, 6, 5, 7, generator=draw) for _ in range(2))
    want = have + noise
    gap, (p, q) = noise.abs(), (want.softmax(1), have.softmax(1))  # the encoder's and the network's
    formulas = {
        "mse": gap.square(),
        "mae": gap,
        "smooth_l1": torch.where(gap < 1, gap.square() / 2, gap - 0.5),
        "kl": p * (p / q).log(),
    }
    for distance, terms in formulas.items():
        ours = losses.feature_distance(have, want, distance=distance)
        torch.testing.assert_close(ours, terms.mean(), rtol=1e-4, atol=1e-7)


def test_no_gradient_reaches_the_encoder():
    maps, other = encoded(), encoded()
    found = losses.isnet_feature_losses(maps, other)
    assert found.shape == (6,)
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(found.sum(), [other.features[0]])


def test_features_refuse_what_does_not_fit():
    maps = encoded()
    with pytest.raises(BadInput, match="mse, kl, mae, smooth_l1"):
        losses.isnet_feature_losses(maps, maps, distance="MSE")
    with pytest.raises(BadInput, match="same size"):
        losses.isnet_feature_losses(maps, encoded(size=64))


def maps_of(classes):
    draw = torch.Generator().manual_seed(0)
    return SegFormerMaps(torch.randn(2, classes, 4, 6, generator=draw), ())


@pytest.mark.parametrize("classes", [1, 5])
def test_ignored_pixels_add_nothing(classes):
    maps = maps_of(classes)
    labels = torch.randint(0, max(classes, 2), (2, 16, 24), generator=torch.Generator())
    everything = losses.segformer_loss(maps, labels)
    torch.testing.assert_close(losses.segformer_loss(maps, labels, average="valid"), everything)
    labels[0] = losses.IGNORED
    second = losses.segformer_loss(SegFormerMaps(maps.logits[1:], ()), labels[1:])
    torch.testing.assert_close(losses.segformer_loss(maps, labels, average="valid"), second)
    torch.testing.assert_close(2 * losses.segformer_loss(maps, labels), second)
    labels[:] = losses.IGNORED
    assert losses.segformer_loss(maps, labels, average="valid") == 0


def test_label_maps_refuse_what_does_not_fit():
    maps = maps_of(5)
    with pytest.raises(BadInput, match="whole numbers"):
        losses.segformer_loss(maps, torch.zeros(2, 16, 24))
    with pytest.raises(BadInput, match="N = 2"):
        losses.segformer_loss(maps, torch.zeros(1, 16, 24, dtype=torch.long))
    with pytest.raises(BadInput, match="all, valid"):
        losses.segformer_loss(maps, torch.zeros(2, 16, 24, dtype=torch.long), average="mean")


# --- families ----------------------------------------------------------------------------------------------------------


def test_basnet_s_perfect_answer_costs_nothing_and_an_empty_one_is_defined():
    t = torch.zeros(2, 1, 24, 20)
    t[:, :, 6:18, 5:15] = 1
    maps = BASNetMaps(*(200 * (t - 0.5) for _ in range(8)))
    assert losses.basnet_loss(maps, t) == pytest.approx(0, abs=1e-5)
    nothing = BASNetMaps(*(torch.full_like(t, -200) for _ in range(8)))
    assert torch.isfinite(torch.stack(losses.basnet_losses(nothing, torch.zeros_like(t)))).all()


def some_maps(size=(64, 96)):
    draw = torch.Generator().manual_seed(0)
    return BiRefNetMaps(torch.randn(2, 1, *size, generator=draw), (), (), (), (), ())


def test_birefnet_s_perfect_answer_costs_nothing():
    t = (some_maps().logits > 0).float()
    perfect = some_maps()._replace(logits=200 * t - 100)
    found = losses.birefnet_losses(perfect, t, weights=losses.TASKS["General"])
    assert all(float(each) < 1e-4 for each in found.terms.values())
    assert found.gradient == found.classes == 0


def test_every_pass_of_a_refiner_counts():
    maps = some_maps()
    t = (maps.logits > 0.5).float()
    one = losses.birefnet_loss(maps, t, weights={"mae": 1.0})
    twice = maps._replace(passes=(maps.logits, maps.logits))
    torch.testing.assert_close(losses.birefnet_loss(twice, t, weights={"mae": 1.0}), 2 * one)


def test_birefnet_refuses_what_does_not_fit():
    maps = some_maps()
    with pytest.raises(BadInput, match="must be equal"):
        losses.birefnet_loss(maps, torch.zeros(2, 1, 64, 64), weights={})
    with pytest.raises(BadInput, match="no term 'triplet'"):
        losses.birefnet_loss(maps, torch.zeros(2, 1, 64, 96), weights={"triplet": 3.0})
    with pytest.raises(BadInput, match="no task 'dis'"):
        losses.late_weights("dis", 1)


# --- alpha -------------------------------------------------------------------------------------------------------------


def test_alpha_s_gradient_by_hand():
    alpha = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).reshape(1, 1, 2, 2)
    flat = torch.zeros(1, 1, 2, 2)  # p = 1/2: no step down, none across where there is one of 1
    assert losses.alpha_gradient(flat, alpha) == 1


def test_alpha_s_pyramid_weighs_coarse_errors_more():
    alpha = torch.zeros(1, 1, 64, 64)
    wide, fine = alpha.clone(), alpha.clone()
    wide[..., :32] = 0.3
    fine[..., ::2] = 0.3
    off = torch.full_like(alpha, 1e-6)
    coarse, detailed = (
        losses.alpha_laplacian(each.clamp_min(1e-6).logit(), off) for each in (wide, fine)
    )
    assert coarse > detailed > 0
    offset = losses.alpha_laplacian(torch.full_like(alpha, -4.0), alpha)
    assert offset >= 2**4 * torch.tensor(-4.0).sigmoid()  # four levels, and what remains
    tiny = losses.alpha_laplacian(torch.zeros(1, 1, 7, 9), torch.zeros(1, 1, 7, 9))
    assert tiny == 0.5


def test_compositions_differ_where_colours_do():
    alpha = torch.zeros(1, 1, 4, 4)
    front, back = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    flat = torch.zeros(1, 1, 4, 4)
    assert losses.composition(flat, alpha, foreground=front, background=back) == 0.5
    assert losses.composition(flat, alpha, foreground=front, background=front) == 0

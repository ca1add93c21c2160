"""Objectives by name: what the loop is handed for each family, what they refuse, and their limits in half precision."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.errors import BadInput  # noqa: E402
from kirie.nn.basnet import BASNetMaps  # noqa: E402
from kirie.nn.birefnet import BiRefNetMaps  # noqa: E402
from kirie.nn.birefnet_decoder import laplacian  # noqa: E402
from kirie.nn.build import FAMILIES  # noqa: E402
from kirie.nn.inspyrenet import InSPyReNetMaps  # noqa: E402
from kirie.nn.isnet import ISNetMaps  # noqa: E402
from kirie.nn.mini import MiniMaps  # noqa: E402
from kirie.nn.segformer import SegFormerMaps  # noqa: E402
from kirie.nn.u2net import U2NetMaps  # noqa: E402
from kirie.train import losses, objectives  # noqa: E402
from kirie.train.losses.birefnet import EPOCHS, LATE, late_epochs  # noqa: E402

pytestmark = pytest.mark.torch

H, W = 64, 96


def u2net_maps(make):
    return U2NetMaps(*(make(H, W) for _ in range(7)))


def isnet_maps(make):
    sizes = [(-(-H // 2**n), -(-W // 2**n)) for n in range(1, 7)]
    channels = (64, 64, 128, 256, 512, 512)
    features = tuple(make(*size, channels=c) for size, c in zip(sizes, channels, strict=True))
    return ISNetMaps(*(make(H, W) for _ in range(6)), features)


def basnet_maps(make):
    return BASNetMaps(*(make(H, W) for _ in range(8)))


def inspyrenet_maps(make):
    saliency = tuple(make(H >> n, W >> n) for n in (3, 2, 1, 0))
    return InSPyReNetMaps(saliency[3], saliency, tuple(make(H >> n, W >> n) for n in (2, 1, 0)))


def birefnet_maps(make):
    sizes = [(H >> n, W >> n) for n in (5, 4, 3)]
    return BiRefNetMaps(
        make(H, W),
        tuple(make(*size) for size in sizes),
        tuple(make(*size) for size in sizes),
        tuple(make(H, W) for _ in sizes),
        (make(channels=4),),
        (),
    )


def segformer_maps(make):
    return SegFormerMaps(make(H // 4, W // 4, channels=5), ())


def mini_maps(make):
    return MiniMaps(make(H, W), (make(H // 4, W // 4), make(H // 8, W // 8)))


MAPS = {
    "u2net": u2net_maps,
    "isnet": isnet_maps,
    "isnet-gt-encoder": isnet_maps,
    "basnet": basnet_maps,
    "inspyrenet": inspyrenet_maps,
    "birefnet": birefnet_maps,
    "segformer": segformer_maps,
    "mini": mini_maps,
    "matting": birefnet_maps,
}


def leaves(maps):
    nested = [leaves(each) if isinstance(each, tuple) else [each] for each in maps]
    return list({id(t): t for group in nested for t in group}.values())


def maker(scale=1.0, kind=torch.float32):
    """Random maps; `scale` above 100 makes every logit as large as the kind allows."""
    draw = torch.Generator().manual_seed(0)

    def make(*size, channels=1):
        values = torch.randn(2, channels, *size, generator=draw)
        values = values.sign() * 6e4 if scale > 100 else values * scale
        return values.to(kind).requires_grad_()

    return make


def batch(name):
    """(targets, what else a call takes)."""
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(2, 3, H, W, generator=draw)
    if name == "segformer":
        labels = torch.randint(0, 5, (2, H, W), generator=draw)
        labels[:, :3] = 255
        return labels, {"inputs": inputs}
    truth = torch.zeros(2, 1, H, W)
    truth[0, :, 8:40, 5:50] = 1  # the second picture has no subject
    return truth, {"inputs": inputs, "classes": torch.tensor([1, 3])}


def made(name):
    arguments = {"encoder": nn.build("isnet-gt-encoder")} if name == "isnet" else {}
    return objectives.get(name, **arguments)


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_terms_are_numbers_that_every_prediction_learns_from(name):
    targets, rest = batch(name)
    maps = MAPS[name](maker())
    terms = made(name)(maps, targets, **rest)
    assert terms
    for value in terms.values():
        assert value.shape == ()
        assert torch.isfinite(value)
    sum(terms.values()).backward()
    idle = {
        "isnet-gt-encoder": 6,
        "inspyrenet": 3,
        "matting": 7,
    }  # features; Laplacians; gates and classes
    without = [each for each in leaves(maps) if each.grad is None]
    assert len(without) == idle.get(name, 0)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_loss_and_gradient_are_finite_in_half_precision_at_the_largest_logits(name, kind):
    targets, rest = batch(name)
    maps = MAPS[name](maker(1e3, kind))
    with torch.autocast("cpu", kind):
        terms = made(name)(maps, targets, **rest)
    for value in terms.values():
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
    sum(terms.values()).backward()
    assert all(torch.isfinite(each.grad).all() for each in leaves(maps) if each.grad is not None)


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_autocast_changes_nothing(name):
    targets, rest = batch(name)
    maps, objective = MAPS[name](maker()), made(name)
    plain = objective(maps, targets, **rest)
    with torch.autocast("cpu", torch.bfloat16):
        inside = objective(maps, targets, **rest)
    # IS-Net's encoder is a network, which runs in half precision where the network does.
    loose = {"features": 1e-2} if name == "isnet" else {}
    for term, value in plain.items():
        torch.testing.assert_close(inside[term], value, rtol=loose.get(term, 1e-6), atol=1e-6)


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_double_stays_double(name):
    targets, rest = batch(name)
    maps = MAPS[name](maker(kind=torch.float64))
    terms = made(name).double()(maps, targets, **rest)
    assert {value.dtype for value in terms.values()} == {torch.float64}


@pytest.mark.parametrize("name", sorted(set(objectives.OBJECTIVES) - {"segformer"}))
def test_a_truth_of_another_shape_is_refused(name):
    with pytest.raises(BadInput, match="shape"):
        made(name)(MAPS[name](maker()), torch.zeros(2, H, W), **batch(name)[1])


# --- names and arguments ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("birefnt", {}, "Did you mean 'birefnet'"),
        ("u2net", {"task": "COD"}, "u2net has no argument 'task'; it takes none"),
        ("inspyrenet", {"weight": 1}, "it takes: consistency"),
        ("birefnet", {"task": "dis"}, "no task 'dis'; there are: DIS5K"),
        ("birefnet", {"weights": {"triplet": 3}}, "no term 'triplet'"),
        ("birefnet", {"gradient_target": "mask"}, "prediction, truth"),
        ("isnet", {"distance": "MSE"}, "mse, kl, mae, smooth_l1"),
        ("isnet", {"encoder": torch.nn.Identity()}, "Identity, but must be a trained isnet-gt-encoder"),
        ("segformer", {"average": "mean"}, "all, valid"),
        ("matting", {"weights": {"sad": 1}}, "no term 'sad'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(name, arguments, says):
    with pytest.raises(BadInput, match=says.replace("(", r"\(")):
        objectives.get(name, **arguments)


def test_every_family_has_an_objective():
    assert set(objectives.FAMILIES) == set(FAMILIES)
    assert set(objectives.FAMILIES.values()) <= set(objectives.OBJECTIVES)


def test_the_arguments_are_told():
    objective = objectives.get("inspyrenet")
    assert objective.arguments == {"consistency": 1e-4}
    assert "consistency=0.0001" in str(objective)


def test_the_encoder_of_a_file_is_frozen_and_moves_with_the_objective(tmp_path):
    encoder = nn.build("isnet-gt-encoder")
    torch.save(encoder.state_dict(), tmp_path / "gt.pth")
    objective = objectives.get("isnet", encoder=tmp_path / "gt.pth").train()
    assert not any(p.requires_grad for p in objective.parameters())
    assert not objective.frozen.training
    assert {p.dtype for p in objective.double().parameters()} == {torch.float64}
    truth, _ = batch("isnet")
    with torch.no_grad():
        own = encoder.eval().maps(truth)
    terms = objectives.get("isnet", encoder=encoder)(own, truth)
    assert terms["features"] == 0


# --- BiRefNet's moments ----------------------------------------------------------------------------------------------


def weights_at(**moment):
    """The weight of every term that BiRefNet's objective gives, against weights of 1."""
    arguments = {key: moment.pop(key) for key in ("task", "late_epochs") if key in moment}
    maps = birefnet_maps(maker())
    truth, rest = batch("birefnet")
    one = losses.birefnet_losses(
        maps, truth, weights=dict.fromkeys(losses.TERMS, 1.0), labels=rest["classes"]
    ).terms
    terms = objectives.get("birefnet", **arguments)(maps, truth, **rest, **moment)
    return {name: (terms[name] / one[name]).item() for name in terms if name in one}


@pytest.mark.parametrize("task", losses.TASKS)
def test_the_last_epochs_are_the_published_ones(task):
    total, late = EPOCHS[task], LATE[task]
    for epoch in (0, total - late - 1):
        assert weights_at(task=task, epoch=epoch, epochs=total) == pytest.approx(losses.TASKS[task])
    assert late_epochs(task, total - late, total) == 1
    assert late_epochs(task, total - 1, total) == late
    first = {k: v for k, v in losses.late_weights(task, 1).items() if v}
    assert weights_at(task=task, epoch=total - late, epochs=total) == pytest.approx(first)


def test_a_shorter_run_changes_its_weights_at_the_same_share():
    assert "bce" in weights_at(epoch=8, epochs=10)
    assert "bce" not in weights_at(epoch=9, epochs=10)
    assert "bce" in weights_at(share=0.89)
    assert "bce" not in weights_at(share=0.91)


def test_the_number_of_last_epochs_can_be_set():
    last = {"task": "General", "epoch": 9, "epochs": 10}
    assert "bce" in weights_at(**last, late_epochs=0)
    assert weights_at(**last, late_epochs=3)["iou"] == pytest.approx(0.5 / 8)


def test_gates_learn_the_prediction_s_gradient_or_the_truth_s():
    truth, rest = batch("birefnet")
    for target in ("prediction", "truth"):
        maps = birefnet_maps(maker())
        terms = objectives.get("birefnet", gradient_target=target)(maps, truth, **rest)
        wanted = (
            maps.references if target == "prediction" else [laplacian(rest["inputs"]) * truth] * 3
        )
        large = [
            torch.nn.functional.interpolate(x, (H, W), mode="bilinear", align_corners=True)
            for x in maps.gradients
        ]
        by_hand = sum(
            torch.nn.functional.binary_cross_entropy(x.sigmoid(), y.sigmoid())
            for x, y in zip(large, wanted, strict=True)
        )
        torch.testing.assert_close(terms["gradient"], by_hand)
        terms["gradient"].backward()
        learns = all(each.grad is not None for each in maps.references)
        assert learns == (target == "prediction")


def test_gates_and_classes_can_be_left_out_and_what_they_need_is_asked_for():
    maps, (truth, rest) = birefnet_maps(maker()), batch("birefnet")
    none = objectives.get("birefnet", gradient_weight=0, class_weight=0)(maps, truth)
    assert set(none) == {"bce", "iou", "ssim", "mae"}
    with pytest.raises(BadInput, match="classes"):
        objectives.get("birefnet")(maps, truth)
    with pytest.raises(BadInput, match="images=x"):
        objectives.get("birefnet", gradient_target="truth")(maps, truth, classes=rest["classes"])


def test_pictures_without_a_class_do_not_count():
    logits = torch.randn(3, 4)
    some = losses.auxiliary(logits, torch.tensor([2, -100, 0]))
    torch.testing.assert_close(some, losses.auxiliary(logits[[0, 2]], torch.tensor([2, 0])))
    assert losses.auxiliary(logits, torch.tensor([-1, -100, -1])) == 0


# --- matting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in MAPS if name != "segformer"])
def test_matting_takes_every_family_s_maps(name):
    maps, (truth, _) = MAPS[name](maker()), batch(name)
    count = {"u2net": 7, "isnet": 6, "isnet-gt-encoder": 6, "basnet": 8, "mini": 3}.get(name, 4)
    every = objectives.get("matting", weights={"mae": 1})(maps, truth)["mae"]
    alone = objectives.get("matting", weights={"mae": 1}, sides=0)(maps, truth)["mae"]
    torch.testing.assert_close(alone, losses.mae(maps.logits, truth))
    nothing = objectives.get("matting", weights={"reg": 1})
    half = type(maps)(*(_zeros(each) for each in maps))
    assert nothing(half, truth)["reg"] == pytest.approx(0.5 * count)
    assert every > alone


def _zeros(each):
    return tuple(map(_zeros, each)) if isinstance(each, tuple) else torch.zeros_like(each)

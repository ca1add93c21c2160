"""BiRefNet's losses against the published ones."""

import pytest

import golden

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie.train.birefnet import (  # noqa: E402
    TASKS,
    TERMS,
    birefnet_loss,
    birefnet_losses,
    late_weights,
    structure,
)

from kirie.errors import BadInput  # noqa: E402
from kirie.nn.birefnet import BiRefNetMaps  # noqa: E402

pytestmark = pytest.mark.torch

LEVELS = ("m4", "m3", "m2")


@pytest.fixture(params=["loss-binary", "loss-soft"])
def stored(request):
    """(case, its maps, the truth, the labels)."""
    case = golden.load("birefnet", request.param)
    given = {name: torch.from_numpy(value) for name, value in case.outputs.items()}

    def leaves(*names):
        return tuple(given[name].clone().requires_grad_() for name in names)

    maps = BiRefNetMaps(
        *leaves("pred_p1"),
        leaves(*(f"pred_{level}" for level in LEVELS)),
        leaves(*(f"gdt_pred_{n}" for n in (4, 3, 2))),
        leaves(*(f"gdt_label_{n}" for n in (4, 3, 2))),
        leaves("class_logits"),
        (),
    )
    return case, maps, given["gt"], given["class_labels"].long()


def near(have, want):
    want = torch.as_tensor(want, dtype=have.dtype)
    assert (have - want).abs().max() <= 1e-5 * want.abs().max().clamp_min(1e-30)


def weights_of(name):
    """The weights of a published task and phase, such as `General/finetune_epoch2`."""
    task, _, phase = name.partition("/")
    return late_weights(task, int(phase.removeprefix("finetune_epoch").replace("main", "0")))


def test_each_term_of_each_map(stored):
    case, maps, truth, _ = stored
    values = case.facts["values"]
    single = dict(zip((*LEVELS, "p1"), (*maps.sides, maps.logits), strict=True))
    assert set(values["terms_unweighted"]) == set(TERMS)
    for level, logits in single.items():
        alone = BiRefNetMaps(torch.zeros_like(truth), (logits,), (), (), (), ())
        nothing = BiRefNetMaps(torch.zeros_like(truth), (), (), (), (), ())
        for term, want in values["terms_unweighted"].items():
            both, one = (
                birefnet_losses(each, truth, weights={term: 1}).terms[term]
                for each in (alone, nothing)
            )
            assert (both - one - want[level]).abs() <= 1e-5 * max(abs(want[level]), float(one))
        large = torch.nn.functional.interpolate(
            logits, truth.shape[-2:], mode="bilinear", align_corners=True
        )
        near(structure(large, truth).detach(), values["structure_on_logits"][level])


def test_the_whole_loss_of_each_task_and_phase(stored):
    case, maps, truth, labels = stored
    values, published = case.facts["values"], case.facts["config"]["lambdas"]
    for name, want in values["totals"].items():
        weights = weights_of(name)
        assert {k: v for k, v in published[name].items() if v} == pytest.approx(
            {k: v for k, v in weights.items() if v}
        )
        losses = birefnet_losses(maps, truth, weights=weights, labels=labels)
        total = torch.stack([*losses.terms.values()]).sum().detach()
        near(total, want["total"])
        for term, logged in want["logged_mean_over_scales"].items():
            near(losses.terms.get(term, torch.zeros(())).detach(), 4 * logged)
        near(losses.gradient.detach(), values["gdt"]["total"])
        near(losses.classes.detach(), values["class_loss"])
        whole = birefnet_loss(maps, truth, weights=weights, labels=labels)
        near(whole.detach(), total + losses.gradient + losses.classes)


def test_gradients(stored):
    case, maps, truth, _ = stored
    for task in ("DIS5K", "General", "Matting"):
        leaves = (*maps.sides, maps.logits)
        losses = birefnet_losses(maps, truth, weights=TASKS[task])
        gradients = torch.autograd.grad(torch.stack([*losses.terms.values()]).sum(), leaves)
        for level, have in zip((*LEVELS, "p1"), gradients, strict=True):
            case.check(have, f"grad_{task}_{level}")
    losses = birefnet_losses(maps, truth, weights={})
    gradients = torch.autograd.grad(losses.gradient, (*maps.gradients, *maps.references))
    names = [f"grad_gdt_{what}_{n}" for what in ("pred", "label") for n in (4, 3, 2)]
    for name, have in zip(names, gradients, strict=True):
        case.check(have, name)


def some_maps(size=(64, 96)):
    draw = torch.Generator().manual_seed(0)
    return BiRefNetMaps(torch.randn(2, 1, *size, generator=draw), (), (), (), (), ())


def test_a_perfect_answer_costs_nothing():
    truth = (some_maps().logits > 0).float()
    perfect = some_maps()._replace(logits=200 * truth - 100)
    losses = birefnet_losses(perfect, truth, weights=TASKS["General"])
    assert all(float(each) < 1e-4 for each in losses.terms.values())
    assert losses.gradient == losses.classes == 0


@pytest.mark.parametrize("empty", [0.0, 1.0])
def test_nothing_and_everything_are_finite(empty):
    maps = some_maps()
    maps.logits.requires_grad_()
    truth = torch.full_like(maps.logits, empty).detach()
    birefnet_loss(maps, truth, weights=dict.fromkeys(TERMS, 1.0)).backward()
    assert torch.isfinite(maps.logits.grad).all()


def test_every_pass_of_a_refiner_counts():
    maps = some_maps()
    truth = (maps.logits > 0.5).float()
    one = birefnet_loss(maps, truth, weights={"mae": 1.0})
    twice = maps._replace(passes=(maps.logits, maps.logits))
    near(birefnet_loss(twice, truth, weights={"mae": 1.0}), 2 * one)


def test_losses_refuse_what_does_not_fit():
    maps = some_maps()
    with pytest.raises(BadInput, match="must be equal"):
        birefnet_loss(maps, torch.zeros(2, 1, 64, 64), weights={})
    with pytest.raises(BadInput, match="no term 'triplet'"):
        birefnet_loss(maps, torch.zeros(2, 1, 64, 96), weights={"triplet": 3.0})
    with pytest.raises(BadInput, match="no task 'dis'"):
        late_weights("dis", 1)

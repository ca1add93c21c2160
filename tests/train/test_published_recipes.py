"""The rows of InSPyReNet, BiRefNet and SegFormer against what is published of their trainings."""

import numpy as np
import pytest

import golden

torch = pytest.importorskip("torch", reason="needs the extra torch")
pytest.importorskip("accelerate", reason="needs the extra train")

from kirie import nn, zoo  # noqa: E402
from kirie.nn.layers import outlined  # noqa: E402
from kirie.train import objectives, optim  # noqa: E402
from kirie.train.augment import AUGMENTATIONS  # noqa: E402
from kirie.train.losses.birefnet import EPOCHS  # noqa: E402
from kirie.train.recipes import RECIPES  # noqa: E402

pytestmark = pytest.mark.torch

FAMILIES = ("inspyrenet", "birefnet", "segformer")
NAMES = [name for name in RECIPES if name.startswith(FAMILIES)]


def test_there_is_a_recipe_for_each_published_training():
    assert sorted(NAMES) == sorted(
        (
            *("inspyrenet-res2net50", "inspyrenet-swin_b"),
            *(f"birefnet-{task}" for task in ("dis", "hrsod", "cod", "general", "matting", "lite")),
            *("segformer-ade20k", "segformer-cityscapes"),
        )
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_s_parts_exist_and_fit_each_other(name):
    recipe = RECIPES[name]
    assert recipe.augmentation in AUGMENTATIONS
    assert set(recipe.augmentation_arguments) <= set(
        AUGMENTATIONS[recipe.augmentation].__dataclass_fields__
    )
    assert zoo.backbone(recipe.backbone_weights).architecture == recipe.arguments["backbone"]
    classes = {"classes": recipe.classes} if recipe.classes else {}
    with outlined():
        net = nn.build(recipe.network, **recipe.arguments, **classes)
    shares = {group["factor"] for group in optim.groups(net, recipe)}
    assert shares == {1.0, recipe.backbone_rate}
    objectives.get(recipe.objective, **recipe.objective_arguments)
    if recipe.classes:
        assert len(recipe.readout.classes) == recipe.classes


def test_inspyrenet_s_learning_rate_is_the_published_one():
    case = golden.load("inspyrenet", "recipe")
    facts = case.facts["config"]["polylr"]
    recipe, steps = RECIPES["inspyrenet-swin_b"], facts["max_iteration"]
    assert steps == 10_553 // recipe.batch * recipe.epochs
    factors = (recipe.backbone_rate, 1.0)
    have = [[optim.rate(recipe, n, n / steps, f) for f in factors] for n in facts["steps"]]
    case.check(np.array(have), "polylr")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("birefnet")])
def test_birefnet_s_epochs_and_rates_are_the_published_ones(name):
    recipe = RECIPES[name]
    task = recipe.objective_arguments["task"]
    assert recipe.epochs == EPOCHS[task]
    assert recipe.learning_rate == pytest.approx((1e-4 if task == "DIS5K" else 1e-5) * 2**0.5)
    assert (recipe.task == "matting") == (task == "Matting")


@pytest.mark.parametrize("step", [0, 1, 750, 1499, 1500, 80_000, 160_000])
def test_segformer_s_learning_rate_is_the_published_one(step):
    recipe = RECIPES["segformer-ade20k"]
    warm = 1 - (1 - step / 1500) * (1 - 1e-6) if step < 1500 else 1
    have = optim.rate(recipe, step, step / recipe.steps, recipe.backbone_rate)
    assert have == pytest.approx(6e-5 * (1 - step / 160_000) * warm, rel=1e-9, abs=1e-20)

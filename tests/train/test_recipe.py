"""Recipes: fields that are checked, set from text and told back; and the parts of the loop that follow them."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")

from kirie import nn  # noqa: E402
from kirie.errors import BadInput  # noqa: E402
from kirie.nn.build import ARCHITECTURES  # noqa: E402
from kirie.train import augment, checkpointing, memory, objectives, optim, settings, state  # noqa: E402
from kirie.train.history import History  # noqa: E402
from kirie.train.progress import duration  # noqa: E402
from kirie.train.recipe import Phase, Recipe  # noqa: E402
from kirie.train.recipes import RECIPES, about, get  # noqa: E402
from kirie.train.sources import Examples  # noqa: E402

pytestmark = pytest.mark.torch

PLAIN = Recipe(name="plain", network="u2netp", steps=10)


# --- recipes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_names_what_exists(name):
    recipe = RECIPES[name]
    assert recipe.name == name
    assert "kirie train" in about(name)
    assert state.recipe_from(state.tell(recipe)) == recipe
    if recipe.network:
        assert recipe.network in ARCHITECTURES
        objectives.get(recipe.objective, **recipe.objective_arguments)
    semantic = "semantic" if recipe.task == "semantic" else "subject"
    examples = Examples(files=(), sets=(), task=semantic)
    arguments = recipe.phase(0.0).augmentation_arguments
    augment.get(recipe.augmentation, examples, **arguments)


def test_an_unknown_recipe_is_refused_with_the_nearest():
    with pytest.raises(BadInput, match="Did you mean 'u2netp'"):
        get("u2netpp")


def test_fields_are_set_from_text():
    changed = settings.with_settings(
        PLAIN,
        [
            *("epochs=3", "size=96", "learning_rate=1e-4", "checkpointing=yes", "betas=0.5,0.9"),
            *("arguments.classes=2", "preparation.filter=bicubic", "frozen=a,b", "milestones=0.5"),
            *("objective_arguments={}", "varied=64,128,32", "optimiser=sgd"),
        ],
    )
    assert (changed.epochs, changed.steps) == (3, 0)
    assert changed.size == changed.prepared.size == (96, 96)
    assert changed.learning_rate == 1e-4
    assert changed.checkpointing is True
    assert changed.betas == (0.5, 0.9)
    assert changed.arguments == {"classes": 2}
    assert changed.preparation.filter == "bicubic"
    assert (changed.frozen, changed.milestones) == (("a", "b"), (0.5,))
    assert changed.varied == (64, 128, 32)
    assert settings.with_settings(PLAIN, ["size=64x96"]).size == (64, 96)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("batch", "write field=value"),
        ("bach=3", "Did you mean 'batch'"),
        ("batch=three", "batch is 'three', but must be a whole number"),
        ("batch=0", "batch is 0, but must be 1 or more"),
        ("betas=1", "2 values"),
        ("betas=0.9,1", "from 0 to below 1"),
        ("learning_rate=nan", "learning_rate is nan"),
        ("optimiser=lion", "can only be one of: adam, adamw, sgd"),
        ("compile=perhaps", "true or false"),
        ("size=8", "from 16"),
        ("varied=64,32,32", "least, most, multiple"),
        ("arguments=3", "must be JSON"),
        ("preparation=x", "preparation.FIELD"),
        ("preparation.x=1", "no field 'x'"),
        ("steps=0", "none of them is"),
        ("name=x", "no field 'name'"),
        ("phases=", "phases cannot be set from here"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting, said):
    with pytest.raises(BadInput, match=said):
        settings.with_settings(PLAIN, [setting])


def test_one_length_only():
    with pytest.raises(BadInput, match="epochs and steps is"):
        replace(PLAIN, epochs=1)


def test_ablations_are_combined():
    both = list(settings.combinations(["average=0,0.9", "size=64x64;96x64"]))
    assert both[1] == ("average=0", "size=96x64")
    assert len(both) == 4
    with pytest.raises(BadInput, match="two values"):
        list(settings.combinations(["average=0"]))


def test_phases_follow_the_run():
    mini = RECIPES["kirie-mini"]
    assert [mini.phase(s).size[0] for s in (0.0, 0.49, 0.5, 0.7, 0.8, 1.0)] == [
        *(128, 128, 192, 192, 256, 256),
    ]
    assert mini.phase(0.45).augmentation_arguments["composites"] == 0.6
    assert mini.phase(0.75).augmentation_arguments["composites"] == 0.45
    assert mini.phase(0.75).augmentation_arguments["empties"] == 0.06
    assert settings.with_settings(mini, ["batch=2"]).phase(0.9).batch == 2
    assert settings.with_settings(mini, ["size=64"]).phase(0.9).size == (64, 64)
    with pytest.raises(BadInput, match="rise from 0"):
        replace(PLAIN, phases=(Phase(start=0.5, size=(64, 64)),))


# --- rates and groups --------------------------------------------------------------------------------------------------


def test_rates_by_hand():
    peak = replace(PLAIN, learning_rate=1.0)
    cosine = replace(peak, schedule="cosine", warm_up=4)
    assert [optim.rate(cosine, n, 0.0) for n in (0, 1, 3, 9)] == [0.25, 0.5, 1.0, 1.0]
    assert optim.rate(cosine, 9, 0.5) == pytest.approx(0.5)
    assert optim.rate(cosine, 9, 1.0) == pytest.approx(0.0)
    steps = replace(peak, schedule="steps", milestones=(0.5, 0.75), gamma=0.1)
    assert [optim.rate(steps, 0, s) for s in (0.4, 0.5, 0.8)] == pytest.approx([1.0, 0.1, 0.01])
    poly = replace(peak, schedule="poly", power=2.0, least=0.1)
    assert optim.rate(poly, 0, 0.5) == pytest.approx(0.9 * 0.25 + 0.1)
    assert optim.rate(replace(peak, schedule="linear"), 0, 0.25) == 0.75


def test_inspyrenets_rate_is_the_published_one():
    from kirie.train.rates import inspyrenet_rate

    recipe = replace(
        PLAIN,
        learning_rate=1e-4,
        schedule="poly",
        power=0.9,
        least=1e-7,
        warm_up=12_000,
        warm_from=0.1,
        warm_join="min",
    )
    for step in (0, 100, 6000, 11_999, 12_000, 50_000):
        for factor in (1.0, 0.1):
            want = inspyrenet_rate(step, steps=60_000, peak=1e-4 * factor)
            assert optim.rate(recipe, step, step / 60_000, factor) == pytest.approx(want)


def test_groups_know_backbone_norms_and_what_is_frozen():
    net = nn.build("segformer-b0", classes=2)
    recipe = replace(PLAIN, weight_decay=0.01, backbone_rate=0.1)
    groups = optim.groups(net, recipe)
    assert {(g["factor"], g["weight_decay"]) for g in groups} == {
        *((0.1, 0.01), (0.1, 0.0), (1.0, 0.01), (1.0, 0.0)),
    }
    assert sum(len(g["params"]) for g in groups) == len(list(net.parameters()))
    optim.freeze(net, ("backbone.",))
    assert {g["factor"] for g in optim.groups(net, recipe)} == {1.0}


def test_frozen_norms_keep_their_statistics():
    net = nn.build("u2netp")
    optim.training(net, replace(PLAIN, freeze_norms=True))
    before = {k: v.clone() for k, v in net.state_dict().items() if "running" in k}
    net(torch.rand(2, 3, 32, 32))
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items())
    optim.freeze(net, ("encoder.0",))
    optim.training(net, replace(PLAIN, frozen=("encoder.0",)))
    modes = {n: m.training for n, m in net.named_modules() if hasattr(m, "running_mean")}
    assert not any(mode for name, mode in modes.items() if name.startswith("encoder.0"))
    assert all(mode for name, mode in modes.items() if name.startswith("decoder"))


# --- memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["u2netp", "mini", "segformer-b0"])
def test_checkpointing_changes_nothing_but_memory(name):
    def step(*, on):
        torch.manual_seed(0)
        net = nn.build(name).train()
        if on:
            assert checkpointing.apply(net) >= 4
        torch.manual_seed(1)  # of the stochastic depth
        out = net(torch.rand(2, 3, 64, 64))
        torch.autograd.backward(sum(m.square().mean() for m in out if isinstance(m, torch.Tensor)))
        return [p.grad for p in net.parameters()], list(net.buffers())

    for plain, other in zip(step(on=False), step(on=True), strict=True):
        for a, b in zip(plain, other, strict=True):
            assert (a is None) == (b is None)
            assert a is None or torch.equal(a, b)


def test_the_estimate_is_of_the_right_size():
    net = nn.build("u2netp")
    batch, size = 4, (64, 64)
    told = memory.estimate(net, PLAIN, batch=batch, size=size, half=False)
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        maps = net.train()(torch.rand(batch, 3, *size))
    assert len(maps) == 7
    weights = sum(p.numel() * 4 for p in net.parameters())
    assert told.activations == pytest.approx(sum(kept.values()) - weights, rel=0.1)
    assert told.weights == pytest.approx(4 * weights, rel=0.02)  # weights, gradients, two moments
    less = memory.estimate(
        net, replace(PLAIN, checkpointing=True), batch=batch, size=size, half=False
    )
    assert less.activations < 0.5 * told.activations


# --- what is written ---------------------------------------------------------------------------------------------------


def test_a_history_goes_on_after_the_checkpoint(tmp_path):
    first = History(tmp_path, ["MAE"])
    for update in range(1, 6):
        first.add({"update": update, "loss": 1.0 / update, "terms": {"bce": 1.0}})
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"update": 6, "lo')  # cut off by a power failure
    second = History(tmp_path, ["MAE"], upto=3)
    second.add({"update": 4, "validation": {"MAE": 0.5}})
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert len(lines) == 5
    assert lines[-1].startswith("4,")
    assert lines[-1].endswith(",0.5")
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 4


def test_events_for_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    history = History(tmp_path, [], tensorboard=True)
    history.add({"update": 1, "loss": 1.0, "terms": {"bce": 1.0}})
    history.close()
    assert next((tmp_path / "tensorboard").iterdir()).stat().st_size > 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.4, "4 s"), (130, "2 min"), (7300, "2 h 1 min"), (180_000, "2 d 2 h")],
)
def test_durations_for_people(seconds, text):
    assert duration(seconds) == text

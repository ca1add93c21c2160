"""The loop: it learns, goes on exactly where it stopped, names what breaks it, and writes what it promises."""

import csv
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")
pytest.importorskip("accelerate")

from safetensors.torch import load_file  # noqa: E402

import kirie  # noqa: E402
from kirie import nn, weights  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput, KirieError  # noqa: E402
from kirie.train import loop, objectives, state  # noqa: E402
from kirie.train.progress import Progress  # noqa: E402
from kirie.train.recipe import Phase, Recipe  # noqa: E402
from kirie.train.run import Plan  # noqa: E402

pytestmark = pytest.mark.torch

TINY = {
    "widths": (4, 8, 8, 8, 8),
    "blocks": (0, 1, 1, 1),
    "decoder": (8, 8, 8, 4),
    "decoder_blocks": (0, 0, 0, 0),
    "head": 4,
}
RECIPE = Recipe(
    name="tiny",
    network="mini",
    arguments=TINY,
    steps=6,
    size=(32, 32),
    batch=4,
    augmentation="photo",
    objective="mini",
    learning_rate=5e-3,
    schedule="cosine",
    warm_up=2,
    clip=5.0,
    average=0.9,
    precision="fp32",
    report_every=1,
    workers=1,
)


@pytest.fixture
def go(tmp_path, data_root):
    """Train `recipe`; returns the outcome. Everything else is of the plan."""

    def run(recipe=RECIPE, folder="out", **plan):
        plan = {"data": ((str(data_root), 1.0),), **plan}
        made = Plan(recipe=recipe, out=tmp_path / folder, **plan)
        return loop.train(made, Progress(quiet=True))

    return run


@pytest.fixture
def stop_at(monkeypatch):
    """Send a signal while the n-th batch is being fetched, whichever update it belongs to."""

    def arrange(number, signals=1):
        batch, seen = loop.Feed.batch, []

        def counted(feed):
            seen.append(1)
            if len(seen) == number:
                for _ in range(signals):
                    signal.raise_signal(signal.SIGINT)
            return batch(feed)

        monkeypatch.setattr(loop.Feed, "batch", counted)

    return arrange


def rows(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def same(one, other):
    """Bit by bit."""
    a, b = load_file(one), load_file(other)
    assert a.keys() == b.keys()
    return all(torch.equal(a[name], b[name]) for name in a)


def test_forty_steps_lower_the_loss(go, tmp_path):
    go(replace(RECIPE, steps=40))
    losses = [row["loss"] for row in rows(tmp_path / "out")]
    assert len(losses) == 40
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_a_loss_whose_terms_change_late_is_reported(go, tmp_path, monkeypatch):
    """As BiRefNet's do, in the middle of what one line of the history covers."""

    def changing():
        def terms(maps, truth, moment):
            cross = maps.logits.square().mean() + truth.mean()
            return {"late": cross} if moment.share > 0.5 else {"early": 2 * cross, "both": cross}

        return terms, None

    monkeypatch.setitem(objectives.OBJECTIVES, "changing", changing)
    go(replace(RECIPE, objective="changing", report_every=6))
    (row,) = rows(tmp_path / "out")
    assert set(row["terms"]) == {"early", "both", "late"}
    assert min(row["terms"].values()) > 0
    assert row["loss"] == pytest.approx(sum(row["terms"].values()))


# --- going on ----------------------------------------------------------------------------------------------------------

SEMANTIC = replace(
    RECIPE,
    network="segformer-b0",  # its stochastic depth draws random numbers
    arguments={},
    task="semantic",
    objective="segformer",
    augmentation="segformer",
    optimiser="sgd",
    learning_rate=0.01,
    metric="miou",
    steps=3,
    batch=2,
)


@pytest.fixture(scope="session")
def label_root(tmp_path_factory):
    """images/ and masks/ with label maps of three classes, some pixels ignored."""
    cv2 = pytest.importorskip("cv2")
    root = tmp_path_factory.mktemp("labels")
    rng = np.random.default_rng(1)
    for name in ("images", "masks"):
        (root / name).mkdir()
    for i in range(6):
        labels = np.repeat(np.arange(3, dtype=np.uint8), 16)[:, None].repeat(48, 1)
        labels[:2] = 255
        image = (labels[..., None] % 3 * 80 + rng.integers(0, 30, (48, 48, 3))).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{i}.png"), image)
        cv2.imwrite(str(root / "masks" / f"{i}.png"), labels)
    return root


@pytest.mark.parametrize(
    ("recipe", "at"),
    [
        (RECIPE, 4),
        # the middle of an accumulation and of an epoch; phases of other sizes, batches and shares of composites
        (
            replace(
                RECIPE,
                accumulate=3,
                phases=(
                    Phase(start=0.0, size=(32, 32), augmentation_arguments={"composites": 0.5}),
                    Phase(start=0.6, size=(48, 48), batch=2),
                ),
            ),
            8,
        ),
        (replace(RECIPE, epochs=1, steps=0, batch=9, optimiser="adam", average=0.0), 5),
        (replace(RECIPE, varied=(32, 64, 16), checkpointing=True), 4),
    ],
    ids=["plain", "accumulated", "epochs", "varied"],
)
def test_an_interrupted_run_ends_with_the_same_bits(go, tmp_path, stop_at, recipe, at):
    whole = go(recipe, "whole", val_split=0.1)
    stop_at(at)
    first = go(recipe, "parts", val_split=0.1)
    assert not first.finished
    assert 0 < first.updates < whole.updates
    assert not (tmp_path / "parts" / "last.safetensors").exists()
    parts = go(recipe, "parts", val_split=0.1, resume=True)
    assert (parts.updates, parts.pictures, parts.scores) == (
        whole.updates,
        whole.pictures,
        whole.scores,
    )
    for name in ("last", "best"):
        file = f"{name}.safetensors"
        assert same(tmp_path / "whole" / file, tmp_path / "parts" / file)
    losses = [[row.get("loss") for row in rows(tmp_path / n)] for n in ("whole", "parts")]
    assert losses[0] == losses[1]


def test_random_depth_goes_on_as_well(go, tmp_path, stop_at, label_root):
    data = ((str(label_root), 1.0),)
    go(SEMANTIC, "whole", data=data)
    stop_at(2)
    go(SEMANTIC, "parts", data=data)
    torch.manual_seed(99)  # whatever else was drawn
    go(SEMANTIC, "parts", data=data, resume=True)
    assert same(tmp_path / "whole" / "last.safetensors", tmp_path / "parts" / "last.safetensors")


def test_a_killed_run_goes_on_from_its_last_checkpoint(go, tmp_path, monkeypatch):
    recipe = replace(RECIPE, save_every=0.0)
    go(recipe, "whole")
    average = loop.optim.average

    def killed(*a, updates, **k):
        if updates == 4:
            raise MemoryError
        average(*a, updates=updates, **k)

    monkeypatch.setattr(loop.optim, "average", killed)
    with pytest.raises(MemoryError):
        go(recipe, "parts")
    monkeypatch.undo()
    go(recipe, "parts", resume=True)
    assert same(tmp_path / "whole" / "last.safetensors", tmp_path / "parts" / "last.safetensors")
    assert [row["update"] for row in rows(tmp_path / "parts")] == [1, 2, 3, 4, 5, 6]


def test_a_second_signal_ends_at_once(go, tmp_path, stop_at):
    before = signal.getsignal(signal.SIGINT)
    stop_at(3, signals=2)
    with pytest.raises(KeyboardInterrupt):
        go()
    assert signal.getsignal(signal.SIGINT) == before
    assert not (tmp_path / "out" / "checkpoint.pt").exists()


def test_what_does_not_belong_together_is_refused(go, tmp_path):
    with pytest.raises(BadCheckpoint, match="without --resume"):
        go(resume=True)
    go(replace(RECIPE, steps=1))
    with pytest.raises(BadInput, match="holds a training already"):
        go()
    with pytest.raises(BadCheckpoint, match=r"begun with learning_rate=0\.005"):
        go(replace(RECIPE, learning_rate=1.0), resume=True)
    assert go(replace(RECIPE, steps=2), resume=True).updates == 2  # longer is allowed
    (tmp_path / "out" / "checkpoint.pt").write_bytes(b"PK damaged")
    with pytest.raises(BadCheckpoint, match="damaged"):
        go(resume=True)


def test_a_checkpoint_executes_nothing(tmp_path):
    class Bad:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"version": 1, "asked": Bad()}, tmp_path / "checkpoint.pt")
    with pytest.raises(BadCheckpoint):
        state.read(tmp_path)
    assert not (tmp_path / "made").exists()


# --- what breaks it ----------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_names_the_pictures(go, tmp_path, monkeypatch):
    backward = loop._Loop._backward

    def broken(self, batch):
        terms = backward(self, batch)
        return {k: v * (float("nan") if batch.first >= 8 else 1.0) for k, v in terms.items()}

    monkeypatch.setattr(loop._Loop, "_backward", broken)
    with pytest.raises(loop.NotFinite, match=r"at step 3, in a batch of: (pet_\d+, ){3}pet_\d+"):
        go(replace(RECIPE, save_every=0.0))
    assert state.read(tmp_path / "out")["progressed"]["updates"] == 2


def test_what_cannot_be_trained_is_said(go, label_root):
    with pytest.raises(BadInput, match="--init"):
        go(replace(RECIPE, network="", arguments={}))
    with pytest.raises(BadInput, match="parts are"):
        go(replace(RECIPE, frozen=("backbone.",)))
    with pytest.raises(BadInput, match="both given"):
        go(val=("x",), val_split=0.5)
    with pytest.raises(BadInput, match="finds a subject"):
        go(
            replace(SEMANTIC, network="", init="kirie-mini", objective=""),
            data=((str(label_root), 1.0),),
        )
    with pytest.raises(KirieError, match="fp16 needs a GPU"):
        go(replace(RECIPE, precision="fp16"), cpu=True)


# --- what it writes ----------------------------------------------------------------------------------------------------


def test_what_a_finished_run_writes(go, tmp_path, data_root):
    recipe = replace(RECIPE, steps=3, validate_every=2)
    done = go(recipe, val_split=0.1)
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == [
        *("best.safetensors", "checkpoint.pt", "history.csv", "history.jsonl"),
        *("last.safetensors", "result.json", "validation"),
    ]
    assert sorted(p.name for p in (out / "validation").iterdir()) == ["0000002.jpg", "0000003.jpg"]
    assert json.loads((out / "result.json").read_text())["scores"] == done.scores
    assert set(done.scores) == {"MAE", "iou_bin", "Fm_max", "Sm"}
    with (out / "history.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["update"] for row in table] == ["1", "2", "2", "3", "3"]
    assert float(table[2]["MAE"]) == rows(out)[2]["validation"]["MAE"]
    net = nn.load(out / "best.safetensors")
    assert net.origin.card.training_sets == (data_root.name,)
    with kirie.load(out / "best.safetensors") as cutter:
        cutout = cutter.cut(data_root / "train" / "pet_0.jpg")
    assert cutout.alpha.shape == (60, 80)


def test_patience_ends_a_run(go):
    still = replace(RECIPE, steps=50, learning_rate=0.0, average=0.0, freeze_norms=True)
    done = go(replace(still, validate_every=1, patience=3), val_split=0.1)
    assert (done.updates, done.best_update) == (4, 1)


def test_minutes_are_minutes(go):
    done = go(replace(RECIPE, steps=0, minutes=0.02))
    assert done.finished
    assert 1.2 <= done.seconds < 60


def test_semantic_networks_learn_classes(go, tmp_path, label_root):
    data = ((str(label_root), 1.0),)
    done = go(replace(SEMANTIC, steps=1), data=data, val=(str(label_root),))
    assert set(done.scores) == {"mIoU", "mAcc", "aAcc"}
    scene = kirie.segment(
        label_root / "images" / "0.png", model=tmp_path / "out" / "last.safetensors"
    )
    assert scene.classes.shape == (48, 48)
    assert len(scene.names) == 3


def test_the_truth_is_shown_to_an_encoder(go, tmp_path, data_root):
    recipe = replace(
        RECIPE,
        network="isnet-gt-encoder",
        arguments={},
        objective="isnet-gt-encoder",
        input="truth",
        steps=1,
        batch=1,
        size=(64, 64),
    )
    with pytest.raises(BadInput, match="batch=2 or more"):
        go(recipe, "small")
    recipe = replace(recipe, batch=2)
    done = go(recipe, val_split=0.02)
    assert 0 <= done.scores["MAE"] <= 1


def test_fine_tuning_starts_from_the_embedded_model(go, tmp_path, data_root):
    from kirie.train.recipes import RECIPES

    recipe = replace(
        RECIPES["finetune"], init="kirie-mini", epochs=0, steps=1, size=(64, 64), learning_rate=0.0
    )
    go(recipe)
    net = nn.load(tmp_path / "out" / "last.safetensors")
    card = net.origin.card
    assert (card.architecture, card.licence, card.commercial) == ("mini", "Apache-2.0", True)
    assert card.training_sets[-1] == data_root.name
    assert card.readout == kirie.models()[0].readout.unmeasured()
    files = weights.files(kirie.models()[0])
    start = nn.load(next(f.path for f in files if f.path.suffix == ".safetensors"))
    for name, tensor in start.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], tensor, rtol=0, atol=0)
